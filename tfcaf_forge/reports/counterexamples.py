"""A counterexample in the task's words: `agents[0].level = 0, foods[1] absent → credit = (nan, nan)`."""

from __future__ import annotations

from collections.abc import Sequence

from tfcaf_forge.records.task_spec import Slot, TaskSpec
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
    """`agents[0].level = 0, foods[1] absent`; where no field of the state matters, the local Q-values."""
    if not counterexample.fields:
        rows = counterexample.local_q
        values = ", ".join(f"({', '.join(map(number, row))})" for row in rows[:2])
        return one_line(f"any state tried, local_q = {values}{', …' if len(rows) > 2 else ''}")
    absent = _absent_elements(counterexample, task) if task is not None else {}
    parts: list[str] = []
    for name, value in counterexample.fields.items():
        part = absent.get(name, f"{name} = {number(value)}")
        if part not in parts:
            parts.append(part)
    return one_line(", ".join(parts))


def blamed_line(counterexample: Counterexample, source: str) -> str:
    """The source line that the trace points to, such as "line 14: `w / w.sum()`"; empty if it is not known."""
    lines = source_lines(source)
    if counterexample.line is None or not 0 < counterexample.line <= len(lines):
        return ""
    return f"line {counterexample.line}: `{one_line(lines[counterexample.line - 1], 160)}`"


def _absent_elements(counterexample: Counterexample, task: TaskSpec) -> dict[str, str]:
    """By field name, `foods[1] absent` for the elements that are not there in the failing row."""
    found: dict[str, str] = {}
    for slots in _elements(task):
        head, _, field = slots[0].name.partition(".")
        if field and _is_absent(slots, counterexample):
            found |= {slot.name: f"{head} absent" for slot in slots}
    return found


def _elements(task: TaskSpec) -> list[list[Slot]]:
    groups: dict[tuple[str, int], list[Slot]] = {}
    for slot in task.layout:
        groups.setdefault((slot.block, slot.element), []).append(slot)
    return list(groups.values())


def _is_absent(slots: Sequence[Slot], counterexample: Counterexample) -> bool:
    """Whether all fields of an element hold their sentinel, by name or in a row that agrees with the names."""
    if any(slot.absent is None for slot in slots):
        return False
    named = [slot for slot in slots if slot.name in counterexample.fields]
    if any(counterexample.fields[slot.name] != slot.absent for slot in named):
        return False
    if len(named) == len(slots):
        return True
    rows = [row for row in counterexample.state if all(len(row) > slot.index for slot in slots)]
    return bool(rows) and all(row[slot.index] == slot.absent for row in rows for slot in slots)
