"""Verify: a graph from anywhere becomes a graph that keeps every rule, or a GraphError.

The structure is checked here without torch; then `interpret.infer` runs every operation on meta tensors at
two batch sizes, so that every shape and element type is derived anew and none is believed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Data, Node, OpGraph, Ref, Special, Type, is_batch
from tfcaf_forge.graph.ops import DTYPES, TABLE

MAX_NODES = 2048
MAX_CONSTANT = 65_536
"""Most elements of all constants of a graph together."""
MAX_WIDTH = 65_536
"""Most elements of a value for one row."""
MAX_MADE = 1 << 20
"""Most elements for one row of all values of a graph together: what a backward pass keeps in memory."""
MAX_READ = 1 << 22
"""Most elements for one row that all nodes of a graph read: what a run costs."""
MAX_RANK = 12
"""Most dimensions of a value."""
_ROWS = 64
"""What a second batch dimension counts for: in [B, B] every row meets every other."""
MAX_INT = 1 << 31
MAX_FLOAT = 3.4028234663852886e38
"""The largest float32: beyond it some kernels raise and others take infinity."""
_SLICE_END = (1 << 63) - 1
"""What ATen writes for 'to the end'."""
_SPECIALS = ("inf", "-inf")


def verify(graph: OpGraph) -> tuple[tuple[Type, ...], ...]:
    """Check a graph against the op table and derive the type of every value.

    Returns:
        For each value (two inputs, then one per node) the types of its outputs.

    Raises:
        GraphError: with a code, the node and what is wrong there.
    """
    from tfcaf_forge.graph import interpret

    check_structure(graph)
    types = interpret.infer(graph)
    _check_work(graph, types)
    _check_output(graph, types)
    return types


def check_structure(graph: OpGraph) -> None:
    """The checks that need no torch: sizes, names, argument kinds, references."""
    if graph.version != 1:
        raise GraphError("version", f"graph version {graph.version}; this release reads version 1")
    if not 1 <= graph.n_agents <= 1024 or not 1 <= graph.state_size <= MAX_WIDTH:
        raise GraphError("size", f"{graph.n_agents} agents and {graph.state_size} state fields")
    if len(graph.nodes) > MAX_NODES:
        raise GraphError("too-many-nodes", f"{len(graph.nodes)} nodes; at most {MAX_NODES} are allowed")
    constants = 0
    for index, node in enumerate(graph.nodes):
        _check_node(index, node)
        constants += sum(len(arg.values) for arg in node.args if isinstance(arg, Data))
    if constants > MAX_CONSTANT:
        raise GraphError("too-large", f"constants hold {constants} numbers; at most {MAX_CONSTANT} are allowed")
    _check_ref(graph.output, len(graph.nodes), None)


def _check_node(index: int, node: Node) -> None:
    op = TABLE.get(node.op)
    if op is None:
        raise GraphError("unknown-op", f"node {index}: operation {node.op[:60]!r} is not in the op table", index)
    if len(node.args) != len(op.params):
        raise GraphError(
            "arguments", f"node {index}: {node.op} takes {len(op.params)} arguments, not {len(node.args)}", index
        )
    for param, arg in zip(op.params, node.args, strict=True):
        if not _KINDS[param.kind](arg):
            what = "is beyond float32; write float('inf') or less" if _too_large(arg) else "does not fit"
            raise GraphError("argument", f"node {index}: {node.op} argument {param.name} {what}", index)
    if node.line is not None and not 0 <= node.line <= MAX_INT:
        raise GraphError("argument", f"node {index}: source line out of range", index)
    for ref in node.refs():
        _check_ref(ref, index, index)


def _check_ref(ref: Ref, before: int, node: int | None) -> None:
    """A reference must point to an input or to an earlier node."""
    if not 0 <= ref.id < before + FIRST_NODE or not 0 <= ref.out < 64:
        raise GraphError("dangling", f"reference to value {ref.id}, which does not exist at this point", node)


def _check_work(graph: OpGraph, types: tuple[tuple[Type, ...], ...]) -> None:
    """Bound what a run of the graph costs, and refuse the one operation that would end the process.

    Each value is bounded by `MAX_WIDTH`; two thousand of them together are not.
    """
    widths = [[_width(kind) for kind in outputs] for outputs in types]
    made = read = 0
    for index, node in enumerate(graph.nodes):
        made += sum(widths[index + FIRST_NODE])
        read += sum(widths[ref.id][ref.out] for ref in node.refs())
        if made > MAX_MADE or read > MAX_READ:
            raise GraphError("too-large", f"node {index}: the graph computes too many numbers for one row", index)
        if any(len(kind.shape) > MAX_RANK for kind in types[index + FIRST_NODE]):
            raise GraphError("width", f"node {index}: a value of more than {MAX_RANK} dimensions", index)
        if any(sum(is_batch(size) for size in kind.shape) > 2 for kind in types[index + FIRST_NODE]):
            raise GraphError("width", f"node {index}: a value with more than two batch dimensions", index)
        if node.op == "div.Tensor_mode" and types[index + FIRST_NODE][0].dtype == "int" and node.args[2] == "trunc":
            # torch divides the smallest integer by -1 in hardware, which raises SIGFPE and kills the process
            raise GraphError("dtype", f"node {index}: integers cannot be divided with trunc; write a // b", index)


def _width(kind: Type) -> int:
    """Elements for one row."""
    width, rows = 1, 0
    for size in kind.shape:
        width *= size.factor * (_ROWS if rows else 1) if isinstance(size, BatchDim) else size
        rows += isinstance(size, BatchDim)
    return width


def _check_output(graph: OpGraph, types: tuple[tuple[Type, ...], ...]) -> None:
    outputs = types[graph.output.id]
    if graph.output.out >= len(outputs):
        raise GraphError("dangling", "the output refers to a value that does not exist")
    found = outputs[graph.output.out]
    wanted = Type("float", (BatchDim(1), 1))
    if found != wanted:
        raise GraphError("output-shape", f"the function returns {found}; it must return {wanted}, one Q_tot a row")


def _number(arg: Arg) -> bool:
    if isinstance(arg, Special):
        return arg.value in _SPECIALS
    if isinstance(arg, bool):
        return True
    if isinstance(arg, int):
        return abs(arg) <= MAX_INT
    return isinstance(arg, float) and abs(arg) <= MAX_FLOAT


def _too_large(arg: Arg) -> bool:
    return isinstance(arg, float) and math.isfinite(arg) and abs(arg) > MAX_FLOAT


def _integer(arg: Arg) -> bool:
    return isinstance(arg, int) and not isinstance(arg, bool) and abs(arg) <= MAX_INT


def _end(arg: Arg) -> bool:
    return (
        arg is None
        or arg == _SLICE_END
        or _size(arg)
        or _integer(arg)
        or (isinstance(arg, float) and math.isfinite(arg))
    )


def _size(arg: Arg) -> bool:
    if isinstance(arg, BatchDim):
        return 1 <= arg.factor <= 1024
    return _integer(arg)


def _items(arg: Arg, check: Callable[[Arg], bool], most: int = 64) -> bool:
    return isinstance(arg, tuple) and len(arg) <= most and all(check(item) for item in arg)


def _ref(arg: Arg) -> bool:
    return isinstance(arg, Ref)


def _data(arg: Arg) -> bool:
    if not isinstance(arg, Data) or arg.dtype not in DTYPES or len(arg.shape) > 8:
        return False
    if any(size < 0 or size > MAX_CONSTANT for size in arg.shape) or math.prod(arg.shape) != len(arg.values):
        return False
    fits: dict[str, Callable[[Arg], bool]] = {
        "float": lambda v: _number(v) and not isinstance(v, bool),
        "int": lambda v: isinstance(v, int) and not isinstance(v, bool) and -(1 << 63) <= v < 1 << 63,
        "bool": lambda v: isinstance(v, bool),
    }
    return all(fits[arg.dtype](value) for value in arg.values)


def _or_none(check: Callable[[Arg], bool]) -> Callable[[Arg], bool]:
    return lambda arg: arg is None or check(arg)


_KINDS: dict[str, Callable[[Arg], bool]] = {
    "t": _ref,
    "t?": _or_none(_ref),
    "tl": lambda arg: _items(arg, _ref, MAX_NODES) and bool(arg),
    "tn": lambda arg: _items(arg, _or_none(_ref), 8),
    "v": lambda arg: _ref(arg) or _number(arg),
    "n": _number,
    "n?": _or_none(_number),
    "b": lambda arg: isinstance(arg, bool),
    "i": _integer,
    "i?": _or_none(_integer),
    "il": lambda arg: _items(arg, _integer),
    "il?": _or_none(lambda arg: _items(arg, _integer)),
    "z": lambda arg: _items(arg, _size),
    "e": _end,
    "d?": lambda arg: arg is None or arg in DTYPES,
    "m?": lambda arg: arg in (None, "trunc", "floor"),
    "c": _data,
}
