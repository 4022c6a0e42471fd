"""The words and number formats that the terminal and the report share."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime

from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import Credit
from tfcaf_forge.records.verdict import Evidence, Status, Verdict
from tfcaf_forge.reports.text import visible

NONE = "-"
"""What a cell shows where there is nothing to show."""
BASELINE = "equal weights (VDN)"

STATUS_MEANING: dict[Status, str] = {
    "PROVED": "holds for every input in the declared domain, by bounds that are rounded outward",
    "TESTED": "no counterexample in n trials; this is not a proof",
    "UNKNOWN": "neither proved nor tested enough to say",
    "REFUTED": "a counterexample was found",
    "ERRORED": "the examination itself failed, so nothing is known",
}
FATE_MEANING = {
    "accepted": "every required property is PROVED or TESTED",
    "undecided": "a required property is UNKNOWN",
    "errored": "the examination of a required property failed",
    "refuted": "a required property has a counterexample",
    "rejected": "refused before it could be examined",
    "duplicate": "the same source, graph or behaviour as an earlier candidate",
    "unfinished": "not examined yet",
}
_WORST_FIRST: tuple[Status, ...] = ("REFUTED", "ERRORED", "UNKNOWN", "TESTED", "PROVED")


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that says least in favour; None if there is none."""
    return min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.status), default=None)


def status_text(status: str, trials: int = 0) -> str:
    """`PROVED`, `TESTED 2,000`, `UNKNOWN`, `REFUTED` or `ERRORED`."""
    return f"{status} {trials:,}" if status == "TESTED" and trials else status


def fate(rejection: Rejection | None = None, duplicate: int | None = None, evidence: Evidence | None = None) -> str:
    """What became of a candidate, in one of the words of `FATE_MEANING`."""
    if rejection is not None:
        return "rejected"
    if duplicate is not None:
        return "duplicate"
    if evidence is None:
        return "unfinished"
    if evidence.accepted:
        return "accepted"
    found = worst(verdict for verdict in evidence.verdicts if verdict.required)
    return {"REFUTED": "refuted", "ERRORED": "errored"}.get(found.status if found else "", "undecided")


def number(value: float) -> str:
    """A state value or a bound: integers plainly, others to four digits, `nan` and `inf` in words."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.4g}"


def entering(credit: Credit) -> str:
    """The range of local Q-values over which a function was examined."""
    low, high = credit.entering
    scaled = "" if credit.q_scale == 1.0 else f" (the agents' values, and the same times {number(credit.q_scale)})"
    return f"[{number(low)}, {number(high)}]{scaled}"


def percent(share: float) -> str:
    """`0.0 %`."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else str(share)


def digits_for(ranking: Ranking | None) -> int:
    """Decimals that show the width of every interval that decides with about two digits: 2 to 6."""
    if ranking is None:
        return 3
    widths = [score.decides.high - score.decides.low for score in (*ranking.scores, ranking.baseline)]
    positive = [width for width in widths if math.isfinite(width) and width > 0]
    return min(max(1 + math.ceil(-math.log10(min(positive))), 2), 6) if positive else 3


def value_text(interval: Interval, digits: int = 3) -> str:
    """The point estimate."""
    return f"{interval.value:.{digits}f}"


def signed_text(interval: Interval, digits: int = 3) -> str:
    """The point estimate of a difference, with its sign."""
    return f"{interval.value:+.{digits}f}"


def interval_text(interval: Interval, digits: int = 3) -> str:
    """`[0.581, 0.642]`."""
    return f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def size_text(size: int) -> str:
    """`812 B`, `2.1 kB`, `3.4 MB`."""
    for unit, scale in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def comparison(ranking: Ranking, digits: int | None = None) -> str:
    """The winner against equal weights, with the interval; never better by the point alone."""
    digits = digits_for(ranking) if digits is None else digits
    score = winning(ranking)
    if score is None:
        return "no candidate was accepted, so none is compared with equal weights (VDN)"
    ahead, predicted = score.ahead, score.predicted is not None
    base = "equal weights (VDN)" if predicted else f"equal weights (VDN, {value_text(ranking.baseline.score, digits)})"
    numbers = f"{signed_text(ahead, digits)} {interval_text(ahead, digits)}"
    if ranking.better_than_baseline:
        return f"{'predicted to train ' if predicted else ''}better than {base} by {numbers}"
    verb = "worse than" if ahead.high < 0 else "no better than"
    zero = "" if ahead.high < 0 else "; the interval contains 0"
    if predicted and ahead.low > 0:
        zero = f"; the interval reaches under {ranking.margin:g}, where the rule has been wrong too often"
    return f"{'predicted to train ' if predicted else ''}{verb} {base}: {'' if predicted else 'gain '}{numbers}{zero}"


def ties(ranking: Ranking) -> str:
    """Who is tied with the winner, and how firm the order is; empty where it was not computed."""
    if ranking.agreement is None or ranking.winner is None:
        return ""
    share = ranking.best_share.get(str(ranking.winner), 0.0)
    names = ", ".join(str(number) for number in ranking.tied)
    who = (
        f"tied with {'candidates' if len(ranking.tied) > 1 else 'candidate'} {names}"
        if names
        else "apart from all others"
    )
    return (
        f"by paired differences the winner is {who}; it is the best in {percent(share)} of the resamples, and the order on "
        f"a resample agrees with this one to a Kendall tau of {ranking.agreement:.2f}"
    )


def winning(ranking: Ranking) -> Score | None:
    """The winner's score, if there is a winner."""
    return next((s for s in ranking.scores if s.candidate == ranking.winner), None) if ranking.winner else None


def repeat_command(
    file: str, task: str, property_id: str, case: str, *, run: str = "", candidate: int | None = None
) -> str:
    """The one line that repeats a counterexample; with a run's folder, it first writes source and case out of it."""
    vet = ["forge", "vet", file, "--task", task, "--only", property_id, "--case", f"{case}.json" if run else case]
    show = ["forge", "show", str(candidate), "--run", run, "--write", "."]
    return " && ".join(_shell(words) for words in ([show, vet] if run else [vet]))


def _shell(words: list[str]) -> str:
    return " ".join(shlex.quote(visible(word)) for word in words)


def utc(moment: datetime | None) -> str | None:
    """`2025-11-22 11:02:10 UTC`; a time without a zone is taken as UTC."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
