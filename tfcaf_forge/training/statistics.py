"""Statistics of a few runs, as pure functions: point estimates that one lucky seed does not move, with intervals.

Agarwal, Schwarzer, Castro, Courville and Bellemare, "Deep reinforcement learning at the edge of the statistical
precipice", NeurIPS 2021. Scores are arrays [runs, tasks]; the tasks are strata: the bootstrap draws runs within each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.ranking import Interval

Scores: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Scores], NDArray[np.float64]]
"""From resamples [D, runs, tasks] to one number each, [D]."""


def iqm(scores: Scores) -> NDArray[np.float64]:
    """Interquartile mean over all runs and tasks: the mean of the middle half.

    A quarter of the scores, rounded down, is cut off at each end, as `scipy.stats.trim_mean` and rliable do.

    Args:
        scores: float64 [..., runs, tasks].

    Returns:
        float64 [...].
    """
    flat = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)


def bootstrap(
    scores: Scores, statistic: Statistic = iqm, *, draws: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """A statistic with its stratified percentile bootstrap interval.

    Args:
        scores: float64 [runs, tasks]. With a single run the interval is the point itself: nothing is known of the spread.
        statistic: of resamples.
        draws: number of resamples.
        seed: of the resampling.
        confidence: of the two-sided interval.

    Raises:
        InputError: no scores, or one that is not finite.
    """
    _check(scores)
    return _interval(statistic(scores[None])[0], statistic(_resample(scores, draws, seed)), confidence)


def probability_of_improvement(x: Scores, y: Scores) -> NDArray[np.float64]:
    """P(X > Y) + P(X = Y) / 2 of a run of X and a run of Y on one task, averaged over tasks (Mann-Whitney's U / mn).

    Args:
        x: float64 [..., runs of X, tasks].
        y: float64 [..., runs of Y, tasks].

    Returns:
        float64 [...].
    """
    left, right = x[..., :, None, :], y[..., None, :, :]
    wins = (left > right) + 0.5 * (left == right)
    return np.asarray(wins.mean(axis=(-3, -2, -1)), np.float64)


def improvement(x: Scores, y: Scores, *, draws: int = 2000, seed: int = 0, confidence: float = 0.95) -> Interval:
    """The probability of improvement of X over Y with its stratified bootstrap interval; errors as in `bootstrap`."""
    _check(x)
    _check(y)
    drawn = probability_of_improvement(_resample(x, draws, seed), _resample(y, draws, seed + 1))
    return _interval(float(probability_of_improvement(x, y)), drawn, confidence)


def at(points: Scores, values: Scores, grid: Scores) -> Scores:
    """A curve's value where it stood at each point of a grid: that of the last evaluation not after it.

    Args:
        points: float64 [E], increasing; steps or seconds of the evaluations.
        values: float64 [E].
        grid: float64 [G]; nothing in it before `points[0]`.

    Returns:
        float64 [G].
    """
    return values[np.searchsorted(points, grid, side="right") - 1]


def _resample(scores: Scores, draws: int, seed: int) -> Scores:
    """[runs, tasks] -> [draws, runs, tasks], each task's runs drawn with replacement on their own."""
    runs, tasks = scores.shape
    index = np.random.default_rng(seed).integers(runs, size=(draws, runs, tasks))
    return scores[index, np.arange(tasks)]


def _interval(value: float, drawn: NDArray[np.float64], confidence: float) -> Interval:
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(value=float(value), low=float(low), high=float(high))


def _check(scores: Scores) -> None:
    if scores.ndim != 2 or not scores.size or not np.isfinite(scores).all():
        raise InputError(f"scores of shape {scores.shape}; they must be finite numbers, [runs, tasks], at least one")
