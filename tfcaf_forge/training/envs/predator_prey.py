"""Predator-prey on a torus, all copies at once: capture takes two, and whoever grabs alone is fined.

The task in which monotonic mixers fail because one agent's best action depends on whether another one joins in: "cooperative hunting" of
Böhmer et al., "Deep coordination graphs", ICML 2020, and of Rashid et al., "Weighted QMIX", NeurIPS 2020: grid, numbers, rewards and
fine are theirs. What the papers leave open (who moves first, who of three catchers leaves) is written down at `PredatorPreyBatch`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.replay.episode import Bools, Floats, Ints
from tfcaf_forge.training.envs.base import Step

CATCH = 5
MOVES = np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]])  # stay, north, south, west, east, catch
GONE = -1.0


@dataclass(frozen=True, kw_only=True)
class Hunt:
    """A variant.

    Attributes:
        size: rows and columns of the torus.
        n_agents, n_prey: N, K.
        sight: cells in each direction.
        reward: to the team for a capture.
        penalty: taken from the team for every prey that a single agent tries to catch.
        episode_limit: steps.
    """

    size: int
    n_agents: int
    n_prey: int
    sight: int = 2
    reward: float = 10.0
    penalty: float = 2.0
    episode_limit: int = 200


VARIANTS = {"10x10-8a-8p": Hunt(size=10, n_agents=8, n_prey=8), "6x6-4a-2p": Hunt(size=6, n_agents=4, n_prey=2)}


class PredatorPreyBatch:
    """B copies of the hunt.

    Agents and prey stand in cells of a torus, no two in one cell. In a step, agents move one after the other in a random order, each
    to its cell if it is free; then every prey beside which two or more agents catch is captured together with two of them: these
    prey and agents are gone, and the team is rewarded. A prey beside which one agent catches costs the penalty. Then each
    prey that is left moves to a random free cell beside it, or stays. The episode ends when no prey or no pair is left.

    The state is: per agent (row, column), per prey (row, column), -1 for who is gone; the last action of each agent (-1 at the start).
    An agent that is gone may only stay, and sees zeros.

    Args:
        name: in `VARIANTS`.
        n_envs: B.
        options: `penalty`, `reward`, `sight`, `episode_limit`.

    Raises:
        TaskError: unknown name or option.
    """

    def __init__(self, name: str, n_envs: int, options: dict[str, Scalar] | None = None) -> None:
        """Size the arrays; the first reset fills them."""
        self.rules = rules = _read(name, options or {})
        self.n_envs, self.n_agents, self.n_prey = n_envs, rules.n_agents, rules.n_prey
        self.n_actions, self.episode_limit = 6, rules.episode_limit
        window = range(-rules.sight, rules.sight + 1)
        self._window = np.array(list(product(window, repeat=2)))
        self.obs_size = 2 * len(self._window) + 2
        self.state_size = 3 * rules.n_agents + 2 * rules.n_prey
        self._rng = np.random.default_rng(0)
        self._copies = np.arange(n_envs)
        self._hunting: Bools = np.ones((n_envs, self.n_agents), np.bool_)
        self._loose: Bools = np.ones((n_envs, self.n_prey), np.bool_)
        self._terminated: Bools = np.zeros(n_envs, np.bool_)
        self._truncated: Bools = np.zeros(n_envs, np.bool_)

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy."""
        self._rng = np.random.default_rng(seed)
        cells = self._rng.random((self.n_envs, self.rules.size**2)).argsort(axis=1)
        cells = cells[:, : self.n_agents + self.n_prey]
        places = np.stack(np.divmod(cells, self.rules.size), axis=2)
        self._agents, self._prey = places[:, : self.n_agents].copy(), places[:, self.n_agents :].copy()
        self._hunting = np.ones((self.n_envs, self.n_agents), np.bool_)
        self._loose = np.ones((self.n_envs, self.n_prey), np.bool_)
        self._last = np.full((self.n_envs, self.n_agents), -1)
        return self._start(np.zeros(self.n_envs, np.int64))

    def _start(self, steps: Ints) -> Step:
        self._steps = steps
        self._taken = np.zeros((self.n_envs, self.rules.size, self.rules.size), np.bool_)
        for k in range(self.n_agents):
            self._put(self._agents[:, k], self._hunting[:, k], True)
        for k in range(self.n_prey):
            self._put(self._prey[:, k], self._loose[:, k], True)
        self._settle()
        return self._step(np.zeros(self.n_envs, np.float32))

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        alive = ~(self._terminated | self._truncated)
        chosen = np.where(alive[:, None] & self._hunting, actions, 0)
        self._last = np.where(alive[:, None], actions, self._last)
        order = self._rng.random(chosen.shape).argsort(axis=1)
        for turn in range(self.n_agents):
            who = order[:, turn]
            self._walk(self._agents, who, MOVES[chosen[self._copies, who]], alive & self._hunting[self._copies, who])
        reward = self._capture(chosen == CATCH)
        for k in range(self.n_prey):
            self._flee(k, alive & self._loose[:, k])
        self._steps = self._steps + alive
        self._settle()
        return self._step(reward)

    def _settle(self) -> None:
        """Who has ended."""
        self._terminated = ~self._loose.any(axis=1) | (self._hunting.sum(axis=1) < 2)
        self._truncated = (self._steps >= self.episode_limit) & ~self._terminated

    def _put(self, places: Ints, where: Bools, value: bool) -> None:
        b = self._copies[where]
        self._taken[b, places[where, 0], places[where, 1]] = value

    def _walk(self, places: Ints, who: Ints, move: Ints, acts: Bools) -> None:
        """One animal of each copy goes where it wants, if that cell is free."""
        here = places[self._copies, who]
        there = (here + move) % self.rules.size
        goes = acts & np.any(move != 0, axis=1) & ~self._taken[self._copies, there[:, 0], there[:, 1]]
        self._put(here, goes, False)
        self._put(there, goes, True)
        places[self._copies[goes], who[goes]] = there[goes]

    def _capture(self, catching: Bools) -> Floats:
        """The team's reward, float32 [B]; prey after prey, since an agent takes part in one capture only."""
        reward = np.zeros(self.n_envs, np.float32)
        for k in range(self.n_prey):
            apart = np.abs(self._agents - self._prey[:, k, None])
            apart = np.minimum(apart, self.rules.size - apart).sum(axis=2)
            beside = catching & self._hunting & (apart == 1) & self._loose[:, k, None]
            number = beside.sum(axis=1)
            reward[number == 1] -= self.rules.penalty
            caught = number >= 2
            reward[caught] += self.rules.reward
            pair = beside & (beside.cumsum(axis=1) <= 2) & caught[:, None]
            for i in range(self.n_agents):
                self._put(self._agents[:, i], pair[:, i], False)
            self._put(self._prey[:, k], caught, False)
            self._hunting &= ~pair
            self._loose[caught, k] = False
        return reward

    def _flee(self, k: int, acts: Bools) -> None:
        """Prey k goes to one of the free cells beside it, or stays, each as likely."""
        beside = (self._prey[:, k, None] + MOVES[:5]) % self.rules.size  # [B, 5, 2]
        free = ~self._taken[self._copies[:, None], beside[..., 0], beside[..., 1]]
        free[:, 0] = True
        pick = np.where(free, self._rng.random(free.shape), -1.0).argmax(axis=1)
        self._walk(self._prey, np.full(self.n_envs, k), MOVES[pick], acts)

    def _step(self, reward: Floats) -> Step:
        available = np.ones((self.n_envs, self.n_agents, 6), np.bool_)
        available[..., 1:] = self._hunting[..., None]
        agents = np.where(self._hunting[..., None], self._agents, GONE)
        prey = np.where(self._loose[..., None], self._prey, GONE)
        state = [agents.reshape(self.n_envs, -1), prey.reshape(self.n_envs, -1), self._last]
        return Step(
            obs=self._observe(),
            state=np.concatenate(state, axis=1).astype(np.float32),
            available=available,
            reward=reward,
            agent_reward=None,
            terminated=self._terminated,
            truncated=self._truncated,
        )

    def _observe(self) -> Floats:
        """Where agents, then where prey stand in each agent's window (0 or 1), then its own row and column in [0, 1]."""
        size = self.rules.size
        layers = np.zeros((2, self.n_envs, size, size), np.float32)
        for layer, places, there in ((0, self._agents, self._hunting), (1, self._prey, self._loose)):
            b, k = np.nonzero(there)
            layers[layer, b, places[b, k, 0], places[b, k, 1]] = 1.0
        cells = (self._agents[:, :, None] + self._window) % size  # [B, N, W, 2]
        seen = layers[:, self._copies[:, None, None], cells[..., 0], cells[..., 1]]  # [2, B, N, W]
        own = self._agents / (size - 1)
        obs = np.concatenate([seen[0], seen[1], own], axis=2).astype(np.float32)
        obs[~self._hunting] = 0.0
        return obs

    def restore(self, state: Floats, steps: Ints | None = None, *, start: Floats | None = None) -> Step:
        """Continue every copy from a state; what is random goes on from this batch's generator. As in `RestorableEnv`."""
        n, k = 2 * self.n_agents, 2 * self.n_prey
        whole = state.astype(np.int64)
        agents, prey = whole[:, :n].reshape(-1, self.n_agents, 2), whole[:, n : n + k].reshape(-1, self.n_prey, 2)
        self._hunting, self._loose = np.asarray((agents >= 0).all(axis=2)), np.asarray((prey >= 0).all(axis=2))
        self._agents, self._prey = np.maximum(agents, 0), np.maximum(prey, 0)
        self._last = whole[:, n + k :]
        return self._start(np.zeros(self.n_envs, np.int64) if steps is None else steps.astype(np.int64))


def _read(name: str, options: dict[str, Scalar]) -> Hunt:
    if name not in VARIANTS:
        raise TaskError(f"environment id {name!r} is no hunt; known: {', '.join(sorted(VARIANTS))}")
    rules = VARIANTS[name]
    known = {"sight": int, "reward": float, "penalty": float, "episode_limit": int}
    changes: dict[str, Any] = {}
    for option, value in options.items():
        if option not in known or isinstance(value, (bool, str)):
            raise TaskError(f"{name}: there is no option {option} = {value!r}; known: {', '.join(known)}, all numbers")
        changes[option] = known[option](value)
    return replace(rules, **changes)
