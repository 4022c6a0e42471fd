"""Level-based foraging: the numbers of a variant, and how an episode starts.

The rules are lbforaging 2.0.0's (https://github.com/semitable/lb-foraging). Cells are numbered row by row on the grid
with a border of one cell around it, so that a step over the edge is a step into a wall.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats, Ints

_NAME = re.compile(
    r"Foraging(?P<grid>-grid)?(-(?P<sight>\d+)s)?-(?P<size>\d+)x(?P<width>\d+)-(?P<agents>\d+)p-(?P<foods>\d+)f"
    r"(?P<coop>-coop)?(?P<ind>-ind)?(?P<pen>-pen)?-v3"
)
_OPTIONS = {"players": "n_agents", "max_num_food": "n_foods", "max_episode_steps": "episode_limit"}
"""lbforaging's names of arguments, where they are not the names of `ForagingRules`."""
SMALLEST, LARGEST = 5, 30
MOST_AGENTS, MOST_FOODS = 9, 4


@dataclass(frozen=True, kw_only=True)
class ForagingRules:
    """One variant.

    Attributes:
        size: rows and columns of the grid, in cells.
        n_agents, n_foods: N, F.
        sight: cells in each direction that an agent sees.
        min_player_level, max_player_level: an agent's level is drawn uniformly from them.
        min_food_level, max_food_level: a food's level likewise; 0 for the highest: the sum of the three lowest agents'.
        force_coop: every food has the highest level.
        penalty: taken from every agent that loads in vain.
        normalize_reward: a whole team's rewards add up to 1.
        episode_limit: steps.
        grid_observation: three layers around the agent (agents, foods, free cells) for the list of what it sees.
        observe_agent_levels: agents see levels of agents.
        mask_invalid: only moves that would be carried out are available.
    """

    size: int
    n_agents: int
    n_foods: int
    sight: int
    min_player_level: int = 1
    max_player_level: int = 2
    min_food_level: int = 1
    max_food_level: int = 0
    force_coop: bool = False
    penalty: float = 0.0
    normalize_reward: bool = True
    episode_limit: int = 50
    grid_observation: bool = False
    observe_agent_levels: bool = True
    mask_invalid: bool = False

    @property
    def width(self) -> int:
        """Cells in a row, the border included."""
        return self.size + 2

    @property
    def cells(self) -> int:
        """P, all cells, the border included."""
        return self.width**2


def read_rules(env_id: str, options: dict[str, Scalar] | None = None) -> ForagingRules:
    """The rules of a registered variant, changed by options.

    Args:
        env_id: such as `Foraging-2s-8x8-2p-2f-coop-v3`; also `-grid`, `-ind` (foods of level 1) and `-pen` (penalty 0.1).
        options: arguments of lbforaging's class, and `mask_invalid`.

    Raises:
        TaskError: unknown id or option, or a value that cannot be.
    """
    name = _NAME.fullmatch(env_id)
    if name is None or name["size"] != name["width"]:
        raise TaskError(
            f"environment id {env_id!r} is not level-based foraging; write it as in Foraging-2s-8x8-2p-2f-coop-v3"
        )
    size = int(name["size"])
    rules = ForagingRules(
        size=size,
        n_agents=int(name["agents"]),
        n_foods=int(name["foods"]),
        sight=size if name["sight"] is None else int(name["sight"]),
        max_food_level=1 if name["ind"] else 0,
        force_coop=bool(name["coop"]),
        penalty=0.1 if name["pen"] else 0.0,
        grid_observation=bool(name["grid"]),
    )
    return _checked(_with_options(rules, env_id, options or {}), env_id)


def _with_options(rules: ForagingRules, env_id: str, options: dict[str, Scalar]) -> ForagingRules:
    kinds = {field.name: type(getattr(rules, field.name)) for field in fields(rules)}
    changes: dict[str, Any] = {}
    for option, value in options.items():
        name = _OPTIONS.get(option, option)
        if name not in kinds or name == "size" or option in _OPTIONS.values():
            raise TaskError(f"{env_id}: there is no option {option}; see the arguments of lbforaging's ForagingEnv")
        kind = kinds[name]
        if not isinstance(value, (int, float) if kind is float else kind) or (kind is int and isinstance(value, bool)):
            raise TaskError(f"{env_id}: option {option} = {value!r}; it must be of type {kind.__name__}")
        changes[name] = kind(value)
    return replace(rules, **changes)


def _checked(rules: ForagingRules, env_id: str) -> ForagingRules:
    highest = rules.max_food_level or min(3, rules.n_agents) * rules.min_player_level
    limits = {
        f"the grid's side must be {SMALLEST} to {LARGEST} cells": SMALLEST <= rules.size <= LARGEST,
        f"there must be 1 to {MOST_AGENTS} agents": 1 <= rules.n_agents <= MOST_AGENTS,
        f"there must be 1 to {MOST_FOODS} foods": 1 <= rules.n_foods <= MOST_FOODS,
        "sight and the episode's limit must be at least 1": rules.sight >= 1 and rules.episode_limit >= 1,
        "levels must be at least 1, the lowest not above the highest": (
            1 <= rules.min_player_level <= rules.max_player_level and 1 <= rules.min_food_level <= highest
        ),
    }
    for demand, holds in limits.items():
        if not holds:
            raise TaskError(f"{env_id}: {demand}; change the id or the option")
    return rules


@dataclass(frozen=True, eq=False)
class Layout:
    """Where B episodes start.

    Attributes:
        agents: int64 [B, N]; cells. Two agents never share one at the start.
        agent_levels: int64 [B, N].
        foods: int64 [B, F]; cells in row-major order, those without a place last, at cell 0 (a corner of the border).
        food_levels: int64 [B, F]; 0 without a place.
    """

    agents: Ints
    agent_levels: Ints
    foods: Ints
    food_levels: Ints


def draw_layouts(rules: ForagingRules, n_envs: int, rng: np.random.Generator) -> Layout:
    """Draw starts from lbforaging's distribution, all copies at once.

    lbforaging draws a cell until one is free (a thousand times at most); here it is drawn from the free ones, which is the same
    distribution. Agents stand anywhere. Foods keep off the edge, off agents, and off each other: no two in a 3x3 square,
    nor two steps apart in a straight line. So an agent never stands between two foods. A food that finds no place stays away.

    The start of copy b depends on the generator and on b, not on how many copies follow.
    """
    n, f = rules.n_agents, rules.n_foods
    chance = rng.random((n_envs, 2 * n + 2 * f))
    copies = np.arange(n_envs)
    free = np.broadcast_to(_inside(rules, 0), (n_envs, rules.cells)).copy()
    agents = np.zeros((n_envs, n), np.int64)
    for i in range(n):
        agents[:, i] = _pick(free, chance[:, i])
        free[copies, agents[:, i]] = False
    levels = _levels(rules.min_player_level, np.array(rules.max_player_level), chance[:, n : 2 * n])
    free &= _inside(rules, 1)
    foods = np.zeros((n_envs, f), np.int64)
    around = _too_near(rules)
    for k in range(f):
        foods[:, k] = _pick(free, chance[:, 2 * n + k])
        placed = copies[foods[:, k] > 0]
        free[placed[:, None], foods[placed, k, None] + around] = False
    highest = np.sort(levels, axis=1)[:, :3].sum(axis=1)[:, None]
    if rules.max_food_level:
        highest = np.full_like(highest, rules.max_food_level)
    food_levels = _levels(highest if rules.force_coop else rules.min_food_level, highest, chance[:, 2 * n + f :])
    food_levels[foods == 0] = 0
    order = np.argsort(np.where(foods > 0, foods, rules.cells), axis=1, kind="stable")
    return Layout(agents, levels, np.take_along_axis(foods, order, 1), np.take_along_axis(food_levels, order, 1))


def _inside(rules: ForagingRules, margin: int) -> Bools:
    """bool [P]: cells of the grid that are at least `margin` from its edge."""
    grid = np.zeros((rules.width, rules.width), np.bool_)
    grid[1 + margin : rules.size + 1 - margin, 1 + margin : rules.size + 1 - margin] = True
    return grid.ravel()


def _too_near(rules: ForagingRules) -> Ints:
    """Offsets of the cells around a food where no other may be, itself included."""
    square = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    return np.array([r * rules.width + c for r, c in [*square, (-2, 0), (2, 0), (0, -2), (0, 2)]])


def _pick(free: Bools, chance: np.ndarray[Any, np.dtype[np.float64]]) -> Ints:
    """One of the free cells of each copy, uniformly: bool [B, P], numbers in [0, 1) [B] -> [B]; 0 where none is free."""
    rank = free.cumsum(axis=1, dtype=np.int32)
    wanted = (chance * rank[:, -1]).astype(np.int32)
    return np.where(rank[:, -1] > 0, (rank > wanted[:, None]).argmax(axis=1), 0)


def _levels(low: int | Ints, high: Ints, chance: np.ndarray[Any, np.dtype[np.float64]]) -> Ints:
    """Whole numbers, uniform in [low, high]."""
    return (low + np.floor(chance * (high - low + 1))).astype(np.int64)


def coordinates(rules: ForagingRules) -> Floats:
    """float32 [P, 2]: row and column of every cell; those of the grid count from 0."""
    rows, columns = np.divmod(np.arange(rules.cells), rules.width)
    return np.stack([rows - 1, columns - 1], axis=1).astype(np.float32)
