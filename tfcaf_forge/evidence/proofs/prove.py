"""prove: which properties of a graph hold over the whole declared domain, in float32."""

from __future__ import annotations

import math
import time
from decimal import ROUND_CEILING, Context
from typing import Literal

import numpy as np

from tfcaf_forge.evidence.proofs.cells import Cells, domain_of, local_q_of, state_of
from tfcaf_forge.evidence.proofs.credit_sum import credit_sum
from tfcaf_forge.evidence.proofs.domains import Mask, Reals
from tfcaf_forge.evidence.proofs.forward import OutOfTimeError, culprits, interpret
from tfcaf_forge.evidence.proofs.gradients import credit, first_jump, smooth_values
from tfcaf_forge.evidence.proofs.reads import slots_read
from tfcaf_forge.evidence.proofs.rounding import LIMIT
from tfcaf_forge.evidence.proofs.rows import first_crossing, kept
from tfcaf_forge.evidence.proofs.search import Findings, Summary, explore
from tfcaf_forge.evidence.proofs.site import Types, firsts
from tfcaf_forge.evidence.proofs.unfold import unfold
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import FIRST_NODE, OpGraph
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.task_spec import TaskSpec

PROPERTIES = (
    "monotone",
    "finite",
    "finite-gradient",
    "bounded-credit",
    "batch-independent",
    "deterministic",
    "irrelevant-fields",
    "credit-sum",
)
"""The ids of the properties that can be proved."""

_BY_CONSTRUCTION = "by construction: every operation of the table is a pure function of its arguments"


class Proof(Plain, frozen=True, kw_only=True):
    """What abstract interpretation says about one property.

    Attributes:
        status: PROVED over the whole declared domain, or UNKNOWN; it never refutes.
        detail: the bound or the constant that was proved, or what stood in the way and where.
        seconds: processor time it took; properties that are proved together share it.
    """

    status: Literal["PROVED", "UNKNOWN"]
    detail: str = ""
    seconds: float = 0.0


def prove(graph: OpGraph, types: Types, task: TaskSpec, *, budget_s: float = 0.5) -> dict[str, Proof]:
    """Prove what can be proved about a graph over the domain that a task declares.

    A proof holds for float32 on finite inputs of the declared ranges, whether or not subnormals are flushed.

    Args:
        graph: a verified graph, for this task's sizes.
        types: what `verify` returned for it.
        task: declares the domain.
        budget_s: seconds of processor time after which the search stops: a busy machine proves no less. What is not
            settled by then is UNKNOWN.

    Returns:
        A proof for each id in `PROPERTIES`.
    """
    if (graph.n_agents, graph.state_size) != (task.n_agents, task.state_size):
        return dict.fromkeys(PROPERTIES, _unknown("the graph is not of this task's sizes"))
    started = time.thread_time()
    with np.errstate(all="ignore"):
        return _prove(graph, types, task, started, started + budget_s)


def _prove(graph: OpGraph, types: Types, task: TaskSpec, started: float, deadline: float) -> dict[str, Proof]:
    proofs = {"deterministic": _deterministic(graph)}
    graph, types = unfold(graph, types)
    crossing = first_crossing(graph, types)
    if crossing is not None:
        reason = f"rows may meet at {place(graph, crossing)}"
        return {name: proofs.get(name, _unknown(reason, started)) for name in PROPERTIES}
    read, irrelevant = slots_read(graph, types, task)
    proofs["irrelevant-fields"] = _irrelevant(task, irrelevant, started)
    keep = kept(graph)
    smooth = smooth_values(graph, keep)
    factors = [ref for k, node in enumerate(graph.nodes) if smooth[k + FIRST_NODE] for ref in node.refs()]
    same = firsts(graph)
    domain = domain_of(task)

    def examine(cells: Cells) -> Findings:
        run = interpret(
            graph,
            types,
            local_q_of(task, cells.count),
            state_of(domain, cells),
            keep=keep,
            same=same,
            deadline=deadline,
        )
        found, lost, noise, loudest = credit(run, smooth, deadline)
        output, sound = run.value(graph.output), ~run.broken
        finite = ~output.hazard.any(axis=1) & sound
        calm = ~found.hazard.any(axis=1) & sound
        signed = (found.lo >= 0.0).all(axis=1) & ~found.nan.any(axis=1) & sound
        rising = signed & (noise <= LIMIT)
        trouble = _trouble(output.hazard.any(axis=1) | run.broken, found.lo, found.hazard, len(run.origins))
        origins = culprits(run, [graph.output]) or culprits(run, factors)
        undone = loudest if bool((signed & ~rising).any()) else None
        return Findings(output, found, sound, finite, calm, rising, trouble, origins, lost, run.broken_at, undone)

    try:
        relaxed = task.credit.monotonicity == "relaxed" or first_jump(graph, types, keep) is not None
        summary = explore(examine, domain, read, relaxed=relaxed, width=_width(types), deadline=deadline)
    except OutOfTimeError:
        reason = f"the time budget was spent on a graph of {len(graph.nodes)} operations"
        return {name: proofs.get(name, _unknown(reason, started)) for name in PROPERTIES}
    proofs["batch-independent"] = _apart(graph, summary, started)
    proofs |= _conclude(graph, types, keep, summary, started)
    proofs["credit-sum"] = _sum(graph, types, summary, started)
    return {name: proofs[name] for name in PROPERTIES}


def _width(types: Types) -> int:
    """Elements of the widest value, for one row."""
    sizes = [[s if isinstance(s, int) else s.factor for s in kind.shape] for kinds in types for kind in kinds]
    return max(math.prod(size) for size in sizes)


def place(graph: OpGraph, index: int) -> str:
    """A node as a reader finds it: `div.Tensor (node 12, line 7)`."""
    node = graph.nodes[index]
    line = f", line {node.line}" if node.line is not None else ""
    return f"{node.op} (node {index}{line})"


def _apart(graph: OpGraph, summary: Summary, started: float) -> Proof:
    """No row sees another; and none can raise, which would take all others with it."""
    if summary.whole:
        return _proved("no operation lets rows meet", started)
    return _unknown(f"one row may fail the batch{_blame(graph, summary, backward=False)}", started)


def _conclude(graph: OpGraph, types: Types, keep: list[bool], summary: Summary, started: float) -> dict[str, Proof]:
    """The four numeric properties from the cells.

    A gradient that is nowhere negative makes Q_tot rise only where Q_tot has no jump and no pole (-1/q rises
    everywhere, and yet falls across 0). An affine function has neither.
    """
    low, high = float(summary.credit_lo.min(initial=np.inf)), float(summary.credit_hi.max(initial=-np.inf))
    ends = zip(summary.credit_lo, summary.credit_hi, strict=True)
    bounds = ", ".join(f"[{_down(float(a))}, {_up(float(b))}]" for a, b in ends)
    jump = first_jump(graph, types, keep)
    cells = f" ({summary.cells} cells)" if summary.cells > 1 else ""
    proofs: dict[str, Proof] = {}
    if summary.monotone and jump is None and (summary.smooth or is_affine(graph)):
        proofs["monotone"] = _proved(f"every credit >= {_down(low)}{cells}", started)
    elif summary.monotone and jump is None:
        reason = f"Q_tot may have a pole in local_q{_blame(graph, summary, backward=True)}"
        proofs["monotone"] = _unknown(reason, started)
    elif summary.monotone:
        proofs["monotone"] = _unknown(f"Q_tot may jump in local_q at {place(graph, jump or 0)}", started)
    elif low >= 0.0 and summary.worst is not None and summary.worst.undone is not None:
        reason = f"every credit >= {_down(low)}, but {_undone(graph, summary.worst.undone)}"
        proofs["monotone"] = _unknown(reason, started)
    else:
        proofs["monotone"] = _unknown(f"credit in {bounds}{_blame(graph, summary, backward=True)}", started)
    if summary.finite:
        low_q, high_q = summary.output
        proofs["finite"] = _proved(f"Q_tot in [{_down(low_q)}, {_up(high_q)}]{cells}", started)
    else:
        proofs["finite"] = _unknown(f"Q_tot may be NaN or infinite{_blame(graph, summary, backward=False)}", started)
    if summary.smooth:
        proofs["finite-gradient"] = _proved(f"every credit is finite{cells}", started)
        largest = max(abs(low), abs(high))
        proofs["bounded-credit"] = _proved(f"|credit| <= {_up(largest)}; by agent {bounds}", started)
    else:
        reason = f"a credit may be NaN or infinite{_blame(graph, summary, backward=True)}"
        proofs["finite-gradient"] = proofs["bounded-credit"] = _unknown(reason, started)
    return proofs


def _up(x: float) -> str:
    """A bound in six digits, rounded so that it never says more than was proved."""
    near = f"{x:.6g}"
    if float(near) >= x:
        return near
    return f"{float(Context(prec=6, rounding=ROUND_CEILING).create_decimal_from_float(x)):.6g}"


def _down(x: float) -> str:
    up = _up(-x)
    return up[1:] if up.startswith("-") else "0" if x == 0.0 else f"-{up}"


def _undone(graph: OpGraph, index: int) -> str:
    """Why Q_tot may fall although its gradient is nowhere negative."""
    if graph.nodes[index].op == "nan_to_num":
        return f"Q_tot may jump where {place(graph, index)} replaces a value"
    return f"rounding at {place(graph, index)} may undo them: a large number is added to a local Q-value"


def _blame(graph: OpGraph, summary: Summary, *, backward: bool) -> str:
    worst = summary.worst
    if worst is None:
        return ""
    if worst.broken_at is not None:
        return f": {place(graph, worst.broken_at)} may raise"
    if worst.origins:
        return f": lost at {place(graph, worst.origins[0])}"
    if backward and worst.lost is not None:
        return f": lost on the way back at {place(graph, worst.lost)}"
    return ""


def _trouble(sick: Mask, credit_lo: Reals, hazard: Mask, origins: int) -> Reals:
    """How far a cell is from proved: infinities weigh more than signs, signs by their size."""
    negative = np.where(np.isfinite(credit_lo), np.clip(-credit_lo, 0.0, 1e3), 1e3).sum(axis=1)
    return sick * 1e6 + hazard.sum(axis=1) * 1e5 + negative + (sick | hazard.any(axis=1)) * origins


def _deterministic(graph: OpGraph) -> Proof:
    for index, node in enumerate(graph.nodes):
        if node.op == "scatter.src":
            return _unknown(f"the order of writes is open at {place(graph, index)}")
    return _proved(_BY_CONSTRUCTION)


def _irrelevant(task: TaskSpec, read: list[int], started: float) -> Proof:
    if not any(slot.irrelevant for slot in task.layout):
        return _proved("the task declares no irrelevant field", started)
    if not read:
        return _proved("no irrelevant field reaches Q_tot", started)
    names = ", ".join(task.names[slot] for slot in read[:4])
    return _unknown(f"Q_tot may depend on {names}", started)


def _sum(graph: OpGraph, types: Types, summary: Summary, started: float) -> Proof:
    if not summary.smooth:
        return _unknown("the credit is not proved finite", started)
    largest = float(np.maximum(np.abs(summary.credit_lo), np.abs(summary.credit_hi)).sum())
    found = credit_sum(graph, types, largest)
    if isinstance(found, str):
        return _unknown(found, started)
    return _proved(f"the credits sum to {found:.6g}, but for rounding", started)


def _proved(detail: str, started: float | None = None) -> Proof:
    return Proof(status="PROVED", detail=detail, seconds=_since(started))


def _unknown(detail: str, started: float | None = None) -> Proof:
    return Proof(status="UNKNOWN", detail=detail, seconds=_since(started))


def _since(started: float | None) -> float:
    return 0.0 if started is None else time.thread_time() - started
