"""The good functions as kernels: lowered, they compute what the verified graph computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.kernels.build import assert_same
from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.records.rejection import Rejection

GOOD = sorted((Path(__file__).parent / "good").glob("*.py"))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_function_computes_the_same_to_the_bit(path, task_of, trace):
    task, traced = task_of(path), trace(path)
    assert not isinstance(traced, Rejection)
    rng = np.random.default_rng(0)
    for rows, dtype in ((1, torch.float32), (37, torch.float32), (400, torch.float32), (37, torch.float64)):
        assert_same(traced.graph, sample_local_q(task, rows, rng), sample_states(task, rows, rng), dtype)
