"""Verify: everything that can be known about a bundle without a network and without running what a model wrote.

The checks build on each other: first the archive and its digests, then the records in themselves, then what follows
from them, computed anew. A bundle that was changed and sealed again passes the first and fails the later ones, or
else the signature.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from tfcaf_forge.errors import ForgeError, InputError
from tfcaf_forge.pipeline import recheck, recheck_trials, recheck_winner, sign
from tfcaf_forge.pipeline.archive import BundleError
from tfcaf_forge.pipeline.bundle import JOURNAL, RECORDS, Index, check_canonical, lines_of, opened, unfold
from tfcaf_forge.pipeline.recheck import Shelf
from tfcaf_forge.records.base import Plain, digest_bytes
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import load_dataset
from tfcaf_forge.reports.waivers import FILE as WAIVERS
from tfcaf_forge.reports.waivers import faults
from tfcaf_forge.reports.waivers import parse as parse_waivers
from tfcaf_forge.store import Store, chained

_OUR_FOLDER = re.compile(r"\S*/forge-verify-\w+/run(/run\.db)?")
Result = Literal["passed", "REFUSED", "not done"]


class Check(Plain, frozen=True, kw_only=True):
    """One check: its name, how it ended, and what was looked at or what is wrong."""

    name: str
    result: Result
    text: str


class Verified(Plain, frozen=True, kw_only=True):
    """All checks on a bundle, in order; those after a broken foundation were not done."""

    bundle: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return all(check.result != "REFUSED" for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to verify, and how far.

    Attributes:
        path: the bundle.
        key: public key that must have signed it; None to leave the signature unchecked.
        full: repeat all trials, too.
        replay: the replay dataset's folder, for `full`.
        other_release: leave reports that another release wrote unchecked, in place of refusing the bundle.
        today: the day that waivers are held against.
    """

    path: Path
    key: Path | None = None
    full: bool = False
    replay: Path | None = None
    other_release: bool = False
    today: date | None = None


def verify(asked: Asked, notify: Callable[[Check], None] | None = None) -> Verified:
    """Check a bundle.

    Args:
        asked: what, and how far.
        notify: told of every check as it ends.

    Raises:
        InputError: the key cannot be used, or `replay` is no dataset or is given without `full`.
        MissingExtra: a key was given and the extra `sign` is not installed.
    """
    _usable(asked)
    checks: list[Check] = []
    for check in _checks(asked):
        checks.append(check)
        if notify is not None:
            notify(check)
    return Verified(bundle=str(asked.path), checks=tuple(checks))


def _usable(asked: Asked) -> None:
    """Refuse replay data that would not be used: a check that is left out for a typo looks like one that was done."""
    if asked.replay is None:
        return
    if not asked.full:
        raise InputError("replay data is used only where everything is repeated; add --full, or leave --replay out")
    load_dataset(asked.replay)


def _checks(asked: Asked) -> Iterator[Check]:
    try:
        files, index = opened(asked.path)
    except BundleError as fault:
        yield Check(name="archive", result="REFUSED", text=str(fault))
        return
    yield Check(name="archive", result="passed", text=f"{len(files)} plain files, each with the SHA-256 that the index lists")  # fmt: skip
    yield _ended("signature", lambda: _signature(files, asked))
    journal = _ended("journal", lambda: _journal(files, index))
    yield journal
    if journal.result == "REFUSED":
        return
    with tempfile.TemporaryDirectory(prefix="forge-verify-") as folder:
        place = Path(folder) / "run"
        unfolded = _ended("records", lambda: _records(files, place))
        if unfolded.result == "REFUSED":
            yield unfolded
            return
        with Store(place, write=False) as store:
            shelf = Shelf(store, files)
            coherent = _ended("records", lambda: recheck.records(shelf))
            yield coherent
            if coherent.result == "REFUSED":
                return
            rules = _ended("graphs", lambda: recheck.graphs(shelf))
            yield rules
            if rules.result == "REFUSED":
                return
            yield from (_ended(name, lambda step=step: step(shelf)) for name, step in recheck.STEPS.items())
            yield _ended("report", lambda: recheck.report(shelf, other_release=asked.other_release))
            yield _ended("winner", lambda: recheck_winner.winner(shelf))
            yield _ended("waivers", lambda: _waivers(shelf, asked.today or datetime.now(UTC).date()))
            yield _ended("trials", lambda: recheck_trials.trials(shelf, asked.replay) if asked.full else None)
            for name, again in recheck_winner.AGAIN.items():
                yield _ended(name, lambda again=again: again(shelf, asked.replay) if asked.full else None)


def _ended(name: str, step: Callable[[], str | None]) -> Check:
    """A check's end; a step that returns nothing was not done."""
    try:
        text = step()
    except BundleError as fault:
        return Check(name=name, result="REFUSED", text=str(fault))
    except ForgeError as fault:
        if name == "signature":
            raise
        return Check(name=name, result="REFUSED", text=_OUR_FOLDER.sub("the bundle's journal", str(fault)))
    except Exception as fault:  # a bundle is hostile until it is checked: what trips a check is no traceback
        return Check(name=name, result="REFUSED", text=f"the check tripped over what the bundle holds: {type(fault).__name__}: {str(fault)[:200]}")  # fmt: skip
    if text is None:
        return Check(name=name, result="not done", text=_WHY[name])
    return Check(name=name, result="passed", text=text)


_WHY = {
    "signature": "give --key PUBLIC.pem to check who signed it; without that, whoever made the bundle vouches for it",
    "report": "another release wrote the reports; do not read them, make them anew",
    "ranking": "--full repeats it, where the replay data is at hand",
    "measured": "--full repeats it, where the replay data is at hand",
    "kernel": "the run has no winner, so there is no kernel",
    "winner": "nothing is recorded of the winner alone: no mutants, no observations, no equivalence",
    "trials": "--full repeats them",
    "mutants": "--full repeats them, where some are recorded and the replay data is at hand",
}


def _signature(files: dict[str, bytes], asked: Asked) -> str | None:
    names = sign.claimed(files)
    if asked.key is None:
        return None
    signed = sign.check(files, asked.key)
    return f"by the key {signed.key[:16]}…, {len(names)} in all, at {signed.at} by the signer's clock"


def _journal(files: dict[str, bytes], index: Index) -> str:
    lines = lines_of(files)
    for place, line in enumerate(lines, 1):
        if line.seq != place:
            raise BundleError(
                f"{JOURNAL}: line {place} says it is line {line.seq}: lines were removed or put elsewhere"
            )
    for line, link in zip(lines, chained([line.entry for line in lines]), strict=True):
        if line.link != link:
            raise BundleError(f"{JOURNAL}: the chain breaks at line {line.seq} ({line.kind} of candidate {line.candidate}): it was edited, removed or reordered")  # fmt: skip
    last = lines[-1].link if lines else ""
    if (len(lines), last) != (index.lines, index.chain):
        raise BundleError(f"{JOURNAL}: it ends in {last[:12]}… after {len(lines)} lines; the index says {index.chain[:12]}… after {index.lines}")  # fmt: skip
    named = {f"{RECORDS}/{line.digest}.json" for line in lines}
    held = {name for name in files if name.startswith(f"{RECORDS}/")}
    for name in sorted(held - named):
        raise BundleError(f"{name} is a record that no line of the journal names")
    for line in lines:
        name = f"{RECORDS}/{line.digest}.json"
        if name not in held:
            raise BundleError(f"the {line.kind} of candidate {line.candidate} is missing: {name}")
        if digest_bytes(files[name]) != line.digest:
            raise BundleError(f"the {line.kind} of candidate {line.candidate} was changed: {name} has another SHA-256 than its name")  # fmt: skip
        check_canonical(files[name], f"the {line.kind} of candidate {line.candidate}")
    return f"a chain of {len(lines)} lines that ends in {last[:16]}…"


def _records(files: dict[str, bytes], place: Path) -> str:
    unfold(files, lines_of(files), place)
    return ""


def _waivers(shelf: Shelf, today: date) -> str:
    given = parse_waivers(shelf.files.get(WAIVERS, b""))
    ranking = shelf.store.read("ranking", Ranking)
    evidence = None if ranking is None or ranking.winner is None else shelf.store.read("evidence", Evidence, ranking.winner)  # fmt: skip
    wrong = faults(given.waivers, evidence, today)
    if wrong:
        raise BundleError(f"{WAIVERS}: {'; '.join(wrong)}")
    open_ones = [f"{v.property_id} {v.status}" for v in (evidence.verdicts if evidence else ()) if not v.holds]
    waived = {waiver.property_id: waiver for waiver in given.waivers}
    told = [f"{name} waived by {w.who} until {w.expires.isoformat()}" for name, w in sorted(waived.items())]
    return "; ".join([f"of the winner's properties, not held: {', '.join(open_ones) or 'none'}", *told])
