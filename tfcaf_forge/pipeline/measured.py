"""Measured: what a kernel's graph does on replayed states, as plain data: reach of the replay, branches, credit maps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.domain import sample_local_q
from tfcaf_forge.evidence.subject import RunFault, Subject
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, Node, Ref, Special
from tfcaf_forge.records.task_spec import Slot, TaskSpec

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ROWS = 4096
"""States that are looked at; more change little and cost time."""
SWEEP_ROWS = 48
"""States in which an agent is moved over the whole grid."""
BINS = 12
_MOST_VALUES = 24
"""Whole-number fields with more values than this are shown in bins."""
_COMPARISONS = ("eq.", "ne.", "lt.", "le.", "gt.", "ge.", "logical_", "isnan", "isinf", "any", "all")
_CLAMPS = ("clamp", "clamp.Tensor", "clamp_min", "clamp_max", "hardtanh", "relu", "leaky_relu")
_PICKS = ("maximum", "minimum", "fmax", "fmin")


def measured(subject: Subject, states: Floats, *, seed: int = 0) -> dict[str, Any]:
    """Everything below for one graph.

    Args:
        subject: the graph and its task.
        states: [M, S], replayed.
        seed: of the rows that are picked, and of the local Q-values.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x6D656173]))
    picked = states if len(states) <= ROWS else states[np.sort(rng.choice(len(states), ROWS, replace=False))]
    case = Case(sample_local_q(subject.task, len(picked), rng), np.ascontiguousarray(picked, dtype=np.float32))
    found: dict[str, Any] = {"states": len(states), "rows": len(picked), "reach": reach(subject.task, states)}
    try:
        found["branches"] = branches(subject, case)
        credit = subject.credit_of(case)
        found["credit"] = credit_maps(subject.task, case.state, credit)
        found["grid"] = grid_maps(subject, case)
    except RunFault as fault:
        found["fault"] = str(fault)
    return found


def reach(task: TaskSpec, states: Floats) -> list[dict[str, Any]]:
    """By field: the values seen, and the share of the declared values (or of its range, in bins) that were seen."""
    return [_reach(slot, states[:, slot.index]) for slot in task.layout]


def _reach(slot: Slot, values: Floats) -> dict[str, Any]:
    gone = np.zeros(len(values), bool) if slot.absent is None else values == np.float32(slot.absent)
    there = values[~gone]
    edges, labels = _bins(slot)
    counts = np.histogram(there, edges)[0]
    outside = int(((there < np.float32(slot.low)) | (there > np.float32(slot.high))).sum())
    return {
        "field": slot.name,
        "low": float(there.min()) if there.size else None,
        "high": float(there.max()) if there.size else None,
        "absent": float(gone.mean()) if len(gone) else 0.0,
        "outside": outside,
        "covered": float((counts > 0).mean()),
        "counts": [{"label": label, "count": int(count)} for label, count in zip(labels, counts, strict=True)],
    }


def _bins(slot: Slot) -> tuple[Doubles, list[str]]:
    """Edges of bins over a field's range, and their labels: one value a bin where the values are few."""
    width = slot.high - slot.low
    if slot.kind != "continuous" and width < _MOST_VALUES:
        values = np.arange(slot.low, slot.high + 1)
        return np.append(values - 0.5, slot.high + 0.5), [f"{value:g}" for value in values]
    edges = np.linspace(slot.low, slot.high, BINS + 1) if width > 0 else np.array([slot.low - 0.5, slot.low + 0.5])
    return edges, [f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges)]


def branches(subject: Subject, case: Case) -> list[dict[str, Any]]:
    """By comparison, clamp and choice of the graph: how often each side was taken on these rows."""
    with torch.no_grad():
        values = subject.program.values(torch.from_numpy(case.local_q), torch.from_numpy(case.state))
    found: list[dict[str, Any]] = []
    for index, node in enumerate(subject.graph.nodes):
        sides = _sides(node, values[index + FIRST_NODE][0], values)
        if sides is not None:
            found.append({"node": index, "op": node.op, "line": node.line, "sides": sides, "both": all(sides.values())})
    return found


def _sides(node: Node, out: torch.Tensor, values: list[tuple[torch.Tensor, ...]]) -> dict[str, int] | None:
    if node.op.startswith(_COMPARISONS) and out.dtype is torch.bool:
        return {"true": int(out.sum()), "false": int((~out).sum())}
    if node.op not in (*_CLAMPS, *_PICKS):
        return None
    before = _value(node.args[0], values)
    if node.op in _PICKS:
        other = _value(node.args[1], values)
        return {"first": int((before < other).sum() if "min" in node.op else (before > other).sum()),
                "second": int((before > other).sum() if "min" in node.op else (before < other).sum())}  # fmt: skip
    low, high = _limits(node, values)
    sides = {"inside": int(((before >= low) & (before <= high)).sum())}
    if bool((low > -torch.inf).any()):
        sides["below"] = int((before < low).sum())
    if bool((high < torch.inf).any()):
        sides["above"] = int((before > high).sum())
    return sides


def _limits(node: Node, values: list[tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
    none = (torch.tensor(-torch.inf), torch.tensor(torch.inf))
    if node.op in ("relu", "leaky_relu"):
        return torch.tensor(0.0), none[1]
    if node.op == "clamp_max":
        return none[0], _value(node.args[1], values)
    given = [None if arg is None else _value(arg, values) for arg in node.args[1:3]]
    low, high = (*given, None)[:2]
    return none[0] if low is None else low, none[1] if high is None else high


def _value(arg: Arg, values: list[tuple[torch.Tensor, ...]]) -> torch.Tensor:
    if isinstance(arg, Ref):
        return values[arg.id][arg.out]
    return torch.tensor(float(arg.value) if isinstance(arg, Special) else float(arg))  # pyright: ignore[reportArgumentType]


def credit_maps(task: TaskSpec, state: Floats, credit: Doubles) -> list[dict[str, Any]]:
    """By field: the mean credit of each agent where the field has a value; None where it was never seen there."""
    maps: list[dict[str, Any]] = []
    for slot in task.layout:
        column = state[:, slot.index]
        gone = np.zeros(len(column), bool) if slot.absent is None else column == np.float32(slot.absent)
        edges, labels = _bins(slot)
        masks = [(column >= a) & (column < b) & ~gone for a, b in pairwise(edges)]
        masks[-1] |= (column == edges[-1]) & ~gone
        if slot.absent is not None:
            labels, masks = ["absent", *labels], [gone, *masks]
        means = [[_mean(credit[mask, agent]) for mask in masks] for agent in range(task.n_agents)]
        maps.append({"field": slot.name, "labels": labels, "agents": means})
    return maps


def _mean(values: Doubles) -> float | None:
    return float(values.mean()) if values.size else None


def grid_maps(subject: Subject, case: Case) -> list[dict[str, Any]]:
    """By agent on a grid: its mean credit when it is put on each cell, all else as replayed."""
    task = subject.task
    places = {agent: place for agent in range(task.n_agents) if (place := _place(task, agent)) is not None}
    step = max(1, case.rows // SWEEP_ROWS)
    base = case.take(range(0, case.rows, step)[:SWEEP_ROWS])
    maps: list[dict[str, Any]] = []
    for agent, (x, y) in places.items():
        xs, ys = (np.arange(slot.low, slot.high + 1, dtype=np.float32) for slot in (x, y))
        state = np.tile(base.state, (len(xs) * len(ys), 1))
        cells = np.repeat(np.array([(a, b) for a in xs for b in ys], np.float32), base.rows, axis=0)
        state[:, [x.index, y.index]] = cells
        credit = subject.credit_of(Case(np.tile(base.local_q, (len(xs) * len(ys), 1)), state))[:, agent]
        means = credit.reshape(len(xs), len(ys), base.rows).mean(axis=2)
        maps.append({"agent": agent, "rows": [f"{v:g}" for v in xs], "columns": [f"{v:g}" for v in ys],
                     "row_field": x.name, "column_field": y.name, "states": base.rows, "means": means.tolist()})  # fmt: skip
    return maps


def _place(task: TaskSpec, agent: int) -> tuple[Slot, Slot] | None:
    """The two whole-number fields that say where an agent stands, if its task is on a grid of a fair size."""
    own: Mapping[str, Slot] = {slot.field: slot for slot in task.layout if slot.agent == agent}
    place = own.get("x"), own.get("y")
    if place[0] is None or place[1] is None:
        return None
    fits = all(slot.kind == "integer" and slot.high - slot.low < _MOST_VALUES for slot in (place[0], place[1]))
    return (place[0], place[1]) if fits else None
