"""What a batch of environments looks like to everything else here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tfcaf_forge.replay.episode import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Step:
    """What B copies of an environment show after a reset or a step. Arrays are never changed afterwards.

    Attributes:
        obs: float32 [B, N, O].
        state: float32 [B, S], laid out as the TaskSpec says, unnormalised.
        available: bool [B, N, A].
        reward: float32 [B]; the team's; 0 after a reset, and in a copy that had ended before.
        agent_reward: float32 [B, N], or None where the environment has no reward for each agent.
        terminated: bool [B]; ended by the environment's own rules, now or before.
        truncated: bool [B]; cut by the time limit, now or before; never together with `terminated`.
    """

    obs: Floats
    state: Floats
    available: Bools
    reward: Floats
    agent_reward: Floats | None
    terminated: Bools
    truncated: Bools

    @property
    def ended(self) -> Bools:
        """bool [B]."""
        return self.terminated | self.truncated


class BatchedEnv(Protocol):
    """B copies of one environment that step together.

    A copy that ended stays as it is, whatever its actions, until the next `reset`: the caller masks it.
    One seed determines everything that follows.
    """

    @property
    def n_envs(self) -> int:
        """B."""
        ...

    @property
    def n_agents(self) -> int:
        """N."""
        ...

    @property
    def n_actions(self) -> int:
        """A."""
        ...

    @property
    def obs_size(self) -> int:
        """O."""
        ...

    @property
    def state_size(self) -> int:
        """S."""
        ...

    @property
    def episode_limit(self) -> int:
        """Steps after which an episode is cut (truncated)."""
        ...

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy."""
        ...

    def step(self, actions: Ints) -> Step:
        """Act in every copy; `actions` is int64 [B, N]."""
        ...


class RestorableEnv(BatchedEnv, Protocol):
    """A batch that can be put into given states, for asking what would have followed had an agent acted otherwise."""

    def restore(self, state: Floats, steps: Ints | None = None, *, start: Floats | None = None) -> Step:
        """Continue every copy from a state; replaces what the copies were doing, and needs no reset before.

        Args:
            state: float32 [B, S], in the TaskSpec's layout, as a `Step` shows it.
            steps: int64 [B]; steps already taken in the episode, for the time limit; 0 if None.
            start: float32 [B, S]; the first states of the same episodes, where the rules remember more of them than
                later states tell (foraging: the levels of foods that were eaten, by which rewards are normalised).

        Returns:
            What the copies show now; `reward` is 0.

        Raises:
            InputError: a state in which the environment cannot be.
        """
        ...


def copy_seeds(seed: int, n_envs: int) -> list[int]:
    """One independent 32-bit seed a copy, all from one seed."""
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(n_envs)]
