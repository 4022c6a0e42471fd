from __future__ import annotations

import pytest

from tests.graph.examples import B, N, S, const
from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.opgraph import Data, Node, OpGraph, Ref, Special
from tfcaf_forge.graph.printer import to_text
from tfcaf_forge.graph.verify import verify

GRAPH = OpGraph(
    N,
    S,
    (
        Node("slice.Tensor", (Ref(1), 1, 0, 3, 1), 2),
        Node("select.int", (Ref(1), 1, 4), 3),
        Node("unsqueeze", (Ref(3), 1), 3),
        const("float", (), 0.5),
        Node("mul.Tensor", (Ref(4), Ref(5)), 4),
        Node("add.Tensor", (Ref(2), Ref(6), 1), 5),
        Node("_softmax", (Ref(7), -1, False), 5),
        Node("zeros", ((B, 1), None)),
        Node("mul.Tensor", (Ref(0), Ref(8)), 6),
        Node("sum.dim_IntList", (Ref(10), (1,), True, None), 6),
        Node("add.Tensor", (Ref(11), Ref(9), 1), 6),
    ),
    Ref(12),
)


def test_a_graph_survives_the_round_trip() -> None:
    assert codec.decode(codec.encode(GRAPH)) == GRAPH


def test_infinities_survive_the_round_trip() -> None:
    node = Node("const", (Data("float", (2,), (Special("inf"), Special("-inf"))),))
    graph = OpGraph(N, S, (node,), Ref(2))
    assert codec.decode(codec.encode(graph)) == graph


def test_lines_are_not_part_of_the_digest() -> None:
    moved = OpGraph(N, S, tuple(Node(node.op, node.args, 99) for node in GRAPH.nodes), GRAPH.output)
    assert codec.digest(moved) == codec.digest(GRAPH)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        b'{"n_agents": 1, "state_size": 1, "nodes": [], "output": {"is": "value", "id": 0}, "extra": 1}',
        b'{"n_agents": "1", "state_size": 1, "nodes": [], "output": {"is": "value", "id": 0}}',
        b'{"n_agents": 1, "state_size": 1, "nodes": [{"op": "neg", "args": [{"is": "code", "id": 0}]}], "output": {"is": "value", "id": 0}}',
        b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_graph_are_refused(data: bytes) -> None:
    with pytest.raises(GraphError, match="not a graph"):
        codec.decode(data)


def test_the_text_names_fields_types_and_lines() -> None:
    text = to_text(GRAPH, verify(GRAPH), ("a.x", "a.y", "b.x", "b.y", "c.x", "c.y"))
    assert text == (
        "(local_q float[B, 3], state float[B, 6]) -> %10 float[B, 1]\n"
        "%0  = slice.Tensor(state, dim=1, start=0, end=3, step=1)  float[B, 3]  #  a.x, a.y, b.x  line 2\n"
        "%1  = select.int(state, dim=1, index=4)                   float[B]     #  c.x  line 3\n"
        "%2  = unsqueeze(%1, dim=1)                                float[B, 1]  #  line 3\n"
        "%3  = const(0.5)                                          float[]\n"
        "%4  = mul.Tensor(%2, %3)                                  float[B, 1]  #  line 4\n"
        "%5  = add.Tensor(%0, %4)                                  float[B, 3]  #  line 5\n"
        "%6  = _softmax(%5, dim=-1)                                float[B, 3]  #  line 5\n"
        "%7  = zeros(size=[B, 1])                                  float[B, 1]\n"
        "%8  = mul.Tensor(local_q, %6)                             float[B, 3]  #  line 6\n"
        "%9  = sum.dim_IntList(%8, dim=[1], keepdim=True)          float[B, 1]  #  line 6\n"
        "%10 = add.Tensor(%9, %7)                                  float[B, 1]  #  line 6\n"
    )
