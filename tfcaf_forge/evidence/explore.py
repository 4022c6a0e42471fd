"""Explore: draw a profile's cases and feed a trial with them.

Small cases come from Hypothesis, number by number; large batches from seeds, which in the profiles that do not
derandomise are drawn by Hypothesis, too. The global random generators are never touched, and nothing is printed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from tfcaf_forge.evidence import strategies
from tfcaf_forge.evidence.case import Case, Floats, stack
from tfcaf_forge.evidence.observe import Observer
from tfcaf_forge.evidence.profiles import Profile
from tfcaf_forge.evidence.source_constants import no_source_constants
from tfcaf_forge.evidence.trial import Trial
from tfcaf_forge.records.task_spec import TaskSpec

Visit = Callable[[Case], dict[str, float]]
"""Judge a case; returns how far each property is from breaking."""

_STACK = 100
"""Small cases that are stacked into one for the light properties."""
_SUPPRESSED = (
    HealthCheck.too_slow,  # the graph is not ours: a slow one is a finding, not a flaw of the test
    HealthCheck.data_too_large,  # tasks with many fields draw many numbers
    HealthCheck.nested_given,  # an auditor may examine inside a Hypothesis test; this engine is independent of it
)


def explore(
    task: TaskSpec,
    profile: Profile,
    seed: int,
    replay: Floats | None,
    trial: Trial,
    observer: Observer | None = None,
) -> None:
    """Feed a trial with the profile's cases.

    Args:
        task: whose domain to draw from.
        profile: how many cases, and whether to climb.
        seed: of the batches, and of the small cases where the profile does not derandomise.
        replay: replayed states [M, S] to mix into batches.
        trial: what to feed.
        observer: keeps a record of every case.
    """
    watch = observer or Observer()
    visit = watch.visiting(trial.visit_small)
    if not profile.derandomize:
        small = draw(strategies.cases(task), profile.small, seed, visit, climb=profile.target)
    elif watch.active:  # the same cases, drawn anew so that Hypothesis reports them
        small = draw(strategies.cases(task), profile.small, None, visit)
    else:
        small = list(_small_cases(task, profile))
        for case in small:
            visit(case)
    for at in range(0, len(small), _STACK):
        trial.visit_stack(stack(small[at : at + _STACK]))
    if profile.derandomize:
        for case, drawn in zip(_batches(task, profile, seed, replay), _seeds(profile, seed), strict=True):
            watch.seeded(trial.visit, case, drawn) if watch.active else trial.visit(case)
    else:
        batches = strategies.batches(task, rows=profile.rows, replay=replay)
        draw(batches, profile.batches, seed + 1, watch.visiting(trial.visit))


def quick_cases(task: TaskSpec, profile: Profile, seed: int, replay: Floats | None, alone: int) -> tuple[Case, ...]:
    """The cases of a derandomised profile in a few large ones, for whoever only asks whether anything breaks.

    Args:
        task, profile, seed, replay: as for `explore`.
        alone: how many of the small cases also come by themselves, with the few rows that they have.
    """
    small = _small_cases(task, profile)
    return (*small[:alone], stack(list(small)), *_batches(task, profile, seed, replay))


_SMALL: dict[tuple[str, int], tuple[Case, ...]] = {}
_LARGE: dict[tuple[str, Profile, int], tuple[Floats | None, tuple[Case, ...]]] = {}


def _small_cases(task: TaskSpec, profile: Profile) -> tuple[Case, ...]:
    """The small cases of a derandomised profile: the same for every candidate of a task, so they are drawn once."""
    key = (task.digest, profile.small)
    if key not in _SMALL:
        _SMALL[key] = tuple(draw(strategies.cases(task), profile.small, None, lambda case: {}))
    return _SMALL[key]


def _batches(task: TaskSpec, profile: Profile, seed: int, replay: Floats | None) -> tuple[Case, ...]:
    """The batches of a derandomised profile; kept for the next candidate of the same run."""
    key = (task.digest, profile, seed)
    if key not in _LARGE or _LARGE[key][0] is not replay:
        drawn = _seeds(profile, seed)
        _LARGE[key] = replay, tuple(strategies.batch(task, profile.rows, s, replay) for s in drawn)
    return _LARGE[key][1]


def _seeds(profile: Profile, seed: int) -> list[int]:
    return [int(drawn) for drawn in np.random.SeedSequence(seed).generate_state(profile.batches)]


def draw(
    strategy: SearchStrategy[Case], count: int, seed: int | None, visit: Visit, *, climb: bool = False
) -> list[Case]:
    """Draw about `count` cases with Hypothesis, visit each, and return them.

    Args:
        strategy: of cases.
        count: how many; climbing may add a few.
        seed: None draws the same cases every time.
        visit: called with each case.
        climb: let Hypothesis move towards larger amounts.
    """
    drawn: list[Case] = []
    if count == 0:
        return drawn

    def body(case: Case) -> None:
        drawn.append(case)
        for label, amount in visit(case).items():
            if climb and math.isfinite(amount):
                target(amount, label=label)

    test = settings(
        max_examples=count,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target) if climb else (Phase.generate,),
        suppress_health_check=_SUPPRESSED,
        verbosity=Verbosity.quiet,
    )(given(strategy)(body))
    with no_source_constants():
        (test if seed is None else seeded(seed)(test))()
    return drawn
