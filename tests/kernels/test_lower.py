"""A lowered kernel computes what its verified graph computes: every value to the bit, gradients but for rounding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.evidence.proofs.random_graphs import random_graph
from tests.kernels.build import assert_same, values_and_credit
from tfcaf_forge.graph.interpret import Program
from tfcaf_forge.graph.opgraph import BatchDim, Data, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.bound import MANY_ROWS, Bound, Lowered
from tfcaf_forge.kernels.lower import lower

Q, S, B = Ref(0), Ref(1), BatchDim(1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_graphs_compute_the_same_to_the_bit(start):
    compared = 0
    for seed in range(start, start + 50):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng, size=int(rng.integers(2, 14)))
        if graph is None:
            continue
        q, s = (rng.normal(size=(9, n)).astype(np.float32) * 3 for n in (graph.n_agents, graph.state_size))
        try:
            values_and_credit(Program(graph), q, s)
        except (RuntimeError, IndexError) as fault:
            with warnings.catch_warnings(), pytest.raises(type(fault)):
                values_and_credit(Bound(lower(graph)), q, s)
            continue
        assert_same(graph, q, np.floor(s) if seed % 2 else s)
        compared += 1
    assert compared > 20


def weighted(*nodes: Node) -> OpGraph:
    """local_q times the last node's value, summed."""
    last = Ref(len(nodes) + 1)
    ends = (Node("mul.Tensor", (Q, last)), Node("sum.dim_IntList", (Ref(last.id + 1), (1,), True, None)))
    graph = OpGraph(2, 6, (*nodes, *ends), Ref(last.id + 2))
    verify(graph)
    return graph


def column(index: int) -> Node:
    return Node("select.int", (S, 1, index))


REWRITES = {
    "unsqueeze of a select is a slice": (
        weighted(column(-1), Node("unsqueeze", (Ref(2), 1))),
        ["slice.Tensor"],
    ),
    "a select of a slice is a select": (
        weighted(
            Node("slice.Tensor", (S, 1, 1, 6, 2)), Node("select.int", (Ref(2), 1, -1)), Node("unsqueeze", (Ref(3), -1))
        ),
        ["slice.Tensor"],
    ),
    "a slice of a slice is one": (
        weighted(Node("slice.Tensor", (S, 1, 1, None, 2)), Node("slice.Tensor", (Ref(2), 1, 1, 3, 1))),
        ["slice.Tensor"],
    ),
    "columns written one after another are a stack": (
        weighted(
            Node("zeros", ((B, 2), None)),
            column(3),
            Node("select_scatter", (Ref(2), Ref(3), 1, 0)),
            column(4),
            Node("select_scatter", (Ref(4), Ref(5), 1, 1)),
        ),
        ["const", "index_select"],
    ),
    "what was written is read where it came from": (
        weighted(
            Node("ones", ((B, 2), None)),
            Node("exp", (S,)),
            Node("select.int", (Ref(3), 1, 2)),
            Node("select.int", (Ref(2), 1, 0)),
            Node("add.Tensor", (Ref(4), Ref(5), 1)),
            Node("select_scatter", (Ref(2), Ref(6), 1, 0)),
            Node("select.int", (Ref(7), 1, 0)),
            Node("unsqueeze", (Ref(8), 1)),
        ),
        ["exp", "select.int", "full", "add.Tensor", "unsqueeze"],
    ),
    "a place of a stack written anew is another stack": (
        weighted(
            Node("exp", (S,)),
            Node("select.int", (Ref(2), 1, 0)),
            Node("sum.dim_IntList", (Ref(2), (1,), False, None)),
            Node("stack", ((Ref(3), Ref(4)), 1)),
            Node("sigmoid", (Ref(4),)),
            Node("select_scatter", (Ref(5), Ref(6), 1, -2)),
        ),
        ["exp", "sum.dim_IntList", "sigmoid", "stack"],
    ),
    "a view of a view is one": (
        weighted(
            Node("slice.Tensor", (S, 1, 0, 2, 1)),
            Node("view", (Ref(2), (B, 2, 1))),
            Node("view", (Ref(3), (B, 1, 2))),
            Node("squeeze.dim", (Ref(4), 1)),
        ),
        ["slice.Tensor"],
    ),
    "what is full of a number is one number": (
        weighted(
            Node("slice.Tensor", (S, 1, 0, 2, 1)),
            Node("full_like", (Ref(2), 3.5, None)),
            Node("add.Tensor", (Ref(2), Ref(3), 1)),
        ),
        ["slice.Tensor", "full", "add.Tensor"],
    ),
    "an operand need not be expanded": (
        weighted(Node("slice.Tensor", (S, 1, 0, 1, 1)), Node("expand", (Ref(2), (B, 2)))),
        ["slice.Tensor"],
    ),
    "columns by constant places are selected": (
        weighted(Node("const", (Data("int", (2,), (4, -6)),)), Node("index.Tensor", (S, (None, Ref(2))))),
        ["const", "index_select"],
    ),
    "one thing is computed once": (
        weighted(
            Node("slice.Tensor", (S, 1, 0, 2, 1)),
            Node("exp", (Ref(2),)),
            Node("slice.Tensor", (S, 1, 0, 2, 1)),
            Node("exp", (Ref(4),)),
            Node("add.Tensor", (Ref(3), Ref(5), 1)),
        ),
        ["slice.Tensor", "exp", "add.Tensor"],
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_shortens_the_graph_and_keeps_every_value(name):
    graph, expected = REWRITES[name]
    lowered = lower(graph)
    verify(lowered)
    assert [node.op for node in lowered.nodes] == [*expected, "mul.Tensor", "sum.dim_IntList"]
    rng = np.random.default_rng(0)
    assert_same(graph, rng.normal(size=(7, 2)).astype(np.float32), rng.normal(size=(7, 6)).astype(np.float32))


def columns(count: int) -> list[Node]:
    return [column(k) for k in range(count)]


PACKED = {
    "equal operations on columns become one": (
        weighted(
            *columns(6),
            *(Node("sub.Tensor", (Ref(2 + k), Ref(5 + k), 1)) for k in range(3)),
            *(Node("abs", (Ref(8 + k),)) for k in range(3)),
            Node("stack", ((Ref(11), Ref(12), Ref(13)), 1)),
            Node("mean.dim", (Ref(14), (1,), True, None)),
        ),
        {"sub.Tensor": 1, "abs": 1, "select.int": 0, "stack": 0},
    ),
    "an operand that all share is spread": (
        weighted(
            *columns(4),
            *(Node("mul.Tensor", (Ref(2 + k), Ref(5))) for k in range(3)),
            Node("stack", ((Ref(8), Ref(6), Ref(7)), 1)),
            Node("amax", (Ref(9), (1,), True)),
        ),
        {"mul.Tensor": 1, "stack": 0},
    ),
    "other numbers are other operations": (
        weighted(
            *columns(3),
            *(Node("mul.Tensor", (Ref(2 + k), float(k))) for k in range(3)),
            Node("stack", ((Ref(5), Ref(6), Ref(7)), 1)),
            Node("amax", (Ref(8), (1,), True)),
        ),
        {"mul.Tensor": 3},
    ),
    "what rounds otherwise elsewhere in memory stays": (
        weighted(
            *columns(3),
            *(Node("exp", (Ref(2 + k),)) for k in range(3)),
            Node("stack", ((Ref(5), Ref(6), Ref(7)), 1)),
            Node("amax", (Ref(8), (1,), True)),
        ),
        {"exp": 3},
    ),
    "what depends on local_q stays": (
        OpGraph(
            2,
            6,
            (
                *(Node("select.int", (Q, 1, k)) for k in (0, 1)),
                column(0),
                *(Node("mul.Tensor", (Ref(2 + k), Ref(4))) for k in (0, 1)),
                Node("add.Tensor", (Ref(5), Ref(6), 1)),
                Node("unsqueeze", (Ref(7), 1)),
            ),
            Ref(8),
        ),
        {"mul.Tensor": 2},
    ),
}  # counted are the operations that do not read local_q itself


@pytest.mark.parametrize("name", PACKED)
def test_equal_operations_are_computed_side_by_side(name):
    graph, expected = PACKED[name]
    lowered = lower(graph)
    verify(lowered)
    own = [node.op for node in lowered.nodes if Q not in node.refs()]
    assert {op: own.count(op) for op in expected} == expected
    rng = np.random.default_rng(0)
    for rows in (1, 3, 70):
        assert_same(graph, rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 6)).astype(np.float32))


def test_lowering_twice_changes_nothing_more():
    for graph, _ in REWRITES.values():
        once = lower(graph)
        assert lower(once) == once


def test_many_rows_give_the_bits_that_few_give():
    graph, _ = PACKED["equal operations on columns become one"]
    program = Lowered(graph)
    rng = np.random.default_rng(0)
    q, s = (torch.from_numpy(rng.normal(size=(MANY_ROWS, n)).astype(np.float32)) for n in (2, 6))
    many = program(q, s)
    assert torch.equal(many[:100], program(q[:100], s[:100]))
    assert torch.equal(many, Program(graph)(q, s))
    widths = [len(bound._made[torch.float32, q.device].calls) for bound in (program._few, program._many)]
    assert widths[0] < widths[1]


def test_what_no_input_reaches_is_computed_once_for_each_type():
    table = Node("const", (Data("float", (2,), (0.1, 0.2)),))
    bound = Bound(weighted(table, Node("exp", (Ref(2),)), Node("add.Tensor", (Ref(3), 1.0, 1))))
    q, s = torch.ones(3, 2), torch.zeros(3, 6)
    for dtype in (torch.float32, torch.float64):
        found = bound(q.to(dtype), s.to(dtype))
        assert found.dtype is dtype
        assert float(found[0]) == pytest.approx(2 + float(torch.tensor([0.1, 0.2]).to(dtype).exp().sum()), rel=1e-6)
    assert len(bound._made) == 2
    assert all(len(made.calls) == 2 for made in bound._made.values())
