"""A counterexample in the task's words: `agents[0].level = 0, foods[1] absent → credit = (nan, nan)`."""

from __future__ import annotations

import math

from tfcaf_forge.evidence.render import describe_fields
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample
from tfcaf_forge.reports.text import one_line, source_lines
from tfcaf_forge.reports.words import number


def counterexample_text(counterexample: Counterexample, task: TaskSpec | None = None) -> str:
    """The fields that matter and what happened there, on one line.

    Args:
        counterexample: with the fields that matter, by name.
        task: tells which element is absent, so that its sentinel values are shown as that word.
    """
    return f"{inputs_text(counterexample, task)} → {one_line(counterexample.observed)}"


def inputs_text(counterexample: Counterexample, task: TaskSpec | None = None) -> str:
    """`agents[0].level = 0, foods[1] absent`; `anywhere` where no field of the state matters."""
    fields = counterexample.fields
    if task is not None and set(fields) <= set(task.names) and all(map(math.isfinite, fields.values())):
        text = describe_fields(task, fields)
    else:
        text = ", ".join(f"{name} = {number(value)}" for name, value in fields.items())
    return one_line(text) or "anywhere"


def blamed_line(counterexample: Counterexample, source: str) -> str:
    """The source line that the trace points to, such as "line 14: `w / w.sum()`"; empty if it is not known."""
    lines = source_lines(source)
    if counterexample.line is None or not 0 < counterexample.line <= len(lines):
        return ""
    return f"line {counterexample.line}: `{one_line(lines[counterexample.line - 1], 160)}`"
