"""Particle tasks of `mpe2`, made cooperative: the other side, where there is one, plays a fixed script.

Team and script: `simple_spread` has a team only; in `simple_tag` the team chases a prey that flees; in `simple_adversary` the team
hides its goal from an adversary that follows it. Everything else (physics, observations, rewards) is mpe2's own.

Lowe et al., "Multi-agent actor-critic for mixed cooperative-competitive environments", NeurIPS 2017. https://github.com/Farama-Foundation/MPE2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Floats
from tfcaf_forge.training.envs.copies import Shown, Sizes
from tfcaf_forge.training.envs.foreign import make_pettingzoo, stacked

FARTHEST = 4.0
"""Positions in the state are cut at this distance from the centre, on each axis; things start within 1."""
FASTEST = 4.0
"""So are velocities; a particle's own force brings it to 2 at most, a collision for a moment beyond."""
PUSHES = np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], np.float64)  # noop, left, right, down, up
EDGE = 0.9  # beyond it mpe2 itself punishes a prey

Script = Callable[[Any, Any], int]


def flee(world: Any, prey: Any) -> int:  # noqa: ANN401 - mpe2's objects
    """Push to where the nearest predator is farthest, but not over the edge."""
    predators = np.array([agent.state.p_pos for agent in world.agents if agent.adversary])
    ahead = prey.state.p_pos + prey.state.p_vel * 0.1 + 0.3 * PUSHES
    nearest = np.linalg.norm(ahead[:, None] - predators, axis=2).min(axis=1)
    outside = np.maximum(np.abs(ahead) - EDGE, 0.0).sum(axis=1)
    return int(np.argmax(nearest - 10.0 * outside))


def follow(world: Any, adversary: Any) -> int:  # noqa: ANN401
    """Push towards the landmark that a member of the team is nearest to."""
    team = np.array([agent.state.p_pos for agent in world.agents if not agent.adversary])
    places = np.array([landmark.state.p_pos for landmark in world.landmarks])
    goal = places[np.linalg.norm(places[:, None] - team, axis=2).min(axis=1).argmin()]
    way = goal - adversary.state.p_pos
    axis = int(np.abs(way).argmax())
    if abs(way[axis]) < 0.05:
        return 0
    return 1 + 2 * axis + int(way[axis] > 0)


@dataclass(frozen=True)
class Game:
    """Who is on the team (by mpe2's `adversary` mark), the script of the others, and whether a goal is hidden."""

    team_is_adversary: bool
    script: Script | None
    has_goal: bool


GAMES: dict[str, Game] = {
    "simple_spread_v3": Game(False, None, has_goal=False),
    "simple_tag_v3": Game(True, flee, has_goal=False),
    "simple_adversary_v3": Game(False, follow, has_goal=True),
}


class MpeEnv:
    """One copy of a particle task.

    The state is: per agent of the team (x, y, velocity x, velocity y), the same per other agent, per landmark (x, y), the index of
    the goal's landmark where there is one, the last action of each agent of the team (-1 at the start).
    The episode is cut (truncated) after `max_cycles` steps.

    Args:
        name: in `GAMES`.
        options: arguments of mpe2's environment.

    Raises:
        TaskError: unknown name or option.
        MissingExtra: mpe2 is not installed.
    """

    def __init__(self, name: str, options: Mapping[str, Scalar]) -> None:
        """Build it."""
        if name not in GAMES:
            raise TaskError(f"environment id {name!r} is no particle task; known: {', '.join(sorted(GAMES))}")
        self._game = GAMES[name]
        self._limit = int(options.get("max_cycles", 25))
        self.env = make_pettingzoo(f"mpe2.{name}", {**options, "max_cycles": self._limit})
        self.env.reset(seed=0)
        self._world: Any = self.env.unwrapped.world
        marked = self._game.team_is_adversary
        self.team = [a.name for a in self._world.agents if bool(getattr(a, "adversary", False)) is marked]
        self._others = [a for a in self._world.agents if a.name not in self.team]
        self._members = [a for a in self._world.agents if a.name in self.team]
        self._last = [-1] * len(self.team)
        n = len(self.team)
        self.sizes = Sizes(
            n_agents=n,
            n_actions=int(self.env.action_space(self.team[0]).n),
            obs_size=int(self.env.observation_space(self.team[0]).shape[0]),
            state_size=len(self._state()),
            episode_limit=self._limit,
        )

    def reset(self, seed: int) -> Shown:
        """Start an episode."""
        self._last = [-1] * len(self.team)
        shown, _ = self.env.reset(seed=seed)
        return Shown(obs=self._seen(shown), state=self._state())

    def step(self, actions: list[int]) -> Shown:
        """Act; the others follow their script, from what they see before anybody moves."""
        self._last = actions
        chosen = dict(zip(self.team, actions, strict=True))
        if self._game.script is not None:
            chosen |= {other.name: self._game.script(self._world, other) for other in self._others}
        shown, rewards, ends, cuts, _ = self.env.step(chosen)
        first = self.team[0]
        return Shown(
            obs=self._seen(shown),
            state=self._state(),
            agent_reward=[float(rewards[agent]) for agent in self.team],
            terminated=bool(ends[first]) and not cuts[first],
            truncated=bool(cuts[first]),
        )

    def _seen(self, shown: Mapping[str, Any]) -> Floats:
        size = int(self.env.observation_space(self.team[0]).shape[0])
        return stacked([shown[agent] for agent in self.team], size)

    def _state(self) -> Floats:
        parts = [part for agent in [*self._members, *self._others] for part in _moving(agent)]
        parts += [np.clip(landmark.state.p_pos, -FARTHEST, FARTHEST) for landmark in self._world.landmarks]
        if self._game.has_goal:
            goal = self._members[0].goal_a
            parts.append(np.array([self._world.landmarks.index(goal)]))
        parts.append(np.array(self._last))
        return np.concatenate(parts).astype(np.float32)


def _moving(agent: Any) -> tuple[NDArray[np.float64], ...]:  # noqa: ANN401
    place, speed = agent.state.p_pos, agent.state.p_vel
    return np.clip(place, -FARTHEST, FARTHEST), np.clip(speed, -FASTEST, FASTEST)
