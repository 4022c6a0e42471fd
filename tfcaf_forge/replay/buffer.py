"""The trainer's replay buffer: the last episodes, in arrays that are allocated once.

It holds numpy arrays and needs no torch: a sampled batch is gathered once, straight into what
`torch.from_numpy` then shares. The system gives memory to `np.zeros` page by page, so an unfilled buffer is small.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import ConfigError, DatasetError
from tfcaf_forge.replay.episode import ARRAYS, EpisodeBatch, cut


class EpisodeBuffer:
    """The newest `capacity` episodes of one environment, sampled uniformly.

    Args:
        capacity: number of episodes.
        horizon, n_agents, n_actions, obs_size, state_size: T, N, A, O and S.
        seed: of the sampling; the only randomness here.
    """

    def __init__(
        self, *, capacity: int, horizon: int, n_agents: int, n_actions: int, obs_size: int, state_size: int, seed: int
    ) -> None:
        """Allocate everything at once."""
        if capacity < 1:
            raise ConfigError(f"buffer of {capacity} episodes; it needs at least 1")
        sizes = {"T": horizon, "T+1": horizon + 1, "N": n_agents, "A": n_actions, "O": obs_size, "S": state_size}
        self.capacity = capacity
        self.horizon = horizon
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.zeros((capacity, *(sizes[dim] for dim in dims)), dtype) for name, (dtype, dims) in ARRAYS.items()
        }
        self._lengths = np.zeros(capacity, np.int64)
        self._next = 0
        self._size = 0
        self._rng = np.random.default_rng(seed)
        self._has_agent_reward = True

    def __len__(self) -> int:
        """Number of episodes held."""
        return self._size

    def add(self, episodes: EpisodeBatch) -> None:
        """Store episodes, the oldest ones making room.

        Raises:
            DatasetError: they are longer than the buffer's horizon or of other sizes.
        """
        if episodes.horizon > self.horizon:
            raise DatasetError(f"episodes of {episodes.horizon} steps; this buffer holds {self.horizon}")
        newest = episodes.select(slice(max(episodes.n_episodes - self.capacity, 0), None))
        slots = (self._next + np.arange(newest.n_episodes)) % self.capacity
        for name, array in newest.arrays().items():
            target = self._arrays[name]
            if not ARRAYS[name][1]:
                target[slots] = array
                continue
            if array.shape[2:] != target.shape[2:]:
                raise DatasetError(f"{name}: {array.shape[2:]} a step; this buffer holds {target.shape[2:]}")
            target[slots, : array.shape[1]] = array
            target[slots, array.shape[1] :] = name == "available"
        self._lengths[slots] = newest.lengths
        self._next = int((self._next + newest.n_episodes) % self.capacity)
        self._size = min(self._size + newest.n_episodes, self.capacity)
        self._has_agent_reward = self._has_agent_reward and newest.has_agent_reward

    def sample(self, n_episodes: int) -> EpisodeBatch:
        """Draw different episodes uniformly, cut to the longest of them.

        Raises:
            DatasetError: the buffer holds fewer.
        """
        if n_episodes > self._size:
            raise DatasetError(
                f"{n_episodes} episodes asked of a buffer that holds {self._size}; wait until it has more"
            )
        index = self._rng.choice(self._size, n_episodes, replace=False)
        longest = max(int(self._lengths[index].max()), 1)
        views = cut(self._arrays, longest)  # cut first: what is cut away is never copied
        batch = {name: array[index] for name, array in views.items()}
        return EpisodeBatch(**batch, has_agent_reward=self._has_agent_reward)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: arrays (only what is filled), counters, and the generator as JSON."""
        return {
            "arrays": {name: array[: self._size].copy() for name, array in self._arrays.items()},
            "next": self._next,
            "size": self._size,
            "has_agent_reward": self._has_agent_reward,
            "generator": json.dumps(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            DatasetError: it came from a buffer of other sizes.
        """
        size = int(state["size"])
        for name, array in self._arrays.items():
            saved = np.asarray(state["arrays"][name])
            if size > self.capacity or saved.shape[1:] != array.shape[1:]:
                raise DatasetError(
                    f"{name}: saved by a buffer of other sizes; resume with the configuration it was saved with"
                )
            array[:size] = saved
        self._lengths[:size] = self._arrays["valid"][:size].sum(axis=1)
        self._size, self._next = size, int(state["next"])
        self._has_agent_reward = bool(state["has_agent_reward"])
        self._rng.bit_generator.state = json.loads(state["generator"])
