"""What rounding may undo is not proved to rise; what rises to the last bit is, however coarse its numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.evidence.proofs.rounding import LIMIT
from tfcaf_forge.evidence.properties.igm import _TOLERANCE as IGM_TOLERANCE
from tfcaf_forge.evidence.properties.monotone import _Q_TOLERANCE
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify

from .conftest import task_named

Q, S = Ref(0), Ref(1)


def proved(*nodes: Node) -> str:
    """The status of `monotone` for the sum over the agents of the last value."""
    end = Node("sum.dim_IntList", (Ref(len(nodes) + 1), (1,), True, None))
    graph = OpGraph(2, 14, (*nodes, end), Ref(len(nodes) + 2))
    return prove(graph, verify(graph), task_named())["monotone"].status


def apart(offset: float, share: float) -> list[Node]:
    """(q + offset) - (share q + offset)."""
    return [
        Node("add.Tensor", (Q, offset, 1)),
        Node("mul.Tensor", (Q, share)),
        Node("add.Tensor", (Ref(3), offset, 1)),
        Node("sub.Tensor", (Ref(2), Ref(4), 1)),
    ]


def test_rounding_that_is_let_pass_is_no_more_than_trials_tolerate_at_both_ends_of_a_step():
    assert min(_Q_TOLERANCE, IGM_TOLERANCE) >= 2 * LIMIT


@pytest.mark.parametrize(("offset", "share"), [(1e2, 0.5), (1e3, 0.5), (1e4, 0.5), (1e4, 0.9)])
def test_a_difference_of_sums_with_a_large_number_is_not_proved_to_rise(offset, share):
    assert proved(*apart(offset, share)) == "UNKNOWN"


RISING = {
    "a large number is added once": [Node("add.Tensor", (Q, 1e6, 1))],
    "a falling value is taken away": [
        Node("add.Tensor", (Q, 1e6, 1)),
        Node("rsub.Scalar", (Q, 1e6, 1)),
        Node("sub.Tensor", (Ref(2), Ref(3), 1)),
    ],
    "times a large number that is not negative": [
        Node("slice.Tensor", (S, 1, 0, 2, 1)),
        Node("mul.Tensor", (Ref(2), 1e4)),
        Node("mul.Tensor", (Q, Ref(3))),
        Node("sub.Tensor", (Ref(4), 1e5, 1)),
    ],
    "a slope below zero that is smaller": [Node("leaky_relu", (Q, 0.1)), Node("mul.Tensor", (Ref(2), 1e4))],
    "a cube": [Node("pow.Tensor_Scalar", (Q, 3)), Node("mul.Tensor", (Ref(2), 1e2))],
}


@pytest.mark.parametrize("name", RISING)
def test_what_rises_to_the_last_bit_is_proved_to_rise(name):
    assert proved(*RISING[name]) == "PROVED"


def test_a_rising_value_behind_a_curve_counts_with_the_errors_of_the_curve_alone():
    """tanh(0.01 (q + 1000) - 10): the sum is exact in its order, and tanh errs by some units of 1."""
    nodes = [
        Node("add.Tensor", (Q, 1000.0, 1)),
        Node("mul.Tensor", (Ref(2), 0.01)),
        Node("sub.Tensor", (Ref(3), 10.0, 1)),
        Node("tanh", (Ref(4),)),
    ]
    assert proved(*nodes) == "PROVED"


def test_a_curve_of_a_difference_counts_all_of_the_roundings_before_it():
    assert proved(*apart(1e4, 0.5), Node("tanh", (Ref(5),))) == "UNKNOWN"


def test_a_difference_after_a_curve_counts_the_roundings_before_it_where_they_go_against_it():
    """2 tanh(u) - v with u, v rising: v falls in Q_tot, so its roundings count."""
    nodes = [
        Node("tanh", (Q,)),
        Node("mul.Tensor", (Ref(2), 1e-3)),
        Node("add.Tensor", (Q, 1e5, 1)),
        Node("mul.Tensor", (Q, 2.0)),
        Node("sub.Tensor", (Ref(5), Ref(4), 1)),
        Node("add.Tensor", (Ref(3), Ref(6), 1)),
    ]
    assert proved(*nodes) == "UNKNOWN"


def test_no_bound_is_needed_for_numbers_that_do_not_depend_on_local_q():
    nodes = [Node("mul.Tensor", (S, 1e6)), Node("sum.dim_IntList", (Ref(2), (1,), True, None))]
    assert proved(*nodes, Node("add.Tensor", (Q, Ref(3), 1))) == "PROVED"
    assert np.float32(1e6) + np.float32(0.01) == np.float32(1e6)
