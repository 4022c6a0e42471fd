from __future__ import annotations

import msgspec

from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample
from tfcaf_forge.reports.counterexamples import blamed_line, counterexample_text

PRESENT = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 3.0, 3.0, 2.0, 1.0, 1.0, 2.0, -1.0, -1.0)
GONE = (*PRESENT[:9], -1.0, -1.0, 0.0, -1.0, -1.0)


def example(state: tuple[float, ...] = GONE, **fields: float) -> Counterexample:
    named = {name.replace("__", "].").replace("_", "["): value for name, value in fields.items()}
    return Counterexample(
        state=(state,), local_q=((1.0, -2.5),), fields=named, observed="credit = (nan, nan)", case="7c1e"
    )


def test_an_absent_element_is_named_once(task: TaskSpec) -> None:
    found = example(agents_0__level=0.0, foods_1__x=-1.0, foods_1__level=0.0)
    assert counterexample_text(found, task) == "agents[0].level = 0, foods[1] absent → credit = (nan, nan)"


def test_a_present_element_keeps_its_values(task: TaskSpec) -> None:
    found = example(PRESENT, foods_1__level=2.0)
    assert counterexample_text(found, task) == "foods[1].level = 2 → credit = (nan, nan)"


def test_one_sentinel_among_other_values_is_not_absence(task: TaskSpec) -> None:
    state = (*GONE[:11], 2.0, *GONE[12:])
    assert "foods[1].x = -1" in counterexample_text(example(state, foods_1__x=-1.0), task)


def test_without_a_task_every_value_is_shown() -> None:
    assert counterexample_text(example(foods_1__level=0.0)) == "foods[1].level = 0 → credit = (nan, nan)"


def test_a_failure_that_no_state_field_matters_to_shows_the_local_q_values(task: TaskSpec) -> None:
    assert counterexample_text(example(), task) == "any state tried, local_q = (1, -2.5) → credit = (nan, nan)"


def test_the_blamed_line_is_quoted_only_if_it_exists() -> None:
    found = msgspec.structs.replace(example(), line=2)
    assert blamed_line(found, "a\n  w / w.sum()\n") == "line 2: `w / w.sum()`"
    assert blamed_line(found, "a") == ""
    assert blamed_line(example(), "a") == ""
