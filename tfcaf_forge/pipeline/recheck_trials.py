"""Recheck of trials: all of them again, held against what the records say of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.evidence.case import case_of
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.profiles import Profile, profile_of
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.pipeline.archive import BundleError
from tfcaf_forge.pipeline.recheck import Shelf, replayed
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Evidence, Verdict

_CASE_ROWS = 4
"""Rows that a small case has at most."""
_SHOWN = 3
"""Verdicts that differ on other states and are named; the others are counted."""


def trials(shelf: Shelf, replay: Path | None) -> str:
    """All trials again: what was refuted is refuted, what was tested is not, and in as many trials as it says.

    Without the run's replayed states others are tried: advice may then end otherwise, which is said and not refused.
    """
    dataset, told = replayed(shelf, replay)
    states = None if dataset is None else dataset.episodes.transitions().state
    count, differs = 0, list[str]()
    for number, subject in shelf.subjects().items():
        before = shelf.evidence[number]
        try:
            after, profile = _again(subject, before, states), profile_of(before.profile)
        except ForgeError as fault:
            raise BundleError(f"candidate {number}: {fault}") from None
        differs += _compared(before, after, _Repeat(shelf.task, profile, same_states=states is not None))
        count += sum(v.trials for v in after.verdicts)
    return f"{count:,} trials on {len(shelf.evidence)} candidates, {told}: {_differing(differs)}"


def _again(subject: Subject, before: Evidence, states: NDArray[np.floating] | None) -> Evidence:
    """The examination again; what was refuted begins with its counterexample, which no other property is shown."""
    earlier = {v.property_id: [case_of(v.counterexample)] for v in before.verdicts if v.counterexample is not None}
    return examine(subject, candidate=before.candidate, profile=before.profile, seed=before.seed, replay_states=states, earlier=earlier)  # fmt: skip


@dataclass(frozen=True)
class _Repeat:
    """How trials were repeated, and so what must come out as it did."""

    task: TaskSpec
    profile: Profile
    same_states: bool

    @cached_property
    def open(self) -> set[str]:
        """Ids that may end otherwise: without the run's states, advice, and what speaks about these states together."""
        return set() if self.same_states else {p.id for p in catalogue(self.task) if p.pooled or not p.required}

    @cached_property
    def pooled(self) -> set[str]:
        """Ids that are tried on the replayed states in one case, as many as there are."""
        return {p.id for p in catalogue(self.task) if p.pooled}

    @property
    def most(self) -> int:
        """More rows than the profile tries."""
        profile = self.profile
        return profile.rows + (_CASE_ROWS * profile.small + profile.rows * profile.batches) * 11 // 10

    def near(self, trials: int) -> int:
        """How far a count may be from this one: a profile that climbs follows the last digits of what it computes."""
        return 0 if self.profile.derandomize else max(2 * self.profile.rows, trials // 10)


def _compared(before: Evidence, after: Evidence, repeat: _Repeat) -> list[str]:
    """Refuse what cannot come from the run's trials; returns, in words, what ends otherwise on other states."""
    differs: list[str] = []
    known = {p.id for p in catalogue(repeat.task)}
    for verdict in after.verdicts:
        was = before.of(verdict.property_id)
        if (
            was is None and verdict.property_id not in known
        ):  # proved here beyond the catalogue, and not in the run's time
            continue
        if was is not None and verdict.property_id in repeat.open and was.status != verdict.status:
            differs.append(f"candidate {before.candidate}: {was.property_id} was {was.status} and is {verdict.status}")
        else:
            was = _as_before(before.candidate, was, verdict)
        _as_many(before, was, verdict, repeat)
    return differs


def _as_before(number: int, before: Verdict | None, after: Verdict) -> Verdict:
    if before is None:
        raise BundleError(f"candidate {number}: the verdict on {after.property_id} was removed")
    if before.status != after.status and {before.status, after.status} != {"PROVED", "TESTED"}:
        raise BundleError(f"candidate {number}: {after.property_id} was {before.status} and is {after.status} when its trials are repeated")  # fmt: skip
    return before


def _as_many(evidence: Evidence, before: Verdict, after: Verdict, repeat: _Repeat) -> None:
    """The trials are as many as are recorded; where they cannot be the same, no more than the profile makes."""
    where = f"candidate {evidence.candidate}: {before.property_id} is recorded with {before.trials:,} trials"
    if before.trials > repeat.most:
        raise BundleError(f"{where}, and the profile {repeat.profile.name} makes no more than {repeat.most:,}")
    same = repeat.same_states or (evidence.accepted and before.property_id not in repeat.pooled)
    if same and before.holds and before.status == after.status and abs(before.trials - after.trials) > repeat.near(after.trials):  # fmt: skip
        raise BundleError(f"{where}; repeated, they are {after.trials:,}")


def _differing(differs: list[str]) -> str:
    if not differs:
        return "no verdict changed, nor how many trials it rests on"
    more = f"; and {len(differs) - _SHOWN} more" if len(differs) > _SHOWN else ""
    return f"no verdict changed but what other states may change: {'; '.join(differs[:_SHOWN])}{more}"
