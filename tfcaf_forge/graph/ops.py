"""THE op table: every operation that a graph may hold, and what each part of the house knows about it.

A row names an ATen overload, the arguments that the graph keeps (by their ATen names; the rest must have
their default), and the rules by which the other modules reason about it. Verify, interpret, print, prove and
lower all key on this table; `tests/graph/test_ops.py` asserts that each is total over it. An operation that
is not here does not exist.

Argument kinds::

    t   tensor            t?  tensor or None          tl  list of tensors      tn  list of tensors and None
    v   tensor or number  n   number                  n?  number or None       b   bool
    i   integer           i?  integer or None         il  list of integers     il? the same or None
    z   list of sizes (an integer, or a multiple of the batch)                 d?  dtype or None
    e   integer, a multiple of the batch, or None (the end of a slice)         c   constant data
    m?  rounding mode: None, "trunc" or "floor"

Batch rules (is row i of the output a function of row i of the inputs alone?) are explained in `graph.batch`,
linear rules (how the output depends on the tensor arguments) in `graph.affine`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

BatchRule = Literal[
    "pointwise", "reduce", "along", "unsqueeze", "squeeze", "permute", "transpose", "select", "slice", "view",
    "expand", "repeat", "join", "stack", "index", "gather", "matmul", "pad", "write", "factory", "rows", "like",
    "const",
]  # fmt: skip
LinearRule = Literal["none", "joint", "bilinear", "first", "where", "write", "fill"]

DTYPES = ("float", "int", "bool")
"""The three element types. `float` is the kernel's working type: float32 unless its inputs say otherwise."""

INPUTS = ("local_q", "state")
"""The graph's inputs, values 0 and 1: [B, N] and [B, S]."""


class Param(NamedTuple):
    """One argument: its ATen name and its kind."""

    name: str
    kind: str


class Op(NamedTuple):
    """One row of the table.

    Attributes:
        name: ATen name and overload (`sum.dim_IntList`; `abs` stands for `abs.default`); `const` is our own.
        params: the arguments that the graph keeps, in order.
        batch: name of its batch rule.
        linear: name of its linear rule.
        smooth: False where the output is piecewise constant in its inputs (no gradient passes).
    """

    name: str
    params: tuple[Param, ...]
    batch: BatchRule
    linear: LinearRule = "none"
    smooth: bool = True

    @property
    def aten(self) -> tuple[str, str]:
        """ATen packet and overload name."""
        packet, _, overload = self.name.partition(".")
        return packet, overload or "default"


def _row(name: str, params: str, batch: BatchRule, linear: LinearRule = "none", *, smooth: bool = True) -> Op:
    pairs = (item.split(":") for item in params.split())
    return Op(name, tuple(Param(*pair) for pair in pairs), batch, linear, smooth)


def _rows(names: str, params: str, batch: BatchRule, linear: LinearRule = "none", *, smooth: bool = True) -> list[Op]:
    return [_row(name, params, batch, linear, smooth=smooth) for name in names.split()]


_TABLE: list[Op] = [
    # constants and tensors made from nothing
    _row("const", "data:c", "const"),
    _row("zeros", "size:z dtype:d?", "factory"),
    _row("ones", "size:z dtype:d?", "factory"),
    _row("full", "size:z fill_value:n dtype:d?", "factory"),
    _row("scalar_tensor", "s:n dtype:d?", "factory"),
    _row("eye", "n:i dtype:d?", "factory"),
    _row("eye.m", "n:i m:i dtype:d?", "factory"),
    _row("arange", "end:e dtype:d?", "rows"),
    _row("arange.start", "start:n end:e dtype:d?", "rows"),
    _row("arange.start_step", "start:n end:e step:n dtype:d?", "rows"),
    _row("linspace", "start:n end:n steps:i dtype:d?", "factory"),
    *_rows("zeros_like ones_like", "self:t dtype:d?", "like", smooth=False),
    _row("full_like", "self:t fill_value:n dtype:d?", "like", smooth=False),
    *_rows("new_zeros new_ones", "self:t size:z dtype:d?", "factory", smooth=False),
    _row("new_full", "self:t size:z fill_value:n dtype:d?", "factory", smooth=False),
    # the same values in another guise
    *_rows("clone alias lift_fresh lift_fresh_copy", "self:t", "pointwise", "joint"),
    _row("detach", "self:t", "pointwise"),
    _row("_to_copy", "self:t dtype:d?", "pointwise", "joint"),
    _row("copy", "self:t src:t", "pointwise", "write"),
    # one number in, one number out
    _row("neg", "self:t", "pointwise", "joint"),
    *_rows(
        "abs exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal sigmoid tanh relu sin cos atan erf silu",
        "self:t",
        "pointwise",
    ),
    *_rows("sinh cosh tan", "self:t", "pointwise"),
    *_rows("sign sgn floor ceil round trunc logical_not bitwise_not isnan isinf", "self:t", "pointwise", smooth=False),
    _row("softplus", "self:t beta:n threshold:n", "pointwise"),
    _row("elu", "self:t alpha:n scale:n input_scale:n", "pointwise"),
    _row("leaky_relu", "self:t negative_slope:n", "pointwise"),
    _row("hardtanh", "self:t min_val:n max_val:n", "pointwise"),
    _row("gelu", "self:t", "pointwise"),
    _row("nan_to_num", "self:t nan:n? posinf:n? neginf:n?", "pointwise"),
    _row("clamp", "self:t min:n? max:n?", "pointwise"),
    _row("clamp.Tensor", "self:t min:t? max:t?", "pointwise"),
    _row("clamp_min", "self:t min:n", "pointwise"),
    _row("clamp_max", "self:t max:n", "pointwise"),
    # arithmetic
    _row("add.Tensor", "self:v other:v alpha:n", "pointwise", "joint"),
    _row("sub.Tensor", "self:v other:v alpha:n", "pointwise", "joint"),
    _row("rsub.Scalar", "self:t other:n alpha:n", "pointwise", "joint"),
    _row("mul.Tensor", "self:v other:v", "pointwise", "bilinear"),
    _row("div.Tensor", "self:v other:v", "pointwise", "first"),
    _row("div.Tensor_mode", "self:v other:v rounding_mode:m?", "pointwise"),
    _row("floor_divide", "self:v other:v", "pointwise", smooth=False),
    *_rows("remainder.Scalar fmod.Scalar", "self:t other:n", "pointwise"),
    *_rows("remainder.Tensor fmod.Tensor", "self:t other:t", "pointwise"),
    _row("pow.Tensor_Scalar", "self:t exponent:n", "pointwise"),
    _row("pow.Tensor_Tensor", "self:t exponent:t", "pointwise"),
    _row("pow.Scalar", "self:n exponent:t", "pointwise"),
    *_rows("maximum minimum atan2 fmax fmin", "self:t other:t", "pointwise"),
    # comparison, logic, choice
    *_rows("eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor", "self:t other:v", "pointwise", smooth=False),
    *_rows("eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar", "self:t other:n", "pointwise", smooth=False),
    *_rows(
        "logical_and logical_or logical_xor bitwise_and.Tensor bitwise_or.Tensor bitwise_xor.Tensor",
        "self:t other:v",
        "pointwise",
        smooth=False,
    ),
    *_rows("bitwise_and.Scalar bitwise_or.Scalar bitwise_xor.Scalar", "self:t other:n", "pointwise", smooth=False),
    _row("where.self", "condition:t self:t other:t", "pointwise", "where"),
    _row("masked_fill.Scalar", "self:t mask:t value:n", "pointwise", "fill"),
    _row("masked_fill.Tensor", "self:t mask:t value:t", "pointwise", "fill"),
    # reductions
    _row("sum", "self:t dtype:d?", "reduce", "joint"),
    _row("sum.dim_IntList", "self:t dim:il? keepdim:b dtype:d?", "reduce", "joint"),
    _row("mean", "self:t dtype:d?", "reduce", "joint"),
    _row("mean.dim", "self:t dim:il? keepdim:b dtype:d?", "reduce", "joint"),
    _row("prod.dim_int", "self:t dim:i keepdim:b dtype:d?", "reduce"),
    *_rows("amax amin", "self:t dim:il keepdim:b", "reduce"),
    *_rows("max.dim min.dim", "self:t dim:i keepdim:b", "reduce"),
    *_rows("max min", "self:t", "reduce"),
    *_rows("argmax argmin", "self:t dim:i? keepdim:b", "reduce", smooth=False),
    *_rows("any.dim all.dim", "self:t dim:i keepdim:b", "reduce", smooth=False),
    *_rows("any.dims all.dims", "self:t dim:il? keepdim:b", "reduce", smooth=False),
    *_rows("any all", "self:t", "reduce", smooth=False),
    *_rows("var.correction std.correction", "self:t dim:il? correction:n? keepdim:b", "reduce"),
    _row("linalg_vector_norm", "self:t ord:n dim:il? keepdim:b dtype:d?", "reduce"),
    _row("logsumexp", "self:t dim:il keepdim:b", "reduce"),
    # along one dimension, shape kept
    *_rows("_softmax _log_softmax", "self:t dim:i half_to_float:b", "along"),
    _row("cumsum", "self:t dim:i dtype:d?", "along", "joint"),
    _row("cumprod", "self:t dim:i dtype:d?", "along"),
    _row("sort", "self:t dim:i descending:b", "along"),
    _row("topk", "self:t k:i dim:i largest:b sorted:b", "along"),
    _row("flip", "self:t dims:il", "along", "joint"),
    # products
    *_rows("mm bmm", "self:t mat2:t", "matmul", "bilinear"),
    _row("mv", "self:t vec:t", "matmul", "bilinear"),
    _row("dot", "self:t tensor:t", "matmul", "bilinear"),
    # shape
    *_rows("view _unsafe_view", "self:t size:z", "view", "joint"),
    _row("expand", "self:t size:z", "expand", "joint"),
    _row("repeat", "self:t repeats:z", "repeat", "joint"),
    _row("unsqueeze", "self:t dim:i", "unsqueeze", "joint"),
    _row("squeeze", "self:t", "squeeze", "joint"),
    _row("squeeze.dim", "self:t dim:i", "squeeze", "joint"),
    _row("squeeze.dims", "self:t dim:il", "squeeze", "joint"),
    _row("permute", "self:t dims:il", "permute", "joint"),
    _row("transpose.int", "self:t dim0:i dim1:i", "transpose", "joint"),
    _row("t", "self:t", "transpose", "joint"),
    _row("select.int", "self:t dim:i index:i", "select", "joint"),
    _row("slice.Tensor", "self:t dim:i start:i? end:e step:i", "slice", "joint"),
    _row("split.Tensor", "self:t split_size:i dim:i", "along", "joint"),
    _row("split_with_sizes", "self:t split_sizes:il dim:i", "along", "joint"),
    _row("unbind.int", "self:t dim:i", "select", "joint"),
    _row("cat", "tensors:tl dim:i", "join", "joint"),
    _row("stack", "tensors:tl dim:i", "stack", "joint"),
    _row("constant_pad_nd", "self:t pad:il value:n", "pad", "fill"),
    # picking and placing
    _row("index.Tensor", "self:t indices:tn", "index", "first"),
    _row("gather", "self:t dim:i index:t", "gather", "first"),
    _row("index_select", "self:t dim:i index:t", "gather", "first"),
    _row("select_scatter", "self:t src:t dim:i index:i", "write", "joint"),
    _row("slice_scatter", "self:t src:t dim:i start:i? end:e step:i", "write", "joint"),
    _row("scatter.value", "self:t dim:i index:t value:n", "write", "fill"),
    _row("scatter.src", "self:t dim:i index:t src:t", "write"),
    *_rows("tril triu", "self:t diagonal:i", "along", "joint"),
]

TABLE: dict[str, Op] = {op.name: op for op in _TABLE}
"""The table by name."""
