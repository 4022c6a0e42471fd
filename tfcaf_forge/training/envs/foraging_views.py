"""What the agents of level-based foraging see, for all copies at once, in the conventions of lbforaging 2.0.0."""

from __future__ import annotations

from itertools import product

import numpy as np

from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.training.envs.foraging_rules import ForagingRules, coordinates

ABSENT = np.array([-1.0, -1.0, 0.0], np.float32)  # a food that was eaten, an agent out of sight


class ListView:
    """Foods in sight, the agent itself, then the other agents in sight, as (row, column, level).

    Positions are relative to the corner of the agent's window of sight, which the grid's edge cuts. As in lbforaging,
    an agent near the north or west edge therefore sees other agents, but not foods, further than `sight` to the
    south and east. What is not seen is (-1, -1, 0), after what is.

    What one cell shows of another is looked up in a table, and so is the order of what is seen.

    Args:
        rules: of the variant.
    """

    def __init__(self, rules: ForagingRules) -> None:
        """Make the tables."""
        self.n_foods, self.n_agents = rules.n_foods, rules.n_agents
        self.levels = rules.observe_agent_levels
        self.size = 3 * rules.n_foods + (3 if self.levels else 2) * rules.n_agents
        self._cells = rules.cells
        self._shown = np.concatenate([_foods_shown(rules), _agents_shown(rules)]).reshape(-1, 3)
        self._order = _orders(rules.n_foods, rules.n_agents)
        things = rules.n_foods + rules.n_agents
        self._bits = (1 << np.arange(things)).astype(np.float32)
        self._agent_code = (np.arange(rules.n_agents) << things)[None]

    def __call__(self, agents: Ints, agent_levels: Floats, foods: Ints, food_levels: Floats) -> Floats:
        """float32 [B, N, O].

        Args:
            agents: int64 [B, N]; cells.
            agent_levels: float32 [B, N].
            foods: int64 [B, F]; cells in row-major order where there is food, 0 (which nobody sees) elsewhere.
            food_levels: float32 [B, F].
        """
        b, n, k = len(agents), self.n_agents, self.n_foods + self.n_agents
        things = np.concatenate([foods, agents + self._cells * self._cells], axis=1)
        pairs = (agents * self._cells)[:, :, None] + things[:, None, :]
        seen = self._shown.take(pairs, axis=0)  # [B, N, F + N, (row, column, whether)]
        code = (seen[..., 2] @ self._bits).astype(np.int64)
        code += self._agent_code
        seen[..., 2] *= np.concatenate([food_levels, agent_levels], axis=1)[:, None]
        source = self._order.take(code, axis=0)
        source += (np.arange(b * n) * k).reshape(b, n, 1)
        view = seen.reshape(-1, 3).take(source, axis=0)
        if self.levels:
            return view.reshape(b, n, 3 * k)
        split = view[:, :, : self.n_foods].reshape(b, n, -1), view[:, :, self.n_foods :, :2].reshape(b, n, -1)
        return np.concatenate(split, axis=2)


class GridView:
    """Three layers of the window of sight around each agent, flattened: agents (levels, or 1), foods (levels), free cells.

    Args:
        rules: of the variant.
    """

    def __init__(self, rules: ForagingRules) -> None:
        """Number the cells of every window."""
        side, self._side = 2 * rules.sight + 1, rules.size + 2 * rules.sight
        self.size = 3 * side * side
        self._levels = rules.observe_agent_levels
        within = np.array([r * self._side + c for r, c in product(range(side), repeat=2)])
        self._window = (within + np.arange(3)[:, None] * self._side**2).ravel()
        places = coordinates(rules).astype(np.int64)
        self._corner = places[:, 0] * self._side + places[:, 1]
        self._centre = self._corner + rules.sight * (self._side + 1)
        self._empty = np.zeros((3, self._side, self._side), np.float32)
        self._empty[2, rules.sight : -rules.sight, rules.sight : -rules.sight] = 1.0

    def __call__(self, agents: Ints, agent_levels: Floats, foods: Ints, food_levels: Floats) -> Floats:
        """float32 [B, N, O]; arguments as of `ListView`."""
        b, n = agents.shape
        layers = np.broadcast_to(self._empty.reshape(3, -1), (b, 3, self._side**2)).copy()
        copies = np.arange(b)
        stand = self._centre[agents]
        for i in range(n):  # one after the other: of two agents in one cell, the later one shows
            layers[copies, 0, stand[:, i]] = agent_levels[:, i] if self._levels else 1.0
        layers[copies[:, None], 2, stand] = 0.0
        b_there, k_there = np.nonzero(food_levels > 0)
        lie = self._centre[foods[b_there, k_there]]
        layers[b_there, 1, lie] = food_levels[b_there, k_there]
        layers[b_there, 2, lie] = 0.0
        index = (self._corner[agents] + copies[:, None] * 3 * self._side**2)[..., None] + self._window
        return layers.ravel().take(index)


class WholeView:
    """`ListView` where everybody sees everything: positions are the grid's own, and only eaten foods change the order.

    Args:
        rules: with sight at least as long as the grid.
    """

    def __init__(self, rules: ForagingRules) -> None:
        """Order the agents."""
        self._foods = rules.n_foods
        self._places = np.concatenate([coordinates(rules), np.zeros((rules.cells, 1), np.float32)], axis=1)
        self._places[0] = ABSENT
        self.size = 3 * (rules.n_foods + rules.n_agents)
        self._others = np.array([[i, *(j for j in range(rules.n_agents) if j != i)] for i in range(rules.n_agents)])

    def __call__(self, agents: Ints, agent_levels: Floats, foods: Ints, food_levels: Floats) -> Floats:
        """float32 [B, N, O]; arguments as of `ListView`."""
        b, n = agents.shape
        view = np.empty((b, n, self._foods + n, 3), np.float32)
        if not food_levels.all():
            order = np.argsort(food_levels == 0, axis=1, kind="stable")
            foods, food_levels = np.take_along_axis(foods, order, 1), np.take_along_axis(food_levels, order, 1)
        lying = self._places.take(foods, axis=0)
        lying[..., 2] = food_levels
        view[:, :, : self._foods] = lying[:, None]
        standing = self._places.take(agents, axis=0)
        standing[..., 2] = agent_levels
        view[:, :, self._foods :] = standing[:, self._others]
        return view.reshape(b, n, self.size)


View = ListView | GridView | WholeView


def make_view(rules: ForagingRules) -> View:
    """The view of a variant."""
    if rules.grid_observation:
        return GridView(rules)
    if rules.sight >= rules.size and rules.observe_agent_levels:
        return WholeView(rules)
    return ListView(rules)


def _agents_shown(rules: ForagingRules) -> Floats:
    """float32 [P, P, 3]: what an agent in one cell sees of an agent in another: row, column, whether."""
    places = coordinates(rules)
    shown = places[None] - np.maximum(places - rules.sight, 0.0)[:, None]
    seen = np.all((shown >= 0) & (shown <= 2 * rules.sight), axis=2)
    return _marked(shown, seen)


def _foods_shown(rules: ForagingRules) -> Floats:
    """float32 [P, P, 3]: what an agent in one cell sees of a food in another; of cell 0 nothing."""
    places = coordinates(rules)
    shown = places[None] - np.maximum(places - rules.sight, 0.0)[:, None]
    seen = np.all(np.abs(places[None] - places[:, None]) <= rules.sight, axis=2)
    seen[:, 0] = False
    return _marked(shown, seen)


def _marked(shown: Floats, seen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    table = np.concatenate([shown, np.ones((*seen.shape, 1), np.float32)], axis=2)
    table[~seen] = ABSENT
    return table


def _orders(n_foods: int, n_agents: int) -> Ints:
    """int64 [N * 2^(F + N), F + N]: seen foods, unseen ones; itself, seen agents, unseen ones, for every set of things seen.

    A set is a number: bit k says whether thing k is seen.
    """
    things = n_foods + n_agents
    sets = (np.arange(1 << things)[:, None] >> np.arange(things)) & 1 == 0  # [2^K, K]: whether unseen
    foods = np.argsort(sets[:, :n_foods], axis=1, kind="stable")
    orders: list[Ints] = []
    for i in range(n_agents):
        key = sets[:, n_foods:].astype(np.int64)
        key[:, i] = -1
        orders.append(np.concatenate([foods, n_foods + np.argsort(key, axis=1, kind="stable")], axis=1))
    return np.concatenate(orders)
