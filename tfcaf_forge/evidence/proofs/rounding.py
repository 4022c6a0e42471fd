"""How far rounding can move Q_tot while the gradient says that it rises.

The gradient of `((q + 1e8) - 1e8)` is 1 everywhere, but in float32 the value moves in steps of 8, and a difference
of two such terms falls where its gradient is positive. So a gradient that is nowhere negative is called a proof of
monotonicity only where rounding cannot undo it. An operation that computes v from a local Q-value errs by at most
some units of v (of the sum of magnitudes, where it adds), and the gradient that arrives at v says how much of the
error reaches Q_tot: the sum of these products bounds what rounding does to first order. Values that rise to the last
bit (`order`) cannot be undone: where the rest of the graph rises with them, only the errors of the rest count.

`nan_to_num` does worse: where it replaces something, the value jumps and the gradient is 0. There the bound is
infinite.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import INF, UNIT, Reals, Val, raw
from tfcaf_forge.evidence.proofs.order import ways
from tfcaf_forge.evidence.proofs.site import Run, Site
from tfcaf_forge.evidence.proofs.transfer.reduce import matrix_product
from tfcaf_forge.graph.opgraph import FIRST_NODE, Ref
from tfcaf_forge.graph.ops import TABLE

LIMIT = 5e-6
"""How far rounding may move Q_tot: a fall has two ends, and trials of monotone and igm allow 1e-5 where Q_tot is 0."""


class Noise:
    """Collects, on the way back, how far rounding may move Q_tot, [cells].

    Args:
        run: the forward pass.
    """

    def __init__(self, run: Run) -> None:
        """Nothing has been added."""
        self._run, self._ways = run, ways(run)
        self._added: list[tuple[int, Reals]] = []
        end = self._ways[run.graph.output.id]
        self._aligned = end.up | ~end.sure

    def add(self, index: int, gradients: tuple[Val | None, ...]) -> None:
        """A node and the gradients that arrived at its outputs."""
        self._added.append((index, moved(self._run, index, gradients)))

    def passed(self, index: int, ref: Ref, part: Val) -> None:
        """What a node passes back to an argument: it has to agree with the way an exact argument moves."""
        way, kind = self._ways[ref.id], self._run.type_of(ref)
        rises, falls = (~self._run.per_cell(bad | part.nan, kind) for bad in (part.lo < 0.0, part.hi > 0.0))
        agrees = (way.up & rises) | (way.down & falls) | ~way.sure
        self._aligned = self._aligned & (agrees | self._ways[index + FIRST_NODE].sure)

    def total(self) -> tuple[Reals, int | None]:
        """The noise, and the node that adds most to it; exact nodes count only where something goes against them."""
        total, loudest, most = np.zeros(self._run.cells), None, 0.0
        for index, added in self._added:
            counted = np.where(self._aligned & self._ways[index + FIRST_NODE].sure, 0.0, added)
            total = total + counted
            if float(counted.max()) > most:
                most, loudest = float(counted.max()), index
        return total, loudest


_ADDS = ("sum", "sum.dim_IntList", "mean", "mean.dim", "cumsum")
_FEW_UNITS = ("add.Tensor", "sub.Tensor", "rsub.Scalar", "mul.Tensor", "div.Tensor", "sqrt", "reciprocal")
_EXACT = (
    "clone", "alias", "lift_fresh", "lift_fresh_copy", "detach", "_to_copy", "copy", "neg", "abs", "relu", "clamp",
    "clamp.Tensor", "clamp_min", "clamp_max", "hardtanh", "maximum", "minimum", "fmax", "fmin", "where.self",
    "masked_fill.Scalar", "masked_fill.Tensor", "nan_to_num", "amax", "amin", "max", "min", "max.dim", "min.dim",
    "sort", "topk", "flip", "split.Tensor", "split_with_sizes", "tril", "triu",
)  # fmt: skip
"""Pointwise operations, reductions and scans that hand numbers on as they are."""


def moved(run: Run, index: int, gradients: tuple[Val | None, ...]) -> Reals:
    """By how much one node's rounding moves Q_tot, [cells].

    Args:
        gradients: what arrived at each of its outputs.
    """
    site = Site(run, run.graph.nodes[index], index)
    total = np.zeros(run.cells)
    if site.op == "nan_to_num":
        total = np.where(run.per_cell(site.flt("self").hazard, site.type("self")), INF, total)
    for gradient, value, kind in zip(gradients, run.values[index + 2], site.kinds, strict=True):
        error = _error(site, value) if gradient is not None and kind.dtype == "float" else None
        if gradient is None or error is None:
            continue
        size = np.broadcast_to(gradient.size, run.shape(kind))
        total = total + _by_cell(np.where(size == 0.0, 0.0, size * error), len(kind.shape), run.cells)
    return np.where(np.isnan(total), INF, total)


def _by_cell(x: Reals, rank: int, cells: int) -> Reals:
    """Summed over all but the first dimension, which holds the cells (a value that has none counts in all)."""
    apart = rank > 0 and x.shape[0] == cells
    return np.asarray(x.sum(axis=tuple(range(1, rank)))) if apart else np.full(cells, float(x.sum()))


def _error(site: Site, value: Val) -> Reals | None:
    """Largest rounding error of each element; None where an operation is exact."""
    op, rule = site.op, TABLE[site.op].batch
    if op in _ADDS:
        axes = site.axes()
        sizes = arith.absolute(site.flt("self")).hi.sum(axis=axes, keepdims=True)
        sizes = sizes if site.keepdim or op == "cumsum" else sizes.reshape(site.shape)
        divided = site.count(axes) if op.startswith("mean") else 1
        steps = max(site.count(axes) - 1, 0) + (1 if divided > 1 else 0)
        return np.asarray(sizes * (steps * UNIT / divided))
    if rule == "matmul":
        return _of_product(site)
    if op in _EXACT or rule not in ("pointwise", "reduce", "along"):
        return None
    if op == "elu":
        most = abs(site.num("alpha") * site.num("scale"))
        return 2.0 * UNIT * (value.size if site.num("scale") != 1.0 else 0.0) + 8.0 * UNIT * np.minimum(
            value.size, most
        )
    if op == "logsumexp":
        return UNIT * (2.0 * value.size + 32.0 + site.count(site.axes()))
    return value.size * (UNIT * (2.0 if op in _FEW_UNITS else 32.0))


def _of_product(site: Site) -> Reals:
    """n units of the product of magnitudes, with n terms an element."""
    right = {"mm": "mat2", "bmm": "mat2", "mv": "vec", "dot": "tensor"}[site.op]
    a, b = arith.absolute(site.flt("self")), arith.absolute(site.flt(right))
    high = matrix_product(raw(a.hi, a.hi, False, False), raw(b.hi, b.hi, False, False), site.op).hi
    return high * (a.shape[-1] * UNIT)
