"""Behaviour policies for collecting data: uniform random, and a scripted forager with noise.

A random team hardly ever loads a food that needs two agents at once, so random data alone shows a credit function
almost no reward. The scripted forager does, and its noise brings it into states that a perfect one never sees.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step

MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], np.float32)  # north, south, west, east: actions 1 to 4
LOAD = 5
FAR = 1e6  # farther than any cell
NOISE = 0.3
"""Share of random actions of a script, where nobody names one: it brings a script into states that it would never see."""


class Policy(Protocol):
    """Chooses joint actions for B copies of an environment through one episode."""

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """An episode starts in `n_envs` copies; all randomness must come from `rng`."""
        ...

    def act(self, step: Step) -> Ints:
        """Actions, int64 [B, N], for what the environments show now."""
        ...


class Behaviour(Policy, Protocol):
    """A policy with a name to record."""

    @property
    def name(self) -> str:
        """Such as `random`."""
        ...


class Script(Behaviour, Protocol):
    """A scripted team.

    Args:
        task: one that it plays.
        epsilon: share of random actions.
    """

    def __init__(self, task: TaskSpec, epsilon: float = NOISE) -> None:
        """Read off the task what it needs."""
        ...

    @staticmethod
    def plays(task: TaskSpec) -> bool:
        """Whether it plays this task."""
        ...


class RandomBehaviour:
    """Uniform over the available actions."""

    name = "random"

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """Keep the generator."""
        self._rng = rng

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        return random_actions(step.available, self._rng)


class ForagingBehaviour:
    """All agents walk to one food and load it; with probability `epsilon` an agent acts at random instead.

    The food is the present one that the whole team is able to load and that is nearest to the team (sum of
    distances; the weaker one if equal): every agent finds the same one from the global state. An agent next to it
    loads as soon as the agents beside it are strong enough together.

    Args:
        task: a task of kind `lbforaging`.
        epsilon: share of random actions.

    Raises:
        TaskError: the task is of another kind.
    """

    @staticmethod
    def plays(task: TaskSpec) -> bool:
        """Level-based foraging."""
        return task.environment.kind == "lbforaging"

    def __init__(self, task: TaskSpec, epsilon: float = NOISE) -> None:
        """Read the layout off the task."""
        if not self.plays(task):
            raise TaskError(
                f"task {task.name}: the scripted forager plays level-based foraging only; use random behaviour"
            )
        self.epsilon = epsilon
        self.name = f"forager-{epsilon:g}"
        self._n_agents = task.n_agents
        self._n_foods = (task.state_size - 4 * task.n_agents) // 3
        self._grid = np.array([slot.high for slot in task.layout[:2]], np.float32)

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """Keep the generator."""
        self._rng = rng

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        scripted = self._scripted(step.state)
        chance = self._rng.random(scripted.shape) < self.epsilon
        allowed = np.take_along_axis(step.available, scripted[..., None], axis=2)[..., 0]
        return np.where(chance | ~allowed, random_actions(step.available, self._rng), scripted)

    def _scripted(self, state: Floats) -> Ints:
        n_envs, split = len(state), 3 * self._n_agents
        agents = state[:, :split].reshape(n_envs, self._n_agents, 3)
        foods = state[:, split : split + 3 * self._n_foods].reshape(n_envs, self._n_foods, 3)
        target = _common_target(agents, foods)  # [B, 3]
        adjacent = _manhattan(agents[..., :2], target[:, None, :2]) == 1
        strength = np.where(adjacent, agents[..., 2], 0.0).sum(axis=1)
        loads = adjacent & (strength >= target[:, 2])[:, None] & (target[:, 2] > 0)[:, None]
        walk = self._walk(agents, foods, target)
        return np.where(loads, LOAD, np.where(adjacent, 0, walk)).astype(np.int64)

    def _walk(self, agents: Floats, foods: Floats, target: Floats) -> Ints:
        """The free neighbouring cell that is nearest to the target; ties are broken at random, so nobody is stuck."""
        cells = agents[:, :, None, :2] + MOVES  # [B, N, 4, 2]
        inside = ((cells >= 0) & (cells <= self._grid)).all(axis=3)
        others = np.concatenate([agents[..., :2], foods[..., :2]], axis=1)
        taken = (cells[:, :, :, None] == others[:, None, None]).all(axis=4).any(axis=3)
        cost = _manhattan(cells, target[:, None, None, :2]) + self._rng.random(cells.shape[:3]) * 0.5
        return 1 + np.where(inside & ~taken, cost, FAR).argmin(axis=2)


def random_actions(available: Bools, rng: np.random.Generator) -> Ints:
    """Uniform over the available actions: bool [..., A] -> int64 [...]."""
    return np.where(available, rng.random(available.shape), -1.0).argmax(axis=-1)


def _common_target(agents: Floats, foods: Floats) -> Floats:
    """The food for the whole team, [B, 3]; level 0 where none is left that it could load."""
    distance = _manhattan(agents[:, :, None, :2], foods[:, None, :, :2]).sum(axis=1)  # [B, F]
    loadable = (foods[..., 2] > 0) & (foods[..., 2] <= agents[..., 2].sum(axis=1, keepdims=True))
    key = np.where(loadable, distance + 0.01 * foods[..., 2], FAR)
    chosen = np.take_along_axis(foods, key.argmin(axis=1)[:, None, None], axis=1)[:, 0]
    return np.where(loadable.any(axis=1)[:, None], chosen, np.float32(0.0)).astype(np.float32)


def _manhattan(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance in steps over the last axis."""
    return np.abs(a - b).sum(axis=-1)
