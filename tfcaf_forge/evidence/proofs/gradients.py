"""The credit dQ_tot/dQ_i as autograd computes it: one abstract reverse pass over a forward pass.

The gradient of a value is the sum of what its readers pass back. Autograd adds these in an order of its own, so
the sum takes any order into account (`arith.sum_all`). Gradients are followed along values that depend on local_q
through smooth operations only, which is where autograd goes when a gradient in local_q is asked for.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.backward import BACKWARD
from tfcaf_forge.evidence.proofs.backward.site import Back, Parts
from tfcaf_forge.evidence.proofs.domains import INF, Reals, Val, expand, known, top
from tfcaf_forge.evidence.proofs.forward import OutOfTimeError
from tfcaf_forge.evidence.proofs.rounding import Noise
from tfcaf_forge.evidence.proofs.site import Run, Site, Types
from tfcaf_forge.graph.opgraph import FIRST_NODE, Node, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE

_NEUTRAL = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
"""Operations that read only a shape."""
_JUMPS = ("detach", "div.Tensor_mode", "remainder.Scalar", "remainder.Tensor", "fmod.Scalar", "fmod.Tensor", "isinf")
_KINKED_INDEX = ("max.dim", "min.dim", "sort", "topk")


_NO_DERIVATIVE = ("floor_divide", "copy", "lift_fresh")
"""Operations of which autograd raises when it is asked for a gradient through them; and one that hands its argument
back with a new history, so that a gradient in it forgets what was computed from it before.
"""
_CUT = ("_to_copy", "copy")
"""Operations whose integers and truth values have no gradient; others raise where they would make one."""
_FLAT = ("floor", "ceil", "round", "trunc", "sign", "sgn")
"""Steps, through which autograd passes a zero (and zero times an infinity further back is a NaN)."""


def smooth_values(graph: OpGraph, keep: list[bool]) -> list[bool]:
    """Which values depend on local_q through smooth operations alone (a gradient may reach them)."""
    smooth = [True, False]
    for index, node in enumerate(graph.nodes):
        through = (
            (TABLE[node.op].smooth or node.op in _NO_DERIVATIVE or node.op in _FLAT)
            and node.op != "detach"
            and keep[index + FIRST_NODE]
        )
        smooth.append(through and any(smooth[ref.id] for ref in node.refs() if not _index_of(graph, ref)))
    return smooth


def first_jump(graph: OpGraph, types: Types, keep: list[bool]) -> int | None:
    """The first node through which the output depends on local_q in steps, or behind autograd's back.

    Whatever makes an integer or a truth value of a local Q-value is a step: a cast, a reduction with another
    element type, and a write into an integer or bool tensor.
    """
    touched = [True, False]
    found: int | None = None
    for index, node in enumerate(graph.nodes):
        value = index + FIRST_NODE
        reads = keep[value] and node.op not in _NEUTRAL and any(touched[ref.id] for ref in node.refs())
        touched.append(reads)
        steps = (
            not TABLE[node.op].smooth
            or node.op in _JUMPS
            or any(_index_of(graph, r) for r in node.refs() if touched[r.id])
        )
        steps = steps or (node.op == "softplus" and float(str(node.args[2])) < 15.0)  # it jumps at its threshold
        cast = types[value][0].dtype != "float"
        if reads and found is None and (steps or cast):
            found = index
    return found


def _refused(run: Run, smooth: list[bool]) -> int | None:
    """A node at which torch raises as soon as a gradient is asked for: it makes an integer or a truth value of one."""
    for index, node in enumerate(run.graph.nodes):
        value = index + FIRST_NODE
        if not smooth[value] or node.op in _CUT or node.op in _NEUTRAL or run.types[value][0].dtype == "float":
            continue
        moving = (r for r in node.refs() if smooth[r.id] and not _index_of(run.graph, r))
        if any(run.type_of(ref).dtype == "float" for ref in moving):
            return index
    return None


def _index_of(graph: OpGraph, ref: Ref) -> bool:
    node = graph.node_of(ref)
    return node is not None and ref.out == 1 and node.op in _KINKED_INDEX


class Credit(NamedTuple):
    """What one pass back says.

    Attributes:
        value: the credit, [cells, N].
        lost: the first node on the way back that lost its sign or its finiteness.
        noise: how far rounding, and values that were replaced, may move Q_tot, [cells].
        loudest: the node that adds most to it.
    """

    value: Val
    lost: int | None
    noise: Reals
    loudest: int | None


def credit(run: Run, smooth: list[bool], deadline: float = INF) -> Credit:
    """The credit and how sure its sign is. Unknown where autograd would raise, or would not see all of the graph.

    A graph of which torch refuses to make a gradient is noted as one that raises: nobody can train on it.

    Raises:
        OutOfTimeError: past the deadline.
    """
    graph = run.graph
    refused = _refused(run, smooth)
    if refused is not None:
        run.broken = np.ones_like(run.broken)
        run.broken_at = refused if run.broken_at is None else run.broken_at
        return Credit(top((run.cells, graph.n_agents)), refused, np.full(run.cells, INF), refused)
    arrived: dict[Ref, list[Val]] = {graph.output: [known(run.shape(run.type_of(graph.output)), 1.0)]}
    lost: int | None = None
    noise = Noise(run)
    for index in reversed(range(len(graph.nodes))):
        value = index + FIRST_NODE
        if not smooth[value]:
            continue
        outs = tuple(_settled(run, Ref(value, out), arrived) for out in range(len(run.types[value])))
        if all(out is None for out in outs):
            continue
        if graph.nodes[index].op in _NO_DERIVATIVE:
            return Credit(top((run.cells, graph.n_agents)), index, np.full(run.cells, INF), index)
        noise.add(index, outs)
        for ref, part in _passed(run, index, outs, smooth):
            arrived.setdefault(ref, []).append(part)
            noise.passed(index, ref, part)
            if lost is None and _worse(outs, part):
                lost = index
        if time.thread_time() > deadline:
            raise OutOfTimeError
    found = _settled(run, Ref(0), arrived)
    value = known((run.cells, graph.n_agents), 0.0) if found is None else found
    return Credit(value, lost, *noise.total())


def _settled(run: Run, ref: Ref, arrived: dict[Ref, list[Val]]) -> Val | None:
    parts = arrived.pop(ref, None)
    if parts is None:
        return None
    shape = run.shape(run.type_of(ref))
    return arith.sum_all([expand(part, shape) for part in parts])


def _passed(run: Run, index: int, outs: tuple[Val | None, ...], smooth: list[bool]) -> Parts:
    """What a node passes back to the arguments that want it; unknown where there is no rule."""
    site = Site(run, run.graph.nodes[index], index)

    def wanted(ref: Ref) -> bool:
        return smooth[ref.id] and run.type_of(ref).dtype == "float" and not _index_of(run.graph, ref)

    rule = BACKWARD.get(site.op)
    if rule is not None:
        try:
            return rule(Back(site, outs, wanted))
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, OverflowError, MemoryError):
            run.lost.append(index)
    return [(ref, top(run.shape(run.type_of(ref)))) for ref in site.node.refs() if wanted(ref)]


def _worse(outs: tuple[Val | None, ...], part: Val) -> bool:
    """Whether a node was given gradients of one sign, all finite, and passed on something else."""
    before = [out for out in outs if out is not None]
    sound = all(not out.hazard.any() for out in before)
    if part.hazard.any():
        return sound
    signed = all(bool((out.lo >= 0).all() or (out.hi <= 0).all()) for out in before)
    return signed and not bool((part.lo >= 0).all() or (part.hi <= 0).all())


def has_rule(node: Node) -> bool:
    """Whether a gradient through this node is known."""
    return node.op in BACKWARD or not TABLE[node.op].smooth
