"""A counterexample in the task's own words. Knows no torch: reports and the command line call it."""

from __future__ import annotations

from tfcaf_forge.evidence.domain import Domain, domain_of
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample


def describe(task: TaskSpec, found: Counterexample) -> str:
    """`agents[0].level = 1, foods[*] absent → credit = (nan, nan)`."""
    where = describe_fields(task, found.fields)
    return f"{where} → {found.observed}" if where else f"anywhere → {found.observed}"


def describe_fields(task: TaskSpec, fields: dict[str, float]) -> str:
    """`agents[0].level = 1, foods[1] absent`; elements of several fields that are absent are named as a whole."""
    domain = domain_of(task)
    gone = [e for e in domain.optional if len(e) > 1 and _all_absent(domain, e, fields)]
    hidden = {i for element in gone for i in element}
    parts: list[str] = []
    for slot in domain.slots:
        if slot.name not in fields:
            continue
        if slot.index not in hidden:
            parts.append(f"{slot.name} = {_plain(fields[slot.name])}")
            continue
        text = _absent_text(task, domain, gone, slot.block, slot.element)
        if text not in parts:
            parts.append(text)
    return ", ".join(parts)


def _all_absent(domain: Domain, element: tuple[int, ...], fields: dict[str, float]) -> bool:
    slots = [domain.slots[i] for i in element]
    return all(s.name in fields and s.absent is not None and fields[s.name] == s.absent for s in slots)


def _absent_text(task: TaskSpec, domain: Domain, gone: list[tuple[int, ...]], block: str, element: int) -> str:
    count = next(b.count for b in task.state if b.name == block)
    named = sum(domain.slots[e[0]].block == block for e in gone)
    if count is None:
        return f"{block} absent"
    return f"{block}[*] absent" if named == count > 1 else f"{block}[{element}] absent"


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6g}"
