"""A graph as JSON bytes, and back; the digest of a graph."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph.opgraph import OpGraph


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


def digest(graph: OpGraph) -> str:
    """SHA-256 of a canonical graph without its source lines, as 64 hexadecimal digits."""
    nodes = [(node.op, node.args) for node in graph.nodes]
    data = msgspec.json.encode((graph.version, graph.n_agents, graph.state_size, nodes, graph.output))
    return hashlib.sha256(data).hexdigest()
