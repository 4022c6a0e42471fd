"""What an auditor gives: a kernel file, or a candidate's source and its task.

::

    pytest property_tests --kernel runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors
    pytest property_tests --candidate mine.py --task lbf-8x8-2p-2f-coop --profile audit --seed 7
    pytest property_tests --kernel … --properties examples/properties/lbf_8x8_2p_2f_coop.py

The properties are those of `tfcaf_forge.evidence`; nothing is defined here. A required property that is refuted
fails, one that is only advice is reported as expected to fail, with its counterexample either way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.own import load_own
from tfcaf_forge.evidence.properties import Property, catalogue
from tfcaf_forge.evidence.render import describe
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.kernels import load_kernel
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    """The auditor's options."""
    group = parser.getgroup("forge", "what to examine")
    group.addoption("--kernel", type=Path, metavar="FILE", help="a kernel file (.safetensors)")
    group.addoption("--candidate", type=Path, metavar="FILE", help="a candidate's source; it runs in the sandbox only")
    group.addoption("--task", metavar="T", help="a bundled task's name, or a TaskSpec file (default: the kernel's own)")
    group.addoption(
        "--properties", type=Path, action="append", default=[], metavar="FILE", help="your own properties, too"
    )
    group.addoption("--profile", default="fast", help="fast, search or audit")
    group.addoption("--seed", type=int, default=0, help="of the trials")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each property of the files given with `--properties`."""
    if "own" in metafunc.fixturenames:
        metafunc.parametrize("own", [p.id for p in _own(metafunc.config)])


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """The graph under audit, bound to its task."""
    kernel, candidate, task = (request.config.getoption(name) for name in ("--kernel", "--candidate", "--task"))
    if (kernel is None) == (candidate is None):
        pytest.skip("give --kernel FILE, or --candidate FILE with --task T")
    if kernel is not None:
        loaded = load_kernel(kernel)
        spec = _task(task or loaded.manifest.task)
        if spec.digest != loaded.manifest.task_digest:
            pytest.fail(f"{kernel} was made for another version of the task {spec.name}; give its file with --task")
        return Subject(loaded.graph, spec)
    return Subject(_trace(candidate, _task(task or "lbf-8x8-2p-2f-coop")), _task(task or "lbf-8x8-2p-2f-coop"))


@pytest.fixture
def holds(subject: Subject, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Assert one property of the subject by its id."""

    def check(name: str) -> None:
        own = _own(request.config)
        if name not in (p.id for p in (*catalogue(subject.task), *own)):
            pytest.skip(f"the task {subject.task.name} declares nothing that {name} speaks about")
        options = {part: request.config.getoption(f"--{part}") for part in ("profile", "seed")}
        (verdict,) = examine(subject, only=[name], properties=own, **options).verdicts
        text = f"{name} {verdict.status}: {verdict.detail}"
        if verdict.counterexample is not None:
            text += f"\n  {describe(subject.task, verdict.counterexample)}  (case {verdict.counterexample.case})"
        if not verdict.holds and not verdict.required:
            pytest.xfail(f"advice, not required: {text}")
        assert verdict.holds, text

    return check


def _own(config: pytest.Config) -> list[Property]:
    return [p for path in config.getoption("--properties") for p in _loaded(path.resolve())]


@cache
def _loaded(path: Path) -> tuple[Property, ...]:
    return load_own(path)


def _task(name: str) -> TaskSpec:
    return load_task(bundled_tasks().get(name, Path(name)))


def _trace(path: Path, task: TaskSpec) -> OpGraph:
    """The candidate's graph, out of the sandbox."""
    rng = np.random.default_rng(0)
    probes = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in (1, 7, 64)]
    contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
    with Sandbox() as sandbox:
        traced = sandbox.trace(Proposal(id=1, coder="file", source=path.read_text("utf-8")), contract, probes)
    if isinstance(traced, Rejection):
        pytest.fail(f"{path} was rejected: {traced}")
    return traced.graph
