"""Worlds for the validity benchmark in which credit is everything: who matters changes, and no agent sees it.

Importance: five agents each see a symbol and choose an action. The team's reward is the sum of what each choice is worth, times
that agent's importance. Importance stands in the global state only. So a mixer that reads it off the state separates
one agent's contribution from the noise of the others', equal weights learn slowly, and one that looks at another agent's
importance teaches nobody.

Chain: the same agents in a row of machines. What a machine makes is its capacity times what its agent's choice is worth, and the
team gets what the weakest makes. Here the agent of the least capacity matters, and the reward is no sum.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import Environment
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs import make
from tfcaf_forge.training.envs.base import BatchedEnv, Step

AGENTS, SYMBOLS, LIMIT = 5, 4, 10
SWITCH = 0.25
"""Chance that the agent who matters most changes in a step."""
WORTH = np.array([[1.0, 0.6, 0.2, 0.0], [0.0, 1.0, 0.6, 0.2], [0.2, 0.0, 1.0, 0.6], [0.6, 0.2, 0.0, 1.0]], np.float32)
"""What an action is worth to an agent that sees a symbol: [symbol, action]."""


class ImportanceBatch:
    """B copies; the state is (importance, symbol) of each agent. The time limit truncates, nothing terminates."""

    def __init__(self, n_envs: int) -> None:
        self.n_envs, self.n_agents, self.n_actions = n_envs, AGENTS, SYMBOLS
        self.obs_size, self.state_size, self.episode_limit = SYMBOLS, 2 * AGENTS, LIMIT
        self._available: Bools = np.ones((n_envs, AGENTS, SYMBOLS), np.bool_)
        self._over: Bools = np.zeros(n_envs, np.bool_)

    def reset(self, seed: int) -> Step:
        self._rng = np.random.default_rng(seed)
        self._time = np.zeros(self.n_envs, np.int64)
        self._over = np.zeros(self.n_envs, np.bool_)
        self._importance = self._drawn()
        self._symbol = self._rng.integers(0, SYMBOLS, (self.n_envs, AGENTS))
        return self._step(np.zeros((self.n_envs, AGENTS), np.float32))

    def restore(self, state: Floats, steps: Ints | None = None, *, start: Floats | None = None) -> Step:
        """Put every copy into a recorded state, [B, S]; the past does not matter here."""
        del start
        fields = state.reshape(self.n_envs, AGENTS, 2)
        self._importance, self._symbol = fields[..., 0].copy(), fields[..., 1].astype(np.int64)
        self._rng = np.random.default_rng(0)
        self._time = np.zeros(self.n_envs, np.int64) if steps is None else steps.copy()
        self._over = np.zeros(self.n_envs, np.bool_)
        return self._step(np.zeros((self.n_envs, AGENTS), np.float32))

    def step(self, actions: Ints) -> Step:
        live = ~self._over
        earned = np.where(live[:, None], self._earned(WORTH[self._symbol, actions]), 0.0).astype(np.float32)
        switch = live & (self._rng.random(self.n_envs) < SWITCH)
        self._importance = np.where(switch[:, None], self._drawn(), self._importance)
        symbol = self._rng.integers(0, SYMBOLS, (self.n_envs, AGENTS))
        self._symbol = np.where(live[:, None], symbol, self._symbol)
        self._time += live
        self._over = self._time >= LIMIT
        return self._step(earned)

    def _earned(self, worth: Floats) -> Floats:
        """[B, N] what each agent's choice brings, given what it is worth."""
        return self._importance * worth

    def _drawn(self) -> Floats:
        """One agent of importance 3, each of the others 0 or (three in ten) 1: [B, N]."""
        drawn = (self._rng.random((self.n_envs, AGENTS)) < 0.3).astype(np.float32)
        drawn[np.arange(self.n_envs), self._rng.integers(0, AGENTS, self.n_envs)] = 3.0
        return drawn

    def _step(self, earned: Floats) -> Step:
        state = np.stack([self._importance, self._symbol], axis=2).reshape(self.n_envs, -1)
        return Step(
            obs=np.eye(SYMBOLS, dtype=np.float32)[self._symbol],
            state=state.astype(np.float32),
            available=self._available,
            reward=earned.sum(axis=1),
            agent_reward=earned,
            terminated=np.zeros(self.n_envs, np.bool_),
            truncated=self._over.copy(),
        )


class ChainBatch(ImportanceBatch):
    """Capacities 1 to 4 in place of importance; only the weakest machine's output is paid, and it is its agent's."""

    def _earned(self, worth: Floats) -> Floats:
        made = self._importance * (0.2 + worth)
        weakest = made.argmin(axis=1)
        return np.where(np.arange(AGENTS) == weakest[:, None], made, 0.0)

    def _drawn(self) -> Floats:
        """One agent of capacity 1, the others 2 to 4: [B, N]."""
        drawn = self._rng.integers(2, 5, (self.n_envs, AGENTS)).astype(np.float32)
        drawn[np.arange(self.n_envs), self._rng.integers(0, AGENTS, self.n_envs)] = 1.0
        return drawn


WORLDS = {"importance": ImportanceBatch, "chain": ChainBatch}


def _world(environment: Environment, n_envs: int) -> BatchedEnv:
    if environment.id not in WORLDS:
        raise TaskError(f"environment id {environment.id!r} is no world of the benchmark; known: {', '.join(WORLDS)}")
    return WORLDS[environment.id](n_envs)


def register() -> None:
    """Make the world known to `make_env`."""
    make.BUILDERS["benchmark-world"] = _world
