"""Feedback: what is known of an earlier proposal, as plain values for prompts. Evidence, not opinion; no times in it."""

from __future__ import annotations

import math
from typing import Any

from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.task_spec import Slot, TaskSpec
from tfcaf_forge.records.verdict import Counterexample, Verdict

_MOST_CHARACTERS = 400


def state_rows(task: TaskSpec) -> list[dict[str, Any]]:
    """The state vector field by field: index, name, what values it takes, and what it means.

    `meaning` is everything that is known of a field; `own` leaves out what holds for its whole block, which stands in
    `note` and is to be said where a block `opens`.
    """
    rows: list[dict[str, Any]] = []
    for slot in task.layout:
        note = plain(next(block for block in task.state if block.name == slot.block).description)
        own = _meaning(slot)
        rows.append(
            {
                "index": slot.index,
                "name": slot.name,
                "values": _values(slot),
                "own": own,
                "meaning": "; ".join(part for part in (own, note) if part),
                "block": plain(slot.block, 40),
                "note": note,
                "opens": not rows or rows[-1]["block"] != plain(slot.block, 40),
            }
        )
    return rows


def view_of(attempt: Attempt, task: TaskSpec, baseline: Score | None) -> dict[str, Any]:
    """An attempt for a prompt: its source by line, its fate, and every fact that helps to change it."""
    proposal, evidence = attempt.proposal, attempt.evidence
    return {
        "id": proposal.id,
        "parent": proposal.parent,
        "lines": list(enumerate(proposal.source.rstrip("\n").split("\n"), 1)),
        "source": proposal.source.rstrip("\n"),
        "fate": fate(attempt),
        "duplicate": attempt.duplicate,
        "rejection": attempt.rejection and _rejection(attempt),
        "verdicts": [_verdict(v, attempt, task) for v in evidence.verdicts] if evidence is not None else [],
        "score": attempt.score and _score(attempt.score, baseline),
    }


def fate(attempt: Attempt) -> str:
    """`rejected`, `duplicate`, `refuted`, `undecided` or `accepted`."""
    if attempt.rejection is not None:
        return "rejected"
    if attempt.duplicate is not None or attempt.evidence is None:
        return "duplicate"
    if attempt.evidence.accepted:
        return "accepted"
    return "refuted" if any(v.required and v.status == "REFUTED" for v in attempt.evidence.verdicts) else "undecided"


def fields_text(found: Counterexample, task: TaskSpec) -> str:
    """`agents[0].level = 1, foods[1].x = -1 (absent)`, in the order of the state vector."""
    parts = [
        f"{slot.name} = {_number(found.fields[slot.name])}{_absent(found.fields[slot.name], slot)}"
        for slot in task.layout
        if slot.name in found.fields
    ]
    return ", ".join(parts) or "any state"


def plain(text: str, most: int = _MOST_CHARACTERS) -> str:
    """One line of printable characters, cut: for texts that come from a model or a file."""
    flat = " ".join("".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _rejection(attempt: Attempt) -> dict[str, Any]:
    rejection = attempt.rejection
    assert rejection is not None  # noqa: S101 - the caller has looked
    where = rejection.where
    line = where.line if where is not None else None
    return {
        "stage": rejection.stage,
        "code": rejection.code,
        "message": plain(rejection.message),
        "line": line,
        "text": _line(attempt, line),
    }


def _verdict(verdict: Verdict, attempt: Attempt, task: TaskSpec) -> dict[str, Any]:
    found = verdict.counterexample
    return {
        "property": verdict.property_id,
        "status": verdict.status,
        "trials": verdict.trials,
        "required": verdict.required,
        "holds": verdict.holds,
        "detail": plain(verdict.detail),
        "where": "" if found is None else fields_text(found, task),
        "local_q": "" if found is None else _row(found),
        "observed": "" if found is None else plain(found.observed),
        "line": None if found is None else found.line,
        "text": "" if found is None else _line(attempt, found.line),
    }


def _score(score: Score, baseline: Score | None) -> dict[str, Any]:
    """What the ranking orders by is what a model is told to improve; the explained variance stands among the components."""
    decides, ahead = score.decides, score.ahead
    components = score.components | {"explained_returns": score.score.value}
    return {
        "value": f"{decides.value:.4f}",
        "low": f"{decides.low:.4f}",
        "high": f"{decides.high:.4f}",
        "gain": f"{ahead.value:+.4f}",
        "gain_low": f"{ahead.low:+.4f}",
        "gain_high": f"{ahead.high:+.4f}",
        "starved": f"{100 * score.starved:.1f} %",
        "starves": score.starved > 0,
        "baseline": None if baseline is None else f"{baseline.decides.value:.4f}",
        "components": {name: f"{value:.4f}" for name, value in sorted(components.items())},
    }


def _line(attempt: Attempt, line: int | None) -> str:
    lines = attempt.proposal.source.split("\n")
    return plain(lines[line - 1], 160) if line is not None and 0 < line <= len(lines) else ""


def _row(found: Counterexample) -> str:
    row = found.local_q[0] if found.local_q else ()
    return ", ".join(_number(value) for value in row)


def _absent(value: float, slot: Slot) -> str:
    return " (absent)" if slot.absent is not None and value == slot.absent else ""


def _values(slot: Slot) -> str:
    kind = {"integer": "whole number", "continuous": "number", "categorical": "code, order means nothing,"}[slot.kind]
    text = f"{kind} {_number(slot.low)} to {_number(slot.high)}"
    return text if slot.absent is None else f"{text}, or {_number(slot.absent)} where it is absent"


def _meaning(slot: Slot) -> str:
    parts = [plain(slot.description), f"unit: {plain(slot.unit, 40)}" if slot.unit else ""]
    parts.append(f"belongs to agent {slot.agent}" if slot.agent is not None else "")
    parts.append("padding: credit must not depend on it" if slot.irrelevant else "")
    return "; ".join(part for part in parts if part)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"
