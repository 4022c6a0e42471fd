"""Copies of any single environment behind the batched protocol: one after the other, in this process.

For environments of other packages that step one copy at a time. `workers.WorkerBatch` spreads the same copies over processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step, copy_seeds


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """N agents, A actions, observations of O numbers, states of S, episodes of at most `episode_limit` steps."""

    n_agents: int
    n_actions: int
    obs_size: int
    state_size: int
    episode_limit: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What one copy shows after a reset or a step; the team's reward is the sum of the agents'.

    Attributes:
        obs: float32 [N, O].
        state: float32 [S].
        available: bool [N, A]; None if all actions are.
        agent_reward: float [N].
        terminated, truncated: as in `Step`.
    """

    obs: Floats
    state: Floats
    available: Bools | None = None
    agent_reward: Sequence[float] = ()
    terminated: bool = False
    truncated: bool = False


class OneEnv(Protocol):
    """One copy."""

    @property
    def sizes(self) -> Sizes:
        """Known before the first reset."""
        ...

    def reset(self, seed: int) -> Shown:
        """Start an episode; the seed determines all that follows."""
        ...

    def step(self, actions: list[int]) -> Shown:
        """Act; never called in an episode that has ended."""
        ...


class Board:
    """The arrays of B copies, on memory of one's own or on shared memory.

    Args:
        sizes: of a copy.
        n_envs: B.
        memory: at least `Board.bytes_needed(sizes, n_envs)`; None for new memory.
    """

    def __init__(self, sizes: Sizes, n_envs: int, memory: Any = None) -> None:  # noqa: ANN401 - any buffer
        """Lay the arrays out one after the other."""
        self.sizes = sizes
        memory = bytearray(self.bytes_needed(sizes, n_envs)) if memory is None else memory
        place = 0
        arrays: dict[str, NDArray[Any]] = {}
        for name, (dtype, shape) in _shapes(sizes, n_envs).items():
            arrays[name] = np.ndarray(shape, dtype, memory, place)
            place += _padded(arrays[name].nbytes)
        self.obs: Floats = arrays["obs"]
        self.state: Floats = arrays["state"]
        self.available: Bools = arrays["available"]
        self.agent_reward: Floats = arrays["agent_reward"]
        self.terminated: Bools = arrays["terminated"]
        self.truncated: Bools = arrays["truncated"]
        self.actions: Ints = arrays["actions"]
        self.seeds: Ints = arrays["seeds"]

    @staticmethod
    def bytes_needed(sizes: Sizes, n_envs: int) -> int:
        """Bytes of all arrays."""
        shapes = _shapes(sizes, n_envs).values()
        return sum(_padded(int(np.prod(shape)) * np.dtype(dtype).itemsize) for dtype, shape in shapes)

    def write(self, b: int, shown: Shown) -> None:
        """What copy b shows."""
        self.obs[b], self.state[b] = shown.obs, shown.state
        self.available[b] = True if shown.available is None else shown.available
        self.agent_reward[b] = shown.agent_reward if len(shown.agent_reward) else 0.0
        self.terminated[b], self.truncated[b] = shown.terminated, shown.truncated

    def step(self) -> Step:
        """What all copies show; copies of the arrays, which go on changing."""
        rewards = self.agent_reward.copy()
        return Step(
            obs=self.obs.copy(),
            state=self.state.copy(),
            available=self.available.copy(),
            reward=rewards.sum(axis=1),
            agent_reward=rewards,
            terminated=self.terminated.copy(),
            truncated=self.truncated.copy(),
        )


def _shapes(sizes: Sizes, b: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    n = sizes.n_agents
    return {
        "actions": ("int64", (b, n)),
        "seeds": ("int64", (b,)),
        "obs": ("float32", (b, n, sizes.obs_size)),
        "state": ("float32", (b, sizes.state_size)),
        "agent_reward": ("float32", (b, n)),
        "available": ("bool", (b, n, sizes.n_actions)),
        "terminated": ("bool", (b,)),
        "truncated": ("bool", (b,)),
    }


def _padded(size: int) -> int:
    return -(-size // 64) * 64


def reset_copies(envs: Sequence[OneEnv], board: Board, first: int) -> None:
    """Reset these copies, which are those from `first` on, from the board's seeds."""
    for b, env in enumerate(envs, first):
        board.write(b, env.reset(int(board.seeds[b])))


def step_copies(envs: Sequence[OneEnv], board: Board, first: int) -> None:
    """Act in these copies where they have not ended, by the board's actions."""
    for b, env in enumerate(envs, first):
        if board.terminated[b] or board.truncated[b]:
            board.agent_reward[b] = 0.0
        else:
            board.write(b, env.step(board.actions[b].tolist()))


class SizedBatch:
    """The sizes of a batch, by the names of `BatchedEnv`."""

    def __init__(self, sizes: Sizes, n_envs: int) -> None:
        """Spell the sizes out."""
        self.n_envs = n_envs
        self.n_agents, self.n_actions = sizes.n_agents, sizes.n_actions
        self.obs_size, self.state_size = sizes.obs_size, sizes.state_size
        self.episode_limit = sizes.episode_limit


class CopiesBatch(SizedBatch):
    """B copies of an environment, stepped one after the other.

    Args:
        make: builds one copy.
        n_envs: B.
    """

    def __init__(self, make: Callable[[], OneEnv], n_envs: int) -> None:
        """Build the copies."""
        self._envs = [make() for _ in range(n_envs)]
        super().__init__(self._envs[0].sizes, n_envs)
        self._board = Board(self._envs[0].sizes, n_envs)

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy, each from its own seed derived from this one."""
        self._board.seeds[:] = copy_seeds(seed, self.n_envs)
        reset_copies(self._envs, self._board, 0)
        return self._board.step()

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        self._board.actions[:] = actions
        step_copies(self._envs, self._board, 0)
        return self._board.step()
