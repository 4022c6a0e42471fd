"""What a function may call, for prompts: derived from the op table.

Each name stands with the rows of `graph.ops.TABLE` that it needs, and is stated only while the table has them all.
Tests hold the other ends together: every name exists in the sandbox, and every row of the table is stated here or
listed as needing no name.
"""

from __future__ import annotations

from tfcaf_forge.graph.ops import TABLE

_TORCH: dict[str, str] = {
    # made from nothing
    "zeros": "zeros", "ones": "ones", "full": "full", "tensor": "const scalar_tensor", "eye": "eye eye.m",
    "arange": "arange arange.start arange.start_step", "linspace": "linspace",
    "zeros_like": "zeros_like new_zeros", "ones_like": "ones_like new_ones", "full_like": "full_like new_full",
    "clone": "clone",
    # one number in, one number out
    "abs": "abs", "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10",
    "sqrt": "sqrt", "rsqrt": "rsqrt", "reciprocal": "reciprocal", "square": "pow.Tensor_Scalar", "sigmoid": "sigmoid",
    "tanh": "tanh", "relu": "relu", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "atan": "atan", "erf": "erf", "neg": "neg", "sign": "sign sgn", "floor": "floor", "ceil": "ceil",
    "round": "round", "trunc": "trunc", "nan_to_num": "nan_to_num", "isnan": "isnan", "isinf": "isinf",
    "clamp": "clamp clamp.Tensor clamp_min clamp_max",
    # arithmetic
    "add": "add.Tensor", "sub": "sub.Tensor rsub.Scalar", "mul": "mul.Tensor",
    "div": "div.Tensor div.Tensor_mode", "floor_divide": "floor_divide",
    "remainder": "remainder.Scalar remainder.Tensor", "fmod": "fmod.Scalar fmod.Tensor",
    "pow": "pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar", "maximum": "maximum fmax", "minimum": "minimum fmin",
    "atan2": "atan2",
    # comparison, logic, choice
    "eq": "eq.Tensor eq.Scalar", "ne": "ne.Tensor ne.Scalar", "lt": "lt.Tensor lt.Scalar",
    "le": "le.Tensor le.Scalar", "gt": "gt.Tensor gt.Scalar", "ge": "ge.Tensor ge.Scalar",
    "logical_and": "logical_and bitwise_and.Tensor bitwise_and.Scalar",
    "logical_or": "logical_or bitwise_or.Tensor bitwise_or.Scalar",
    "logical_xor": "logical_xor bitwise_xor.Tensor bitwise_xor.Scalar", "logical_not": "logical_not bitwise_not",
    "where": "where.self", "masked_fill": "masked_fill.Scalar masked_fill.Tensor",
    # reductions
    "sum": "sum sum.dim_IntList", "mean": "mean mean.dim", "prod": "prod.dim_int", "amax": "amax", "amin": "amin",
    "max": "max max.dim", "min": "min min.dim", "argmax": "argmax", "argmin": "argmin",
    "any": "any any.dim any.dims", "all": "all all.dim all.dims", "var": "var.correction", "std": "std.correction",
    "norm": "linalg_vector_norm", "logsumexp": "logsumexp",
    # along one dimension
    "softmax": "_softmax", "log_softmax": "_log_softmax", "cumsum": "cumsum", "cumprod": "cumprod", "sort": "sort",
    "topk": "topk", "flip": "flip",
    # products
    "matmul": "mm bmm mv", "dot": "dot",
    # shape
    "reshape": "view _unsafe_view", "broadcast_to": "expand", "tile": "repeat", "unsqueeze": "unsqueeze",
    "squeeze": "squeeze squeeze.dim squeeze.dims", "permute": "permute", "transpose": "transpose.int t",
    "select": "select.int", "narrow": "slice.Tensor", "split": "split.Tensor split_with_sizes",
    "unbind": "unbind.int", "cat": "cat", "stack": "stack",
    # picking and placing
    "gather": "gather", "index_select": "index_select", "scatter": "scatter.value scatter.src",
    "select_scatter": "select_scatter", "slice_scatter": "slice_scatter", "tril": "tril", "triu": "triu",
}  # fmt: skip
_F: dict[str, str] = {
    "softmax": "_softmax", "log_softmax": "_log_softmax", "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh",
    "softplus": "softplus", "elu": "elu", "leaky_relu": "leaky_relu", "gelu": "gelu", "silu": "silu",
    "hardtanh": "hardtanh", "pad": "constant_pad_nd", "one_hot": "eq.Tensor arange",
}  # fmt: skip
SILENT = frozenset({"alias", "lift_fresh", "lift_fresh_copy", "detach", "_to_copy", "copy", "index.Tensor"})
"""Rows that need no name: conversions, copies, and plain indexing, which the prompt shows as `x[:, i]`."""


def torch_names() -> tuple[str, ...]:
    """Functions of `torch` that the op table knows."""
    return _known(_TORCH)


def functional_names() -> tuple[str, ...]:
    """Functions of `torch.nn.functional` (`F`) that the op table knows."""
    return _known(_F)


def stated_rows() -> frozenset[str]:
    """Rows of the op table that some name stands for."""
    return frozenset(row for rows in (*_TORCH.values(), *_F.values()) for row in rows.split())


def _known(names: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name, rows in names.items() if all(row in TABLE for row in rows.split()))
