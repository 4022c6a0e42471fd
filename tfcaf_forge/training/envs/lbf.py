"""Level-based foraging by `lbforaging` itself: its own objects, one a copy, behind the batched protocol.

`foraging.ForagingBatch` does the same on arrays, tens of times faster. This one is what it is compared with, and what
`forge task check` plays.

lbforaging 2.0.0: https://github.com/semitable/lb-foraging
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step, copy_seeds
from tfcaf_forge.training.envs.foraging_views import ABSENT


class LbforagingCopies:
    """B copies of one registered lbforaging environment; state, masks and ends as `foraging.ForagingBatch` has them.

    Args:
        env_id: registered id, such as `Foraging-2s-8x8-2p-2f-coop-v3`.
        n_envs: number of copies.
        options: arguments of lbforaging's class that override the registered ones, and `mask_invalid`.

    Raises:
        MissingExtra: lbforaging is not installed.
        TaskError: unknown id or option.
    """

    def __init__(self, env_id: str, n_envs: int, options: dict[str, Scalar] | None = None) -> None:
        """Build the copies; the first reset seeds them."""
        rest = dict(options or {})
        self.mask_invalid = bool(rest.pop("mask_invalid", False))
        self._copies = [_make(env_id, rest) for _ in range(n_envs)]
        first = self._copies[0]
        self.n_envs = n_envs
        self.n_agents = int(first.n_agents)
        self.n_actions = int(first.action_space[0].n)
        self.n_foods = int(first.max_num_food)
        self.obs_size = int(first.observation_space[0].shape[0])
        self.state_size = 3 * (self.n_agents + self.n_foods) + self.n_agents
        self.episode_limit = int(first._max_episode_steps)
        self._obs = np.zeros((n_envs, self.n_agents, self.obs_size), np.float32)
        self._agents = np.zeros((n_envs, self.n_agents, 3), np.float32)
        self._foods = np.zeros((n_envs, self.n_foods, 3), np.float32)
        self._last_action = np.zeros((n_envs, self.n_agents), np.float32)
        self._available = np.ones((n_envs, self.n_agents, self.n_actions), np.bool_)
        self._terminated = np.zeros(n_envs, np.bool_)
        self._truncated = np.zeros(n_envs, np.bool_)

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy, each from its own seed derived from this one."""
        self._last_action[:] = -1.0
        self._terminated[:] = False
        self._truncated[:] = False
        for b, (copy, copy_seed) in enumerate(zip(self._copies, copy_seeds(seed, self.n_envs), strict=True)):
            for player in copy.players:
                # lbforaging keeps clear of where players stood in the episode before, so that the same seed
                # would start another episode in a used copy than in a new one.
                player.position = None
            self._obs[b] = copy.reset(seed=copy_seed)[0]
            self._read_agents(b, copy)
            self._place_foods(b, copy)
        return self._step(np.zeros((self.n_envs, self.n_agents), np.float32))

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        rewards = np.zeros((self.n_envs, self.n_agents), np.float32)
        for b, (copy, chosen) in enumerate(zip(self._copies, actions.tolist(), strict=True)):
            if self._terminated[b] or self._truncated[b]:
                continue
            self._obs[b], rewards[b], *_ = copy.step(chosen)
            self._read_agents(b, copy)
            self._clear_eaten(b, copy)
            self._last_action[b] = chosen
            if copy.game_over:
                # lbforaging reports both ends as one. With food left on the grid it was the time limit.
                self._terminated[b] = not copy.field.any()
                self._truncated[b] = not self._terminated[b]
        return self._step(rewards)

    def _step(self, rewards: Floats) -> Step:
        state = np.concatenate(
            [self._agents.reshape(self.n_envs, -1), self._foods.reshape(self.n_envs, -1), self._last_action], axis=1
        )
        if self.mask_invalid:
            self._available = self._masks()
        return Step(
            obs=self._obs.copy(),
            state=state,
            available=self._available,
            reward=rewards.sum(axis=1),
            agent_reward=rewards,
            terminated=self._terminated.copy(),
            truncated=self._truncated.copy(),
        )

    def _read_agents(self, b: int, copy: Any) -> None:  # noqa: ANN401 - lbforaging is untyped
        self._agents[b] = [(*player.position, player.level) for player in copy.players]

    def _place_foods(self, b: int, copy: Any) -> None:  # noqa: ANN401
        rows, columns = np.nonzero(copy.field)  # row-major, as the observation lists them
        self._foods[b] = ABSENT
        self._foods[b, : len(rows)] = np.stack([rows, columns, copy.field[rows, columns]], axis=1)

    def _clear_eaten(self, b: int, copy: Any) -> None:  # noqa: ANN401
        for slot, (row, column, level) in enumerate(self._foods[b].astype(int)):
            if level > 0 and copy.field[row, column] == 0:
                self._foods[b, slot] = ABSENT

    def _masks(self) -> Bools:
        masks = np.zeros_like(self._available)
        for b, copy in enumerate(self._copies):
            for i, player in enumerate(copy.players):
                masks[b, i, [action.value for action in copy._valid_actions[player]]] = True
        return masks


def _make(env_id: str, options: dict[str, Scalar]) -> Any:  # noqa: ANN401
    """One lbforaging environment without Gymnasium's wrappers."""
    try:
        import gymnasium
        import lbforaging  # noqa: F401  # pyright: ignore[reportUnusedImport] - importing it registers the ids
        from gymnasium.envs.registration import load_env_creator
    except ImportError:
        raise MissingExtra("lbforaging", "lbf") from None
    if options.get("grid_observation"):
        raise TaskError(f"{env_id}: lbforaging 2.0.0 itself fails with grid_observation; remove the option `original`")
    try:
        spec = gymnasium.spec(env_id)
        # Not gymnasium.make: it would take `max_episode_steps` for a wrapper of its own and add more wrappers.
        env: Any = load_env_creator(str(spec.entry_point))(**{**spec.kwargs, **options})
    except gymnasium.error.Error as fault:
        raise TaskError(f"environment id {env_id!r}: {fault}; see lbforaging's README for its names") from None
    except TypeError as fault:
        raise TaskError(f"{env_id}: {fault}; see the arguments of lbforaging's ForagingEnv") from None
    if not hasattr(env, "_make_gym_obs") or not hasattr(env, "max_num_food"):
        raise TaskError(
            f"environment id {env_id!r} is not level-based foraging; name another kind of environment for it"
        )
    return env
