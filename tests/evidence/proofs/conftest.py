"""Proofs of source text: traced in the sandbox once, for the default task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from textwrap import dedent

import numpy as np
import pytest

from tfcaf_forge.evidence.proofs import Proof, prove
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

Prove = Callable[..., dict[str, Proof]]


@cache
def task_named(name: str = "lbf-8x8-2p-2f-coop") -> TaskSpec:
    return load_task(bundled_tasks()[name])


@pytest.fixture(scope="session")
def traced() -> Iterator[Callable[[str], OpGraph]]:
    """The graph of a source for the default task."""
    with Sandbox() as box:

        def run(source: str, task: TaskSpec | None = None) -> OpGraph:
            task = task or task_named()
            rng = np.random.default_rng(0)
            probes = [
                (rng.normal(size=(rows, task.n_agents)).astype(np.float32), _states(task, rows, rng)) for rows in (3, 8)
            ]
            contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
            found = box.trace(Proposal(id=1, coder="file", source=dedent(source)), contract, probes)
            assert isinstance(found, Traced), str(found)
            return found.graph

        yield run


@pytest.fixture(scope="session")
def proofs_of(traced: Callable[[str], OpGraph]) -> Prove:
    """All proofs about a source, for the default task."""

    def run(source: str, *, task: TaskSpec | None = None, budget_s: float = 2.0) -> dict[str, Proof]:
        graph = traced(source, task)  # type: ignore[call-arg]
        return prove(graph, verify(graph), task or task_named(), budget_s=budget_s)

    return run


def _states(task: TaskSpec, rows: int, rng: np.random.Generator) -> np.ndarray:
    low, high = (np.array([getattr(slot, end) for slot in task.layout]) for end in ("low", "high"))
    return np.floor(low + (high - low + 0.999) * rng.random((rows, task.state_size))).astype(np.float32)
