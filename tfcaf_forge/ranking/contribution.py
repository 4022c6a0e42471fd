"""What each agent contributed, by asking what would have followed had others acted otherwise.

v(S) is what follows a state when the agents of the coalition S do what they did and the others take a default action:
the discounted team reward of `horizon` steps, all agents going on as logged after the first.

    difference reward   D_i   = v(N) - v(N without i)                                  (Wolpert and Tumer, 2002)
    Shapley value       phi_i = sum_S |S|! (N - |S| - 1)! / N! (v(S with i) - v(S))    (Shapley, 1953)

Shapley values add up to v(N) - v(nobody). Up to `EXACT_AGENTS` agents all 2^N coalitions are played; above, orders of
the agents are sampled, and the interval says how far the mean of the samples may be off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfcaf_forge.errors import InputError
from tfcaf_forge.ranking.score import Doubles
from tfcaf_forge.replay.episode import Bools, EpisodeBatch, Floats, Ints

EXACT_AGENTS = 6
Method = Literal["shapley", "difference"]


@dataclass(frozen=True, eq=False)
class Situation:
    """Where a simulation starts, and what was done there.

    Attributes:
        state: [B, S].
        start: [B, S]; the first states of the same episodes.
        step: int64 [B]; steps already taken.
        actions: int64 [B, H, N]; what was done from there on.
        alive: bool [B, H]; False after the logged episode's end.
    """

    state: Floats
    start: Floats
    step: Ints
    actions: Ints
    alive: Bools


Simulate = Callable[[Floats, Floats, Ints, Ints, Bools], Floats]
"""(state [B, S], start [B, S], step [B], actions [B, H, N], alive [B, H]) -> team reward of every step [B, H]."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions by row.

    Attributes:
        value: [M, N].
        half_width: [M, N] of a 95 % interval; 0 where every coalition was played.
        total: [M] v(N) - v(nobody).
        exact: whether every coalition was played.
    """

    value: Doubles
    half_width: Doubles
    total: Doubles
    exact: bool


def situations(episodes: EpisodeBatch, rows: Ints | None = None, *, horizon: int = 1) -> Situation:
    """The rows of `transitions()` as starting points; all of them if None."""
    episode, step = np.nonzero(episodes.valid)
    if rows is not None:
        episode, step = episode[rows], step[rows]
    ahead = step[:, None] + np.arange(horizon)
    inside = ahead < episodes.horizon
    ahead = np.where(inside, ahead, episodes.horizon - 1)
    return Situation(
        state=episodes.state[episode, step],
        start=episodes.state[episode, 0],
        step=step.astype(np.int64),
        actions=episodes.actions[episode[:, None], ahead],
        alive=inside & episodes.valid[episode[:, None], ahead],
    )


def contributions(
    simulate: Simulate,
    where: Situation,
    *,
    gamma: float,
    default: Ints,
    method: Method = "shapley",
    orders: int = 64,
    seed: int = 0,
) -> Contributions:
    """Contributions of all agents in the given situations.

    Args:
        simulate: plays joint actions from states.
        where: the situations, M.
        gamma: discount over the horizon.
        default: int64 [M, N]; what an agent does that is not in the coalition, such as standing still.
        method: Shapley values or difference rewards.
        orders: sampled orders of the agents, above `EXACT_AGENTS`.
        seed: of the sampling.

    Raises:
        InputError: fewer than two orders.
    """
    n = where.actions.shape[2]
    worth = _Worth(simulate, where, gamma, default)
    everybody = np.ones(n, np.bool_)
    total = worth.of(everybody) - worth.of(~everybody)
    if method == "difference":
        value = np.stack([worth.of(everybody) - worth.of(everybody & (np.arange(n) != i)) for i in range(n)], axis=1)
        return Contributions(value, np.zeros_like(value), total, exact=True)
    if n <= EXACT_AGENTS:
        return Contributions(_exact(worth, n), np.zeros((len(total), n)), total, exact=True)
    if orders < 2:
        raise InputError(f"{orders} orders; an interval needs at least 2")
    value, half_width = _sampled(worth, n, orders, np.random.default_rng(seed))
    return Contributions(value, half_width, total, exact=False)


class _Worth:
    """v(S) for all situations at once, each coalition played once."""

    def __init__(self, simulate: Simulate, where: Situation, gamma: float, default: Ints) -> None:
        self._simulate, self._where, self._default = simulate, where, default
        self._discount = gamma ** np.arange(where.actions.shape[1])
        self._known: dict[bytes, Doubles] = {}

    def of(self, coalition: Bools) -> Doubles:
        """[M]."""
        key = coalition.tobytes()
        if key not in self._known:
            where = self._where
            actions = where.actions.copy()
            actions[:, 0] = np.where(coalition, actions[:, 0], self._default)
            reward = self._simulate(where.state, where.start, where.step, actions, where.alive)
            self._known[key] = (reward.astype(np.float64) * self._discount).sum(axis=1)
        return self._known[key]


def _exact(worth: _Worth, n: int) -> Doubles:
    columns: list[Doubles] = []
    for agent in range(n):
        others = [other for other in range(n) if other != agent]
        value = 0.0
        for code in range(1 << (n - 1)):
            inside = np.zeros(n, np.bool_)
            inside[[other for place, other in enumerate(others) if code >> place & 1]] = True
            size = int(inside.sum())
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            joined = inside.copy()
            joined[agent] = True
            value = value + weight * (worth.of(joined) - worth.of(inside))
        columns.append(np.asarray(value))
    return np.stack(columns, axis=1)


def _sampled(worth: _Worth, n: int, orders: int, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Mean marginal contributions over random orders, and 1.96 standard errors (Castro et al., 2009)."""
    samples: list[Doubles] = []
    for _ in range(orders):
        inside = np.zeros(n, np.bool_)
        before = worth.of(inside)
        marginal = np.zeros((len(before), n))
        for agent in rng.permutation(n):
            inside[agent] = True
            after = worth.of(inside.copy())
            marginal[:, agent] = after - before
            before = after
        samples.append(marginal)
    made = np.stack(samples)
    return made.mean(axis=0), 1.96 * made.std(axis=0, ddof=1) / math.sqrt(orders)


def default_actions(available: npt.NDArray[np.bool_]) -> Ints:
    """The first available action, int64 [M, N]: standing still, where action 0 is that."""
    return available.argmax(axis=2).astype(np.int64)
