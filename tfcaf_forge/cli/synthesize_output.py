"""What `forge synthesize` shows: candidates through the stages while it runs, and the winner at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tfcaf_forge.cli.live import Clock, region
from tfcaf_forge.cli.output import Columns, Ticker, print_facts, print_json, program, seconds_text, size_text, stdout
from tfcaf_forge.cli.words import calls_text, in_flight_text

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.synthesize import Began, Calling, Collected, Event, Judged, Synthesis

WIDTHS = {
    "id": 3, "parent": 6, "verdict": 9, "monotone": 8, "finite": 8, "rows": 8, "starved": 7, "predicted": 9, "95 %": 16, "what happened": 13,
}  # fmt: skip
_DOING = {
    "asking": "waiting for the model",
    "waiting": "no answer; asked again after a pause",
    "answered": "answered",
    "sandbox": "traced in the sandbox",
    "examining": "proofs and trials",
    "scoring": "scored on the replay",
}


class Show:
    """What a run looks like while it runs, and at its end.

    On a terminal the candidates that are under way stand below those that are done, with what was spent, the best
    prediction and the time left. Elsewhere a plain line on stderr says now and then where things stand.

    Args:
        as_json: nothing but one object on stdout, at the end.
    """

    def __init__(self, *, as_json: bool) -> None:
        """Nothing is shown yet."""
        self._json = as_json
        self._out, self._ticker = stdout(), Ticker()
        self._table = Columns(self._out, WIDTHS, right=("id", "parent", "starved", "predicted"))
        self._rows: list[dict[str, str]] = []
        self._task: Any = None
        self._total = 0
        self._replay = ""
        self._calling: Calling | None = None
        self._best: float | None = None
        self._stages: dict[int, str] = {}
        self._clock, self._live = Clock(), None if as_json else region(self._out, self._under_way)

    def event(self, event: Event) -> None:
        """Show one event."""
        kind = type(event).__name__
        handlers: dict[str, Any] = {
            "Began": self._began, "Collected": self._collected, "Judged": self._judged, "Calling": self._called,
            "Staged": self._staged, "Collecting": self._collecting, "Checking": self._checking,
        }  # fmt: skip
        handlers[kind](event)

    def close(self) -> None:
        """Wipe what is redrawn, also where the run ended badly."""
        self._ticker.clear()
        if self._live is not None:
            self._live.stop()

    def end(self, result: Synthesis) -> None:
        """The winner, its verdicts, the files, and what to do next."""
        self.close()
        if self._json:
            print_json(_as_json(result, self._rows))
            return
        self._out.print()
        if result.winner is None or result.ranking is None:
            facts = {"winner": "none: no candidate was accepted", "report": result.report_path}
        else:
            facts = _ending(result)
        print_facts(self._out, {**facts, **_spent(result)})

    def _tell(self, text: str) -> None:
        """Where things stand: in the region on a terminal, else as a line on stderr."""
        if self._live is None:
            self._ticker.show(text)
        else:
            self._live.start()

    def _began(self, event: Began) -> None:
        self._ticker.clear()
        self._task, self._total = event.task, event.total
        layers = len(event.isolation.active) + len(event.isolation.missing)
        facts = {
            "task": f"{event.task.name}   {event.task.n_agents} agents, {event.task.state_size} state fields, monotonicity {event.task.credit.monotonicity}",
            "coder": _coder_text(event),
            "sandbox": f"{event.isolation.backend}   {len(event.isolation.active)} of {layers} layers active",
        }
        if event.finished:
            facts["resume"] = f"{event.finished} of {event.total} candidates are on the disk already"
        if not self._json:
            print_facts(self._out, facts)

    def _collecting(self, event: Any) -> None:  # noqa: ANN401 - Collecting; imported only for types
        self._replay = f"replay   {event.done} of {event.total} episodes"
        self._tell(self._replay)

    def _checking(self, event: Any) -> None:  # noqa: ANN401 - Checking
        self._replay = f"winner   {event.what}"
        self._tell(self._replay)

    def _collected(self, event: Collected) -> None:
        self._ticker.clear()
        self._replay, info = "", event.dataset.info
        self._clock.start()
        if not self._json:
            facts = {
                "replay ": f"{info.episodes} episodes, {info.transitions:,} transitions by {', '.join(info.behaviours)}",
                "order  ": "as training is predicted to go, in standard deviations among functions; equal weights (VDN) have 0",
            }
            print_facts(self._out, facts)
            self._out.print()
            self._table.header()
        self._tell(f"candidate 1 of {self._total}")

    def _called(self, event: Calling) -> None:
        self._calling = event
        self._tell(_calling_text(event))

    def _staged(self, event: Any) -> None:  # noqa: ANN401 - Staged
        for number, stage in event.stages.items():
            self._stages[number] = stage
            self._clock.enter(number, stage)
        if not self._total:
            self._tell("waiting for the model" if self._calling is None else _calling_text(self._calling))
        elif len(self._rows) < self._total:  # the stage of the one that is shown, and of no other
            number = len(self._rows) + 1
            doing = _DOING.get(self._stages.get(number, ""), "")
            self._tell(f"candidate {number} of {self._total}   {doing}".rstrip())

    def _judged(self, event: Judged) -> None:
        from tfcaf_forge.reports.terminal import candidate_row

        self._ticker.clear()
        self._stages.pop(event.proposal.id, None)
        row = candidate_row(
            event.proposal,
            rejection=event.rejection,
            duplicate=event.duplicate,
            same=event.same,
            evidence=event.evidence,
            score=event.score,
            task=self._task,
        )
        self._rows.append(row)
        self._clock.finish()
        if event.score is not None:
            self._best = max(event.score.decides.value, -math.inf if self._best is None else self._best)
        if not self._json:
            self._table.row(row)
        if len(self._rows) < self._total:
            self._tell(f"candidate {len(self._rows) + 1} of {self._total}")

    def _under_way(self) -> Iterator[Text]:
        """The region: a row for every candidate that is not done, and a line on where the run stands."""
        for number, stage in sorted(self._stages.items()):
            cells = dict.fromkeys(WIDTHS, "") | {"id": str(number), "verdict": stage}
            cells["what happened"] = f"{_DOING[stage]}, {seconds_text(self._clock.of(number))}"
            row = self._table.text(cells)
            row.stylize("dim")
            yield row
        standing = self._standing()
        if standing:
            yield Text(standing, style="cyan")

    def _standing(self) -> str:
        """`6 of 9 candidates   round 2 of 3   2 calls in flight   …   best +0.412   about 40 s left`."""
        parts = (
            [self._replay]
            if self._replay
            else [f"{len(self._rows)} of {self._total} candidates"]
            if self._total
            else []
        )
        if self._calling is not None:
            parts.append(_calling_text(self._calling))
        elif self._best is not None:
            parts.append(f"best {self._best:+.3f}")
        left = self._clock.left(self._total - len(self._rows)) if self._total and not self._replay else None
        if left is not None and len(self._rows) < self._total:
            parts.append(f"about {seconds_text(left)} left")
        return "   ".join(parts)


def _coder_text(event: Began) -> str:
    asked = event.settings.asking
    if asked is None:
        return f"{event.settings.coder}, seed {event.settings.seed}   a search baseline; nothing leaves this machine"
    if asked.endpoint == "recorded":
        return f"{asked.model}, {asked.strategy}   answers written by hand for this project, by no model"
    return f"{asked.model} at {asked.endpoint}, {asked.strategy}, temperature {asked.temperature:g}, seed {asked.seed}"


def _calling_text(event: Calling) -> str:
    """`round 2 of 3   2 calls in flight   7 calls, 12,345 tokens, $0.0123 of $1   best +0.412   4 min left`."""
    parts = [f"round {event.round + 1} of {event.rounds}", in_flight_text(event), calls_text(event)]
    if event.best is not None:
        parts.append(f"best {event.best:+.3f}")
    if event.left_s != float("inf"):
        parts.append(f"{seconds_text(max(0.0, event.left_s))} left")
    return "   ".join(parts)


def _spent(result: Synthesis) -> dict[str, str]:
    """What asking models came to, and how to go on."""
    from tfcaf_forge.pipeline.outcome import waiting_text

    spend = result.spend
    if spend is None:
        return {}
    facts = {
        "spent": f"{spend.calls} calls, {spend.tokens_in:,} + {spend.tokens_out:,} tokens, {spend.money}, {seconds_text(spend.seconds)}"
    }
    if spend.lost:
        facts["spent"] += f"; {spend.lost} calls broke off and may have been billed as well"
    listed = f"; {Path(result.folder) / 'departures.json'} lists them" if result.departures else ""
    facts["left"] = f"{result.departures} calls left this machine{listed}"
    if result.advice is not None and result.advice.candidate is not None:
        facts["advice"] = f"the evaluator would choose candidate {result.advice.candidate}; the ranking decides"
    if result.reviewer_fault:
        facts["review"] = f"the evaluator was not heard: {result.reviewer_fault}"
    if result.waiting:
        facts["waiting"] = waiting_text(result.waiting)
    if result.stopped:
        facts |= {"stopped": f"{result.stopped}: {result.detail}", "resume": _here(result.resume)}
    return facts


def _ending(result: Synthesis) -> dict[str, str]:
    ranking = result.ranking
    assert ranking is not None  # noqa: S101 - the caller has looked
    assert result.evidence is not None  # noqa: S101 - a winner has evidence
    from tfcaf_forge.reports import words

    ties = f"; tied with {', '.join(map(str, ranking.tied))}" if ranking.tied else ""
    verdicts = [
        f"{v.property_id} {v.status}{f' {v.trials}' if v.status == 'TESTED' and v.trials else ''}"
        for v in result.evidence.verdicts
        if v.required
    ]
    kernel = Path(result.kernel_path)
    return {
        "winner": f"candidate {result.winner}   {words.comparison(ranking, 3)}{ties}",
        "verdicts": ", ".join(verdicts),
        "kernel": f"{kernel}   {size_text(kernel.stat().st_size)}, sha256 {result.kernel_sha256[:12]}…",
        "report": result.report_path,
        "next": _here(result.next),
    }


def _here(command: str) -> str:
    """A recorded command line as it can be given here."""
    return f"{program()} {command.partition(' ')[2]}"


def _as_json(result: Synthesis, rows: list[dict[str, str]]) -> dict[str, Any]:
    from tfcaf_forge.records.base import to_builtins

    return {"schema": 1, **to_builtins(result), "candidates": rows}
