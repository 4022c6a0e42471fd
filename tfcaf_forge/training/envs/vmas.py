"""VMAS: a vectorised scenario as a batch. The state is what all agents see, one after the other, as in BenchMARL.

VMAS: https://github.com/proroklab/VectorizedMultiAgentSimulator
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.training.envs.base import Step


class VmasBatch:
    """B copies of a VMAS scenario with discrete actions. All agents must see and choose among equally many numbers.

    Args:
        scenario: its name, such as `navigation`.
        n_envs: number of copies.
        options: arguments of the scenario, such as `n_agents`, and `episode_limit` (100 steps if not given).

    Raises:
        MissingExtra: vmas is not installed.
        TaskError: no such scenario, or agents that differ in their sizes.
    """

    def __init__(self, scenario: str, n_envs: int, options: Mapping[str, Scalar]) -> None:
        """Build the copies; the first reset seeds them."""
        rest = dict(options)
        self.episode_limit = int(rest.pop("episode_limit", 100))
        try:
            vmas: Any = import_module("vmas")
        except ModuleNotFoundError as fault:
            if fault.name != "vmas":
                raise
            raise MissingExtra("vmas", "vmas") from None
        try:
            self._env: Any = vmas.make_env(
                scenario, num_envs=n_envs, device="cpu", continuous_actions=False, seed=0, **rest
            )
        except (AssertionError, AttributeError, FileNotFoundError, ModuleNotFoundError, TypeError) as fault:
            raise TaskError(f"environment id {scenario!r}: {fault}; see VMAS's list of scenarios") from None
        sizes = {tuple(seen.shape[1:]) for seen in self._env.reset()}
        counts = {int(space.n) for space in self._env.action_space}
        if len(sizes) != 1 or len(counts) != 1:
            raise TaskError(f"{scenario}: its agents see or choose differently; choose a scenario of equal agents")
        self.n_envs, self.n_agents = n_envs, int(self._env.n_agents)
        self.n_actions, self.obs_size = counts.pop(), int(np.prod(sizes.pop()))
        self.state_size = self.n_agents * self.obs_size
        self._steps = 0
        self._terminated = np.zeros(n_envs, np.bool_)
        self._shown = np.zeros((n_envs, self.n_agents, self.obs_size), np.float32)

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy."""
        self._env.seed(seed % (1 << 31))
        self._steps = 0
        self._terminated = np.zeros(self.n_envs, np.bool_)
        self._shown = self._stacked(self._env.reset())
        return self._step(np.zeros((self.n_envs, self.n_agents), np.float32))

    def step(self, actions: Ints) -> Step:
        """Act in every copy; `actions` is int64 [B, N]. A copy that has ended shows its last state again."""
        import torch

        over = self._terminated | (self._steps >= self.episode_limit)
        chosen = [torch.from_numpy(actions[:, i : i + 1].copy()) for i in range(self.n_agents)]
        seen, rewards, done, _ = self._env.step(chosen)
        self._steps += 1
        self._shown = np.where(over[:, None, None], self._shown, self._stacked(seen))
        paid = np.stack([one.numpy() for one in rewards], axis=1).astype(np.float32)
        self._terminated = np.where(over, self._terminated, done.numpy().astype(np.bool_))
        return self._step(np.where(over[:, None], np.float32(0.0), paid))

    def _stacked(self, seen: Any) -> Floats:  # noqa: ANN401 - a list of tensors
        return np.stack([one.numpy().reshape(self.n_envs, -1) for one in seen], axis=1).astype(np.float32)

    def _step(self, rewards: Floats) -> Step:
        return Step(
            obs=self._shown,
            state=self._shown.reshape(self.n_envs, -1),
            available=np.ones((self.n_envs, self.n_agents, self.n_actions), np.bool_),
            reward=rewards.sum(axis=1),
            agent_reward=rewards,
            terminated=self._terminated.copy(),
            truncated=~self._terminated & (self._steps >= self.episode_limit),
        )
