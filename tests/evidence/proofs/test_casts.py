"""Operations that make integers or truth values of what they are given: by a `dtype`, or because they write into such
a tensor. Each of these graphs was PROVED to be what it is not; what is PROVED of it now survives real runs.
"""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import BatchDim, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify

from .conftest import task_named
from .soundness import check_proofs
from .test_holes import signed, survives

Q, S = Ref(0), Ref(1)
X = Node("slice.Tensor", (S, 1, 0, 1, 1))
"""x of agent 0, in 0..7."""
LEVEL = Node("slice.Tensor", (S, 1, 2, 3, 1))
"""The level of agent 0, in 1..2."""


def graph_of(*nodes: Node) -> OpGraph:
    """The sum over the agents of the last value."""
    end = Node("sum.dim_IntList", (Ref(len(nodes) + 1), (1,), True, None))
    return OpGraph(2, 14, (*nodes, end), Ref(len(nodes) + 2))


def share(value: int) -> list[Node]:
    """0.5 + 0.05 x of value `value`, x in 0..7: it is 0 as an integer."""
    return [
        Node("mul.Tensor", (Ref(value), 0.05)),
        Node("add.Tensor", (Ref(value + 1), 0.5, 1)),
    ]


def chosen(mask: int) -> list[Node]:
    """-local_q where value `mask` holds, local_q where it does not."""
    return [Node("neg", (Q,)), Node("where.self", (Ref(mask), Ref(mask + 1), Q))]


TRUE_TWICE = [Node("slice.Tensor", (S, 1, 0, 2, 1)), Node("gt.Scalar", (Ref(2), -1))]

NOT_MONOTONE = {
    "a sum of truths as bool is true": [*TRUE_TWICE, Node("sum.dim_IntList", (Ref(3), (1,), True, "bool")), *chosen(4)],
    "a sum of numbers as bool is true": [LEVEL, Node("sum.dim_IntList", (Ref(2), (1,), True, "bool")), *chosen(3)],
    "a product of numbers as bool is true": [LEVEL, Node("prod.dim_int", (Ref(2), 1, True, "bool")), *chosen(3)],
    "a sum as int is below its term": [
        X,
        *share(2),
        Node("sum.dim_IntList", (Ref(4), (1,), True, "int")),
        Node("ge.Tensor", (Ref(5), Ref(4))),
        *signed(6),
    ],
    "a sum as int without its dimension is below its term": [
        X,
        *share(2),
        Node("sum.dim_IntList", (Ref(4), (1,), False, "int")),
        Node("select.int", (Ref(4), 1, 0)),
        Node("ge.Tensor", (Ref(5), Ref(6))),
        Node("unsqueeze", (Ref(7), 1)),
        *signed(8),
    ],
    "a sum as int with its dimension restored is below its term": [
        X,
        *share(2),
        Node("sum.dim_IntList", (Ref(4), (1,), False, "int")),
        Node("unsqueeze", (Ref(5), 1)),
        Node("ge.Tensor", (Ref(6), Ref(4))),
        *signed(7),
    ],
}

NOT_FINITE = {
    "a sum as int": [X, *share(2), Node("sum.dim_IntList", (Ref(4), (1,), True, "int"))],
    "a sum of everything as int": [Node("full", ((1, 2), 0.5, "float")), Node("sum", (Ref(2), "int"))],
    "a running sum as int": [X, *share(2), Node("cumsum", (Ref(4), 1, "int"))],
    "a product as int": [X, *share(2), Node("prod.dim_int", (Ref(4), 1, True, "int"))],
    "a running product as int": [X, *share(2), Node("cumprod", (Ref(4), 1, "int"))],
}

STEPS = {
    "sum": Node("sum.dim_IntList", (Q, (1,), True, "int")),
    "sum as bool": Node("sum.dim_IntList", (Q, (1,), True, "bool")),
    "product": Node("prod.dim_int", (Q, 1, True, "int")),
    "running sum": Node("cumsum", (Q, 1, "int")),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_MONOTONE)
def test_what_falls_because_its_terms_are_cast_is_not_proved_to_rise(name):
    assert survives(graph_of(*NOT_MONOTONE[name]))["monotone"].status == "UNKNOWN"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_FINITE)
def test_a_quotient_by_an_integer_that_is_zero_is_not_proved_finite(name):
    nodes = NOT_FINITE[name]
    proofs = survives(graph_of(*nodes, Node("div.Tensor", (Q, Ref(len(nodes) + 1)))))
    assert proofs["finite"].status == "UNKNOWN"


@pytest.mark.parametrize("name", STEPS)
def test_a_reduction_to_integers_of_local_q_is_a_step_and_has_no_gradient(name):
    nodes = [STEPS[name], Node("_to_copy", (Ref(2), "float")), Node("sub.Tensor", (Q, Ref(3), 1))]
    graph = graph_of(*nodes)
    proofs = prove(graph, verify(graph), task_named())
    assert proofs["monotone"].status == proofs["finite-gradient"].status == "UNKNOWN"
    assert STEPS[name].op in proofs["finite-gradient"].detail


def zeros(dtype: str) -> Node:
    return Node("zeros", ((BatchDim(1), 2), dtype))


WRITES = {
    "copy": [zeros("int"), Node("copy", (Ref(2), Q))],
    "copy of truth": [zeros("bool"), Node("relu", (Q,)), Node("copy", (Ref(2), Ref(3)))],
    "copy to one place": [
        zeros("int"),
        Node("select.int", (Ref(2), 1, 0)),
        Node("select.int", (Q, 1, 0)),
        Node("copy", (Ref(3), Ref(4))),
        Node("select_scatter", (Ref(2), Ref(5), 1, 0)),
    ],
    "select_scatter": [zeros("int"), Node("select.int", (Q, 1, 0)), Node("select_scatter", (Ref(2), Ref(3), 1, 0))],
    "slice_scatter": [zeros("int"), Node("slice_scatter", (Ref(2), Q, 1, 0, 2, 1))],
}
"""local_q written into integers or truth values."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRITES)
def test_what_falls_in_steps_because_it_is_written_into_integers_is_not_proved_to_rise(name):
    nodes = WRITES[name]
    kept = len(nodes) + 1
    falling = [
        Node("_to_copy", (Ref(kept), "float")),
        Node("clamp", (Ref(kept + 1), -3, 3)),
        Node("mul.Tensor", (Ref(kept + 2), 5.0)),
        Node("sub.Tensor", (Q, Ref(kept + 3), 1)),
    ]
    graph = graph_of(*nodes, *falling)
    proofs = prove(graph, verify(graph), task_named())
    assert proofs["monotone"].status == "UNKNOWN"
    check_proofs(graph, task_named(), proofs, np.random.default_rng(0))


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_into_integers_is_not_affine(name):
    nodes = WRITES[name]
    rising = [Node("mul.Tensor", (Ref(len(nodes) + 1), 0.5)), Node("add.Tensor", (Q, Ref(len(nodes) + 2), 1))]
    assert not is_affine(graph_of(*nodes, *rising))


WRITTEN = {
    "copy": [X, *share(2), zeros("int"), Node("copy", (Ref(5), Ref(4)))],
    "slice_scatter": [X, *share(2), zeros("int"), Node("slice_scatter", (Ref(5), Ref(4), 1, 0, 1, 1))],
    "masked_fill": [
        zeros("int"),
        Node("ge.Scalar", (Q, -100)),
        Node("masked_fill.Scalar", (Ref(2), Ref(3), 0.9)),
    ],
    "scatter": [zeros("int"), zeros("int"), Node("scatter.value", (Ref(2), 1, Ref(3), 0.9))],
    "pad": [zeros("int"), Node("constant_pad_nd", (Ref(2), (1, -1), 0.9))],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRITTEN)
def test_a_number_written_into_integers_is_cut_and_its_bounds_are_known(name):
    """What is written is below 1, so it is 0; then 0 times local_q has the credit 0."""
    nodes = WRITTEN[name]
    graph = graph_of(*nodes, Node("mul.Tensor", (Q, Ref(len(nodes) + 1))))
    assert survives(graph)["bounded-credit"].detail.startswith("|credit| <= 0")


@pytest.mark.filterwarnings("ignore")
def test_weights_divided_by_their_sum_as_int_do_not_sum_to_one():
    nodes = [
        Node("slice.Tensor", (S, 1, 0, 2, 1)),
        *share(2),
        Node("add.Tensor", (Ref(4), 1.0, 1)),
        Node("sum.dim_IntList", (Ref(5), (1,), True, "int")),
        Node("div.Tensor", (Ref(5), Ref(6))),
        Node("mul.Tensor", (Q, Ref(7))),
    ]
    assert survives(graph_of(*nodes))["credit-sum"].status == "UNKNOWN"


@pytest.mark.filterwarnings("ignore")
def test_the_place_of_the_largest_magnitude_is_not_taken_for_the_magnitude():
    nodes = [
        Node("slice.Tensor", (S, 1, 0, 2, 1)),
        Node("abs", (Ref(2),)),
        Node("max.dim", (Ref(3), 1, True)),
        Node("clamp_min", (Ref(4, 1), 1)),
        Node("div.Tensor", (Ref(2), Ref(5))),
        Node("rsub.Scalar", (Ref(6), 1.5, 1)),
        Node("mul.Tensor", (Q, Ref(7))),
    ]
    assert survives(graph_of(*nodes))["monotone"].status == "UNKNOWN"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", ["cumsum", "cumprod"])
def test_nothing_is_proved_of_running_sums_of_truths_which_the_kernels_refuse(op):
    graph = graph_of(*TRUE_TWICE, Node(op, (Ref(3), 1, "bool")), Node("where.self", (Ref(4), Q, Q)))
    proofs = prove(graph, verify(graph), task_named())
    assert proofs["finite"].status == proofs["batch-independent"].status == "UNKNOWN"


@pytest.mark.parametrize("dtype", [None, "float"])
def test_counts_of_truths_keep_their_proofs(dtype):
    """How many of two conditions hold, and one more: between 1 and 3, and at least what is counted."""
    nodes = [
        *TRUE_TWICE,
        Node("sum.dim_IntList", (Ref(3), (1,), True, dtype)),
        Node("add.Tensor", (Ref(4), 1, 1)),
        Node("div.Tensor", (Q, Ref(5))),
    ]
    graph = graph_of(*nodes)
    proofs = prove(graph, verify(graph), task_named())
    check_proofs(graph, task_named(), proofs, np.random.default_rng(0))
    assert proofs["monotone"].detail.startswith("every credit >= 0.333333")
