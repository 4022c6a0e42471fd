"""Three fits of local Q-values that are linear in fixed features, each in closed form and out of fold.

With credit c_i(s), bias b(s) and features phi(o_i, a_i) a candidate's joint value is linear in shared weights w:

    Q_tot = x . w + b,   x = sum_i c_i(s) phi(o_i, a_i)  (and a constant)

returns      ridge on the discounted return G_t: what `ranking.score` has always measured.
evaluation   fitted Q-evaluation in its limit, LSTD (Bradtke and Barto, 1996; Lagoudakis and Parr, 2003):
             solve sum_t x_t (x_t - gamma x_{t+1}) w = sum_t x_t (r_t + gamma b_{t+1} - b_t), the next action being the
             logged one. Gives a held-out TD error and a held-out error of the return.
advantage    ridge of the team's advantage on x with every feature reduced by its mean over the available actions. The
             advantage is sum_k (gamma lambda)^k (r + gamma V' - V)_{t+k} (Schulman et al., 2016) with V one common
             regression on the state, cross-fitted: what the state explains is no merit of anybody's action
             (Robinson, 1988; Nie and Wager, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.score import FOLDS, RIDGE, Doubles, Ints, Mixing

LAMBDA = 0.5
_STATE_UNITS = 96


@dataclass(frozen=True, eq=False)
class Errors:
    """Squared errors and what they are measured against, summed by episode: both [E]."""

    error: Doubles
    spread: Doubles


def design(mixing: Mixing, phi: Floats) -> Floats:
    """[M, F + 1]: features mixed by credit of unit mean square, and a constant."""
    scale = float(np.sqrt(np.mean(mixing.credit.astype(np.float64) ** 2))) or 1.0
    mixed = np.einsum("mn,mnf->mf", mixing.credit / np.float32(scale), phi, optimize=True)
    return np.concatenate([mixed, np.ones((len(mixed), 1), np.float32)], axis=1)


def following(episode: Ints) -> Ints:
    """The row after each row in its episode; -1 for an episode's last one. Rows stand episode by episode."""
    after = np.arange(1, len(episode) + 1)
    last = np.r_[episode[1:] != episode[:-1], True]
    return np.where(last, -1, after)


def evaluation(
    x: Floats, bias: Doubles, reward: Doubles, target: Doubles, episode: Ints, terminated: np.ndarray, gamma: float
) -> tuple[Errors, Errors]:
    """LSTD by folds of episodes.

    Args:
        x: [M, F] designs of all rows, episode by episode.
        bias: [M].
        reward: [M].
        target: [M] discounted returns.
        episode: [M].
        terminated: bool [M].
        gamma: discount.

    Returns:
        Held-out TD errors against the reward's spread, and held-out errors of the return against the return's spread. A
        last row that was cut has no logged next action, so it takes no part in the first.
    """
    after = following(episode)
    used = (after >= 0) | terminated
    ahead = np.where(after >= 0, after, 0)
    weight = np.where(after >= 0, gamma, 0.0)
    fold = episode % FOLDS
    count = int(episode.max()) + 1
    td, returns = np.zeros_like(reward), np.zeros_like(reward)
    td_base, returns_base = np.zeros_like(reward), np.zeros_like(reward)
    aim = reward + weight * bias[ahead] - bias
    parts = []
    for held in range(FOLDS):
        rows = used & (fold == held)
        now = x[rows]
        later = now - weight[rows, None].astype(np.float32) * x[ahead[rows]]
        parts.append((_product(now, later), _product(now, aim[rows]), float(np.einsum("ij,ij->", now, now))))
    width = x.shape[1]
    for held in range(FOLDS):
        others = [part for k, part in enumerate(parts) if k != held]
        matrix = np.sum([part[0] for part in others], axis=0)
        penalty = RIDGE * sum(part[2] for part in others) / width or 1.0
        w = np.linalg.solve(matrix + penalty * np.eye(width), np.sum([part[1] for part in others], axis=0))
        rows = fold == held
        value = x[rows] @ w.astype(np.float32)
        future = x[ahead[rows]] @ w.astype(np.float32)
        td[rows] = np.where(used[rows], aim[rows] + weight[rows] * future - value, 0.0)
        td_base[rows] = np.where(used[rows], reward[rows] - reward[~rows].mean(), 0.0)
        returns[rows] = target[rows] - bias[rows] - value
        returns_base[rows] = target[rows] - target[~rows].mean()
    return (
        Errors(_by_episode(td, episode, count), _by_episode(td_base, episode, count)),
        Errors(_by_episode(returns, episode, count), _by_episode(returns_base, episode, count)),
    )


def fold_weights(x: Floats, aim: Doubles, episode: Ints) -> list[Doubles]:
    """By fold, the weights [F] of a ridge regression of `aim` on x over the rows of the other folds."""
    fold = episode % FOLDS
    parts = [(x[fold == k], aim[fold == k]) for k in range(FOLDS)]
    grams = [(_product(part, part), _product(part, goal)) for part, goal in parts]
    width = x.shape[1]
    made: list[Doubles] = []
    for held in range(FOLDS):
        gram = np.sum([g for k, (g, _) in enumerate(grams) if k != held], axis=0)
        moment = np.sum([m for k, (_, m) in enumerate(grams) if k != held], axis=0)
        penalty = RIDGE * float(np.trace(gram)) / width or 1.0
        made.append(np.linalg.solve(gram + penalty * np.eye(width), moment))
    return made


def ridge_errors(x: Floats, aim: Doubles, against: Doubles, episode: Ints) -> Errors:
    """Out-of-fold errors of a ridge regression of `aim` on x, next to those of the mean of `against` in training."""
    fold = episode % FOLDS
    error, spread = np.zeros_like(aim), np.zeros_like(aim)
    for held, w in enumerate(fold_weights(x, aim, episode)):
        rows = fold == held
        error[rows] = aim[rows] - x[rows] @ w.astype(np.float32)
        spread[rows] = against[rows] - against[~rows].mean()
    count = int(episode.max()) + 1
    return Errors(_by_episode(error, episode, count), _by_episode(spread, episode, count))


def advantages(
    state: Floats, next_state: Floats, reward: Doubles, target: Doubles, episode: Ints, terminated: np.ndarray, gamma: float, seed: int
) -> Doubles:  # fmt: skip
    """The team's advantage of what was done, [M]; V is fitted to the returns of the other folds."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x56]))
    mean, spread = state.mean(0), state.std(0) + 1e-3
    weights = rng.normal(size=(state.shape[1], _STATE_UNITS)) / np.sqrt(state.shape[1])
    offsets = rng.uniform(-1, 1, _STATE_UNITS)

    def units(rows: Floats) -> Doubles:
        made = np.maximum((rows - mean) / spread @ weights + offsets, 0.0)
        return np.concatenate([made, (rows - mean) / spread, np.ones((len(made), 1))], axis=1)

    now, later = units(state), units(next_state)
    fold = episode % FOLDS
    value, future = np.zeros_like(target), np.zeros_like(target)
    for held in range(FOLDS):
        rows = fold == held
        train = now[~rows]
        gram = train.T @ train
        penalty = RIDGE * float(np.trace(gram)) / len(gram)
        w = np.linalg.solve(gram + penalty * np.eye(len(gram)), train.T @ target[~rows])
        value[rows], future[rows] = now[rows] @ w, later[rows] @ w
    delta = reward + gamma * np.where(terminated, 0.0, future) - value
    made, after = delta.copy(), following(episode)
    for row in reversed(range(len(made))):
        if after[row] >= 0:
            made[row] += gamma * LAMBDA * made[after[row]]
    return made


def _product(left: Floats, right: Floats | Doubles) -> Doubles:
    """leftᵀ right in double precision, so that a score is the same on another processor but for its last digits."""
    return left.T.astype(np.float64) @ right.astype(np.float64)


def _by_episode(error: Doubles, episode: Ints, count: int) -> Doubles:
    return np.bincount(episode, error**2, count).astype(np.float64)
