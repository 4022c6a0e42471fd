from __future__ import annotations

import msgspec

from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample
from tfcaf_forge.reports.counterexamples import blamed_line, counterexample_text

GONE = {"foods[1].x": -1.0, "foods[1].y": -1.0, "foods[1].level": 0.0}


def example(**changed: object) -> Counterexample:
    usual = Counterexample(state=(), local_q=(), fields={}, observed="credit = (nan, nan)", case="7c1e")
    return msgspec.structs.replace(usual, **changed)


def test_an_absent_element_is_named_once(task: TaskSpec) -> None:
    found = example(fields={"agents[0].level": 1.0, **GONE})
    assert counterexample_text(found, task) == "agents[0].level = 1, foods[1] absent → credit = (nan, nan)"


def test_a_present_element_keeps_its_values(task: TaskSpec) -> None:
    found = example(fields={"foods[1].level": 2.0})
    assert counterexample_text(found, task) == "foods[1].level = 2 → credit = (nan, nan)"


def test_a_name_that_the_task_does_not_know_is_shown_all_the_same(task: TaskSpec) -> None:
    found = example(fields={"walls[0].x": 2.0, "foods[1].level": float("nan")})
    assert counterexample_text(found, task) == "walls[0].x = 2, foods[1].level = nan → credit = (nan, nan)"


def test_without_a_task_every_value_is_shown() -> None:
    assert counterexample_text(example(fields={"foods[1].level": 0.0})).startswith("foods[1].level = 0 →")


def test_a_failure_to_which_no_field_matters_is_anywhere(task: TaskSpec) -> None:
    assert counterexample_text(example(), task) == "anywhere → credit = (nan, nan)"


def test_what_was_observed_stays_on_one_line(task: TaskSpec) -> None:
    assert counterexample_text(example(observed="a\nb\x1b[2J"), task) == "anywhere → a b⟨ESC⟩[2J"


def test_the_blamed_line_is_quoted_only_if_it_exists() -> None:
    found = example(line=2)
    assert blamed_line(found, "a\n  w / w.sum()\n") == "line 2: `w / w.sum()`"
    assert blamed_line(found, "a") == ""
    assert blamed_line(example(), "a") == ""
