"""Rows are PROVED apart only where neither another row, nor how many there are, nor a row's number matters."""

from __future__ import annotations

import pytest

from tfcaf_forge.errors import GraphError
from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.evidence.proofs.rows import first_crossing
from tfcaf_forge.evidence.proofs.unfold import unfold
from tfcaf_forge.graph.opgraph import BatchDim, Data, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify

from .conftest import task_named

B = BatchDim(1)
Q, S = Ref(0), Ref(1)
TABLE16 = Data("float", (16, 1), tuple(float(k) for k in range(16)))

CROSSING = {
    "the number of rows, counted": [
        Node("ones", ((B,), None)),
        Node("sum", (Ref(2), None)),
        Node("div.Tensor", (Q, Ref(3))),
    ],
    "a mark in row 0 alone": [
        Node("ones", ((B, 2), None)),
        Node("const", (Data("int", (1, 1), (0,)),)),
        Node("scatter.value", (Ref(2), 1, Ref(3), 0)),
        Node("mul.Tensor", (Q, Ref(4))),
    ],
    "a table read by row number": [
        Node("const", (TABLE16,)),
        Node("slice.Tensor", (S, 1, 0, 1, 1)),
        Node("mul.Tensor", (Ref(3), 0)),
        Node("_to_copy", (Ref(4), "int")),
        Node("gather", (Ref(2), 1, Ref(5))),
        Node("mul.Tensor", (Q, Ref(6))),
    ],
    "a table cut by the number of rows": [
        Node("const", (TABLE16,)),
        Node("slice.Tensor", (Ref(2), 0, 0, B, 1)),
        Node("mul.Tensor", (Q, Ref(3))),
    ],
    "columns cut by the number of rows": [
        Node("slice.Tensor", (S, 1, 0, B, 1)),
        Node("sum.dim_IntList", (Ref(2), (1,), True, None)),
        Node("add.Tensor", (Q, Ref(3), 1)),
    ],
    "an even constant folded across rows": [
        Node("const", (Data("float", (1, 2), (1.0, 2.0)),)),
        Node("expand", (Ref(2), (B, 2))),
        Node("view", (Ref(3), (BatchDim(2),))),
        Node("slice.Tensor", (Ref(4), 0, 0, B, 1)),
        Node("unsqueeze", (Ref(5), 1)),
        Node("mul.Tensor", (Q, Ref(6))),
    ],
    "the mean over rows": [Node("mean.dim", (Q, (0,), True, None)), Node("sub.Tensor", (Q, Ref(2), 1))],
    "softmax over rows": [Node("_softmax", (S, 0, False)), Node("slice.Tensor", (Ref(2), 1, 0, 2, 1)), Node("mul.Tensor", (Q, Ref(3)))],
    "rows in reverse": [Node("flip", (Q, (0,)))],
    "running sums over rows": [Node("cumsum", (Q, 0, None))],
}  # fmt: skip

APART = {
    "ones as many as rows": [Node("ones", ((B, 2), None)), Node("mul.Tensor", (Q, Ref(2)))],
    "each row's own element": [
        Node("arange", (B, None)),
        Node("const", (Data("int", (1,), (1,)),)),
        Node("expand", (Ref(3), (B,))),
        Node("index.Tensor", (S, (Ref(2), Ref(4)))),
        Node("unsqueeze", (Ref(5), 1)),
        Node("mul.Tensor", (Q, Ref(6))),
    ],
    "a matrix for every row": [
        Node("unsqueeze", (Q, 2)),
        Node("view", (Ref(2), (BatchDim(2), 1))),
        Node("const", (Data("float", (1, 3), (1.0, 0.5, 0.25)),)),
        Node("mm", (Ref(3), Ref(4))),
        Node("view", (Ref(5), (B, 2, 3))),
        Node("sum.dim_IntList", (Ref(6), (2,), False, None)),
    ],
}


def graph_of(nodes: list[Node]) -> OpGraph:
    end = Node("sum.dim_IntList", (Ref(len(nodes) + 1), (1,), True, None))
    return OpGraph(2, 14, (*nodes, end), Ref(len(nodes) + 2))


@pytest.mark.parametrize("name", CROSSING)
def test_rows_that_may_meet_are_not_proved_apart(name):
    graph = graph_of(CROSSING[name])
    try:
        types = verify(graph)
    except GraphError:  # refused outright: it cannot be proved wrongly
        return
    assert first_crossing(graph, types) is not None
    proofs = prove(graph, types, task_named())
    assert {k for k, proof in proofs.items() if proof.status == "PROVED"} == {"deterministic"}
    assert "rows may meet" in proofs["batch-independent"].detail


@pytest.mark.parametrize("name", APART)
def test_rows_that_stay_apart_are_proved_so(name):
    graph = graph_of(APART[name])
    assert first_crossing(*unfold(graph, verify(graph))) is None
    proofs = prove(graph, verify(graph), task_named())
    assert proofs["batch-independent"].status == "PROVED"


def test_an_index_out_of_range_is_no_proof_of_anything_numeric():
    nodes = [
        Node("const", (Data("float", (2,), (1.0, 2.0)),)),
        Node("select.int", (S, 1, 2)),
        Node("_to_copy", (Ref(3), "int")),
        Node("index.Tensor", (Ref(2), (Ref(4),))),
        Node("unsqueeze", (Ref(5), 1)),
        Node("mul.Tensor", (Q, Ref(6))),
    ]
    graph = graph_of(nodes)
    proofs = prove(graph, verify(graph), task_named())
    for name in ("monotone", "finite", "finite-gradient", "batch-independent"):
        assert proofs[name].status == "UNKNOWN"
        assert "index.Tensor (node 3) may raise" in proofs[name].detail
