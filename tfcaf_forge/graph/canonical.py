"""The canonical form of a graph: no dead, doubled or do-nothing nodes, in depth-first order from the output.

Two sources that compute the same thing in the same way have the same canonical graph, whatever their names,
comments, order of independent lines, or copies. Nothing is rounded anew: every step keeps each value bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tfcaf_forge.graph.affine import Dependence, dependences
from tfcaf_forge.graph.opgraph import FIRST_NODE, Node, OpGraph, Ref, Type

Types = Sequence[tuple[Type, ...]]

_SAME_VALUE = frozenset({"clone", "alias", "lift_fresh", "lift_fresh_copy"})
_SHAPE_ONLY = frozenset(
    {"view", "_unsafe_view", "expand", "permute", "squeeze.dim", "squeeze", "slice.Tensor", "repeat"}
)


def canonical(graph: OpGraph, types: Types) -> tuple[OpGraph, tuple[tuple[Type, ...], ...]]:
    """The canonical form of a verified graph, and its types.

    Args:
        graph, types: a graph and what `verify` returned for it.
    """
    depends = dependences(graph)
    target: dict[Ref, Ref] = {Ref(0): Ref(0), Ref(1): Ref(1)}
    nodes: list[Node] = []
    kept = [types[0], types[1]]
    seen: dict[bytes, int] = {}
    for value in _depth_first(graph):
        node = graph.nodes[value - FIRST_NODE]
        moved = node.with_refs({ref: target[ref] for ref in node.refs()})
        same = _same_as(node, types, value, depends)
        if same is not None:
            target[Ref(value)] = target[same]
            continue
        key = msgspec.json.encode((moved.op, moved.args))
        if key not in seen:
            seen[key] = len(nodes) + FIRST_NODE
            nodes.append(moved)
            kept.append(types[value])
        for out in range(len(types[value])):
            target[Ref(value, out)] = Ref(seen[key], out)
    made = OpGraph(graph.n_agents, graph.state_size, tuple(nodes), target[graph.output], graph.version)
    return made, tuple(kept)


def _same_as(node: Node, types: Types, value: int, depends: Sequence[Dependence]) -> Ref | None:
    """The value that a node merely repeats, if it does."""
    first = next(node.refs(), None)
    if first is None:
        return None
    if node.op in _SAME_VALUE:
        return first
    if node.op == "detach":  # only what depends on local_q has a gradient to cut
        return first if depends[first.id] is Dependence.NONE else None
    if node.op == "copy":
        source = list(node.refs())[1]
        return source if _type(types, source) == types[value][0] else None
    if node.op == "_to_copy":
        return first if _type(types, first) == types[value][0] else None
    if node.op in _SHAPE_ONLY and _type(types, first) == types[value][0]:
        return first if _keeps_order(node) else None
    return None


def _keeps_order(node: Node) -> bool:
    """Whether a shape operation whose sizes do not change leaves every element where it is."""
    if node.op == "permute":
        dims = node.args[1]
        return isinstance(dims, tuple) and all(isinstance(d, int) and d % len(dims) == i for i, d in enumerate(dims))
    return node.op != "slice.Tensor" or node.args[4] == 1


def _type(types: Types, ref: Ref) -> Type:
    return types[ref.id][ref.out]


def _depth_first(graph: OpGraph) -> list[int]:
    """The nodes' values that the output needs, each after those it reads; iterative, since a graph may be deep."""
    order: list[int] = []
    done: set[int] = {0, 1}
    stack: list[tuple[int, bool]] = [(graph.output.id, False)]
    while stack:
        value, ready = stack.pop()
        if value in done:
            continue
        if ready:
            done.add(value)
            order.append(value)
            continue
        stack.append((value, True))
        needs = [ref.id for ref in graph.nodes[value - FIRST_NODE].refs() if ref.id not in done]
        stack.extend((need, False) for need in reversed(needs))
    return order
