"""Plain: a user's Hypothesis test over `states()` as a property. Hypothesis draws and shrinks; the verdict is ours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, assume, is_hypothesis_test, settings
from hypothesis import strategies as st

from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.own.declare import check_id
from tfcaf_forge.evidence.own.view import Values, View
from tfcaf_forge.evidence.properties.base import Finding, Property, number
from tfcaf_forge.evidence.strategies import local_q_rows, state_rows
from tfcaf_forge.evidence.subject import RunFault, Subject
from tfcaf_forge.evidence.trial import Outcome

CASES = 200
"""Cases of a plain test that names no number of its own."""
_PROFILE = "tfcaf-forge-own"
_UNDER_TEST: ContextVar[tuple[Subject, list[View]] | None] = ContextVar("under_test", default=None)


class _Drawn(View):
    """A drawn row: what is not assumed of it ends the example."""

    def assume(self, mask: Values) -> None:
        super().assume(mask)
        assume(bool(self.kept.all()))


@st.composite
def states(draw: st.DrawFn) -> View:
    """One state in the task's declared domain, with local Q-values, as a `View` of one row."""
    active = _UNDER_TEST.get()
    if active is None:
        raise InputError("states() has no function to look at; give this file to `forge vet --properties`")
    subject, seen = active
    state, local_q = draw(state_rows(subject.task)), draw(local_q_rows(subject.task))
    case = Case(np.array([local_q], dtype=np.float32), np.array([state], dtype=np.float32) + np.float32(0.0))
    seen.append(_Drawn(subject, case))
    return seen[-1]


@contextmanager
def own_settings() -> Generator[None]:
    """While a user's file is read: tests that say nothing else are derandomised, quiet and keep no database."""
    before = settings.get_current_profile_name()
    settings.register_profile(
        _PROFILE,
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),  # explaining is slow; `View.read` tells
        verbosity=Verbosity.quiet,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given),
    )
    settings.load_profile(_PROFILE)
    try:
        yield
    finally:
        settings.load_profile(before)


def is_plain(value: object) -> bool:
    """Whether a module's value is a Hypothesis test."""
    return callable(value) and is_hypothesis_test(value)


def plain_property(test: Any, name: str) -> Property:  # noqa: ANN401 - whatever `given` made of it
    """A plain test as an advisory property; its id is the function's name."""
    id = name.removeprefix("test_").replace("_", "-").lower()
    check_id(id)
    says = (test.__doc__ or id).strip().splitlines()[0]
    return Property(
        id=id,
        title=says,
        formula=says,
        tolerance=0.0,
        why="as asserted by its author",
        hazard=f"the property {id} does not hold: {says}",
        required=bool(getattr(test, "required", False)),
        measure=lambda subject, case: Finding(-np.inf, judged=0),
        search=lambda subject: search(test, subject),
        origin="user",
    )


def search(test: Callable[[], object], subject: Subject) -> Outcome:
    """Run a test on a subject; the last state that it saw is the one that Hypothesis shrank to."""
    seen: list[View] = []
    token = _UNDER_TEST.set((subject, seen))
    outcome = Outcome()
    try:
        test()
    except RunFault:
        outcome.skipped += 1
    except AssertionError as fault:
        if seen:
            outcome.broken = (seen[-1].case, _finding(seen[-1], fault))
        else:
            outcome.error = f"AssertionError before any state was drawn: {fault}"[:300]
    except Exception as fault:  # the user's test has a flaw, and its verdict says so
        outcome.error = f"{type(fault).__name__}: {fault}"[:300]
    finally:
        _UNDER_TEST.reset(token)
    outcome.trials = len(seen)
    return outcome


def _finding(view: View, fault: AssertionError) -> Finding:
    said = str(fault).strip().splitlines()
    text = said[0][:200] if said else f"credit = ({', '.join(number(c) for c in view.credit[0])})"
    return Finding(1.0, text, fields=tuple(sorted(view.read)) or view.task.names)
