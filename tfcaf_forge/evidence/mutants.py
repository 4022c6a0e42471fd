"""Mutants: a good graph with one deliberate fault each, of the kinds that a model plausibly writes.

Every mutant is verified and brought to canonical form like any graph; what is refused, or is the same graph, is no
mutant. Which faults are made depends on the graph and the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.batch import Types
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, Data, Node, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.graph.verify import verify


@dataclass(frozen=True)
class Fault:
    """One change of one node.

    Attributes:
        kind: the sort of fault.
        node: index of the node.
        change: the change in words.
        new: the node in its place, or the value that is read in place of the node's own.
        negated: whether the node stays and its negative is read in its place.
    """

    kind: str
    node: int
    change: str
    new: Node | Ref
    negated: bool = False


Made = tuple[OpGraph, Types]
"""A canonical graph and its types."""
Maker = Callable[[OpGraph, int, Node], Iterator[Fault]]

_SWAPS = {
    "comparison": {
        "gt": ("ge", "lt"), "ge": ("gt", "le"), "lt": ("le", "gt"), "le": ("lt", "ge"), "eq": ("ne",), "ne": ("eq",),
    },
    "operation": {
        "amax": ("amin",), "amin": ("amax",), "max": ("min",), "min": ("max",), "maximum": ("minimum",),
        "minimum": ("maximum",), "argmax": ("argmin",), "argmin": ("argmax",), "logical_and": ("logical_or",),
        "logical_or": ("logical_and",), "any": ("all",), "all": ("any",), "sin": ("cos",), "cos": ("sin",),
    },
    "sign": {"add": ("sub",), "sub": ("add",)},
}  # fmt: skip
_OTHERS = {"sum.dim_IntList": "mean.dim", "mean.dim": "sum.dim_IntList", "mul.Tensor": "add.Tensor"}
_CLAMPS = ("clamp", "clamp.Tensor", "clamp_min", "clamp_max", "relu", "hardtanh", "maximum", "minimum")
_UNARY = (
    "abs",
    "exp",
    "sqrt",
    "neg",
    "log",
    "log1p",
    "sigmoid",
    "tanh",
    "softplus",
    "reciprocal",
    "_softmax",
    "logical_not",
)
_ORDERED = ("sub.Tensor", "div.Tensor", "pow.Tensor_Tensor")
_DIMS = ("_softmax", "sum.dim_IntList", "mean.dim", "amax", "amin", "cumsum", "max.dim", "min.dim", "argmax", "argmin")


def faults(graph: OpGraph) -> list[Fault]:
    """Every fault that this module knows for a graph, in order."""
    return [f for i, node in enumerate(graph.nodes) for make in _MAKERS for f in make(graph, i, node)]


def mutants(graph: OpGraph, *, seed: int = 0, most: int | None = None) -> Iterator[tuple[Fault, Made | None]]:
    """Faults in a seeded order, each with its mutant; None where it is no valid graph, or the same one.

    Args:
        graph: a verified graph.
        seed: decides the order.
        most: how many faults; all if None.
    """
    known = {codec.digest(canonical(graph, verify(graph))[0])}
    found = faults(graph)
    for at in np.random.default_rng(seed).permutation(len(found))[:most]:
        made = _verified(apply(graph, found[at]))
        if made is None or codec.digest(made[0]) in known:
            yield found[at], None
            continue
        known.add(codec.digest(made[0]))
        yield found[at], made


def apply(graph: OpGraph, fault: Fault) -> OpGraph:
    """The graph with one fault; not yet verified."""
    value = fault.node + FIRST_NODE
    nodes = list(graph.nodes)
    if isinstance(fault.new, Ref):
        return _redirected(graph, nodes, value, fault.new, after=fault.node)
    if not fault.negated:
        nodes[fault.node] = fault.new
        return OpGraph(graph.n_agents, graph.state_size, tuple(nodes), graph.output, graph.version)
    moved = {i: i if i <= value else i + 1 for i in range(len(nodes) + FIRST_NODE)}
    shifted = [_moved(node, lambda ref: Ref(moved[ref.id], ref.out)) for node in nodes]
    shifted.insert(fault.node + 1, fault.new)
    output = Ref(moved[graph.output.id], graph.output.out)
    longer = OpGraph(graph.n_agents, graph.state_size, tuple(shifted), output, graph.version)
    return _redirected(longer, shifted, value, Ref(value + 1), after=fault.node + 1)


def _redirected(graph: OpGraph, nodes: list[Node], value: int, to: Ref, *, after: int) -> OpGraph:
    """Every later reader of a value reads another one."""

    def turn(ref: Ref) -> Ref:
        return to if ref == Ref(value) else ref

    made = [node if i <= after else _moved(node, turn) for i, node in enumerate(nodes)]
    return OpGraph(graph.n_agents, graph.state_size, tuple(made), turn(graph.output), graph.version)


def _moved(node: Node, turn: Callable[[Ref], Ref]) -> Node:
    return node.with_refs({ref: turn(ref) for ref in node.refs()})


def _verified(graph: OpGraph) -> Made | None:
    try:
        return canonical(graph, verify(graph))
    except GraphError:
        return None


def _with(node: Node, **given: Arg) -> Node:
    """The node with some arguments changed, by parameter."""
    names = [p.name for p in TABLE[node.op].params]
    return Node(node.op, tuple(given.get(n, a) for n, a in zip(names, node.args, strict=True)), node.line)


def _arg(node: Node, name: str) -> Arg:
    names = [p.name for p in TABLE[node.op].params]
    return node.args[names.index(name)] if name in names else None


def _swapped_operation(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    del graph
    packet, dot, overload = node.op.partition(".")
    for kind, table in _SWAPS.items():
        for other in table.get(packet, ()):
            if f"{other}{dot}{overload}" in TABLE:
                new = f"{other}{dot}{overload}"
                yield Fault(kind, at, f"{node.op} → {new}", Node(new, node.args, node.line))
    other = _OTHERS.get(node.op)
    if other is not None:
        args = (*node.args, 1) if other == "add.Tensor" else node.args
        yield Fault("operation", at, f"{node.op} → {other}", Node(other, args, node.line))


def _sign(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """The negative of a product, a quotient or a difference."""
    del graph
    if node.op in ("mul.Tensor", "div.Tensor", "rsub.Scalar", "sub.Tensor"):
        negative = Node("neg", (Ref(at + FIRST_NODE),), node.line)
        yield Fault("sign", at, f"{node.op} is negated", negative, negated=True)


def _index(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """The neighbouring field."""
    del graph
    if node.op == "select.int" and isinstance(index := _arg(node, "index"), int):
        for other in (index - 1, index + 1):
            if other >= 0:
                yield Fault("index", at, f"index {index} → {other}", _with(node, index=other))
    if node.op == "slice.Tensor":
        start, end = _arg(node, "start"), _arg(node, "end")
        if isinstance(start, int) and isinstance(end, int) and end < 1 << 31:
            for by in (-1, 1):
                if start + by >= 0:
                    moved = _with(node, start=start + by, end=end + by)
                    yield Fault("index", at, f"fields {start}:{end} → {start + by}:{end + by}", moved)


def _constant(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """Another number: off by one, doubled, negated, 0."""
    del graph
    if node.op == "const" and isinstance(data := node.args[0], Data):
        yield from _data(at, node, data)
        return
    for param, arg in zip(TABLE[node.op].params, node.args, strict=True):
        if (
            param.kind in ("n", "v", "n?")
            and param.name != "alpha"
            and isinstance(arg, int | float)
            and not isinstance(arg, bool)
        ):
            for other in dict.fromkeys((arg + 1, arg * 2, -arg, arg * 0)):
                if other != arg:
                    yield Fault(
                        "constant",
                        at,
                        f"{node.op} {param.name} {arg:g} → {other:g}",
                        _with(node, **{param.name: other}),
                    )


def _data(at: int, node: Node, data: Data) -> Iterator[Fault]:
    """One element of a constant; of an integer constant, which often indexes fields, the kind is `index`."""
    for k, value in enumerate(data.values[:16]):
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for other in (value + 1, value - 1) if data.dtype == "int" else (value + 1, -value):
            if other == value:
                continue
            values = (*data.values[:k], other, *data.values[k + 1 :])
            kind = "index" if data.dtype == "int" else "constant"
            new = Node("const", (Data(data.dtype, data.shape, values),), node.line)
            yield Fault(kind, at, f"element {k} of a constant {value:g} → {other:g}", new)


def _axis(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """The dimension before, or the first one: the batch."""
    del graph
    if node.op not in _DIMS:
        return
    dim = _arg(node, "dim")
    first = dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim
    if isinstance(first, int) and not isinstance(first, bool):
        for other in dict.fromkeys((0, first - 1, first + 1)):
            if other not in (first, -1) and other >= 0:
                new = (other,) if isinstance(dim, tuple) else other
                yield Fault("axis", at, f"{node.op} dim {first} → {other}", _with(node, dim=new))


def _dropped(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """A clamp, a choice, a function or a factor that is missing."""
    del graph
    refs = list(node.refs())
    if node.op in _CLAMPS and refs:
        yield Fault("clamp", at, f"{node.op} is left out", refs[0])
    if node.op == "where.self":
        for ref, side in ((refs[1], "true"), (refs[2], "false")):
            yield Fault("where", at, f"where always takes its {side} side", ref)
        swapped = Node(node.op, (refs[0], refs[2], refs[1]), node.line)
        yield Fault("where", at, "where takes its sides the wrong way round", swapped)
    if node.op in _UNARY and refs:
        yield Fault("dropped", at, f"{node.op} is left out", refs[0])
    if node.op in ("mul.Tensor", "add.Tensor") and len(refs) == 2:
        for ref, side in ((refs[0], "second"), (refs[1], "first")):
            yield Fault("dropped", at, f"{node.op} without its {side} argument", ref)


def _operands(graph: OpGraph, at: int, node: Node) -> Iterator[Fault]:
    """The arguments of a difference, a quotient or a power the wrong way round."""
    del graph
    if node.op in _ORDERED and isinstance(node.args[0], Ref) and isinstance(node.args[1], Ref):
        yield Fault(
            "operands",
            at,
            f"{node.op} with its arguments swapped",
            Node(node.op, (node.args[1], node.args[0], *node.args[2:]), node.line),
        )


_MAKERS: tuple[Maker, ...] = (_swapped_operation, _sign, _index, _constant, _axis, _dropped, _operands)
