"""Holes that were found in the prover by reading it: each proved something that is false, and is now a test.

Every graph is held against real runs, too: what is PROVED of it must survive them.
"""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.errors import GraphError
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.evidence.proofs.prove import _down, _up
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.graph.opgraph import Data, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify

from .conftest import task_named
from .soundness import check_proofs

Q, S = Ref(0), Ref(1)
XY = Node("slice.Tensor", (S, 1, 0, 2, 1))
"""x and y of agent 0, in 0..7."""


def integer(number: int) -> Node:
    return Node("const", (Data("int", (1,), (number,)),))


def signed(mask: int) -> list[Node]:
    """local_q where value `mask` holds, -local_q where it does not."""
    return [
        Node("_to_copy", (Ref(mask), "float")),
        Node("mul.Tensor", (Ref(mask + 1), 2)),
        Node("sub.Tensor", (Ref(mask + 2), 1, 1)),
        Node("mul.Tensor", (Ref(mask + 3), Q)),
    ]


NOT_MONOTONE = {
    "nan_to_num turns a rising value into 0": [
        Node("mul.Tensor", (Q, 3e38)),
        Node("mul.Tensor", (Ref(2), 0.0)),
        Node("add.Tensor", (Ref(3), Q, 1)),
        Node("nan_to_num", (Ref(4), None, None, None)),
    ],
    "nan_to_num turns infinity into less": [
        Node("mul.Tensor", (Q, 3e38)),
        Node("nan_to_num", (Ref(2), None, -5.0, None)),
    ],
    "a difference whose rounding undoes its gradient": [
        Node("add.Tensor", (Q, 1e8, 1)),
        Node("sub.Tensor", (Ref(2), 1e8, 1)),
        Node("mul.Tensor", (Q, 2)),
        Node("sub.Tensor", (Ref(4), Ref(3), 1)),
    ],
    "an integer sum that wraps is below its term": [
        integer(2**63 - 1),
        XY,
        Node("_to_copy", (Ref(3), "int")),
        Node("add.Tensor", (Ref(4), Ref(2), 1)),
        Node("ge.Tensor", (Ref(5), Ref(2))),
        *signed(6),
    ],
    "an integer product that wraps is above its factor": [
        XY,
        Node("_to_copy", (Ref(2), "int")),
        integer(-(2**62)),
        Node("clamp_max", (Ref(4), 1)),
        Node("mul.Tensor", (Ref(3), Ref(5))),
        Node("ge.Tensor", (Ref(3), Ref(6))),
        *signed(7),
    ],
    "the magnitude of the least integer is negative": [
        integer(-(2**63)),
        Node("abs", (Ref(2),)),
        Node("ge.Scalar", (Ref(3), 0)),
        *signed(4),
    ],
    "the least integer is its own opposite": [
        integer(-(2**63)),
        Node("clamp_max", (Ref(2), 5)),
        Node("neg", (Ref(3),)),
        Node("ge.Scalar", (Ref(4), -5)),
        *signed(5),
    ],
    "a large float becomes the least integer": [
        XY,
        Node("mul.Tensor", (Ref(2), 1e30)),
        Node("_to_copy", (Ref(3), "int")),
        Node("abs", (Ref(4),)),
        Node("ge.Scalar", (Ref(5), 0)),
        *signed(6),
    ],
    "2^53 + 1 is not 2^53": [
        integer(2**53 + 1),
        integer(2**53),
        Node("eq.Tensor", (Ref(2), Ref(3))),
        *signed(4),
    ],
}

BEYOND_FLOAT32 = {
    "full": [Node("full", ((2,), 1e39, "float")), Node("clamp_max", (Ref(2), 1.0)), Node("mul.Tensor", (Ref(3), Q))],
    "clamp": [XY, Node("clamp", (Ref(2), 0.0, 1e39)), Node("mul.Tensor", (Ref(3), Q))],
    "elu": [XY, Node("elu", (Ref(2), 1e-40, 1.0, 1e40)), Node("mul.Tensor", (Ref(3), Q))],
    "softplus": [XY, Node("softplus", (Ref(2), 1e40, 20)), Node("mul.Tensor", (Ref(3), Q))],
}


def graph_of(nodes: list[Node]) -> OpGraph:
    end = Node("sum.dim_IntList", (Ref(len(nodes) + 1), (1,), True, None))
    return OpGraph(2, 14, (*nodes, end), Ref(len(nodes) + 2))


def survives(graph: OpGraph, seeds: int = 12):
    """The proofs of a graph, after real runs that tried to refute them."""
    proofs = prove(graph, verify(graph), task_named())
    with np.errstate(all="ignore"):
        for seed in range(seeds):
            check_proofs(graph, task_named(), proofs, np.random.default_rng(seed))
    return proofs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_MONOTONE)
def test_what_falls_is_not_proved_to_rise(name):
    assert survives(graph_of(NOT_MONOTONE[name]))["monotone"].status == "UNKNOWN"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["nan_to_num turns a rising value into 0", "a difference whose rounding undoes its gradient"]
)
def test_a_sign_that_cannot_be_trusted_is_explained(name):
    detail = survives(graph_of(NOT_MONOTONE[name]))["monotone"].detail
    assert "every credit >= 0" in detail or "every credit >= 1" in detail
    assert "may jump where nan_to_num" in detail or "rounding at add.Tensor (node 0)" in detail


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["nan_to_num turns a rising value into 0", "a difference whose rounding undoes its gradient"]
)
def test_a_fall_that_no_gradient_shows_is_found_by_trials(name):
    (verdict,) = examine(Subject(graph_of(NOT_MONOTONE[name]), task_named()), only=["monotone"]).verdicts
    assert verdict.status == "REFUTED"
    assert "q_tot falls from" in verdict.counterexample.observed


@pytest.mark.parametrize("name", BEYOND_FLOAT32)
def test_a_number_that_some_kernels_refuse_is_refused_in_the_graph(name):
    with pytest.raises(GraphError, match="is beyond float32"):
        verify(graph_of(BEYOND_FLOAT32[name]))


@pytest.mark.filterwarnings("ignore")
def test_parameters_that_overflow_together_prove_nothing():
    nodes = [XY, Node("neg", (Ref(2),)), Node("elu", (Ref(3), 1e30, 1e30, 1e-30)), Node("mul.Tensor", (Ref(4), Q))]
    assert survives(graph_of(nodes))["finite"].status == "UNKNOWN"


@pytest.mark.filterwarnings("ignore")
def test_a_credit_that_counts_the_rows_is_not_batch_independent():
    """No row's inputs reach another row, and yet every row's Q_tot depends on how many there are."""
    nodes = [Node("ones_like", (Q, None)), Node("sum", (Ref(2), None)), Node("mul.Tensor", (Q, Ref(3)))]
    graph = graph_of(nodes)
    assert survives(graph)["batch-independent"].status == "UNKNOWN"
    (verdict,) = examine(Subject(graph, task_named()), only=["batch-independent"]).verdicts
    assert verdict.status == "REFUTED"


@pytest.mark.filterwarnings("ignore")
def test_values_divided_by_a_literal_zero_do_not_stop_the_prover():
    """Found by the large search: the sum of the credits divided by the number, too."""
    nodes = [
        Node("div.Tensor", (Q, 0.0)),
        Node("gt.Scalar", (Ref(2), 1)),
        Node("_to_copy", (Ref(3), "float")),
        Node("add.Tensor", (Ref(4), Q, 1)),
    ]
    assert survives(graph_of(nodes))["finite"].status == "PROVED"


@pytest.mark.parametrize("x", [0.0, 1.0, 0.1, 1 / 3, 2 / 3, 1234567.9, 9.999999e-39, 3.4028234663852886e38])
def test_a_bound_that_is_shown_says_no_less_than_was_proved(x):
    for end in (x, -x):
        assert float(_down(end)) <= end <= float(_up(end))
        assert abs(float(_up(end)) - end) <= abs(end) * 1.00001e-5
