"""Bound: a graph as a flat list of calls, ready for one element type and device.

The interpreter (`graph.interpret`) looks at every argument on every call. Here that is done once: what depends on
no input (constants, index tensors, tables) is computed and kept, an argument that has its default is dropped, and
each remaining node is one function of the list of values. Results are the interpreter's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tfcaf_forge.graph.interpret import Program, aten, bind, made_dtype, working_dtype
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Node, OpGraph, Ref, Special
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.kernels.lower import lower

Slots = list[Any]
Call = Callable[[Slots], Any]

MANY_ROWS = 4096
"""From here on elements cost more than calls: `index_select` moves one in 1 ns, as long as an addition takes."""
_ROWS = 2
"""The slot that holds the number of rows; 0 and 1 are the inputs."""

_BINDINGS: dict[str, Callable[..., Any]] = {
    "mul.Tensor": torch.mul, "add.Tensor": torch.add, "sub.Tensor": torch.sub, "div.Tensor": torch.div,
    "rsub.Scalar": torch.rsub, "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "log": torch.log,
    "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "sigmoid": torch.sigmoid,
    "tanh": torch.tanh, "relu": torch.relu, "minimum": torch.minimum, "maximum": torch.maximum,
    "where.self": torch.where, "clamp": torch.clamp, "clamp_min": torch.clamp_min, "clamp_max": torch.clamp_max,
    "eq.Scalar": torch.eq, "ne.Scalar": torch.ne, "lt.Scalar": torch.lt, "le.Scalar": torch.le,
    "gt.Scalar": torch.gt, "ge.Scalar": torch.ge, "eq.Tensor": torch.eq, "ne.Tensor": torch.ne,
    "lt.Tensor": torch.lt, "le.Tensor": torch.le, "gt.Tensor": torch.gt, "ge.Tensor": torch.ge,
    "bitwise_and.Tensor": torch.bitwise_and, "bitwise_or.Tensor": torch.bitwise_or,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_not": torch.logical_not,
    "sum.dim_IntList": torch.sum, "mean.dim": torch.mean, "amax": torch.amax, "amin": torch.amin,
    "select.int": torch.select, "unsqueeze": torch.unsqueeze, "stack": torch.stack, "cat": torch.cat,
    "index_select": torch.index_select, "gather": torch.gather, "bmm": torch.bmm, "mm": torch.mm,
    "pow.Tensor_Scalar": torch.pow,
}  # fmt: skip
"""torch's own bindings of the same kernels: a call costs half of one through `torch.ops`."""


class Bound:
    """A verified graph, callable on tensors of any floating type and device.

    Args:
        graph: as `lower` made it, or any other verified graph.
    """

    def __init__(self, graph: OpGraph) -> None:
        """Bind nothing yet: that needs the type and device of the first inputs."""
        self._graph = graph
        self._plain = Program(graph)
        self._made: dict[tuple[torch.dtype, torch.device], _Calls] = {}

    def __call__(self, local_q: Tensor, state: Tensor) -> Tensor:
        """Q_tot [B, 1] from local_q [B, N] and state [B, S]."""
        if torch.compiler.is_compiling():
            return self._plain(local_q, state)
        key = (local_q.dtype, local_q.device)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _bound(self._graph, *key)
        values = made.start.copy()
        values[0], values[1], values[_ROWS] = local_q, state, local_q.shape[0]
        for slot, call in made.calls:
            values[slot] = call(values)
        return values[made.end]


class Lowered:
    """A verified graph as it runs fastest: for few rows with few calls, for many with few copies. Both give the same bits.

    Args:
        graph: a graph that `verify` has accepted.
    """

    def __init__(self, graph: OpGraph) -> None:
        """Lower for batches of ordinary size; for large ones when the first comes."""
        self._graph = graph
        self._few = Bound(lower(graph))
        self._many: Bound | None = None

    def __call__(self, local_q: Tensor, state: Tensor) -> Tensor:
        """Q_tot [B, 1] from local_q [B, N] and state [B, S]."""
        if torch.compiler.is_compiling() or local_q.shape[0] < MANY_ROWS:
            return self._few(local_q, state)
        if self._many is None:
            self._many = Bound(lower(self._graph, side_by_side=False))
        return self._many(local_q, state)


class _Calls(NamedTuple):
    """The slots with what is known before any input, what fills which slot, and the output's slot."""

    start: Slots
    calls: list[tuple[int, Call]]
    end: int


def _bound(graph: OpGraph, dtype: torch.dtype, device: torch.device) -> _Calls:
    start: Slots = [None, None, None]
    slots = {Ref(0): 0, Ref(1): 1}
    known: list[tuple[Tensor, ...] | None] = [None, None]
    calls: list[tuple[int, Call]] = []
    free: list[int] = []
    last = _last_readers(graph)
    for index, node in enumerate(graph.nodes):
        made = _fixed(node, known, dtype, device)
        known.append(made)
        outs = sorted({ref.out for ref in last if ref.id == index + FIRST_NODE})
        if made is None:
            calls += _calls(node, index, outs, slots, start, free, dtype, device)
        else:
            for out in outs:
                slots[Ref(index + FIRST_NODE, out)] = len(start)
                start.append(made[out])
        free += [slots[ref] for ref in last if last[ref] == index and ref.id >= FIRST_NODE and known[ref.id] is None]
    return _Calls(start, calls, slots[graph.output])


def _last_readers(graph: OpGraph) -> dict[Ref, int]:
    """For every value that is read, the last node that reads it; the output is read after all nodes."""
    last = {ref: index for index, node in enumerate(graph.nodes) for ref in node.refs()}
    return {**last, graph.output: len(graph.nodes)}


def _fixed(
    node: Node, known: list[tuple[Tensor, ...] | None], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, ...] | None:
    """The outputs of a node that reads no input and no number of rows; None for any other."""
    sizes = [item for arg in node.args for item in (arg if isinstance(arg, tuple) else (arg,))]
    if any(known[ref.id] is None for ref in node.refs()) or any(isinstance(item, BatchDim) for item in sizes):
        return None
    with torch.no_grad():
        return bind(node)([made or () for made in known], 1, dtype, device)


def _calls(
    node: Node,
    index: int,
    outs: list[int],
    slots: dict[Ref, int],
    start: Slots,
    free: list[int],
    dtype: torch.dtype,
    device: torch.device,
) -> list[tuple[int, Call]]:
    """A node's call, and one for each of its outputs that is read where it has several."""
    call = _call(node, slots, dtype, device)
    first = _take(start, free)
    if _single(node):
        slots[Ref(index + FIRST_NODE)] = first
        return [(first, call)]
    made: list[tuple[int, Call]] = [(first, call)]
    for out in outs:
        slot = slots[Ref(index + FIRST_NODE, out)] = _take(start, free)
        made.append((slot, _item(first, out)))
    return made


def _take(start: Slots, free: list[int]) -> int:
    """A slot whose value nobody reads any more, or a new one."""
    if free:
        return free.pop()
    start.append(None)
    return len(start) - 1


def _item(slot: int, out: int) -> Call:
    return lambda v: v[slot][out]


def _single(node: Node) -> bool:
    """Whether an operation returns a tensor, not several."""
    returns = aten(TABLE[node.op])._schema.returns
    return len(returns) == 1 and str(returns[0].type) == "Tensor"


class _Slot(NamedTuple):
    """An argument that is read from a slot when the call is made."""

    number: int


class _Rows(NamedTuple):
    """An argument that is a multiple of the number of rows."""

    factor: int


def _argument(arg: Arg, kind: str, slots: dict[Ref, int], dtype: torch.dtype) -> Any:  # noqa: ANN401
    """An argument as far as it is known before the call."""
    if isinstance(arg, Ref):
        return _Slot(slots[arg])
    if isinstance(arg, BatchDim):
        return _Rows(arg.factor)
    if isinstance(arg, Special):
        return float(arg.value)
    if isinstance(arg, tuple):
        return [_argument(item, kind, slots, dtype) for item in arg]
    return working_dtype(str(arg), dtype) if kind == "d?" and arg is not None else arg


def _call(node: Node, slots: dict[Ref, int], dtype: torch.dtype, device: torch.device) -> Call:
    """A node as a function of the slots; arguments that have their default are left out."""
    op = TABLE[node.op]
    schema = aten(op)._schema.arguments
    given = {p.name: _argument(arg, p.kind, slots, dtype) for p, arg in zip(op.params, node.args, strict=True)}
    if op.batch in ("factory", "rows", "like"):
        numbers = [1 if isinstance(part, _Rows) else part for part in given.values()]
        given |= {"device": device, "dtype": made_dtype(op, given.get("dtype"), numbers, dtype)}
    placed: list[Any] = []
    for argument in schema:
        if argument.kwarg_only or argument.name not in given:
            break
        placed.append(given.pop(argument.name))
    while placed and _is_default(schema[len(placed) - 1], placed[-1]):
        placed.pop()
    named = {a.name: given[a.name] for a in schema if a.name in given and not _is_default(a, given[a.name])}
    call = torch.reshape if op.batch == "view" else _BINDINGS.get(node.op) or aten(op)._op
    return _shaped(call, placed, named)


def _is_default(argument: Any, part: Any) -> bool:  # noqa: ANN401 - torch's schema has no public type
    if not argument.has_default_value():
        return False
    default = argument.default_value
    return part is default or (type(part) is type(default) and not isinstance(part, list) and part == default)


def _shaped(call: Callable[..., Any], placed: list[Any], named: dict[str, Any]) -> Call:
    """The call with its slots filled in; the common shapes of arguments without a loop over them."""
    late = [_is_late(part) for part in placed]
    if not named and not any(_is_late(part) and not isinstance(part, _Slot) for part in placed):
        made = _common(call, late, placed)
        if made is not None:
            return made
    parts = [_filled(part) for part in placed]
    more = {name: _filled(part) for name, part in named.items()}
    return lambda v: call(*[part(v) for part in parts], **{name: part(v) for name, part in more.items()})


def _common(call: Callable[..., Any], late: list[bool], placed: list[Any]) -> Call | None:
    parts = [part.number if isinstance(part, _Slot) else part for part in placed]
    if late == [True]:
        (a,) = parts
        return lambda v: call(v[a])
    if late == [True, True]:
        a, b = parts
        return lambda v: call(v[a], v[b])
    if late == [True, True, True]:
        a, b, c = parts
        return lambda v: call(v[a], v[b], v[c])
    if late == [True, False, True]:
        a, b, c = parts
        return lambda v: call(v[a], b, v[c])
    if late and late[0] and not any(late[1:]):
        a, rest = parts[0], parts[1:]
        return _with_constants(call, a, rest)
    return None


def _with_constants(call: Callable[..., Any], a: int, rest: list[Any]) -> Call:
    """One tensor first, then numbers."""
    if len(rest) == 1:
        (b,) = rest
        return lambda v: call(v[a], b)
    if len(rest) == 2:
        b, c = rest
        return lambda v: call(v[a], b, c)
    if len(rest) == 3:
        b, c, d = rest
        return lambda v: call(v[a], b, c, d)
    return lambda v: call(v[a], *rest)


def _is_late(part: Any) -> bool:  # noqa: ANN401
    """Whether an argument, or an item of it, is known only when the call is made."""
    return isinstance(part, _Slot | _Rows) or (isinstance(part, list) and any(_is_late(item) for item in part))


def _filled(part: Any) -> Call:  # noqa: ANN401
    """An argument as a function of the slots."""
    if isinstance(part, _Slot):
        return lambda v: v[part.number]
    if isinstance(part, _Rows):
        return lambda v: v[_ROWS] * part.factor
    if _is_late(part):
        return _listed(part)
    return lambda v: part


def _listed(part: list[Any]) -> Call:
    if all(isinstance(item, _Slot) for item in part):
        slots = [item.number for item in part]
        return lambda v: [v[k] for k in slots]
    items = [_filled(item) for item in part]
    return lambda v: [item(v) for item in items]
