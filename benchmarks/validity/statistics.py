"""How well a score predicts: rank correlation, regret of its first choice, whether its first three hold the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Validity:
    """One score on one task.

    Attributes:
        rho: Spearman's rank correlation with the truth (of ties, mean ranks).
        regret: what its first choice lacks to the best, as a share of the spread between best and worst.
        top3: chance that its first three hold the best, over resamples of the truth's seeds; ties in the score are broken at random.
    """

    rho: float
    regret: float
    top3: float


def validity(score: Doubles, runs: Doubles, seed: int = 0, draws: int = 400) -> Validity:
    """`score` [K] and the truth by seed `runs` [K, seeds]; regret and top3 are means over random breaking of ties."""
    truth = runs.mean(axis=1)
    rng = np.random.default_rng(seed)
    spread = truth.max() - truth.min()
    regret, hits = 0.0, 0.0
    for _ in range(draws):
        order = np.lexsort((rng.random(len(score)), -score))
        regret += (truth.max() - truth[order[0]]) / spread / draws
        again = runs[:, rng.integers(0, runs.shape[1], runs.shape[1])].mean(axis=1)
        hits += (again.argmax() in order[:3]) / draws
    return Validity(spearman(score, truth), float(regret), float(hits))


def trained_regret(score: Doubles, runs: Doubles, finalists: int, seed: int = 0, draws: int = 40) -> float:
    """Regret of what `rank --budget` does: the first few by the score are trained with once, and the best of those is taken.

    Each seed in turn is that training; the truth is the mean of the others, so no run judges itself.
    """
    rng, regret = np.random.default_rng(seed), list[float]()
    for short in range(runs.shape[1]):
        truth = np.delete(runs, short, axis=1).mean(axis=1)
        for _ in range(draws):
            first = np.lexsort((rng.random(len(score)), -score))[:finalists]
            chosen = first[runs[first, short].argmax()]
            regret.append(float((truth.max() - truth[chosen]) / (truth.max() - truth.min())))
    return float(np.mean(regret))


def right_side(score: Doubles, runs: Doubles, baseline: int) -> tuple[int, int]:
    """Of the functions that the score puts above the baseline, how many trained better than it; and how many there are."""
    truth = runs.mean(axis=1)
    above = np.flatnonzero(score > score[baseline])
    return int((truth[above] > truth[baseline]).sum()), len(above)


def spearman(a: Doubles, b: Doubles) -> float:
    """0 where one of them is constant."""
    x, y = ranks(a), ranks(b)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def ranks(values: Doubles) -> Doubles:
    """Mean ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + 1 + ends) / 2.0)[place]


def reliability(runs: Doubles) -> float:
    """Mean rank correlation between single seeds: what no score can know is in here."""
    seeds = runs.shape[1]
    pairs = [spearman(runs[:, i], runs[:, j]) for i in range(seeds) for j in range(i + 1, seeds)]
    return float(np.mean(pairs)) if pairs else float("nan")


def stepped_up(reliable: float, seeds: int) -> float:
    """Reliability of the mean over seeds (Spearman and Brown, 1910); its square root bounds what a score can reach."""
    return seeds * reliable / (1 + (seeds - 1) * reliable)


def fit(figures: Doubles, truth: Doubles, penalty: float) -> Doubles:
    """Ridge weights [F], none below 0, of the standardised truth on figures [K, F] that are turned so that more is better.

    Equal weights stand at 0, so there is no constant. The signs are known beforehand (more starvation is never better), and knowing them
    keeps a rule from learning the accidents of one task.
    """
    gram = figures.T @ figures + penalty * len(figures) * np.eye(figures.shape[1])
    moment = figures.T @ truth
    weights = np.zeros(figures.shape[1])
    for _ in range(1000):  # coordinate descent
        for j in range(len(weights)):
            weights[j] = max(0.0, (moment[j] - gram[j] @ weights + gram[j, j] * weights[j]) / gram[j, j])
    return weights
