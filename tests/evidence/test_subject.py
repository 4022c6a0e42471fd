import numpy as np
import pytest
import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.subject import RunFault


def _case(local_q, state):
    return Case(np.array(local_q, dtype=np.float32), np.array(state, dtype=np.float32))


def _state(**fields):
    state = np.array([0, 0, 1, 0, 0, 1, 1, 1, 2, 1, 1, 2, 0, 0], dtype=np.float32)
    for index, value in fields.items():
        state[int(index[1:])] = value
    return state


def test_value_and_credit_are_those_of_a_hand_computed_softmax(subject):
    reading = subject("softmax-of-positions").at(_case([[1.0, 3.0]], [_state(f0=0, f3=0)]))
    assert reading.q_tot == pytest.approx([2.0])
    assert reading.credit == pytest.approx(np.array([[0.5, 0.5]]))


def test_the_credit_of_a_graph_without_local_q_is_zero(subject):
    reading = subject("detached").at(_case([[1.0, 2.0]], [_state()]))
    assert reading.q_tot == pytest.approx([3.0])
    assert (reading.credit == 0).all()


def test_an_operation_that_refuses_its_inputs_is_a_finding_not_a_crash(subject):
    with pytest.raises(RunFault, match="out of bounds"):
        subject("table-too-short").at(_case([[0.0, 0.0]], [_state(f8=4)]))


def test_structure_is_known(subject):
    assert subject("level-slope").affine
    assert not subject("largest").affine
    assert subject("level-slope").row_wise
    assert not subject("batch-mean").row_wise


def test_values_follow_the_type_asked_for(subject):
    case = _case([[0.1, 0.2]], [_state()])
    assert subject("equal-weights").values(case, torch.float64)[0] == pytest.approx(
        np.float32(0.1) + float(np.float32(0.2)), abs=1e-8
    )
