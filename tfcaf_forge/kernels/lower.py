"""Lower: the graph of a kernel, rewritten to cost less, with every value and every gradient as they were.

What ships and what its digest names is the verified graph; lowering happens when a kernel is loaded. The rewrites
give the same numbers bit for bit: they drop what computes nothing, compute nothing twice, and reach elements in
fewer steps. None of them changes an operation that rounds, or the order in which it meets its terms. Gradients in
local_q are summed from the same parts; where two equal values became one, in another order, so they agree to
rounding.

    unsqueeze(select(x, d, i), d)      slice(x, d, i, i+1)
    select or slice of a slice         one of them
    select_scatter over all places     stack
    select of what was written there   what was written
    view of a view, of an unsqueeze    view
    pointwise(expand(x), y)            pointwise(x, y), where y gives the shape
    pointwise(full(B, …), y)           pointwise(a constant of one element, y), likewise
    x[:, constants]                    index_select
    stack of columns of one value      index_select

and many equal operations become one wide one (`pack`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tfcaf_forge.graph import interpret
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Data, Node, OpGraph, Ref, Type, is_batch
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.kernels.pack import pack

Types = tuple[tuple[Type, ...], ...]

_MOST_ROUNDS = 8
_VIEWS = ("view", "_unsafe_view", "unsqueeze", "squeeze", "squeeze.dim", "squeeze.dims")
_FULL = {
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), 0.0),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), 1.0),
    **dict.fromkeys(("full", "full_like", "new_full"), None),
}


_BROADCASTS = frozenset({
    "add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "maximum", "minimum", "where.self", "eq.Tensor", "ne.Tensor",
    "lt.Tensor", "le.Tensor", "gt.Tensor", "ge.Tensor", "logical_and", "logical_or", "bitwise_and.Tensor",
    "bitwise_or.Tensor",
})  # fmt: skip


def lower(graph: OpGraph, *, side_by_side: bool = True) -> OpGraph:
    """An equal graph that costs less to run.

    Args:
        graph: a verified graph.
        side_by_side: make one wide operation of many equal ones, which saves calls and costs copies: right for
            batches of up to some thousand rows.
    """
    graph, types = canonical(graph, interpret.infer(graph))
    for _ in range(_MOST_ROUNDS):
        before = graph
        graph, types = _canonical(_Rewriter(graph, types).run())
        if side_by_side:
            graph, types = _canonical(pack(graph, types))
        if graph == before:
            break
    return graph


def _canonical(graph: OpGraph) -> tuple[OpGraph, Types]:
    return canonical(graph, interpret.infer(graph))


class _Rewriter:
    """One pass over a graph: each node as it is, or as the first rule that fits it makes it."""

    def __init__(self, graph: OpGraph, types: Types) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.types: list[tuple[Type, ...]] = [types[0], types[1]]
        self._source = types

    def run(self) -> OpGraph:
        """The rewritten graph."""
        target = {Ref(0): Ref(0), Ref(1): Ref(1)}
        for index, node in enumerate(self.graph.nodes):
            kinds = self._source[index + FIRST_NODE]
            moved = node.with_refs({ref: target[ref] for ref in node.refs()})
            new = self._rewritten(moved, kinds)
            if isinstance(new, Ref):
                target[Ref(index + FIRST_NODE)] = new
                continue
            made = self.add(new, kinds)
            for out in range(len(kinds)):
                target[Ref(index + FIRST_NODE, out)] = Ref(made.id, out)
        return OpGraph(
            self.graph.n_agents, self.graph.state_size, tuple(self.nodes), target[self.graph.output], self.graph.version
        )

    def add(self, node: Node, kinds: tuple[Type, ...]) -> Ref:
        """A further node of known types."""
        self.nodes.append(node)
        self.types.append(kinds)
        return Ref(len(self.nodes) + FIRST_NODE - 1)

    def node(self, ref: Arg) -> Node | None:
        """The node behind an argument."""
        inside = isinstance(ref, Ref) and ref.id >= FIRST_NODE
        return self.nodes[ref.id - FIRST_NODE] if inside and isinstance(ref, Ref) else None

    def type(self, ref: Arg) -> Type:
        """The type of an argument that is a value."""
        ref = cast(Ref, ref)
        return self.types[ref.id][ref.out]

    def _rewritten(self, node: Node, kinds: tuple[Type, ...]) -> Node | Ref:
        if len(kinds) == 1:
            for rule in _RULES.get(node.op, (_lean,) if node.op in _BROADCASTS else ()):
                new = rule(self, node, kinds[0])
                if new is not None:
                    return new
        return node


Rule = Callable[[_Rewriter, Node, Type], Node | Ref | None]


def _dim(node: Node, rank: int, at: int = 1) -> int:
    return cast(int, node.args[at]) % max(rank, 1)


def _restored(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """unsqueeze(select(x, d, i), d)."""
    inner = graph.node(node.args[0])
    if inner is None or inner.op != "select.int":
        return None
    shape = graph.type(inner.args[0]).shape
    at = _dim(inner, len(shape))
    size, index = shape[at], cast(int, inner.args[2])
    if at != _dim(node, len(kind.shape)) or not isinstance(size, int):
        return None
    start = index % size
    return Node("slice.Tensor", (inner.args[0], at, start, start + 1, 1), node.line)


def _span(graph: _Rewriter, node: Node) -> tuple[int, int, int] | None:
    """Dimension, start and step of a slice along a dimension that is not the batch."""
    shape = graph.type(node.args[0]).shape
    at = _dim(node, len(shape))
    size, start, end, step = shape[at], node.args[2], node.args[3], cast(int, node.args[4])
    if not isinstance(size, int) or isinstance(end, BatchDim | float) or is_batch(size):
        return None
    first, _, _ = slice(start, end, step).indices(size)
    return at, first, step


def _of_slice(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """select or slice of a slice along the same dimension."""
    inner = graph.node(node.args[0])
    if inner is None or inner.op != "slice.Tensor":
        return None
    outer_shape = graph.type(node.args[0]).shape
    span, at = _span(graph, inner), _dim(node, len(outer_shape))
    size = outer_shape[at]
    if span is None or span[0] != at or not isinstance(size, int):
        return None
    _, start, step = span
    if node.op == "select.int":
        index = cast(int, node.args[2]) % size
        return Node("select.int", (inner.args[0], at, start + index * step), node.line)
    own = _span(graph, node)
    count = kind.shape[at]
    if own is None or not isinstance(count, int):
        return None
    first, stride = start + own[1] * step, own[2] * step
    return Node(
        "slice.Tensor", (inner.args[0], at, first, first + max(count * stride - stride + 1, 0), stride), node.line
    )


def _forwarded(graph: _Rewriter, node: Node, kind: Type) -> Node | Ref | None:
    """What was written or stacked at a place is read from where it came from."""
    inner = graph.node(node.args[0])
    if inner is None:
        return None
    rank = len(kind.shape) + 1
    at, size = _dim(node, rank), graph.type(node.args[0]).shape[_dim(node, rank)]
    if not isinstance(size, int):
        return None
    index = cast(int, node.args[2]) % size
    if inner.op == "select_scatter" and _dim(inner, rank, 2) == at:
        if cast(int, inner.args[3]) % size != index:
            return Node("select.int", (inner.args[0], at, index), node.line)
        return _alike(graph, cast(Ref, inner.args[1]), kind)
    if inner.op == "stack" and _dim(inner, rank) == at:
        return _alike(graph, cast(tuple[Ref, ...], inner.args[0])[index], kind)
    number = _number_of(inner, kind)
    return None if number is None else Node("full", (kind.shape, number, "float"), node.line)


def _alike(graph: _Rewriter, ref: Ref, kind: Type) -> Ref | None:
    return ref if graph.type(ref) == kind else None


def _number_of(node: Node, kind: Type) -> float | None:
    """The number that a tensor is full of."""
    if node.op not in _FULL or kind.dtype != "float":
        return None
    params = [p.name for p in TABLE[node.op].params]
    value = node.args[params.index("fill_value")] if "fill_value" in params else _FULL[node.op]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _into_stack(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """A place of a stack written anew: another stack."""
    inner = graph.node(node.args[0])
    at = _dim(node, len(kind.shape), 2)
    source = cast(Ref, node.args[1])
    if inner is None or inner.op != "stack" or _dim(inner, len(kind.shape)) != at:
        return None
    items = list(cast(tuple[Ref, ...], inner.args[0]))
    if graph.type(source) != graph.type(items[0]):
        return None
    items[cast(int, node.args[3]) % len(items)] = source
    return Node("stack", (tuple(items), at), node.line)


def _of_view(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """A reshape of a reshape is one, of the first value."""
    inner = graph.node(node.args[0])
    if inner is None or inner.op not in _VIEWS or any(is_batch(s) and s != BatchDim(1) for s in kind.shape):
        return None
    return Node("view", (inner.args[0], kind.shape), node.line)


def _picked(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """x[:, constants] as index_select, with places counted from the front."""
    del kind
    indices = cast(tuple[Ref | None, ...], node.args[1])
    used = [at for at, ref in enumerate(indices) if ref is not None]
    inner = graph.node(indices[used[0]]) if len(used) == 1 else None
    size = graph.type(node.args[0]).shape[used[0]] if used else None
    if inner is None or inner.op != "const" or not isinstance(size, int):
        return None
    data = cast(Data, inner.args[0])
    if data.dtype != "int" or len(data.shape) != 1:
        return None
    places = tuple(cast(int, v) % size for v in data.values)
    known = graph.add(Node("const", (Data("int", data.shape, places),)), (Type("int", data.shape),))
    return Node("index_select", (node.args[0], used[0], known), node.line)


def _columns(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """stack of columns of one value: index_select; stack of neighbouring slices of one value: a view of it."""
    items = [graph.node(ref) for ref in cast(tuple[Ref, ...], node.args[0])]
    known = [item for item in items if item is not None]
    if len(known) < len(items) or _dim(node, len(kind.shape)) != 1 or len({n.args[0] for n in known}) != 1:
        return None
    source = cast(Ref, known[0].args[0])
    shape = graph.type(source).shape
    if all(item.op == "select.int" and _dim(item, len(shape)) == 1 for item in known):
        size = cast(int, shape[1])
        places = tuple(cast(int, item.args[2]) % size for item in known)
        index = graph.add(Node("const", (Data("int", (len(places),), places),)), (Type("int", (len(places),)),))
        return Node("index_select", (source, 1, index), node.line)
    return None


def _all_places(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """select_scatter over select_scatter … until every place along the dimension was written: a stack."""
    at = _dim(node, len(kind.shape), 2)
    size = kind.shape[at]
    if not isinstance(size, int):
        return None
    found: dict[int, Ref] = {}
    step: Node | None = node
    while step is not None and step.op == "select_scatter" and _dim(step, len(kind.shape), 2) == at:
        source = cast(Ref, step.args[1])
        if graph.type(source).dtype != kind.dtype:
            return None
        found.setdefault(cast(int, step.args[3]) % size, source)
        step = graph.node(step.args[0])
    if len(found) != size:
        return None
    return Node("stack", (tuple(found[k] for k in range(size)), at), node.line)


def _lean(graph: _Rewriter, node: Node, kind: Type) -> Node | None:
    """Operands of a pointwise operation as they were before they were made as large as the result."""
    args = list(node.args)
    changed = False
    for at, arg in enumerate(args):
        smaller = _before_growth(graph, arg) if isinstance(arg, Ref) else None
        if smaller is None:
            continue
        others = [a for a in (*args[:at], smaller, *args[at + 1 :]) if isinstance(a, Ref)]
        if _broadcast([graph.type(a).shape for a in others]) == kind.shape:
            args[at], changed = smaller, True
    return Node(node.op, tuple(args), node.line) if changed else None


def _before_growth(graph: _Rewriter, ref: Ref) -> Ref | None:
    """x of expand(x); one element in place of a tensor that is full of one number."""
    inner, kind = graph.node(ref), graph.type(ref)
    if inner is None:
        return None
    if inner.op == "expand":
        return cast(Ref, inner.args[0])
    number = _number_of(inner, kind)
    if number is None or all(s == 1 for s in kind.shape):
        return None
    one = (1,) * len(kind.shape)
    return graph.add(Node("full", (one, number, "float")), (Type("float", one),))


def _broadcast(shapes: list[tuple[int | BatchDim, ...]]) -> tuple[int | BatchDim, ...] | None:
    """What shapes broadcast to; None where a size meets another."""
    rank = max((len(shape) for shape in shapes), default=0)
    out: list[int | BatchDim] = []
    for k in range(rank):
        sizes = {shape[k - rank] for shape in shapes if len(shape) >= rank - k} - {1}
        if len(sizes) > 1:
            return None
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


_RULES: dict[str, tuple[Rule, ...]] = {
    "unsqueeze": (_restored, _of_view),
    "select.int": (_of_slice, _forwarded),
    "slice.Tensor": (_of_slice,),
    "view": (_of_view,),
    "_unsafe_view": (_of_view,),
    "squeeze.dim": (_of_view,),
    "index.Tensor": (_picked,),
    "select_scatter": (_all_places, _into_stack),
    "stack": (_columns,),
}
