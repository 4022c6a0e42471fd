"""One pass over a graph on abstract inputs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from tfcaf_forge.evidence.proofs.domains import INF, Val, top
from tfcaf_forge.evidence.proofs.site import Run, Site, Types
from tfcaf_forge.evidence.proofs.transfer import TRANSFER
from tfcaf_forge.graph.opgraph import FIRST_NODE, OpGraph, Ref

_MADE_ON_PURPOSE = ("const", "full", "full_like", "new_full", "scalar_tensor", "masked_fill.Scalar", "where.self")
"""Operations that may hold an infinity because somebody wrote one."""


class OutOfTimeError(Exception):
    """The time budget is spent; caught in `prove`."""


def interpret(
    graph: OpGraph,
    types: Types,
    local_q: Val,
    state: Val,
    *,
    keep: Sequence[bool],
    same: list[int],
    deadline: float = INF,
) -> Run:
    """The abstract value of everything that the output needs.

    Args:
        local_q: [cells, N].
        state: [cells, S].
        keep: which values to compute.
        same: the first equal of every value.
        deadline: when to stop, on the clock of `time.thread_time`.

    Raises:
        OutOfTimeError: past the deadline.
    """
    cells = local_q.shape[0]
    run = Run(graph, types, cells, [(local_q,), (state,)], same, np.zeros(cells, np.bool_), rules=TRANSFER)
    for index in range(len(graph.nodes)):
        value = index + FIRST_NODE
        if not keep[value]:
            run.values.append(())
        elif same[value] != value and run.values[same[value]]:
            run.values.append(run.values[same[value]])
        else:
            run.values.append(_outputs(run, index))
            _note_origin(run, index)
        if time.thread_time() > deadline:
            raise OutOfTimeError
    return run


def _outputs(run: Run, index: int) -> tuple[Val, ...]:
    """A node's outputs; unknown where there is no rule, or where the rule cannot deal with the arguments."""
    site = Site(run, run.graph.nodes[index], index)
    rule = TRANSFER.get(site.op)
    shapes = [run.shape(kind) for kind in site.kinds]
    if rule is not None:
        try:
            outs = rule(site)
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, OverflowError, MemoryError):
            outs = ()
        if len(outs) == len(shapes) and all(out.shape == shape for out, shape in zip(outs, shapes, strict=True)):
            return tuple(_told(out, kind.dtype) for out, kind in zip(outs, site.kinds, strict=True))
        run.lost.append(index)
    run.broken = np.ones_like(run.broken)  # nobody knows whether it raises
    run.broken_at = index if run.broken_at is None else run.broken_at
    return tuple(top(shape, kind.dtype) for shape, kind in zip(shapes, site.kinds, strict=True))


def _told(out: Val, dtype: str) -> Val:
    """What a rule says of a bool tensor: readers take 1 for True, so bounds that are no truth values say nothing."""
    return out if dtype != "bool" or ((out.lo >= 0.0) & (out.hi <= 1.0)).all() else top(out.shape, "bool")


def _note_origin(run: Run, index: int) -> None:
    """Remember a node that may make a NaN where no argument is one, or an infinity of finite arguments."""
    node, outs = run.graph.nodes[index], run.values[-1]
    if not any(out.hazard.any() for out in outs):
        return
    args = [run.value(ref) for ref in node.refs()]
    makes_nan = any(out.nan.any() for out in outs) and not any(arg.nan.any() for arg in args)
    infinite = any(np.isinf(out.size).any() for out in outs) and not any(np.isinf(arg.size).any() for arg in args)
    if makes_nan or (infinite and node.op not in _MADE_ON_PURPOSE):
        run.origins.append(index)


def culprits(run: Run, starts: Sequence[Ref]) -> list[int]:
    """The origins from which something that is not finite may reach one of the given values, in order."""
    reached: set[int] = set()
    queue = [ref for ref in starts if run.values[ref.id] and run.value(ref).hazard.any()]
    while queue:
        ref = queue.pop()
        if ref.id in reached:
            continue
        reached.add(ref.id)
        node = run.node_of(ref)
        queue += [r for r in node.refs() if run.value(r).hazard.any()] if node is not None else []
    return [index for index in run.origins if index + FIRST_NODE in reached]
