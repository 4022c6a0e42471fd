"""Ground truth: real training with every function by the shipped trainer, one JSON line a finished run.

The truth of a function on a task is the area under its greedy evaluation curve, as a mean over evaluations (the one
before training left out) and seeds.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.kernels.kernel import Kernel
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.mixers import VDN, KernelMixer, Mixer
from tfcaf_forge.training.trainer import train
from validity.functions import Function

SMALL = TrainConfig(
    hidden=32, recurrent=False, obs_last_action=False, n_envs=8, buffer_episodes=2000, checkpoint_interval=10**9
)
SETTINGS: dict[str, tuple[TrainConfig, int]] = {}
"""By task: the trainer's settings and the number of environment steps."""


class Run(Plain, frozen=True, kw_only=True):
    """One training: the greedy return at each evaluation."""

    function: str
    graph: str
    seed: int
    steps: tuple[int, ...]
    returns: tuple[float, ...]
    seconds: float
    failed: str = ""


def _setting(**changes: object) -> TrainConfig:
    return msgspec.structs.replace(SMALL, **changes)


SETTINGS["importance-5"] = (
    _setting(learning_rate=2e-3, updates_per_episode=0.5, evaluation_interval=300, epsilon_steps=2000, target_tau=0.02),
    2400,
)
SETTINGS["chain-5"] = SETTINGS["importance-5"]
SETTINGS["lbf-5x5-2p-2f"] = (
    _setting(
        hidden=64, learning_rate=2e-3, updates_per_episode=0.5, evaluation_interval=1000, evaluation_episodes=64,
        epsilon_steps=6000, n_step=3, target_tau=0.02,
    ),
    8000,
)  # fmt: skip


def mixer_of(function: Function, task: TaskSpec) -> Mixer:
    """VDN itself, or the function's graph as a kernel."""
    if function.name == "vdn":
        return VDN()
    manifest = Manifest(
        task=task.name, task_digest=task.digest, n_agents=task.n_agents, state_size=task.state_size, layout=task.names,
        q_scale=task.credit.q_scale, monotonicity=task.credit.monotonicity, affine=is_affine(function.graph),
        graph_digest=codec.digest(function.graph), source_digest="", coder="benchmark", evidence_digest="", verdicts=(),
        isolation=(), forge_version="", torch_version="",
    )  # fmt: skip
    return KernelMixer(Kernel(function.graph, manifest), task, name=function.name)


def trained(function: Function, task: TaskSpec, seed: int) -> Run:
    """One run of the shipped trainer; its folder is thrown away."""
    config, steps = SETTINGS[task.name]
    folder = Path(tempfile.mkdtemp())
    begun = time.perf_counter()
    try:
        found = train(task, mixer_of(function, task), config, seed=seed, steps=steps, folder=folder)
        curve = [(e.steps, round(e.mean, 6)) for e in found.evaluations]
        failed = ""
    except Exception as fault:
        curve, failed = [], f"{type(fault).__name__}: {fault}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Run(
        function=function.name, graph=codec.digest(function.graph), seed=seed, steps=tuple(s for s, _ in curve),
        returns=tuple(r for _, r in curve), seconds=round(time.perf_counter() - begun, 2), failed=failed,
    )  # fmt: skip


def train_all(task: TaskSpec, functions: Sequence[Function], seeds: Sequence[int], out: Path) -> None:
    """Every function with every seed, seed by seed; what stands in `out` is not done again."""
    done = {(run.graph, run.seed) for run in read_runs(out)}
    for seed in seeds:
        for function in functions:
            if (codec.digest(function.graph), seed) in done:
                continue
            run = trained(function, task, seed)
            with out.open("ab") as stream:
                stream.write(msgspec.json.encode(run) + b"\n")
            last = run.failed or (f"{run.returns[-1]:.3f} last, {area(run):.3f} area" if run.returns else "-")
            print(f"{task.name}  seed {seed}  {function.name:<28} {last}   {run.seconds:.1f} s", flush=True)


def read_runs(path: Path) -> list[Run]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Run, strict=True) for line in path.read_bytes().splitlines()]


def area(run: Run) -> float:
    """Mean greedy return over the evaluations after the first."""
    return sum(run.returns[1:]) / max(len(run.returns) - 1, 1)
