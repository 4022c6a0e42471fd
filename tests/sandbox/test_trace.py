"""The trace: two batch sizes make one graph, and nothing that depends on the batch passes for a number."""

from __future__ import annotations

import sys

import pytest
import torch

from tfcaf_forge.resources import bundled
from tfcaf_forge.sandbox.wire import op_table

sys.path.append(str(bundled("sandboxes")))
from guest.refusal import Refused
from guest.trace import BATCHES, _merge, trace

OPS = op_table()


def rows(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(count, 2), torch.ones(count, 3)


def traced(function):
    return trace(function, 2, 3, OPS, rows)


def refused(function) -> Refused:
    with pytest.raises(Refused) as caught:
        traced(function)
    return caught.value


def test_the_batch_is_told_apart_from_numbers_that_look_like_it():
    graph = traced(lambda q, s: (torch.zeros(q.shape[0], 7) + 7.0).sum(1, keepdim=True) + q.sum(1, keepdim=True))
    assert graph["nodes"][0]["args"][0] == [{"is": "batch", "factor": 1}, 7]


@pytest.mark.parametrize(
    ("small", "large"), [(1, 1.0), (1, True), (0.0, -0.0), (7, 14), (7.0, 13.0), ("a", "b"), ([1], [1, 2])]
)
def test_two_runs_that_differ_are_no_graph(small, large):
    with pytest.raises(Refused):
        _merge(small, large, None)


def test_constants_of_other_numbers_are_no_graph():
    data = {"is": "data", "dtype": "int", "shape": [1], "values": [1]}
    with pytest.raises(Refused):
        _merge(data, {**data, "values": [True]}, None)
    assert _merge(data, dict(data), None) == data


def test_the_batch_itself_becomes_a_batch_size():
    assert _merge(BATCHES[0] * 2, BATCHES[1] * 2, None) == {"is": "batch", "factor": 2}


def test_a_view_of_an_input_cannot_be_written_to():
    def function(q, s):
        s[:, 0].copy_(q[:, 0])
        return q.sum(1, keepdim=True)

    assert refused(function).code == "writes-input"


def test_a_value_that_grows_too_large_is_refused_by_name():
    found = refused(lambda q, s: (torch.ones(3000, 1) * torch.ones(1, 3000)).sum() + q.sum(1, keepdim=True))
    assert (found.stage, found.code) == ("limit", "memory-limit")


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (lambda q, s: q * float(q.sum()), "data-dependent-branch"),
        (lambda q, s: torch.rand(q.shape[0], 1), "random"),
        (lambda q, s: q.nonzero().float(), "data-dependent"),
        (lambda q, s: q.sum(1), "output-shape"),
        (lambda q, s: q.sum(1, keepdim=True).long(), "output-type"),
        (lambda q, s: torch.linalg.inv(torch.eye(2)).sum() + q.sum(1, keepdim=True), "operation"),
        (lambda q, s: q.sum(1, keepdim=True) + float("nan"), "nan"),
    ],
)
def test_what_has_no_graph_is_refused_with_its_code(function, code):
    assert refused(function).code == code
