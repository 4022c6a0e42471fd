"""Order under resampling: who is tied with the best, how often each is best, how much of the order stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfcaf_forge.ranking.score import Doubles


@dataclass(frozen=True)
class Standing:
    """What bootstrap samples say about an order.

    Attributes:
        tied: candidates whose paired difference from the best has 0 in its 95 % interval; the best itself is not among them.
        best_share: by candidate, the share of samples in which it is the best (of equals, all share).
        agreement: mean Kendall tau-b between a sample's order and the order on all data (Kendall, 1945): 1 if nothing moves.
            None with fewer than two candidates.
    """

    tied: tuple[int, ...]
    best_share: dict[int, float]
    agreement: float | None


def standing(samples: Mapping[int, Doubles]) -> Standing:
    """The standing of candidates, given the best first.

    Args:
        samples: by candidate, its score on every bootstrap sample, [resamples]; the same samples for all.
    """
    ids = list(samples)
    table = np.stack([samples[i] for i in ids])  # [K, resamples]
    gaps = np.quantile(table[0] - table, 0.025, axis=1)
    tied = tuple(i for i, low in zip(ids[1:], gaps[1:], strict=True) if low <= 0)
    winners = table == table.max(axis=0)
    shares = (winners / winners.sum(axis=0)).mean(axis=1)
    return Standing(tied, {i: round(float(s), 6) for i, s in zip(ids, shares, strict=True)}, _agreement(table))


def _agreement(table: Doubles) -> float | None:
    count = len(table)
    if count < 2:
        return None
    above = [np.sign(table[i] - table[j]) for i in range(count) for j in range(i + 1, count)]
    signs = np.stack(above)  # the first of a pair stands higher in the order on all data
    ties = (signs != 0).mean(axis=0)
    tau = signs.mean(axis=0) / np.sqrt(np.where(ties > 0, ties, 1.0))
    return round(float(tau.mean()), 6)
