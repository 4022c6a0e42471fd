"""A scripted team for simple_spread: each agent drives to a landmark of its own."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.behaviour import NOISE, random_actions

_BRAKE = 0.4
"""Seconds ahead at which an agent looks: what it still coasts after a push of mpe2's particles."""
_CLOSE = 0.05


class SpreadBehaviour:
    """Agents share the landmarks out so that the sum of their ways is least, and push along the longer axis of what is left.

    With probability `epsilon` an agent acts at random instead.

    Args:
        task: a task of `simple_spread_v3`, with up to six agents.
        epsilon: share of random actions.

    Raises:
        TaskError: another task.
    """

    MOST_AGENTS = 6  # their landmarks can be shared out in 720 ways

    @staticmethod
    def plays(task: TaskSpec) -> bool:
        """simple_spread of mpe2."""
        named = (task.environment.kind, task.environment.id) == ("mpe", "simple_spread_v3")
        return named and task.n_agents <= SpreadBehaviour.MOST_AGENTS

    def __init__(self, task: TaskSpec, epsilon: float = NOISE) -> None:
        """Read the number of agents off the task."""
        if not self.plays(task):
            raise TaskError(f"task {task.name}: this script spreads over landmarks only; use random behaviour")
        self.epsilon = epsilon
        self.name = f"spread-{epsilon:g}"
        self._shares = np.array(list(permutations(range(task.n_agents))))  # [N!, N]

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """Keep the generator."""
        self._rng = rng

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        scripted = self._scripted(step.state)
        chance = self._rng.random(scripted.shape) < self.epsilon
        return np.where(chance, random_actions(step.available, self._rng), scripted)

    def _scripted(self, state: Floats) -> Ints:
        b, n = len(state), self._shares.shape[1]
        agents = state[:, : 4 * n].reshape(b, n, 4)
        landmarks = state[:, 4 * n : 6 * n].reshape(b, n, 2)
        apart = np.linalg.norm(agents[:, :, None, :2] - landmarks[:, None], axis=3)  # [B, agent, landmark]
        ways = apart[:, np.arange(n), self._shares].sum(axis=2)  # [B, N!]
        goal = np.take_along_axis(landmarks, self._shares[ways.argmin(axis=1)][..., None], axis=1)
        left = goal - agents[..., :2] - _BRAKE * agents[..., 2:]
        axis = np.abs(left).argmax(axis=2)
        along = np.take_along_axis(left, axis[..., None], axis=2)[..., 0]
        return np.where(np.abs(along) < _CLOSE, 0, 1 + 2 * axis + (along > 0)).astype(np.int64)
