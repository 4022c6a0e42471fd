"""Whatever a graph does in float32 was foreseen: op by op, value by value, and property by property.

The seeds are drawn, the graphs and inputs follow from them. A large run of the same checks is
`python -m tests.evidence.proofs.soundness GRAPHS SEED`; CONTRIBUTING.md says when to run it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcaf_forge.graph.ops import TABLE

from .soundness import check_graph, check_operation


@pytest.fixture(autouse=True)
def _quiet():
    torch.set_num_threads(1)
    with np.errstate(all="ignore"):
        yield
    torch.set_flush_denormal(False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", sorted(TABLE))
def test_no_operation_leaves_its_abstract_value(op):
    @settings(max_examples=2, derandomize=True, database=None, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def foreseen(seed):
        check_operation(op, seed)

    foreseen()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_random_graph_breaks_a_proved_property(seed):
    check_graph(seed)
