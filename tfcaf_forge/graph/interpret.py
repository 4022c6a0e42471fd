"""Interpret: run a graph with torch, and derive its types on meta tensors.

This is the only module of the graph room that knows torch. Every operation is looked up in `torch.ops.aten`
by its name in the op table; nothing else can be called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph.opgraph import Arg, BatchDim, Data, Node, OpGraph, Ref, Special, Type
from tfcaf_forge.graph.ops import TABLE, Op
from tfcaf_forge.graph.verify import MAX_WIDTH

_META_BATCHES = (5, 11)
"""Two primes that no honest size is a multiple of at once: what scales with them is the batch."""
_MOST_OUTPUTS = 64

_NAME_OF = {torch.float32: "float", torch.int64: "int", torch.bool: "bool"}
_FIXED = {"int": torch.int64, "bool": torch.bool}

Values = tuple[torch.Tensor, ...]
FloatArray = npt.NDArray[np.float32]
Step = Callable[[list[Values], int, torch.dtype, torch.device], Values]


def run(graph: OpGraph, local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """Q_tot of a verified graph.

    Args:
        local_q: [B, N], any floating type.
        state: [B, S], the same type and device.

    Returns:
        [B, 1], differentiable in both inputs.
    """
    return Program(graph)(local_q, state)


def evaluate(graph: OpGraph, local_q: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Q_tot and credit of a verified graph, for callers that do not know torch.

    Args:
        local_q: [B, N] float32.
        state: [B, S] float32.

    Returns:
        Q_tot [B, 1] and its gradient in local_q [B, N]; where nothing depends on local_q the gradient is 0.
    """
    leaf = torch.from_numpy(local_q.copy()).requires_grad_(True)
    q_tot = run(graph, leaf, torch.from_numpy(state.copy()))
    gradient = torch.zeros_like(leaf)
    if q_tot.requires_grad:
        (gradient,) = torch.autograd.grad(q_tot.sum(), leaf)
    return q_tot.detach().numpy(), gradient.numpy()


class Program:
    """A verified graph, bound to torch functions once and callable many times.

    Args:
        graph: a graph that `verify` has accepted.
    """

    def __init__(self, graph: OpGraph) -> None:
        """Bind every node to its function."""
        self.graph = graph
        self._steps: list[Step] = [bind(node) for node in graph.nodes]
        self._last = _last_use(graph)

    def __call__(self, local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Q_tot [B, 1] from local_q [B, N] and state [B, S]."""
        return self.values(local_q, state, keep=False)[self.graph.output.id][self.graph.output.out]

    def values(self, local_q: torch.Tensor, state: torch.Tensor, *, keep: bool = True) -> list[Values]:
        """Every value of the graph; with `keep=False` those that nobody reads any more are dropped on the way."""
        rows, dtype, device = local_q.shape[0], local_q.dtype, local_q.device
        values: list[Values] = [(local_q,), (state,)]
        for index, step in enumerate(self._steps):
            values.append(step(values, rows, dtype, device))
            if not keep:
                for dead in self._last[index]:
                    values[dead] = ()
        return values


def infer(graph: OpGraph) -> tuple[tuple[Type, ...], ...]:
    """Derive the types of every value on meta tensors at two batch sizes, and hold them against a batch of one row.

    Raises:
        GraphError: `operation`, where an operation refuses its inputs; `width`, `dtype`, `batch-size`, `batch-one`,
            `dangling`.
    """
    values: list[list[Values]] = [
        [(_meta(rows, graph.n_agents),), (_meta(rows, graph.state_size),)] for rows in (*_META_BATCHES, 1)
    ]
    widths = (graph.n_agents, graph.state_size)
    result: list[tuple[Type, ...]] = [(Type("float", (BatchDim(1), width)),) for width in widths]
    for index, node in enumerate(graph.nodes):
        _check_outputs_exist(node, index, result)
        step = bind(node)
        for rows, known in zip((*_META_BATCHES, 1), values, strict=True):
            known.append(_run_meta(step, known, rows, node, index))
        types = _types_of(values[0][-1], values[1][-1], node, index)
        _check_single_row(types, values[2][-1], node, index)
        result.append(types)
    return tuple(result)


def constant(data: Data, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """The tensor of a constant, in the kernel's working type where it is a float."""
    values = [float(v.value) if isinstance(v, Special) else v for v in data.values]
    kind = _FIXED.get(data.dtype)
    made = torch.tensor(values, dtype=kind or torch.float32, device=device).reshape(data.shape)
    return made if kind is not None or dtype is torch.float32 else made.to(dtype)


def bind(node: Node) -> Step:
    """A node as a function of the values so far, the number of rows, and the working type and device."""
    op = TABLE[node.op]
    if node.op == "const":
        return _bind_constant(node)
    call = aten(op)
    fill = [_argument(arg, param.kind) for param, arg in zip(op.params, node.args, strict=True)]
    names = [param.name for param in op.params]
    positional = _positional_count(call, names)
    if op.batch == "view":
        call = torch.ops.aten.reshape.default  # the same numbers; `view` would ask for the strides that the tracer saw
    makes = op.batch in ("factory", "rows", "like")

    def step(values: list[Values], rows: int, dtype: torch.dtype, device: torch.device) -> Values:
        args = [part(values, rows, dtype) for part in fill]
        named = dict(zip(names[positional:], args[positional:], strict=True))
        if makes:
            named["device"] = device
            named["dtype"] = made_dtype(op, named.get("dtype"), args, dtype)
        out = call(*args[:positional], **named)
        return (out,) if isinstance(out, torch.Tensor) else tuple(out)

    return step


def _bind_constant(node: Node) -> Step:
    (data,) = node.args
    assert isinstance(data, Data)  # noqa: S101 - `verify` has checked it
    cache: dict[tuple[torch.dtype, torch.device], torch.Tensor] = {}

    def step(values: list[Values], rows: int, dtype: torch.dtype, device: torch.device) -> Values:
        key = (dtype, device)
        if key not in cache:
            cache[key] = constant(data, dtype, device)
        return (cache[key],)

    return step


def made_dtype(op: Op, asked: Any, args: Sequence[Any], dtype: torch.dtype) -> torch.dtype | None:  # noqa: ANN401
    """Element type of a tensor made from nothing; torch's own rule where the graph names none."""
    if asked is not None or op.batch == "like" or op.name.startswith("new_"):
        return asked
    if op.batch == "rows" and all(isinstance(a, int) for a in args if a is not None and not isinstance(a, torch.dtype)):
        return torch.int64
    if op.name in ("full", "scalar_tensor") and not isinstance(args[-2], float):
        return torch.bool if isinstance(args[-2], bool) else torch.int64
    return dtype


def working_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """torch's type of an element type's name; `float` is the type that the kernel works in."""
    return _FIXED.get(name, dtype)


def _argument(arg: Arg, kind: str) -> Callable[[list[Values], int, torch.dtype], Any]:
    """How to make one argument when the graph runs."""
    if isinstance(arg, Ref):
        return lambda values, rows, dtype: values[arg.id][arg.out]
    if isinstance(arg, BatchDim):
        return lambda values, rows, dtype: rows * arg.factor
    if isinstance(arg, Special):
        return lambda values, rows, dtype: float(arg.value)
    if isinstance(arg, tuple):
        items = [_argument(item, kind) for item in arg]
        return lambda values, rows, dtype: [item(values, rows, dtype) for item in items]
    if kind == "d?" and arg is not None:
        return lambda values, rows, dtype: working_dtype(str(arg), dtype)
    return lambda values, rows, dtype: arg


def aten(op: Op) -> Any:  # noqa: ANN401 - torch's overloads have no common public type
    """The overload that an operation names."""
    packet, overload = op.aten
    return getattr(getattr(torch.ops.aten, packet), overload)


def _positional_count(call: Any, names: Sequence[str]) -> int:  # noqa: ANN401
    """How many of the kept arguments are the overload's first positional ones."""
    schema = [a.name for a in call._schema.arguments if not a.kwarg_only]
    count = 0
    while count < min(len(names), len(schema)) and names[count] == schema[count]:
        count += 1
    return count


def _last_use(graph: OpGraph) -> list[list[int]]:
    """For each node, the values that no later node reads."""
    last: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        for ref in node.refs():
            last[ref.id] = index
    dead: list[list[int]] = [[] for _ in graph.nodes]
    for value, index in last.items():
        if value != graph.output.id:
            dead[index].append(value)
    return dead


def _meta(rows: int, width: int) -> torch.Tensor:
    return torch.empty((rows, width), device="meta")


def _run_meta(step: Step, known: list[Values], rows: int, node: Node, index: int) -> Values:
    try:
        out = step(known, rows, torch.float32, torch.device("meta"))
    except (RuntimeError, IndexError, ValueError, TypeError, OverflowError, AssertionError) as fault:
        text = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
        raise GraphError("operation", f"node {index}: {node.op} refuses its inputs: {text}", index) from None
    if len(out) > _MOST_OUTPUTS:
        raise GraphError("width", f"node {index}: {node.op} makes {len(out)} values", index)
    return out


def _check_outputs_exist(node: Node, index: int, types: Sequence[tuple[Type, ...]]) -> None:
    for ref in node.refs():
        if ref.out >= len(types[ref.id]):
            raise GraphError("dangling", f"node {index}: value {ref.id} has no output {ref.out}", index)


def _types_of(small: Values, large: Values, node: Node, index: int) -> tuple[Type, ...]:
    if len(small) != len(large):
        raise GraphError(
            "batch-size", f"node {index}: the number of outputs of {node.op} depends on the batch size", index
        )
    return tuple(_type_of(*pair, index) for pair in zip(small, large, strict=True))


def _check_single_row(types: tuple[Type, ...], single: Values, node: Node, index: int) -> None:
    """With one row every size that is the batch must be 1 and stay: `squeeze()` would drop it."""
    expected = [tuple(s.factor if isinstance(s, BatchDim) else s for s in kind.shape) for kind in types]
    if expected != [tuple(tensor.shape) for tensor in single]:
        raise GraphError(
            "batch-one",
            f"node {index}: {node.op} has another shape for a single row; name the dimension, as in squeeze(1) or dim=1",
            index,
        )


def _type_of(small: torch.Tensor, large: torch.Tensor, index: int) -> Type:
    """One value's type from its two meta tensors."""
    name = _NAME_OF.get(small.dtype)
    if name is None or small.dtype != large.dtype or small.dim() != large.dim():
        raise GraphError(
            "dtype", f"node {index}: makes {small.dtype}; only float, int64 and bool exist in a graph", index
        )
    shape = tuple(_size(a, b, index) for a, b in zip(small.shape, large.shape, strict=True))
    if math.prod(s.factor if isinstance(s, BatchDim) else max(s, 1) for s in shape) > MAX_WIDTH:
        raise GraphError("width", f"node {index}: a value of {tuple(small.shape)} is too large for one row", index)
    return Type(name, shape)


def _size(small: int, large: int, index: int) -> int | BatchDim:
    """A size, given what it is at the two batch sizes."""
    if small == large:
        return small
    factor, rest = divmod(small, _META_BATCHES[0])
    if rest == 0 and large == factor * _META_BATCHES[1] and factor > 0:
        return BatchDim(factor)
    raise GraphError(
        "batch-size",
        f"node {index}: a size is {small} for {_META_BATCHES[0]} rows and {large} for {_META_BATCHES[1]}",
        index,
    )
