"""Simulate: joint actions from recorded states, in environments that can be restored to them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tfcaf_forge.errors import TaskError
from tfcaf_forge.ranking.contribution import Simulate
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import RestorableEnv
from tfcaf_forge.training.envs.make import make_env

_AT_ONCE = 4096


def simulator(task: TaskSpec) -> Simulate:
    """A function that plays joint actions from states of a task.

    Raises:
        TaskError: the environment cannot be put into a given state; or as in `make_env`.
    """
    if not hasattr(make_env(task, 1), "restore"):
        raise TaskError(
            f"task {task.name}: its environment cannot be put into a recorded state, so nothing can be simulated from "
            "there; rank without simulated contributions"
        )

    def simulate(state: Floats, start: Floats, step: Ints, actions: Ints, alive: Bools) -> Floats:
        parts = [
            _play(task, state[k : k + _AT_ONCE], start[k : k + _AT_ONCE], step[k : k + _AT_ONCE], actions[k : k + _AT_ONCE])
            for k in range(0, len(state), _AT_ONCE)
        ]  # fmt: skip
        return np.where(alive, np.concatenate(parts), 0.0).astype(np.float32)

    return simulate


def _play(task: TaskSpec, state: Floats, start: Floats, step: Ints, actions: Ints) -> Floats:
    env = cast(RestorableEnv, cast(Any, make_env(task, len(state))))
    env.restore(np.ascontiguousarray(state), step, start=np.ascontiguousarray(start))
    rewards = [env.step(np.ascontiguousarray(actions[:, t])).reward.copy() for t in range(actions.shape[1])]
    return np.stack(rewards, axis=1)
