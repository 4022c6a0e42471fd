"""Level-based foraging, all copies at once: lbforaging 2.0.0's rules on arrays, without a loop over copies.

Same layout and same actions give the same observations, rewards, ends and masks as lbforaging, number for number
(`tests/training/envs/test_foraging.py` drives both). Layouts come from the same distribution, but from numpy's generator
in another order: a seed starts other episodes here than there. lbforaging itself need not be installed.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.foraging_rules import Layout, coordinates, draw_layouts, read_rules
from tfcaf_forge.training.envs.foraging_views import ABSENT, make_view

LOAD = 5
_WALL = -1


class ForagingBatch:
    """B copies of one variant of level-based foraging.

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
        TaskError: unknown id or option.
    """

    def __init__(self, env_id: str, n_envs: int, options: dict[str, Scalar] | None = None) -> None:
        """Size the arrays; the first reset fills them."""
        self.rules = rules = read_rules(env_id, options)
        self.n_envs, self.n_agents, self.n_foods = n_envs, rules.n_agents, rules.n_foods
        self.n_actions = 6
        self.episode_limit = rules.episode_limit
        self._view = make_view(rules)
        self.obs_size = self._view.size
        self.state_size = 4 * rules.n_agents + 3 * rules.n_foods
        w = rules.width
        self._moves = np.array([0, -w, w, -1, 1, 0])  # none, north, south, west, east, load
        self._sides = self._moves[1:5]
        self._places = coordinates(rules)
        self._everything = np.ones((n_envs, rules.n_agents, 6), np.bool_)
        self._nothing = np.zeros((n_envs, rules.n_agents), np.float32)
        empty = np.full((w, w), _WALL, np.int64)
        empty[1:-1, 1:-1] = 0
        self._empty = empty.ravel()
        self._grid = np.tile(self._empty, n_envs)  # [B * P]: level of the food there, or a wall
        self._slot = np.zeros(
            n_envs * rules.cells, np.int64
        )  # [B * P]: index in `_foods`, raveled, where there is food
        self._base = (np.arange(n_envs) * rules.cells)[:, None]
        self._state = np.zeros((n_envs, self.state_size), np.float32)
        n, f = 3 * rules.n_agents, 3 * rules.n_foods
        self._agents = self._state[:, :n].reshape(n_envs, -1, 3)  # views of the state
        self._shown_foods = self._state[:, n : n + f].reshape(n_envs, -1, 3)
        self._last_action = self._state[:, n + f :]
        self._terminated = np.zeros(n_envs, np.bool_)
        self._truncated = np.zeros(n_envs, np.bool_)
        self._alive = True

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy; what copy b starts with depends on the seed and on b alone."""
        return self.place(draw_layouts(self.rules, self.n_envs, np.random.default_rng(seed)))

    def place(self, layout: Layout) -> Step:
        """Start an episode in every copy from a layout, as `draw_layouts` makes them."""
        places = self._places
        foods = np.concatenate([places[layout.foods], layout.food_levels[..., None]], axis=2)
        foods[layout.food_levels == 0] = ABSENT
        self._agents[..., :2] = places[layout.agents]
        self._agents[..., 2] = layout.agent_levels
        self._shown_foods[:] = foods
        self._last_action[:] = -1.0
        self._slots = np.broadcast_to(np.arange(self.n_foods), (self.n_envs, self.n_foods))
        self._fill(layout.agents, layout.foods, layout.food_levels)
        self._spawned = layout.food_levels.sum(axis=1)
        self._steps = np.zeros(self.n_envs, np.int64)
        self._terminated, self._truncated = np.zeros((2, self.n_envs), np.bool_)
        self._alive = True
        return self._step(self._nothing)

    def restore(self, state: Floats, steps: Ints | None = None, *, start: Floats | None = None) -> Step:
        """Continue every copy from a given state; nothing in the rules is random, so what follows is determined.

        Args:
            state: float32 [B, S], as a `Step` shows it. Cells and levels must be possible; a state without food has ended.
            steps: int64 [B]; steps already taken, 0 if None.
            start: float32 [B, S]; the states at the reset of the same episodes. Rewards are normalised by the levels of all
                foods that were there then, which a later state does not tell. If None, what is there now counts as all.

        Raises:
            InputError: naming the first copy that no episode can have been in.
        """
        n, f = self.n_agents, self.n_foods
        self._refuse_impossible(state)
        self._state[:] = state
        width = self.rules.width
        corner = np.float32(width + 1)
        agents = (self._agents[..., 0] * width + self._agents[..., 1] + corner).astype(np.int64)
        levels = self._shown_foods[..., 2].astype(np.int64)
        foods = (self._shown_foods[..., 0] * width + self._shown_foods[..., 1] + corner).astype(np.int64)
        foods[levels == 0] = 0
        self._slots = np.argsort(np.where(foods > 0, foods, self.rules.cells), axis=1, kind="stable")
        self._fill(agents, np.take_along_axis(foods, self._slots, 1), np.take_along_axis(levels, self._slots, 1))
        first = state if start is None else start
        self._spawned = first[:, 3 * n : 3 * (n + f)].reshape(-1, f, 3)[..., 2].sum(axis=1).astype(np.int64)
        self._steps = np.zeros(self.n_envs, np.int64) if steps is None else steps.astype(np.int64)
        self._terminated = (levels == 0).all(axis=1)
        self._truncated = (self._steps >= self.episode_limit) & ~self._terminated
        self._alive = not (self._terminated | self._truncated).any()
        return self._step(self._nothing)

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        alive = None if self._alive else ~(self._terminated | self._truncated)[:, None]
        chosen = actions if alive is None else np.where(alive, actions, 0)
        self._move(chosen)
        loads = np.flatnonzero(chosen == LOAD)
        rewards = self._load(loads) if loads.size else self._nothing
        if alive is None:
            self._steps += 1
            self._last_action[:] = actions
        else:
            self._steps += alive[:, 0]
            np.copyto(self._last_action, actions, where=alive, casting="unsafe")
        self._truncated = (self._steps >= self.episode_limit) & ~self._terminated
        self._alive = not (self._terminated | self._truncated).any()
        return self._step(rewards)

    def _fill(self, agents: Ints, foods: Ints, levels: Ints) -> None:
        """Set the grid; `foods` [B, F] in row-major order, 0 (with level 0) for those that are not there."""
        self._grid[:] = np.tile(self._empty, self.n_envs)
        self._at, self._food_at, self._food_levels = agents + self._base, foods, levels.astype(np.float32)
        self._levels = self._agents[..., 2].copy()
        b, k = np.nonzero(levels)
        where = foods[b, k] + self._base[b, 0]
        self._grid[where] = levels[b, k]
        self._slot[where] = b * self.n_foods + k

    def _move(self, chosen: Ints) -> None:
        """A blocked agent stays. Who would come to a cell where another comes or stays, stays too.

        As in lbforaging, an agent whose way was contested may be joined by another one that was to take its place.
        """
        to = self._at + self._moves.take(chosen)
        blocked = self._grid.take(to) != 0
        np.copyto(to, self._at, where=blocked)
        if self.n_agents == 2:
            met = (to[:, 0] == to[:, 1])[:, None]
        else:
            met = np.count_nonzero(to[:, :, None] == to[:, None, :], axis=2) > 1
        self._at = np.where(met, self._at, to)
        self._agents[..., :2] = self._places.take(self._at - self._base, axis=0)

    def _load(self, loads: Ints) -> Floats:
        """Rewards of agents, float32 [B, N], after these agents (indices into [B * N]) have loaded."""
        rewards = np.zeros(self.n_envs * self.n_agents, np.float32)
        beside = self._at.ravel()[loads, None] + self._sides
        food_there = self._grid[beside] > 0
        can = food_there.any(axis=1)
        loads, food = loads[can], beside[np.arange(len(beside)), food_there.argmax(axis=1)][can]
        slot = self._slot[food]
        levels = self._levels.ravel()[loads].astype(np.float64)
        strength = np.bincount(slot, weights=levels, minlength=self.n_envs * self.n_foods)[slot]
        needed = self._grid[food]
        enough = strength >= needed
        rewards[loads[~enough]] -= self.rules.penalty
        loads, slot, food = loads[enough], slot[enough], food[enough]
        share = levels[enough] * needed[enough]
        if self.rules.normalize_reward:
            share /= strength[enough] * self._spawned[loads // self.n_agents]
        rewards[loads] = share
        if slot.size:
            self._clear(slot, food)
        return rewards.reshape(self.n_envs, self.n_agents)

    def _clear(self, slot: Ints, food: Ints) -> None:
        self._grid[food] = 0
        b, k = np.divmod(slot, self.n_foods)
        # New arrays: a view or a state that was handed out must not change.
        self._food_at, self._food_levels = self._food_at.copy(), self._food_levels.copy()
        self._food_at[b, k], self._food_levels[b, k] = 0, 0.0
        self._shown_foods[b, self._slots[b, k]] = ABSENT
        self._terminated = self._terminated | ~self._food_levels.any(axis=1)

    def _step(self, rewards: Floats) -> Step:
        at = self._at - self._base
        return Step(
            obs=self._view(at, self._levels, self._food_at, self._food_levels),
            state=self._state.copy(),
            available=self._masks() if self.rules.mask_invalid else self._everything,
            reward=rewards.sum(axis=1),
            agent_reward=rewards,
            terminated=self._terminated,
            truncated=self._truncated,
        )

    def _masks(self) -> Bools:
        masks = self._everything.copy()
        beside = self._grid.take(self._at[..., None] + self._sides)
        masks[..., 1:5] = beside == 0
        masks[..., LOAD] = (beside > 0).any(axis=2)
        return masks

    def _refuse_impossible(self, state: Floats) -> None:
        """Raise for shapes, cells, levels and actions that cannot be."""
        n, f, size = self.n_agents, self.n_foods, self.rules.size
        if state.shape != self._state.shape:
            raise InputError(f"states of shape {state.shape}; {self._state.shape} are needed, one for each copy")
        agents = state[:, : 3 * n].reshape(-1, n, 3)
        foods = state[:, 3 * n : 3 * (n + f)].reshape(-1, f, 3)
        there = foods[..., 2] > 0
        on_food = ((agents[:, :, None, :2] == foods[:, None, :, :2]).all(axis=3) & there[:, None]).any(axis=(1, 2))
        last = state[:, 3 * (n + f) :]
        whole = (state == np.round(state)).all(axis=1)
        agents_fit = ((agents[..., :2] >= 0) & (agents[..., :2] < size)).all(axis=(1, 2)) & (agents[..., 2] >= 1).all(1)
        inner = ((foods[..., :2] >= 1) & (foods[..., :2] <= size - 2)).all(axis=2)
        foods_fit = np.where(there, inner, (foods == ABSENT).all(axis=2)).all(axis=1)
        actions_fit = ((last >= -1) & (last <= LOAD)).all(axis=1)
        possible = whole & agents_fit & foods_fit & actions_fit & ~on_food
        if not possible.all():
            raise InputError(
                f"the state of copy {int(np.argmin(possible))} is none of level-based foraging on this grid; "
                "give states that the environment has shown"
            )
