"""Corners that random search found: each was once outside its abstract value, or raised unforeseen."""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.evidence.proofs.domains import raw
from tfcaf_forge.graph.opgraph import BatchDim, Data, Node, OpGraph, Ref, Special
from tfcaf_forge.graph.verify import verify

from .conftest import task_named
from .soundness import abstract, check

Q, S = Ref(0), Ref(1)
TO_BOOL = Node("gt.Scalar", (Q, 0))
TO_FLOAT = Node("_to_copy", (Ref(3), "float"))

CORNERS = {
    "amin multiplies an infinite gradient by its mask": (
        [Node("abs", (Q,)), Node("amin", (Ref(2), (1,), True)), Node("reciprocal", (Ref(3),))],
        (0.0, 5.0),
    ),
    "a zero from a step meets an infinity further back": (
        [Node("reciprocal", (Q,)), Node("ceil", (Ref(2),))],
        (0.0, 1.0),
    ),
    "gelu of infinity": ([Node("exp", (Q,)), Node("gelu", (Ref(2),))], (90.0, 100.0)),
    "a NaN sorts last and shifts the others": (
        [Node("log", (Q,)), Node("sort", (Ref(2), 1, False))],
        (-1.0, 2.0),
    ),
    "an overflow before the half in sinh": ([Node("sinh", (Q,))], (88.9, 89.3)),
    "a remainder whose quotient overflows": ([Node("fmod.Scalar", (Q, 0.7))], (2.4e38, 3e38)),
    "a fraction filled into integers": (
        [Node("_to_copy", (Q, "int")), Node("hardtanh", (Ref(2), 0.1, 2)), Node("_to_copy", (Ref(3), "float"))],
        (-1.0, 1.0),
    ),
    "a gradient through floor_divide raises": ([Node("floor_divide", (Q, 3))], (0.0, 4.0)),
    "a gradient through copy raises": ([Node("copy", (Q, Q))], (0.0, 4.0)),
    "abs of bool raises": ([TO_BOOL, Node("abs", (Ref(2),)), TO_FLOAT], (0.0, 1.0)),
    "relu of bool raises": ([TO_BOOL, Node("relu", (Ref(2),)), TO_FLOAT], (0.0, 1.0)),
    "floor of bool raises": ([TO_BOOL, Node("floor", (Ref(2),)), TO_FLOAT], (0.0, 1.0)),
    "gelu of integers raises": (
        [Node("_to_copy", (Q, "int")), Node("gelu", (Ref(2),)), Node("_to_copy", (Ref(3), "float"))],
        (0.0, 1.0),
    ),
    "an infinity among integers raises": (
        [Node("_to_copy", (Q, "int")), Node("full_like", (Ref(2), Special("inf"), None)), TO_FLOAT],
        (0.0, 1.0),
    ),
    "an index beyond the slices raises": (
        [Node("sum.dim_IntList", (Q, (1,), False, None)), Node("select_scatter", (Q, Ref(2), 1, 2))],
        (0.0, 1.0),
    ),
    "a single index out of range raises": (
        [Node("const", (Data("int", (), (-2,)),)), Node("index_select", (Q, 1, Ref(2)))],
        (0.0, 1.0),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CORNERS)
def test_a_corner_once_missed_is_foreseen(name):
    nodes, ends = CORNERS[name]
    end = Node("sum.dim_IntList", (Ref(len(nodes) + 1), (1,), True, None))
    graph = OpGraph(2, 1, (*nodes, end), Ref(len(nodes) + 2))
    types = verify(graph)
    state = np.ones((1, 1), np.float32)
    for values in (ends, ends[::-1], (ends[0], ends[0]), (ends[1], ends[1])):
        local_q = np.array([values], np.float32)
        point = local_q.astype(np.float64)
        low, high = (np.full_like(point, f(np.float32(ends[0]), np.float32(ends[1]))) for f in (min, max))
        for box in (raw(point, point, False, False), raw(low, high, False, False)):
            run, found = abstract(graph, types, box, raw(state.astype(float), state.astype(float), False, True))
            with np.errstate(all="ignore"):
                check(graph, run, found, local_q, state)


def test_a_value_whose_history_is_rewritten_has_no_proved_credit():
    """`lift_fresh` returns its argument and makes itself its origin: autograd then misses `view` below."""
    nodes = (
        Node("view", (Q, (BatchDim(1), 2, 1))),
        Node("lift_fresh", (Q,)),
        Node("sum.dim_IntList", (Ref(2), (1,), False, None)),
        Node("sum.dim_IntList", (Ref(3), (1,), True, None)),
        Node("add.Tensor", (Ref(4), Ref(5), 1)),
    )
    graph = OpGraph(2, 14, nodes, Ref(6))
    proofs = prove(graph, verify(graph), task_named())
    assert {name for name in ("monotone", "finite-gradient", "credit-sum") if proofs[name].status == "PROVED"} == set()
