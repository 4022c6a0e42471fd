"""Level-based foraging: copies of the real `lbforaging` environment behind the batched protocol.

Moves, collisions, loading and rewards are lbforaging's own. Two thirds of its time went into building one
observation an agent an environment in Python; here they are computed for all copies at once from positions and
levels, to the same numbers (a test drives both and compares them exactly).

lbforaging 2.0.0: https://github.com/semitable/lb-foraging
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import MissingExtra, TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step, copy_seeds

ABSENT = np.array([-1.0, -1.0, 0.0], np.float32)  # a food that was eaten, an agent out of sight


class ForagingBatch:
    """B copies of one registered lbforaging environment.

    The state is, unnormalised: per agent (row, column, level), per food (row, column, level), the last action of
    each agent (-1 at the start). A food keeps its slot, the row-major order at reset, until the episode ends;
    eaten, or without a place at reset, it is (-1, -1, 0).

    Args:
        env_id: registered id, such as `Foraging-2s-8x8-2p-2f-coop-v3`.
        n_envs: number of copies.
        options: arguments of lbforaging's class that override the registered ones, and `mask_invalid`:
            if true, only moves that lbforaging would carry out are available (the registered environment allows all,
            and treats an impossible one as standing still).

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
        self.obs_size = 3 * (self.n_foods + self.n_agents)
        self.state_size = 3 * (self.n_agents + self.n_foods) + self.n_agents
        self.episode_limit = int(first._max_episode_steps)
        self._sight = int(first.sight)
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
            copy.reset(seed=copy_seed)
            self._read_agents(b, copy)
            self._place_foods(b, copy)
        return self._step(np.zeros((self.n_envs, self.n_agents), np.float32))

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        rewards = np.zeros((self.n_envs, self.n_agents), np.float32)
        for b, (copy, chosen) in enumerate(zip(self._copies, actions.tolist(), strict=True)):
            if self._terminated[b] or self._truncated[b]:
                continue
            rewards[b] = copy.step(chosen)[1]
            self._read_agents(b, copy)
            if rewards[b].any():  # a food leaves only when somebody is rewarded for it
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
            obs=local_observations(self._agents, self._foods, self._sight),
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


def local_observations(agents: Floats, foods: Floats, sight: int) -> Floats:
    """What lbforaging shows each agent: foods in sight, itself, then the other agents in sight.

    Positions are relative to the corner of the agent's window of sight, which the grid's edge cuts. As in lbforaging,
    an agent near the north or west edge therefore sees other agents, but not foods, further than `sight` to the
    south and east. What is not seen is (-1, -1, 0), after what is.

    Args:
        agents: float32 [B, N, 3], (row, column, level).
        foods: float32 [B, F, 3], absent ones with level 0.
        sight: cells in each direction.

    Returns:
        float32 [B, N, 3 * (F + N)].
    """
    n_envs, n_agents = agents.shape[:2]
    corner = np.maximum(agents[:, :, None, :2] - sight, 0.0)
    distance = np.abs(foods[:, None, :, :2] - agents[:, :, None, :2])
    food_seen: Bools = np.all(distance <= sight, axis=3) & np.asarray(foods[:, None, :, 2] > 0)
    food_part = _seen_first(foods, corner, food_seen)
    relative = agents[:, None, :, :2] - corner
    agent_seen: Bools = np.all((relative >= 0) & (relative <= 2 * sight), axis=3)
    agent_part = _seen_first(agents, corner, agent_seen, first=np.eye(n_agents, dtype=np.bool_))
    return np.concatenate([food_part, agent_part], axis=2).reshape(n_envs, n_agents, -1)


def _seen_first(things: Floats, corner: Floats, seen: Bools, first: Bools | None = None) -> Floats:
    """[B, N, K, 3]: what each agent sees of K things, in their order, `first` before all, the unseen absent at the end."""
    rank = np.where(seen, 1, 2)
    if first is not None:
        rank = np.where(first, 0, rank)
    shown = np.broadcast_to(things[:, None], (*seen.shape, 3)).copy()
    shown[..., :2] -= corner
    shown[~seen] = ABSENT
    order = np.argsort(rank, axis=2, kind="stable")
    return np.take_along_axis(shown, order[..., None], axis=2)


def _make(env_id: str, options: dict[str, Scalar]) -> Any:  # noqa: ANN401
    """One lbforaging environment without Gymnasium's wrappers and without its own observations."""
    try:
        import gymnasium
        import lbforaging  # noqa: F401  # pyright: ignore[reportUnusedImport] - importing it registers the ids
        from gymnasium.envs.registration import load_env_creator
    except ImportError:
        raise MissingExtra("lbforaging", "lbf") from None
    if options.get("grid_observation") or options.get("observe_agent_levels") is False:
        raise TaskError(
            f"{env_id}: grid_observation and observe_agent_levels cannot be changed here; remove the option"
        )
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
    env._make_gym_obs = _nothing_seen
    return env


def _nothing_seen() -> tuple[NDArray[np.float32], ...]:
    return ()
