"""Planted functions: sources with a header that says which task they are for and what they break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

Trace = Callable[[Path], Traced | Rejection]


@cache
def _task(name: str) -> TaskSpec:
    return load_task(bundled_tasks()[name])


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture(scope="session")
def header() -> Callable[[Path], dict[str, str]]:
    """`# key: value` lines at the top of a planted function."""

    def read(path: Path) -> dict[str, str]:
        lines = path.read_text().splitlines()
        return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)

    return read


@pytest.fixture(scope="session")
def task_of(header: Callable[[Path], dict[str, str]]) -> Callable[[Path], TaskSpec]:
    return lambda path: _task(header(path)["task"])


@pytest.fixture(scope="session")
def trace(sandbox: Sandbox, task_of: Callable[[Path], TaskSpec]) -> Trace:
    """A planted function's graph, or why there is none. The probes have several rows: a batch of 1 is left to the trials."""

    def run(path: Path) -> Traced | Rejection:
        task, rng = task_of(path), np.random.default_rng(0)
        probes = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in (3, 8)]
        contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
        return sandbox.trace(Proposal(id=1, coder="file", source=path.read_text()), contract, probes)

    return run
