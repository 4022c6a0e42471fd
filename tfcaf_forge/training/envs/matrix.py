"""Matrix games: one step, a shared payoff for the joint action."""

from __future__ import annotations

import numpy as np

from tfcaf_forge.errors import InputError, TaskError
from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.training.envs.base import Step

# Claus and Boutilier, "The dynamics of reinforcement learning in cooperative multiagent systems", AAAI 1998.
PAYOFFS: dict[str, tuple[tuple[float, ...], ...]] = {
    "climbing": ((11.0, -30.0, 0.0), (-30.0, 7.0, 6.0), (0.0, 0.0, 5.0)),
    "penalty": ((10.0, 0.0, -100.0), (0.0, 2.0, 0.0), (-100.0, 0.0, 10.0)),  # their k = -100
}


class MatrixBatch:
    """B copies of a two-agent matrix game.

    The state is (step, last action of each agent); an agent sees nothing but a constant 1. The game ends after
    one step by its own rules (terminated). It has no randomness.

    Args:
        game: name in `PAYOFFS`.
        n_envs: number of copies.

    Raises:
        TaskError: unknown game.
    """

    def __init__(self, game: str, n_envs: int) -> None:
        """Look up the payoffs."""
        if game not in PAYOFFS:
            raise TaskError(f"environment id {game!r} is no matrix game; known: {', '.join(sorted(PAYOFFS))}")
        self.payoff = np.array(PAYOFFS[game], np.float32)
        self.n_envs = n_envs
        self.n_agents = 2
        self.n_actions = len(self.payoff)
        self.obs_size = 1
        self.state_size = 3
        self.episode_limit = 1
        self._over = False
        self._state = np.zeros((n_envs, 3), np.float32)

    def reset(self, seed: int) -> Step:
        """Start again; the seed is not needed."""
        self._over = False
        self._state = np.tile(np.array([0.0, -1.0, -1.0], np.float32), (self.n_envs, 1))
        return self._step(np.zeros(self.n_envs, np.float32))

    def step(self, actions: Ints) -> Step:
        """Pay out; `actions` is int64 [B, 2]."""
        if self._over:
            return self._step(np.zeros(self.n_envs, np.float32))
        self._over = True
        self._state = np.concatenate([np.ones((self.n_envs, 1)), actions], axis=1).astype(np.float32)
        return self._step(self.payoff[actions[:, 0], actions[:, 1]])

    def restore(self, state: Floats, steps: Ints | None = None, *, start: Floats | None = None) -> Step:
        """Before the game or after it, the same in all copies; as in `RestorableEnv`.

        Raises:
            InputError: some copies have played and others have not, or the shape is wrong.
        """
        if state.shape != self._state.shape or len(np.unique(state[:, 0])) != 1:
            raise InputError(
                f"states of shape {state.shape}; give {self._state.shape}, all before the game or all after it"
            )
        self._over = bool(state[0, 0] > 0)
        self._state = state.astype(np.float32)
        return self._step(np.zeros(self.n_envs, np.float32))

    def _step(self, reward: Floats) -> Step:
        return Step(
            obs=np.ones((self.n_envs, self.n_agents, 1), np.float32),
            state=self._state,
            available=np.ones((self.n_envs, self.n_agents, self.n_actions), np.bool_),
            reward=reward,
            agent_reward=None,
            terminated=np.full(self.n_envs, self._over),
            truncated=np.zeros(self.n_envs, np.bool_),
        )
