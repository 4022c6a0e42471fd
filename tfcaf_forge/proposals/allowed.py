"""What a function may call, for prompts: derived from the op table.

Each name stands with the rows of `graph.ops.TABLE` that it needs, and is stated only while the table has them all.
Tests hold the other ends together: every name exists in the sandbox, and every row of the table is stated here or
listed as needing no name.
"""

from __future__ import annotations

from typing import NamedTuple

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
    "matmul": "mm bmm mv", "dot": "dot", "einsum": "bmm mul.Tensor sum.dim_IntList", "outer": "mul.Tensor",
    # shape
    "reshape": "view _unsafe_view", "broadcast_to": "expand", "tile": "repeat", "unsqueeze": "unsqueeze",
    "squeeze": "squeeze squeeze.dim squeeze.dims", "permute": "permute", "transpose": "transpose.int t",
    "select": "select.int", "narrow": "slice.Tensor", "split": "split.Tensor split_with_sizes", "chunk": "split.Tensor",
    "flatten": "view",
    "unbind": "unbind.int", "cat": "cat", "stack": "stack",
    # picking and placing
    "gather": "gather", "index_select": "index_select", "scatter": "scatter.value scatter.src",
    "select_scatter": "select_scatter", "slice_scatter": "slice_scatter", "tril": "tril", "triu": "triu",
}  # fmt: skip
_F: dict[str, str] = {
    "softmax": "_softmax", "log_softmax": "_log_softmax", "relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh",
    "softplus": "softplus", "elu": "elu", "leaky_relu": "leaky_relu", "gelu": "gelu", "silu": "silu",
    "hardtanh": "hardtanh", "pad": "constant_pad_nd", "one_hot": "eq.Tensor arange",
    "normalize": "linalg_vector_norm div.Tensor", "softmin": "_softmax", "cosine_similarity": "linalg_vector_norm",
}  # fmt: skip
SILENT = frozenset({"alias", "lift_fresh", "lift_fresh_copy", "detach", "_to_copy", "copy", "index.Tensor"})
"""Rows that need no name: conversions, copies, and plain indexing, which the prompt shows as `x[:, i]`."""


class Form(NamedTuple):
    """A way of writing: how a prompt names it, and lines of a function of (local_q, state) that show it."""

    said: str
    shown: str


REFUSED = (
    Form("`if` or `while` on values of tensors (write `torch.where(condition, a, b)`)", "if state.sum() > 0:\n    local_q = -local_q"),
    Form("boolean masks as indices (write `torch.where`)", "x = state.clone()\nx[x < 0] = 0.0"),
    Form("`max` and `min` of Python on tensors (write `torch.maximum(a, b)`)", "x = max(state[:, 0], state[:, 1])"),
    Form("`.item()` and `float(tensor)`", "x = state[0, 0].item()"),
    Form("`torch.tensor` of other tensors (write `torch.stack`)", "x = torch.tensor([state[0, 0], state[0, 1]])"),
    Form("`one_hot` without `num_classes`", "x = F.one_hot(state[:, 0].long().clamp(0, 1))"),
    Form("loops over rows", "for row in state:\n    x = row"),
    Form("in-place methods such as `add_`", "x = local_q.clone()\nx.add_(1.0)"),
    Form("writing to `local_q` or `state`", "local_q[:, 0] = 0.0"),
    Form("`lambda`", "f = lambda x: x"),
    Form("classes", "class A:\n    pass"),
    Form("dictionaries", "x = {'a': 1.0}"),
    Form("f-strings and `print`", "x = f'{state}'"),
    Form("`try`, `with` and `raise`", "try:\n    x = state\nexcept ValueError:\n    x = local_q"),
    Form("imports other than torch, torch.nn.functional and math", "import numpy as np"),
    Form("random numbers", "x = torch.rand(2)"),
    Form("modules with parameters (`torch.nn.Linear`)", "x = torch.nn.Linear(2, 1)"),
    Form("`.cuda()`", "x = local_q.cuda()"),
    Form("`.double()`", "x = local_q.double()"),
)  # fmt: skip
"""What models often write and the sandbox refuses; a test has the sandbox refuse each as it is shown."""
TAKEN = (
    Form("slices, and assignment to slices of tensors you made", "x = state.clone()\nx[:, 0] = local_q[:, 0]"),
    Form("`for` over `range` of a constant, `enumerate`, `zip`", "for i in range(2):\n    x = state[:, i]"),
    Form("`if` on constants and shapes", "if state.shape[1] > 1:\n    x = state"),
    Form("lists and comprehensions", "x = [state[:, i] for i in range(2)]\nx.append(local_q[:, 0])"),
    Form("helper functions, also with default values", "def f(x, scale=2.0):\n    return x * scale\nx = f(state)"),
    Form("`math` for plain numbers", "x = math.sqrt(2.0)"),
    Form("`min`, `max`, `sum`, `abs`, `len` of plain numbers and lists", "x = max([1.0, 2.0])"),
    Form("`.float()`, `.long()`, `.bool()`", "x = state.long().float()"),
)
"""What prompts promise beside the names; a test has the sandbox take each."""


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
