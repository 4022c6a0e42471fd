"""The replay score: how well local Q-values, mixed by a candidate, can explain the returns that followed.

For each transition the target is the discounted return G_t = sum_k gamma^k r_{t+k} of the logged episode. The local
Q-value of agent i is q_i = phi(o_i, a_i) . w with shared weights w (`ranking.features`), so that for a candidate with
credit c_i(s) and bias b(s)

    Q_tot = sum_i c_i(s) phi(o_i, a_i) . w + b(s) + const

is linear in w, which a ridge regression fits in closed form. The score is the out-of-fold explained variance
R^2 = 1 - SSE / SST over folds of whole episodes. Equal weights (VDN) go through the same fit.

It measures whether a candidate's credit helps local values to explain what the team earned. It says nothing about
exploration, and a high score does not promise a better policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfcaf_forge.ranking.features import Floats

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

METHOD = (
    "out-of-fold explained variance (R²) of the discounted return by local Q-values, linear in fixed random features "
    "and mixed by the candidate; 5 folds of whole episodes, 95 % percentile bootstrap over episodes"
)
FOLDS = 5
RIDGE = 1e-2
"""Ridge penalty as a share of the mean diagonal of the Gram matrix."""


@dataclass(frozen=True)
class Mixing:
    """A candidate on the replayed transitions.

    Attributes:
        credit: [M, N] dQ_tot/dQ_i.
        bias: [M] Q_tot at zero local Q-values.
    """

    credit: Floats
    bias: Floats


def explained_by_episode(mixing: Mixing, phi: Floats, target: Doubles, episode: Ints) -> tuple[Doubles, Doubles]:
    """Squared errors, and squared deviations from the fold's training mean, summed by episode.

    Args:
        mixing: the candidate, M rows.
        phi: [M, N, F] features.
        target: [M] discounted returns.
        episode: [M] which episode each row is from, 0 … E-1.

    Returns:
        (SSE [E], SST [E]), every row predicted by a fit that has not seen its episode.
    """
    design = _design(mixing, phi)
    aim = target - mixing.bias
    fold = episode % FOLDS
    grams, moments = _by_fold(design, aim, fold)
    error = np.zeros_like(target)
    spread = np.zeros_like(target)
    for held in range(FOLDS):
        rows = fold == held
        weights = _ridge(np.sum(grams, axis=0) - grams[held], np.sum(moments, axis=0) - moments[held])
        error[rows] = aim[rows] - design[rows] @ weights
        spread[rows] = target[rows] - target[~rows].mean()
    count = int(episode.max()) + 1
    errors = np.bincount(episode, error**2, count).astype(np.float64)
    return errors, np.bincount(episode, spread**2, count).astype(np.float64)


def _design(mixing: Mixing, phi: Floats) -> Floats:
    """[M, F + 1]: the features mixed by credit of unit mean square, and a constant."""
    scale = float(np.sqrt(np.mean(mixing.credit.astype(np.float64) ** 2))) or 1.0
    mixed = np.einsum("mn,mnf->mf", mixing.credit / np.float32(scale), phi, optimize=True)
    return np.concatenate([mixed, np.ones((len(mixed), 1), np.float32)], axis=1)


def _by_fold(design: Floats, aim: Doubles, fold: Ints) -> tuple[list[Doubles], list[Doubles]]:
    """Gram matrix and moment vector of every fold."""
    grams: list[Doubles] = []
    moments: list[Doubles] = []
    for held in range(FOLDS):
        part = design[fold == held].astype(np.float64)
        grams.append(part.T @ part)
        moments.append(part.T @ aim[fold == held])
    return grams, moments


def _ridge(gram: Doubles, moment: Doubles) -> Doubles:
    penalty = RIDGE * float(np.trace(gram)) / len(gram)
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), moment).astype(np.float64)
