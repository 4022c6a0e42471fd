"""What a training run leaves behind, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from tfcaf_forge.records.base import Plain, Record, to_builtins
from tfcaf_forge.training.config import TrainConfig

RESULT = "result.json"


class Evaluation(Plain, frozen=True, kw_only=True):
    """One greedy evaluation.

    Attributes:
        steps: environment steps trained before it.
        seconds: wall-clock time trained before it, over all sessions of the run, without evaluations.
        mean, std: of the undiscounted team return over its episodes (population standard deviation).
        episodes: how many.
        contribution_error: how far the mixer's credit is from the agents' own rewards (`measures.contribution_error`);
            None where the environment has no reward for each agent, or nobody earned any.
    """

    steps: int
    seconds: float
    mean: float
    std: float
    episodes: int
    contribution_error: float | None = None


class TrainingResult(Record, frozen=True, kw_only=True):
    """One training run.

    Attributes:
        task, task_digest: what it was trained on.
        mixer: `vdn`, `qmix`, or the kernel's name.
        seed: of everything.
        status: `finished`, or `stopped` before its last step (it can be resumed).
        steps, episodes, updates: environment steps, episodes and updates of training.
        evaluations: the curve.
        final_return: mean return of the last evaluation; None if there was none.
        seconds: wall-clock time over all sessions, evaluations included.
        evaluation_seconds: the evaluations' part of it.
        steps_per_second: environment steps of training per second without evaluations.
        folder: the run's folder.
        config: the settings.
    """

    task: str
    task_digest: str
    mixer: str
    seed: int
    status: Literal["finished", "stopped"]
    steps: int
    episodes: int
    updates: int
    evaluations: tuple[Evaluation, ...]
    final_return: float | None
    seconds: float
    evaluation_seconds: float
    steps_per_second: float
    folder: str
    config: TrainConfig


@dataclass(frozen=True)
class TrainProgress:
    """Where a run stands.

    Attributes:
        steps, total: environment steps done and asked for.
        episodes, updates: so far.
        train_return: mean return of the episodes just collected, with exploration; None where a session begins.
        evaluation: the newest greedy evaluation, if any.
        epsilon: share of random actions.
        loss: of the newest update, if any.
        steps_per_second: of this session, evaluations included.
        seconds_left: at that speed.
    """

    steps: int
    total: int
    episodes: int
    updates: int
    train_return: float | None
    evaluation: Evaluation | None
    epsilon: float
    loss: float | None
    steps_per_second: float
    seconds_left: float


def write_result(folder: Path, result: TrainingResult) -> Path:
    """Write `result.json` into the run's folder, all or nothing."""
    path = folder / RESULT
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(to_builtins(result)), indent=1) + b"\n")
    temporary.replace(path)
    return path
