"""Which values rise with every local Q-value to the last bit, rounding included, and which fall.

Rounding is monotone: x <= y implies fl(x op z) <= fl(y op z) for sums, products with numbers of one sign, maxima,
choices that do not depend on local_q, and whatever only moves elements. A value that is made of local_q by such
operations alone moves in one direction, however coarsely it is rounded. A difference of two values that both rise
does not, and neither does what a curve makes of them: its kernel is good to some units only.

A value is taken as a whole: it rises where all of its elements do. A sum adds in an order that does not depend on
what is added.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from tfcaf_forge.evidence.proofs.domains import Mask, Val
from tfcaf_forge.evidence.proofs.site import Run, number
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, Node, Ref
from tfcaf_forge.graph.ops import TABLE

_SHAPES = ("factory", "like", "rows", "const")
"""Kinds of operations that read at most a shape."""
_MOVES = (
    "view",
    "expand",
    "repeat",
    "unsqueeze",
    "squeeze",
    "permute",
    "transpose",
    "select",
    "slice",
    "join",
    "stack",
)
_INCREASING = (
    "clone", "alias", "lift_fresh_copy", "_to_copy", "relu", "clamp", "clamp.Tensor", "clamp_min", "clamp_max",
    "hardtanh", "maximum", "minimum", "amax", "amin", "max", "min", "max.dim", "min.dim", "sort", "topk", "sum",
    "sum.dim_IntList", "mean", "mean.dim", "cumsum", "flip", "split.Tensor", "split_with_sizes", "tril", "triu",
    "constant_pad_nd", "select_scatter", "slice_scatter", "sqrt",
)  # fmt: skip
"""Operations that rise with every tensor that they are given; correctly rounded, or exact."""
_PICKING = {
    "where.self": "condition",
    "masked_fill.Scalar": "mask",
    "masked_fill.Tensor": "mask",
    **dict.fromkeys(("gather", "index_select", "scatter.value"), "index"),
}
"""Operations that rise with what they hand on, where the argument that decides does not depend on local_q."""
_PRODUCTS = {"mul.Tensor": "other", "mm": "mat2", "bmm": "mat2", "mv": "vec", "dot": "tensor"}
"""Products, and sums of products, by the name of their right operand."""


class Way(NamedTuple):
    """Cells in which a value never falls (never rises) when a local Q-value rises, [cells]; both: it stays.

    Attributes:
        moves: whether it depends on local_q at all.
    """

    up: Mask
    down: Mask
    moves: bool

    @property
    def sure(self) -> Mask:
        """Cells in which its direction is known."""
        return self.up | self.down

    def turned(self) -> Way:
        """The direction of its opposite."""
        return Way(self.down, self.up, self.moves)

    def where(self, cells: Mask) -> Way:
        """Known in some cells only."""
        return Way(self.up & cells, self.down & cells, self.moves)


def ways(run: Run) -> list[Way]:
    """The direction of every value of a run (all outputs of a node share one)."""
    every, none = np.ones(run.cells, np.bool_), np.zeros(run.cells, np.bool_)
    found = [Way(every, none, True), Way(every, every, False)]
    for index, node in enumerate(run.graph.nodes):
        reads = bool(run.values[index + FIRST_NODE]) and TABLE[node.op].batch not in _SHAPES
        moves = reads and any(found[ref.id].moves for ref in node.refs())
        found.append(_way(run, node, found) if moves else Way(every, every, False))
    return found


def _way(run: Run, node: Node, found: list[Way]) -> Way:
    """The direction of a node that depends on local_q."""
    args, op = node.named(), node.op
    never = Way(np.zeros(run.cells, np.bool_), np.zeros(run.cells, np.bool_), True)

    def of(arg: Arg) -> Way:
        return found[arg.id] if isinstance(arg, Ref) else found[1]

    if TABLE[op].batch in _MOVES or op in _INCREASING:
        return _together([found[ref.id] for ref in node.refs()])
    if op == "neg":
        return of(args["self"]).turned()
    if op in ("add.Tensor", "sub.Tensor", "rsub.Scalar"):
        return _linear(op, args, of(args["self"]), of(args["other"]))
    if op == "leaky_relu":
        return of(args["self"]).where(np.full(run.cells, bool((number(args["negative_slope"]).lo >= 0.0).all())))
    if op == "pow.Tensor_Scalar":
        return _powered(run, of(args["self"]), cast(Ref, args["self"]), args["exponent"])
    if op in _PICKING or op == "index.Tensor":
        refs = list(node.refs())
        deciding = [cast(Ref, args[_PICKING[op]])] if op in _PICKING else refs[1:]
        return never if any(of(ref).moves for ref in deciding) else _together([found[ref.id] for ref in refs])
    if op == "div.Tensor":
        return never if of(args["other"]).moves else _by_sign(run, of(args["self"]), args["other"], zero=False)
    if op in _PRODUCTS:
        left, right = args["self"], args[_PRODUCTS[op]]
        if of(left).moves and of(right).moves:
            return never
        return _by_sign(run, of(left), right) if of(left).moves else _by_sign(run, of(right), left)
    return never


def _together(parts: list[Way]) -> Way:
    up = np.logical_and.reduce([part.up for part in parts])
    return Way(up, np.logical_and.reduce([part.down for part in parts]), True)


def _linear(op: str, args: dict[str, Arg], left: Way, right: Way) -> Way:
    """self + c other, self - c other, other - c self."""
    alpha = args["alpha"]
    scale = float(alpha) if isinstance(alpha, int | float) else np.nan
    scale = -scale if op != "add.Tensor" else scale
    if op == "rsub.Scalar":
        left, right = right, left
    if not scale >= 0:
        right = right.turned().where(np.full(right.up.shape, scale < 0))
    return _together([left, right])


def _powered(run: Run, way: Way, base: Ref, exponent: Arg) -> Way:
    """Squares and cubes are products; a square rises where its base is not negative."""
    if exponent == 2:
        return _by_sign(run, way, base)
    return way.where(np.full(run.cells, exponent in (1, 3, 0.5)))


def _by_sign(run: Run, way: Way, factor: Arg, *, zero: bool = True) -> Way:
    """Times (or divided by) something that does not move: turned where it is negative, lost where it has both signs."""
    known: Val = run.value(factor) if isinstance(factor, Ref) else number(factor)
    low, high = (known.lo < 0, known.hi > 0) if zero else (known.lo <= 0, known.hi >= 0)

    def nowhere(mask: Mask) -> Mask:
        bad = mask | known.nan
        return ~(run.per_cell(bad, run.type_of(factor)) if isinstance(factor, Ref) else np.full(run.cells, bad.any()))

    same, opposite = way.where(nowhere(low)), way.turned().where(nowhere(high))
    return Way(same.up | opposite.up, same.down | opposite.down, True)
