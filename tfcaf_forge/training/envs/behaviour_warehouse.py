"""A scripted team for rware's warehouses: each robot fetches a request, delivers it and takes the shelf back.

A random team delivers a shelf in about one episode of a hundred, so random data shows a credit function no reward at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.behaviour import NOISE, random_actions
from tfcaf_forge.training.envs.make import without
from tfcaf_forge.training.envs.warehouse import WarehouseEnv

NOOP, FORWARD, LEFT, RIGHT, TOGGLE = range(5)
BLOCKED = -1  # wants to go forward, where another robot stands
REQUESTED = 2  # what the state says of a robot that carries a requested shelf
WAYS = ((0, -1), (1, 0), (0, 1), (-1, 0))  # north, east, south, west: a turn to the right is the next one
COMPASS = (0, 2, 3, 1)  # rware's numbers (up, down, left, right) as places in WAYS

Cell = tuple[int, int]


class WarehouseBehaviour:
    """Every robot drives the shortest free way to its next cell; with probability `epsilon` it acts at random instead.

    An empty robot goes to the nearest request that no robot before it has chosen and from which a shelf can be driven out,
    one with a request to a goal, any other to the nearest place without a shelf. Other robots are obstacles, unless there is
    no way around them; a robot whose way is blocked acts at random half of the time, so that nobody waits for ever. Which
    places are without a shelf is remembered from what was lifted and put down since the start.

    Args:
        task: of kind `rware`.
        epsilon: share of random actions.

    Raises:
        TaskError: another task.
        MissingExtra: rware is not installed.
    """

    @staticmethod
    def plays(task: TaskSpec) -> bool:
        """Any warehouse."""
        return task.environment.kind == "rware"

    def __init__(self, task: TaskSpec, epsilon: float = NOISE) -> None:
        """Read the floor plan off the environment."""
        if not self.plays(task):
            raise TaskError(f"task {task.name}: this script drives robots in a warehouse only; use random behaviour")
        self.epsilon = epsilon
        self.name = f"warehouse-{epsilon:g}"
        floor = WarehouseEnv(task.environment.id, without(task.environment.options, "workers"))
        self._n_agents = floor.sizes.n_agents
        self._lanes: NDArray[np.bool_] = np.asarray(floor.env.highways, np.bool_)  # [rows, columns]
        self._goals: list[Cell] = [(int(x), int(y)) for x, y in floor.env.goals]

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """Every shelf stands in its place."""
        self._rng = rng
        self._empty: list[set[Cell]] = [set() for _ in range(n_envs)]
        self._loaded = np.zeros((n_envs, self._n_agents), np.bool_)

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        scripted = np.array([self._team(b, state) for b, state in enumerate(step.state)], np.int64)
        chance = self._rng.random(scripted.shape)
        random = (chance < self.epsilon) | ((scripted == BLOCKED) & (chance < 0.5))
        return np.where(random, random_actions(step.available, self._rng), np.maximum(scripted, NOOP))

    def _team(self, b: int, state: Floats) -> list[int]:
        """One copy's actions."""
        n = self._n_agents
        robots = state[: 4 * n].reshape(n, 4).astype(int)
        requests = state[4 * n : -n].reshape(-1, 3).astype(int)
        cells: list[Cell] = [(int(x), int(y)) for x, y in robots[:, :2]]
        self._remember(b, cells, robots[:, 3] > 0)
        wanted = [(int(x), int(y)) for x, y, held in requests if not held]
        free: set[Cell] = {cell for cell in wanted if self._can_leave(cell, self._empty[b])}
        places = set(self._empty[b])
        actions: list[int] = []
        for i, (cell, (_, _, facing, carrying)) in enumerate(zip(cells, robots, strict=True)):
            others = {other for j, other in enumerate(cells) if j != i}
            delivers, loaded = carrying == REQUESTED, carrying > 0
            targets = set(self._goals) if delivers else places if loaded else free
            way = self._way(cell, targets, others, loaded=loaded) or self._way(cell, targets, (), loaded=loaded)
            if way and not delivers:
                targets.discard(way[-1])  # nobody else goes there
            action = _drive(way, COMPASS[facing], at_goal=delivers)
            actions.append(BLOCKED if action == FORWARD and way[1] in others else action)
        return actions

    def _remember(self, b: int, cells: list[Cell], loaded: NDArray[np.bool_]) -> None:
        """A place is empty from when a shelf was lifted there until one is put down."""
        for cell, before, now in zip(cells, self._loaded[b], loaded, strict=True):
            if now and not before:
                self._empty[b].add(cell)
            elif before and not now:
                self._empty[b].discard(cell)
        self._loaded[b] = loaded

    def _can_leave(self, cell: Cell, empty: set[Cell]) -> bool:
        """Whether a robot that lifts the shelf in a cell can drive out with it."""
        around = [(cell[0] + dx, cell[1] + dy) for dx, dy in WAYS]
        return any((self._inside(near) and self._lanes[near[1], near[0]]) or near in empty for near in around)

    def _inside(self, cell: Cell) -> bool:
        rows, columns = self._lanes.shape
        return 0 <= cell[0] < columns and 0 <= cell[1] < rows

    def _way(self, start: Cell, targets: set[Cell], blocked: Iterable[Cell], *, loaded: bool) -> list[Cell]:
        """The shortest way to a target, with both ends; empty if there is none. Under shelves only an unloaded robot drives."""
        came: dict[Cell, Cell] = {start: start}
        queue = deque([start])
        while queue:
            cell = queue.popleft()
            if cell in targets:
                way = [cell]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return way[::-1]
            for dx, dy in WAYS:
                x, y = following = (cell[0] + dx, cell[1] + dy)
                if not self._inside(following) or following in came or following in blocked:
                    continue
                if not loaded or self._lanes[y, x] or following in targets:
                    came[following] = cell
                    queue.append(following)
        return []


def _drive(way: list[Cell], facing: int, *, at_goal: bool) -> int:
    """The next action on a way: turn, go on, or lift or put down at its end (what is at a goal is delivered by itself)."""
    if len(way) < 2:
        return TOGGLE if way and not at_goal else NOOP
    wanted = WAYS.index((way[1][0] - way[0][0], way[1][1] - way[0][1]))
    return (FORWARD, RIGHT, RIGHT, LEFT)[(wanted - facing) % 4]
