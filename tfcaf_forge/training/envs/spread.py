"""SpreadBatch: mpe2's `simple_spread_v3` for many copies at once, in NumPy.

Its physics, observations, rewards and ends are those of mpe2 1.1 to the bit, from the same seeds too: every operation is
done in mpe2's order, in double precision. The tests drive both with the same actions and compare.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Ints
from tfcaf_forge.training.envs.base import Step, copy_seeds
from tfcaf_forge.training.envs.copies import SizedBatch, Sizes
from tfcaf_forge.training.envs.mpe import FARTHEST, FASTEST, PUSHES

SENSITIVITY, TIME_STEP, DAMPING = 5.0, 0.1, 0.25
CONTACT_FORCE, CONTACT_MARGIN = 100.0, 1e-3
TOUCHING = 0.3  # distance of two agents' centres

Doubles = NDArray[np.float64]


class SpreadBatch(SizedBatch):
    """B copies of `simple_spread_v3`. The state is laid out as in `mpe.MpeEnv`.

    Args:
        n_envs: B.
        options: mpe2's `N`, `local_ratio` and `max_cycles`.

    Raises:
        TaskError: an option is malformed.
    """

    def __init__(self, n_envs: int, options: Mapping[str, Scalar]) -> None:
        """Read the options."""
        n, limit = _count(options, "N", 3), _count(options, "max_cycles", 25)
        local = options.get("local_ratio", 0.5)
        if isinstance(local, bool) or not isinstance(local, int | float) or not 0.0 <= local <= 1.0:
            raise TaskError(f"option local_ratio = {local!r}; it must be a number in [0, 1]")
        self._local = float(local)
        size = 4 + 2 * n + 4 * (n - 1)
        super().__init__(Sizes(n_agents=n, n_actions=5, obs_size=size, state_size=7 * n, episode_limit=limit), n_envs)
        self._others = np.array([[j for j in range(n) if j != i] for i in range(n)], np.int64).reshape(n, n - 1)
        self._pairs = np.triu_indices(n, 1)
        self._available = np.ones((n_envs, n, 5), np.bool_)

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy, each from its own seed derived from this one."""
        n = self.n_agents
        drawn = [np.random.default_rng(own).uniform(-1, +1, (2 * n, 2)) for own in copy_seeds(seed, self.n_envs)]
        places = np.stack(drawn)
        self._place, self._landmarks = places[:, :n], places[:, n:]
        self._speed = np.zeros_like(self._place)
        self._last = np.full((self.n_envs, n), -1, np.int64)
        self._steps = 0
        return self._show(np.zeros((self.n_envs, n)))

    def step(self, actions: Ints) -> Step:
        """Act in every copy; `actions` is int64 [B, N]."""
        if self._steps >= self.episode_limit:
            return self._show(np.zeros((self.n_envs, self.n_agents)))
        self._steps += 1
        self._last = actions.copy()
        force = self._forces(actions)
        self._place = self._place + self._speed * TIME_STEP
        self._speed = self._speed * (1 - DAMPING) + force * TIME_STEP
        return self._show(self._rewards())

    def _forces(self, actions: Ints) -> Doubles:
        """The agents' own push, then each pair's repulsion, the pairs in order; [B, N, 2]."""
        force: Doubles = PUSHES[actions] * SENSITIVITY
        one, other = self._pairs
        apart = self._place[:, one] - self._place[:, other]
        distance = _lengths(apart)[..., None]
        depth = np.logaddexp(0, -(distance - TOUCHING) / CONTACT_MARGIN) * CONTACT_MARGIN
        push = CONTACT_FORCE * apart / distance * depth
        for pair, (i, j) in enumerate(zip(one, other, strict=True)):
            force[:, i] = push[:, pair] + force[:, i]
            force[:, j] = -push[:, pair] + force[:, j]
        return force

    def _rewards(self) -> Doubles:
        """What each agent gets, [B, N]: the landmarks' distances shared, the collisions its own."""
        far = _lengths(self._place[:, :, None] - self._landmarks[:, None]).min(axis=1)  # [B, landmarks]
        shared = np.zeros(self.n_envs)
        for landmark in range(self.n_agents):
            shared = shared - far[:, landmark]
        near = _lengths(self._place[:, :, None] - self._place[:, None]) < TOUCHING
        touched = near.sum(axis=2) - 1.0  # each is near itself
        return (shared * (1 - self._local))[:, None] + -touched * self._local

    def _show(self, rewards: Doubles) -> Step:
        b, n = self.n_envs, self.n_agents
        obs = np.zeros((b, n, self.obs_size), np.float32)
        obs[..., :2], obs[..., 2:4] = self._speed, self._place
        marks = 4 + 2 * n
        obs[..., 4:marks] = (self._landmarks[:, None] - self._place[:, :, None]).reshape(b, n, 2 * n)
        others = self._place[:, self._others] - self._place[:, :, None]
        obs[..., marks : marks + 2 * (n - 1)] = others.reshape(b, n, 2 * (n - 1))  # then silence, which is zeros
        moving = np.concatenate([self._place.clip(-FARTHEST, FARTHEST), self._speed.clip(-FASTEST, FASTEST)], axis=2)
        own = rewards.astype(np.float32)
        return Step(
            obs=obs,
            state=np.concatenate([moving.reshape(b, -1), self._landmarks.reshape(b, -1), self._last], axis=1, dtype=np.float32),
            available=self._available,
            reward=own.sum(axis=1),
            agent_reward=own,
            terminated=np.zeros(b, np.bool_),
            truncated=np.full(b, self._steps >= self.episode_limit),
        )  # fmt: skip


def _lengths(vectors: Doubles) -> Doubles:
    """Euclidean, [..., 2] -> [...]; the sum of two squares, as mpe2 does it."""
    squares = np.square(vectors)
    return np.sqrt(squares[..., 0] + squares[..., 1])


def _count(options: Mapping[str, Scalar], name: str, default: int) -> int:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TaskError(f"option {name} = {value!r}; it must be a whole number of at least 1")
    return value
