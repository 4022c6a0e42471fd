"""One small graph for every operation of the op table, ending in the value to look at.

Inputs are local_q [B, 3] (value 0) and state [B, 6] (value 1). An example is a list of nodes; the last one is the
operation itself. Values 2 to 8 are what `example` puts before it.
"""

from __future__ import annotations

from tfcaf_forge.graph.opgraph import Arg, BatchDim, Data, Node, OpGraph, Ref

N, S = 3, 6
B = BatchDim(1)
Q, STATE, POSITIVE, INTS, MASK, HALF, COLUMN = (Ref(i) for i in range(7))
END = (1 << 63) - 1


def const(dtype: str, shape: tuple[int, ...], *values: float) -> Node:
    return Node("const", (Data(dtype, shape, values),))


_UNARY = [
    "abs",
    "exp",
    "expm1",
    "sigmoid",
    "tanh",
    "relu",
    "sin",
    "cos",
    "atan",
    "erf",
    "silu",
    "sinh",
    "cosh",
    "tan",
    "neg",
    "clone",
    "alias",
    "lift_fresh",
    "lift_fresh_copy",
    "detach",
    "sign",
    "sgn",
    "floor",
    "ceil",
    "round",
    "trunc",
    "isnan",
    "isinf",
    "gelu",
]
_POSITIVE_ONLY = ["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal"]
_FLOAT_PAIRS = ["maximum", "minimum", "atan2", "fmax", "fmin", "remainder.Tensor", "fmod.Tensor", "pow.Tensor_Tensor"]
_COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]

EXAMPLES: dict[str, tuple[Arg, ...]] = {
    "const": (Data("float", (2,), (1.0, 2.5)),),
    "zeros": ((B, 2), None),
    "ones": ((B, 2), "int"),
    "full": ((B, 2), 0.5, None),
    "scalar_tensor": (0.5, None),
    "eye": (3, None),
    "eye.m": (3, 2, None),
    "arange": (B, None),
    "arange.start": (1, 4, None),
    "arange.start_step": (0, 6, 2, "float"),
    "linspace": (0.0, 1.0, 3, None),
    "zeros_like": (Q, None),
    "ones_like": (Q, "bool"),
    "full_like": (Q, 0.25, None),
    "new_zeros": (Q, (B, 1), None),
    "new_ones": (Q, (2, 2), None),
    "new_full": (Q, (B, 2), 3.0, None),
    "_to_copy": (Q, "int"),
    "copy": (Q, HALF),
    **dict.fromkeys(_UNARY, (Q,)),
    **dict.fromkeys(_POSITIVE_ONLY, (POSITIVE,)),
    "logical_not": (MASK,),
    "bitwise_not": (MASK,),
    "softplus": (Q, 1, 20),
    "elu": (Q, 1, 1, 1),
    "leaky_relu": (Q, 0.01),
    "hardtanh": (Q, -1, 1),
    "nan_to_num": (Q, 0.0, None, None),
    "clamp": (Q, -1, 1),
    "clamp.Tensor": (Q, None, HALF),
    "clamp_min": (Q, 0),
    "clamp_max": (Q, 0),
    "add.Tensor": (Q, HALF, 1),
    "sub.Tensor": (Q, 2.0, 1),
    "rsub.Scalar": (Q, 1, 1),
    "mul.Tensor": (Q, HALF),
    "div.Tensor": (Q, 2.0),
    "div.Tensor_mode": (Q, 2.0, "floor"),
    "floor_divide": (Q, 2.0),
    "remainder.Scalar": (Q, 2),
    "fmod.Scalar": (Q, 2),
    "pow.Tensor_Scalar": (Q, 2),
    "pow.Scalar": (2.0, Q),
    **dict.fromkeys(_FLOAT_PAIRS, (POSITIVE, POSITIVE)),
    **{f"{name}.Tensor": (Q, HALF) for name in _COMPARE},
    **{f"{name}.Scalar": (Q, 0) for name in _COMPARE},
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), (MASK, MASK)),
    **{f"bitwise_{name}.Tensor": (MASK, MASK) for name in ("and", "or", "xor")},
    **{f"bitwise_{name}.Scalar": (INTS, 1) for name in ("and", "or", "xor")},
    "where.self": (MASK, STATE, POSITIVE),
    "masked_fill.Scalar": (STATE, MASK, 0.0),
    "masked_fill.Tensor": (STATE, MASK, Ref(9)),
    "sum": (Q, None),
    "sum.dim_IntList": (Q, (1,), True, None),
    "mean": (Q, None),
    "mean.dim": (Q, (1,), False, None),
    "prod.dim_int": (Q, 1, True, None),
    "amax": (Q, (1,), True),
    "amin": (Q, (-1,), False),
    "max.dim": (Q, 1, True),
    "min.dim": (Q, 1, False),
    "max": (Q,),
    "min": (Q,),
    "argmax": (Q, 1, True),
    "argmin": (Q, None, False),
    "any.dim": (MASK, 1, True),
    "all.dim": (MASK, 1, False),
    "any.dims": (MASK, (1,), True),
    "all.dims": (MASK, None, False),
    "any": (MASK,),
    "all": (MASK,),
    "var.correction": (Q, (1,), 1, True),
    "std.correction": (Q, (1,), 0, True),
    "linalg_vector_norm": (Q, 2, (1,), True, None),
    "logsumexp": (Q, (1,), True),
    "_softmax": (Q, -1, False),
    "_log_softmax": (Q, 1, False),
    "cumsum": (Q, 1, None),
    "cumprod": (Q, 1, None),
    "sort": (Q, 1, False),
    "topk": (Q, 2, 1, True, True),
    "flip": (Q, (1,)),
    "mm": (Q, Ref(9)),
    "bmm": (Ref(9), Ref(10)),
    "mv": (Q, Ref(9)),
    "dot": (Ref(9), Ref(9)),
    "view": (STATE, (B, 2, 3)),
    "_unsafe_view": (STATE, (B, 3, 2)),
    "expand": (Ref(9), (B, 3)),
    "repeat": (Q, (1, 2)),
    "unsqueeze": (Q, 1),
    "squeeze": (Ref(9),),
    "squeeze.dim": (Ref(9), 1),
    "squeeze.dims": (Ref(9), (1,)),
    "permute": (Q, (1, 0)),
    "transpose.int": (Q, 0, 1),
    "t": (Q,),
    "select.int": (STATE, 1, 4),
    "slice.Tensor": (STATE, 1, 1, END, 2),
    "split.Tensor": (STATE, 2, 1),
    "split_with_sizes": (STATE, (1, 5), 1),
    "unbind.int": (STATE, 1),
    "cat": ((Q, STATE), 1),
    "stack": ((Q, HALF), 1),
    "constant_pad_nd": (Q, (1, 0), 0.0),
    "index.Tensor": (STATE, (None, Ref(9))),
    "gather": (Q, 1, Ref(9)),
    "index_select": (STATE, 1, Ref(9)),
    "select_scatter": (STATE, COLUMN, 1, 2),
    "slice_scatter": (STATE, Q, 1, 0, 3, 1),
    "scatter.value": (Q, 1, Ref(9), 1.0),
    "scatter.src": (Q, 1, Ref(9), HALF),
    "tril": (Ref(9), 0),
    "triu": (Ref(9), 1),
}
"""Arguments of the operation itself; value 9 (and 10) is what `BEFORE` puts there."""

BEFORE: dict[str, tuple[Node, ...]] = {
    "masked_fill.Tensor": (const("float", (), 0.5),),
    "mm": (const("float", (3, 2), 1, 2, 3, 4, 5, 6),),
    "bmm": (Node("unsqueeze", (Q, 1)), Node("unsqueeze", (HALF, 2))),
    "mv": (const("float", (3,), 1, 2, 3),),
    "dot": (const("float", (3,), 1, 2, 3),),
    "expand": (Node("sum.dim_IntList", (Q, (1,), True, None)),),
    "squeeze": (const("float", (1, 3), 1, 2, 3),),
    "squeeze.dim": (Node("sum.dim_IntList", (Q, (1,), True, None)),),
    "squeeze.dims": (Node("sum.dim_IntList", (Q, (1,), True, None)),),
    "index.Tensor": (const("int", (2,), 0, 5),),
    "gather": (Node("argmax", (Q, 1, True)),),
    "index_select": (const("int", (2,), 0, 5),),
    "scatter.value": (Node("argmax", (Q, 1, True)),),
    "scatter.src": (Node("argmax", (Q, 1, True)),),
    "tril": (Node("view", (STATE, (B, 2, 3))),),
    "triu": (Node("view", (STATE, (B, 2, 3))),),
}


def example(op: str) -> OpGraph:
    """The graph of an operation's example; its output is the operation's own (first) output."""
    nodes = [
        Node("abs", (STATE,)),  # 2 positive [B, 6]
        Node("_to_copy", (Q, "int")),  # 3 ints [B, 3]
        Node("gt.Scalar", (STATE, 0)),  # 4 mask [B, 6]
        Node("slice.Tensor", (STATE, 1, 0, 3, 1)),  # 5 half [B, 3]
        Node("select.int", (STATE, 1, 0)),  # 6 column [B]
        Node("neg", (Q,)),  # 7
        Node("neg", (STATE,)),  # 8
        *BEFORE.get(op, ()),
    ]
    nodes.append(Node(op, EXAMPLES[op]))
    return OpGraph(N, S, tuple(nodes), Ref(len(nodes) + 1))
