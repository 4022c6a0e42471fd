"""Honest functions, in the style that models write: every one passes the sandbox and is faithful."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfcaf_forge.graph import interpret
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

HONEST = sorted((Path(__file__).parent / "honest").glob("*.py"))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as box:
        yield box


def test_there_are_enough_of_them():
    assert len(HONEST) >= 40


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_an_honest_function_is_accepted(path, sandbox):
    source = path.read_text()
    agents, state = (int(line.partition(":")[2]) for line in source.splitlines()[:2])
    rng = np.random.default_rng(0)
    drawn = [
        [rng.normal(size=(rows, width)).astype(np.float32) for width in (agents, state)] for rows in (1, 3, 16, 40)
    ]
    probes = [(local_q, states) for local_q, states in drawn]
    told = sandbox.trace(
        Proposal(id=1, coder="file", source=source), Contract(n_agents=agents, state_size=state), probes
    )
    assert not isinstance(told, Rejection), str(told)
    q_tot, credit = interpret.evaluate(told.graph, *probes[-1])
    assert np.isfinite(q_tot).all()
    assert np.abs(credit).sum() > 0
