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

from tfcaf_forge.errors import ForgeError, KernelError
from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.examine import examine
from tfcaf_forge.evidence.own import load_own
from tfcaf_forge.evidence.profiles import profile_of
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


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a command that names nothing to examine, or something that is not there: nothing must not look passed."""
    kernel, candidate = config.getoption("--kernel"), config.getoption("--candidate")
    if config.getoption("help") or config.getoption("collectonly"):
        return
    if (kernel is None) == (candidate is None):
        raise pytest.UsageError("give either --kernel FILE, or --candidate FILE with --task T")
    try:
        given(kernel, candidate, config.getoption("--task"))
        profile_of(config.getoption("--profile"))
        _own(config)
    except OSError as fault:
        raise pytest.UsageError(f"cannot read {fault.filename}: {fault.strerror}") from None
    except ForgeError as fault:
        raise pytest.UsageError(str(fault)) from None


@cache
def given(kernel: Path | None, candidate: Path | None, task: str | None) -> tuple[OpGraph | str, TaskSpec]:
    """What the options name: a verified kernel's graph, or a candidate's source; and its task.

    Raises:
        ForgeError: a file that is no kernel, an unknown task, or a kernel of another version of the task.
        OSError: a candidate that cannot be read.
    """
    if kernel is None:
        assert candidate is not None
        return candidate.read_text("utf-8", errors="replace"), _task(task or "lbf-8x8-2p-2f-coop")
    loaded = load_kernel(kernel)
    spec = _task(task or loaded.manifest.task)
    if spec.digest != loaded.manifest.task_digest:
        raise KernelError(f"{kernel} was made for another version of the task {spec.name}; give its file with --task")
    return loaded.graph, spec


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each property of the files given with `--properties`."""
    if "own" in metafunc.fixturenames:
        metafunc.parametrize("own", [p.id for p in _own(metafunc.config)])


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """The graph under audit, bound to its task."""
    what, task = given(*(request.config.getoption(name) for name in ("--kernel", "--candidate", "--task")))
    return Subject(what if isinstance(what, OpGraph) else _trace(what, task), task)


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
        if not verdict.holds:
            pytest.fail(text, pytrace=False)

    return check


def _own(config: pytest.Config) -> list[Property]:
    return [p for path in config.getoption("--properties") for p in _loaded(path.resolve())]


@cache
def _loaded(path: Path) -> tuple[Property, ...]:
    return load_own(path)


def _task(name: str) -> TaskSpec:
    return load_task(bundled_tasks().get(name, Path(name)))


def _trace(source: str, task: TaskSpec) -> OpGraph:
    """The candidate's graph, out of the sandbox."""
    rng = np.random.default_rng(0)
    probes = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in (1, 7, 64)]
    contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
    with Sandbox() as sandbox:
        traced = sandbox.trace(Proposal(id=1, coder="file", source=source), contract, probes)
    if isinstance(traced, Rejection):
        pytest.fail(f"the candidate was rejected: {traced}", pytrace=False)
    return traced.graph
