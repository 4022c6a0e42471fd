"""Has the data changed? Permutation tests over whole episodes, one p-value for all fields together.

Rows of an episode depend on each other, so episodes are what is exchanged. A quantity's statistic is the total-variation distance
between its mean histograms in the two datasets (each episode counts once). Over permutations of the episodes' labels each statistic
is centred and scaled by its own mean and deviation; the adjusted p-value of a quantity is the share of permutations whose
largest statistic of all reaches it (Westfall and Young, 1993), so that the chance of any false alarm is the level itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.score import Doubles, Ints

PERMUTATIONS = 999
BINS = 12
_FEW = 24
"""Quantities with at most so many different values are compared value by value."""


@dataclass(frozen=True)
class Drift:
    """One quantity in two datasets.

    Attributes:
        name: a state field, or `credit[i]`.
        distance: total-variation distance of the mean histograms, 0 to 1.
        p: adjusted for all quantities that were tested together.
    """

    name: str
    distance: float
    p: float


def histograms(values: Floats, episode: Ints, edges: Doubles) -> Doubles:
    """[E, bins]: each episode's shares of values by bin; values beyond the edges count in the outer bins."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    count = int(episode.max()) + 1
    made = np.zeros((count, len(edges) - 1))
    np.add.at(made, (episode, place), 1.0)
    return made / np.maximum(made.sum(axis=1, keepdims=True), 1.0)


def edges_of(values: Floats) -> Doubles:
    """Bin edges: between the values where they are few, else quantiles of the pooled data."""
    seen = np.unique(values)
    if len(seen) <= _FEW:
        middles = (seen[1:] + seen[:-1]) / 2
        return np.concatenate([[-np.inf], middles, [np.inf]]).astype(np.float64)
    inner = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.concatenate([[-np.inf], inner, [np.inf]]).astype(np.float64)


def drifts(quantities: dict[str, tuple[Floats, Floats]], episodes: tuple[Ints, Ints], seed: int) -> list[Drift]:
    """Every quantity in the reference and in the new data.

    Args:
        quantities: name -> (values in the reference [M0], values in the new data [M1]).
        episodes: which episode each row is from, 0 … E-1, in either.
        seed: of the permutations.
    """
    old, new = episodes
    first = int(old.max()) + 1
    joined = np.concatenate([old, new + first])
    tables: list[Doubles] = []
    for before, after in quantities.values():
        values = np.concatenate([before, after])
        tables.append(histograms(values, joined, edges_of(values)))
    labels = _labels(first, int(joined.max()) + 1, seed)
    found = np.stack([_distances(table, labels) for table in tables])  # [K, 1 + permutations]
    middle = found.mean(axis=1, keepdims=True)
    spread = found.std(axis=1, keepdims=True)
    scaled = np.where(spread > 1e-12, (found - middle) / np.where(spread > 1e-12, spread, 1.0), 0.0)
    largest = scaled.max(axis=0)
    p = (largest[None, :] >= scaled[:, :1] - 1e-12).mean(axis=1)
    return [Drift(name, float(row[0]), float(value)) for name, row, value in zip(quantities, found, p, strict=True)]


def mean_shift(before: Doubles, after: Doubles, seed: int) -> tuple[float, float]:
    """Difference of means after - before of two samples of episodes, and its two-sided permutation p-value."""
    values = np.concatenate([before, after])
    labels = _labels(len(before), len(values), seed)
    sizes = labels.sum(axis=1)
    gaps = (labels @ values) / sizes - ((1 - labels) @ values) / (len(values) - sizes)
    return float(gaps[0]), float((np.abs(gaps) >= abs(gaps[0]) - 1e-15).mean())


def _labels(first: int, count: int, seed: int) -> Doubles:
    """[1 + PERMUTATIONS, count]: 1 for episodes of the new data; row 0 is what was observed."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x6472]))
    real = (np.arange(count) >= first).astype(np.float64)
    return np.stack([real, *(rng.permutation(real) for _ in range(PERMUTATIONS))])


def _distances(table: Doubles, labels: Doubles) -> Doubles:
    """Total-variation distance between the two groups' mean histograms, for every labelling."""
    sizes = labels.sum(axis=1, keepdims=True)
    new = labels @ table / sizes
    old = (table.sum(axis=0) - labels @ table) / (labels.shape[1] - sizes)
    return 0.5 * np.abs(new - old).sum(axis=1)
