"""A graph as JSON bytes, and back; its canonical form and its digest."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph.opgraph import FIRST_NODE, Node, OpGraph, Ref

_SAME_VALUE = frozenset({"clone", "alias", "lift_fresh", "lift_fresh_copy"})
"""Operations whose output is their input: they vanish from the canonical form."""


def encode(graph: OpGraph) -> bytes:
    """The graph as JSON, with the source lines."""
    return msgspec.json.encode(graph)


def decode(data: bytes) -> OpGraph:
    """A graph from JSON.

    Raises:
        GraphError: `malformed`, if the bytes are not a graph. What they say is not yet checked: see `verify`.
    """
    try:
        return msgspec.json.decode(data, type=OpGraph, strict=True)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise GraphError("malformed", f"not a graph: {fault}") from None


def from_builtins(data: Any) -> OpGraph:  # noqa: ANN401 - JSON is dynamically typed
    """A graph from decoded JSON; errors as in `decode`."""
    try:
        return msgspec.convert(data, OpGraph, strict=True)
    except (msgspec.ValidationError, RecursionError) as fault:
        raise GraphError("malformed", f"not a graph: {fault}") from None


def canonical(graph: OpGraph) -> OpGraph:
    """The graph without dead, doubled and do-nothing nodes, in depth-first order from the output.

    Two sources that compute the same thing in the same way have the same canonical graph, whatever their
    names, comments, order of independent lines, or copies. The graph must have been verified.
    """
    target: dict[Ref, Ref] = {Ref(0): Ref(0), Ref(1): Ref(1)}
    nodes: list[Node] = []
    seen: dict[bytes, int] = {}
    for ref in _depth_first(graph):
        node = graph.nodes[ref.id - FIRST_NODE]
        moved = node.with_refs({r: target[r] for r in node.refs()})
        if node.op in _SAME_VALUE:
            (source,) = moved.refs()
            target[Ref(ref.id)] = source
            continue
        key = msgspec.json.encode((moved.op, moved.args))
        if key not in seen:
            seen[key] = len(nodes) + FIRST_NODE
            nodes.append(moved)
        for out in _outputs_read(graph, ref.id):
            target[Ref(ref.id, out)] = Ref(seen[key], out)
    return OpGraph(graph.n_agents, graph.state_size, tuple(nodes), target[graph.output], graph.version)


def digest(graph: OpGraph) -> str:
    """SHA-256 of the canonical graph without its source lines, as 64 hexadecimal digits."""
    bare = canonical(graph)
    nodes = [(node.op, node.args) for node in bare.nodes]
    data = msgspec.json.encode((bare.version, bare.n_agents, bare.state_size, nodes, bare.output))
    return hashlib.sha256(data).hexdigest()


def _depth_first(graph: OpGraph) -> list[Ref]:
    """The nodes that the output needs, each after those it reads; iterative, since a graph may be deep."""
    order: list[Ref] = []
    done: set[int] = {0, 1}
    stack: list[tuple[int, bool]] = [(graph.output.id, False)]
    while stack:
        value, ready = stack.pop()
        if value in done:
            continue
        if ready:
            done.add(value)
            order.append(Ref(value))
            continue
        stack.append((value, True))
        needs = [ref.id for ref in graph.nodes[value - FIRST_NODE].refs() if ref.id not in done]
        stack.extend((need, False) for need in reversed(needs))
    return order


def _outputs_read(graph: OpGraph, value: int) -> list[int]:
    """Which outputs of a node anybody reads (always the first)."""
    outs = {ref.out for node in graph.nodes for ref in node.refs() if ref.id == value}
    if graph.output.id == value:
        outs.add(graph.output.out)
    return sorted(outs | {0})
