"""Functions that are harmless to run and dishonest to use: what ships is their graph, and the evidence judges it."""

from __future__ import annotations

import numpy as np
import pytest

from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.pipeline.attack import load_attacks
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import load_task
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

SMUGGLERS = [attack for attack in load_attacks() if attack.evidence]


@pytest.fixture(scope="module")
def task():
    return load_task(bundled_tasks()["lbf-8x8-2p-2f-coop"])


@pytest.fixture(scope="module")
def sandbox(short_profile):
    with Sandbox(profile=short_profile) as box:
        yield box


def test_there_are_enough_of_them():
    assert len(SMUGGLERS) >= 25


@pytest.mark.parametrize("attack", SMUGGLERS, ids=lambda attack: attack.id)
def test_evidence_refutes_what_the_graph_smuggles(attack, sandbox, task):
    rng = np.random.default_rng(0)
    probes = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in (1, 3, 16)]
    contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
    traced = sandbox.trace(Proposal(id=1, coder="file", source=attack.source), contract, probes)
    assert not isinstance(traced, Rejection), str(traced)
    required = {p.id for p in catalogue(task) if p.required}
    assert set(attack.evidence) <= required
    evidence = examine(Subject(traced.graph, task), only=[attack.evidence[0]])
    assert not evidence.accepted
