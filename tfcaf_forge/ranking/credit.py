"""Figures of a candidate's credit alone, on replayed states: starvation, concentration, sensitivity.

`share` is |c_i| / sum_j |c_j|, the part of the credit that agent i gets in a state.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.score import Doubles

STARVED_SHARE = 0.01
"""An agent with less than this share of the credit of a row is starved there."""


def shares(credit: Floats) -> Doubles:
    """|c_i| / sum_j |c_j|, [M, N]; all zero where nobody gets credit."""
    size = np.abs(credit.astype(np.float64))
    total = size.sum(axis=1, keepdims=True)
    return size / np.where(total > 0, total, 1.0)


def starved(credit: Floats) -> Doubles:
    """1 for rows in which some agent gets less than `STARVED_SHARE` of the credit, else 0: [M]."""
    return (shares(credit).min(axis=1) < STARVED_SHARE).astype(np.float64)


def evenness(credit: Floats) -> Doubles:
    """Entropy of the shares over log N (Shannon, 1948), [M]: 1 is equal weights, 0 gives all to one agent."""
    share = shares(credit)
    if share.shape[1] == 1:
        return np.ones(len(share))
    parts = np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), 0.0)
    return -parts.sum(axis=1) / np.log(share.shape[1])


def gini(credit: Floats) -> Doubles:
    """Gini coefficient of the shares, [M]: sum_i sum_j |p_i - p_j| / 2N, with sum_i p_i = 1 (Gini, 1912)."""
    share = shares(credit)
    gaps = np.abs(share[:, :, None] - share[:, None, :]).sum(axis=(1, 2))
    return gaps / (2 * share.shape[1])


def distance_from_equal(credit: Floats) -> float:
    """Mean total-variation distance between the shares of credit and 1/N: 0 is VDN, 1 - 1/N gives all to one agent."""
    total = credit.sum(axis=1, keepdims=True)
    share = credit / np.where(np.abs(total) > 0, total, 1.0)
    return float(0.5 * np.abs(share - 1.0 / credit.shape[1]).sum(axis=1).mean())


def sensitivity(credit: Floats) -> float:
    """How much the shares depend on the state: mean total-variation distance between a row's shares and their mean.

    0 for fixed weights, whatever they are.
    """
    share = shares(credit)
    return float(0.5 * np.abs(share - share.mean(axis=0)).sum(axis=1).mean())


def weakness(credit: Floats, q_scale: float) -> float:
    """max(0, -ln(q_scale * mean credit)): how much smaller than VDN's 1 the credit is that reaches the agents, in logarithms.

    Credit that is small everywhere leaves its shares alone but slows training down: local values have to grow by its inverse. It is why
    the paper multiplies by N what a softmax has divided among N agents.
    """
    mean = q_scale * float(np.abs(credit.astype(np.float64)).mean())
    return max(0.0, -float(np.log(max(mean, 1e-6))))


def contribution_errors(credit: Floats, truth: Doubles) -> tuple[Doubles, Doubles]:
    """How far the shares of credit are from the shares of what the agents contributed.

    e_t = w_t * 0.5 * sum_i |share_i - p_i / sum_j p_j| with p the positive parts of the true contributions and
    w_t = sum_j p_j: total-variation distance, weighted by how much was contributed. 0 where credit is proportional to
    contribution wherever anything was contributed; at most 1 after division by the sum of weights.

    Args:
        credit: [M, N].
        truth: [M, N] contributions: rewards of the agents, difference rewards or Shapley values.

    Returns:
        (e [M], w [M]).
    """
    positive = np.maximum(truth, 0.0)
    weight = positive.sum(axis=1)
    target = positive / np.where(weight > 0, weight, 1.0)[:, None]
    return weight * 0.5 * np.abs(shares(credit) - target).sum(axis=1), weight
