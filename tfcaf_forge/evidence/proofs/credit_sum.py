"""Do the credits sum to a constant?

The sum of the credits is the derivative of Q_tot when all local Q-values move by the same amount. That derivative
is followed forward through the graph as one of

* a known number in every element (`Const`), or
* a known number times another value of the graph (`Scaled`), element by element,

which is enough for weights that multiply the Q-values and are summed. A sum over a dimension along which the value
is known to sum to one (softmax, `x / sum(x)`, a split of such a value) is a number again. This is an equation
between real numbers; in float32 the credits sum to the constant up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from tfcaf_forge.evidence.proofs.domains import Reals
from tfcaf_forge.evidence.proofs.gradients import smooth_values
from tfcaf_forge.evidence.proofs.relations import adds_as_is
from tfcaf_forge.evidence.proofs.site import Run, Site, Types, firsts, needed, plain
from tfcaf_forge.evidence.proofs.transfer import TRANSFER
from tfcaf_forge.evidence.proofs.transfer.shape import mover
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE

_ROWS = 13
"""A number of rows that is unlikely to be another size, too."""
_SAME = ("clone", "alias", "lift_fresh", "lift_fresh_copy")
_MOVING = ("view", "expand", "unsqueeze", "squeeze", "permute", "transpose", "select", "slice")


@dataclass(frozen=True)
class Const:
    """A number for each element."""

    value: Reals


@dataclass(frozen=True)
class Scaled:
    """A number times a value of the graph."""

    factor: float
    ref: Ref


Slope = Const | Scaled | None


def credit_sum(graph: OpGraph, types: Types, largest: float) -> float | str:
    """The constant that the credits sum to, or why none is known.

    Args:
        largest: a bound of the sum of their magnitudes; where it is far above the constant, they cancel, and
            rounding would hide the constant.
    """
    found = _followed(graph, types)
    if isinstance(found, float) and found != 0.0 and largest > 1e3 * abs(found):
        return f"the credits cancel: they sum to {found:.6g}, but their magnitudes to as much as {largest:.6g}"
    return found


def _followed(graph: OpGraph, types: Types) -> float | str:
    run = Run(graph, types, _ROWS, [], firsts(graph), np.zeros(_ROWS, np.bool_), rules=TRANSFER)
    keep = needed(graph)
    smooth = smooth_values(graph, keep)
    slopes: dict[Ref, Slope] = {Ref(0): Const(np.ones((_ROWS, graph.n_agents)))}
    for index in range(len(graph.nodes)):
        value = index + FIRST_NODE
        if not (keep[value] and smooth[value]):
            continue
        outs = _step(Site(run, graph.nodes[index], index), slopes)
        for out in range(len(types[value])):
            slopes[Ref(value, out)] = outs[out] if out < len(outs) else None
            if run.shape(types[value][out]) == () and slopes[Ref(value, out)] is not None:
                slopes[Ref(value, out)] = None
        if all(slope is None for slope in outs):
            line = f", line {graph.nodes[index].line}" if graph.nodes[index].line is not None else ""
            return f"not followed beyond {graph.nodes[index].op} (node {index}{line})"
    found = slopes.get(graph.output)
    if isinstance(found, Const) and float(np.ptp(found.value)) == 0.0:
        return float(found.value.reshape(-1)[0])
    return "it depends on the state" if found is not None else "not followed"


def _step(site: Site, slopes: dict[Ref, Slope]) -> list[Slope]:
    """The slopes of a node's outputs; None where they are not of a known form."""
    op, batch = site.op, TABLE[site.op].batch
    refs = list(site.node.refs())
    own = [slopes.get(ref) for ref in refs]
    if op in _SAME:
        return [own[0]]
    if op in ("add.Tensor", "sub.Tensor"):
        return [_added(site, slopes)]
    if op == "neg":
        return [_times(own[0], -1.0)]
    if op == "mul.Tensor":
        return [_multiplied(site, slopes)]
    if op == "div.Tensor" and not isinstance(site.arg("other"), Ref):
        divisor = site.num("other")
        return [_times(own[0], 1.0 / divisor) if divisor else None]
    if op in ("sum", "sum.dim_IntList", "mean.dim", "mean"):
        return [_summed(site, own[0])]
    if op == "bmm" or op == "mv":
        return [None]
    if batch in _MOVING and isinstance(own[0], Const):
        held = own[0]
        return [Const(np.asarray(part)) for part in mover(site)(np.broadcast_to(held.value, site.in_shape()))]
    if batch in ("unsqueeze", "squeeze", "view") and isinstance(own[0], Scaled):
        return [None]
    if op in ("cat", "stack"):
        return [_joined(site, slopes)]
    return [None] * len(site.kinds)


def _times(slope: Slope, factor: float) -> Slope:
    """A slope times a number; None where a factor or a product is so small or large that float32 might lose it."""
    if slope is None or not (factor == 0.0 or 1e-6 <= abs(factor) <= 1e6):
        return None
    if isinstance(slope, Const):
        product = np.abs(slope.value * factor)
        return Const(slope.value * factor) if ((product == 0) | ((product > 1e-12) & (product < 1e12))).all() else None
    return Scaled(slope.factor * factor, slope.ref) if 1e-12 < abs(slope.factor * factor) < 1e12 else None


def _added(site: Site, slopes: dict[Ref, Slope]) -> Slope:
    """A sum in which only one operand moves, or both by numbers."""
    sign = -1.0 if site.op == "sub.Tensor" else 1.0
    left = _slope_of(site, "self", slopes)
    right = _times(_slope_of(site, "other", slopes), sign * site.num("alpha"))
    moves = [_moves(site, "self", slopes), _moves(site, "other", slopes)]
    if moves == [True, False]:
        return _spread(site, left, "self")
    if moves == [False, True]:
        return _spread(site, right, "other")
    if isinstance(left, Const) and isinstance(right, Const):
        return Const(np.broadcast_to(left.value + right.value, site.shape))
    if isinstance(left, Scaled) and isinstance(right, Scaled) and left.ref == right.ref:
        return Scaled(left.factor + right.factor, left.ref)
    return None


def _moves(site: Site, name: str, slopes: dict[Ref, Slope]) -> bool:
    arg = site.arg(name)
    return isinstance(arg, Ref) and arg in slopes


def _slope_of(site: Site, name: str, slopes: dict[Ref, Slope]) -> Slope:
    arg = site.arg(name)
    return slopes.get(arg) if isinstance(arg, Ref) else None


def _spread(site: Site, slope: Slope, name: str) -> Slope:
    """A slope broadcast to the output."""
    if isinstance(slope, Const):
        return Const(np.broadcast_to(slope.value, site.shape))
    return slope if site.in_shape(name) == site.shape else None


def _multiplied(site: Site, slopes: dict[Ref, Slope]) -> Slope:
    """q w: a number times w, where w does not depend on q."""
    moves = [name for name in ("self", "other") if _moves(site, name, slopes)]
    if len(moves) != 1:
        return None
    slope = _slope_of(site, moves[0], slopes)
    factor: Arg = site.arg("other" if moves[0] == "self" else "self")
    if not isinstance(factor, Ref):
        return _spread(site, _times(slope, plain(factor)), moves[0])
    if not isinstance(slope, Const) or slope.value.size == 0 or float(np.ptp(slope.value)) != 0.0:
        return None
    kind = site.run.type_of(factor)
    if site.run.shape(kind) != site.shape or kind.dtype != "float":
        return None
    return Scaled(float(slope.value.reshape(-1)[0]), site.run.first(factor))


def _summed(site: Site, slope: Slope) -> Slope:
    """A sum or a mean: of numbers; or of something that sums to one along the dimension."""
    axes = site.axes()
    count = site.count(axes) if site.op.startswith("mean") else 1
    if isinstance(slope, Const):
        full = np.broadcast_to(slope.value, site.in_shape())
        return Const(np.asarray(full.sum(axis=axes, keepdims=site.keepdim)) / count)
    if isinstance(slope, Scaled):
        known = sum_of(site.run, slope.ref, axes)
        return None if known is None else Const(np.full(site.shape, slope.factor * known / count))
    return None


def _joined(site: Site, slopes: dict[Ref, Slope]) -> Slope:
    """cat and stack of numbers (what does not move counts as 0)."""
    parts: list[Reals] = []
    for ref in cast(tuple[Ref, ...], site.arg("tensors")):
        slope = slopes.get(ref, Const(np.zeros(site.run.shape(site.run.type_of(ref)))))
        if not isinstance(slope, Const):
            return None
        parts.append(np.broadcast_to(slope.value, site.run.shape(site.run.type_of(ref))))
    glue = np.concatenate if site.op == "cat" else np.stack
    return Const(np.asarray(glue(parts, axis=site.axis(rank=len(site.shape)))))


def sum_of(run: Run, ref: Ref, axes: tuple[int, ...]) -> float | None:
    """What a value sums to along the dimensions, if that is a known number; with its factors taken out."""
    node = run.node_of(run.first(ref))
    if node is None:
        return None
    site = Site(run, node, run.first(ref).id - FIRST_NODE)
    if site.op in _SAME:
        return sum_of(run, site.ref("self"), axes)
    if site.op in ("mul.Tensor", "div.Tensor"):
        for value, factor in (("self", "other"), ("other", "self")):
            if not isinstance(site.arg(factor), Ref) and (site.op == "mul.Tensor" or factor == "other"):
                inner = sum_of(run, site.ref(value), axes)
                number = site.num(factor)
                number = number if site.op == "mul.Tensor" else 1.0 / number if number else 0.0
                fits = inner is not None and 1e-6 <= abs(number) <= 1e6
                return inner * number if inner is not None and fits else None
    return 1.0 if _sums_to_one(run, site, axes) else None


def _sums_to_one(run: Run, site: Site, axes: tuple[int, ...]) -> bool:
    """A softmax, or `x / sum(x)` without an epsilon."""
    wide = [axis for axis in axes if site.shape[axis] != 1]
    if site.op == "_softmax":
        return wide == [site.axis()] or (not wide and site.axis() in axes)
    if site.op != "div.Tensor" or not isinstance(site.arg("self"), Ref) or not isinstance(site.arg("other"), Ref):
        return False
    below = run.first(site.ref("other"))
    total = run.node_of(below)
    if total is not None and total.op == "unsqueeze":
        below = run.first(cast(Ref, total.args[0]))
        total = run.node_of(below)
    if total is None or total.op != "sum.dim_IntList":
        return False
    inner = Site(run, total, below.id - FIRST_NODE)
    if not adds_as_is(run, below):
        return False
    same = run.first(inner.ref("self")) == run.first(site.ref("self"))
    kept = run.shape(run.type_of(site.ref("other"))) == tuple(
        1 if k in inner.axes() else s for k, s in enumerate(site.shape)
    )
    return same and kept and set(inner.axes()) == set(axes)
