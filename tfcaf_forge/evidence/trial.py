"""Trial: try properties on drawn cases until one breaks or the profile is used up.

One drawn case serves every property: drawing and running the graph costs more than judging. Small cases come from
Hypothesis, number by number; large batches from seeds that Hypothesis draws. What breaks is made small by
`reduce`, which knows fields and rows, so Hypothesis' own shrinking is not used here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.profiles import Profile
from tfcaf_forge.evidence.properties.base import Finding, Property
from tfcaf_forge.evidence.subject import RunFault, Subject
from tfcaf_forge.records.task_spec import TaskSpec

Visit = Callable[[Case], dict[str, float]]
"""Judge a case; returns how far each property is from breaking (its amount)."""

_SUPPRESSED = (
    HealthCheck.too_slow,  # the graph is not ours: a slow one is a finding, not a flaw of the test
    HealthCheck.data_too_large,  # tasks with many fields draw many numbers
    HealthCheck.nested_given,  # an auditor may examine inside a Hypothesis test; this engine is independent of it
)


@dataclass
class Outcome:
    """What trials showed of one property.

    Attributes:
        trials: rows judged.
        skipped: cases on which the graph could not be run.
        worst: the worst finding so far.
        broken: the first case that breaks the property, with its finding.
        error: why the examination itself failed.
        seconds: time spent judging.
    """

    trials: int = 0
    skipped: int = 0
    worst: Finding | None = None
    broken: tuple[Case, Finding] | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def open(self) -> bool:
        """Whether more cases can still teach something."""
        return self.broken is None and self.error is None


class Trial:
    """Properties under trial on one subject.

    Args:
        subject: what is tried.
        properties: on what.
        limits: most rows that a property is tried on, by id; those that were proved need few.
    """

    def __init__(self, subject: Subject, properties: Sequence[Property], limits: dict[str, int] | None = None) -> None:
        """Start with nothing known."""
        self.subject = subject
        self.properties = tuple(properties)
        self.outcomes = {p.id: Outcome() for p in properties}
        self._limits = limits or {}

    @property
    def open(self) -> bool:
        """Whether any property still wants cases."""
        return any(self._wants(p) for p in self.properties if not p.pooled)

    def visit(self, case: Case) -> dict[str, float]:
        """Judge a case by every property that still wants cases; returns the amounts."""
        amounts: dict[str, float] = {}
        for prop in self.properties:
            if self._wants(prop) and case.rows >= prop.needs and not prop.pooled:
                found = self._judge(prop, case)
                if found is not None:
                    amounts[prop.id] = found.amount
        return amounts

    def pool(self, case: Case) -> None:
        """Judge the one large case of the properties that speak about all states together."""
        for prop in self.properties:
            if prop.pooled:
                self._judge(prop, case)

    def _wants(self, prop: Property) -> bool:
        outcome = self.outcomes[prop.id]
        return outcome.open and outcome.trials < self._limits.get(prop.id, math.inf)

    def _judge(self, prop: Property, case: Case) -> Finding | None:
        outcome, start = self.outcomes[prop.id], time.perf_counter()
        found: Finding | None = None
        try:
            found = prop.measure(self.subject, case)
            outcome.trials += case.rows
            if outcome.worst is None or found.amount > outcome.worst.amount:
                outcome.worst = found
            if found.amount > 0:
                outcome.broken = (case, found)
        except RunFault:
            outcome.skipped += 1
        except Exception as fault:  # one property's flaw must not hide the verdicts of the others
            outcome.error = f"{type(fault).__name__}: {fault}"[:300]
        outcome.seconds += time.perf_counter() - start
        return found


def explore(task: TaskSpec, profile: Profile, seed: int, replay: Floats | None, trial: Trial) -> None:
    """Feed a trial with the profile's cases.

    Args:
        task: whose domain to draw from.
        profile: how many cases, and whether to climb.
        seed: of the batches, and of the small cases where the profile does not derandomise.
        replay: replayed states [M, S] to mix into batches.
        trial: what to feed.
    """
    if not profile.derandomize:
        draw(strategies.cases(task), profile.small, seed, trial.visit, climb=profile.target)
        large = strategies.batches(task, rows=profile.rows, replay=replay)
        draw(large, profile.batches, seed + 1, trial.visit, climb=profile.target)
        return
    for case in (*_small_cases(task, profile), *_batches(task, profile, seed, replay)):
        if not trial.open:
            return
        trial.visit(case)


_SMALL: dict[tuple[str, int], tuple[Case, ...]] = {}
_LARGE: dict[tuple[str, Profile, int], tuple[Floats | None, tuple[Case, ...]]] = {}


def _small_cases(task: TaskSpec, profile: Profile) -> tuple[Case, ...]:
    """The small cases of a derandomised profile: the same for every candidate of a task, so they are drawn once."""
    key = (task.digest, profile.small)
    if key not in _SMALL:
        drawn: list[Case] = []

        def keep(case: Case) -> dict[str, float]:
            drawn.append(case)
            return {}

        draw(strategies.cases(task), profile.small, None, keep)
        _SMALL[key] = tuple(drawn)
    return _SMALL[key]


def _batches(task: TaskSpec, profile: Profile, seed: int, replay: Floats | None) -> tuple[Case, ...]:
    """The batches of a derandomised profile; kept for the next candidate of the same run."""
    key = (task.digest, profile, seed)
    if key not in _LARGE or _LARGE[key][0] is not replay:
        seeds = np.random.SeedSequence(seed).generate_state(profile.batches)
        _LARGE[key] = replay, tuple(strategies.batch(task, profile.rows, int(s), replay) for s in seeds)
    return _LARGE[key][1]


def draw(strategy: SearchStrategy[Case], count: int, seed: int | None, visit: Visit, *, climb: bool = False) -> None:
    """Draw `count` cases with Hypothesis and visit each.

    Args:
        strategy: of cases.
        count: how many.
        seed: None draws the same cases every time.
        visit: called with each case.
        climb: let Hypothesis move towards larger amounts.
    """
    if count == 0:
        return
    phases = (Phase.generate, Phase.target) if climb else (Phase.generate,)

    def body(case: Case) -> None:
        for label, amount in visit(case).items():
            if climb and math.isfinite(amount):
                target(amount, label=label)

    test = settings(
        max_examples=count,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=_SUPPRESSED,
        verbosity=Verbosity.quiet,
    )(given(strategy)(body))
    (test if seed is None else seeded(seed)(test))()
