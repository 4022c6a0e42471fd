"""Monotone: raising one local Q-value never lowers Q_tot (QMIX, arXiv 1803.11485, eq. 5)."""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import Finding, Property, number
from tfcaf_forge.evidence.subject import Subject

_TOLERANCE = 1e-6
_STEPS = (0.01, 0.25, 1.0)
"""How far a local Q-value is raised, as shares of the way to its upper bound."""
_Q_TOLERANCE = 1e-5


def _measure(subject: Subject, case: Case) -> Finding:
    by_slope = _slope(subject, case)
    if not subject.row_wise or by_slope.amount > 0:
        return by_slope
    by_step = _step(subject, case)
    return max(by_slope, by_step, key=lambda f: f.amount)


def _slope(subject: Subject, case: Case) -> Finding:
    """credit_i ≥ -tolerance · max(1, max_j |credit_j|)."""
    credit = subject.at(case).credit
    known = np.where(np.isfinite(credit), credit, 0.0)
    over = -known - _TOLERANCE * np.maximum(1.0, np.abs(known).max(1, keepdims=True))
    row, agent = divmod(int(over.argmax()), known.shape[1])
    return Finding(float(over[row, agent]), f"credit of agent {agent} = {number(known[row, agent])}", row)


def _step(subject: Subject, case: Case) -> Finding:
    """A jump has no slope, and rounding can undo one: raise each local Q-value by finite steps and compare."""
    rows, n = case.local_q.shape
    ups = [(agent, step) for agent in range(n) for step in _STEPS]
    raised = np.tile(case.local_q, (len(ups), 1, 1))
    highest = subject.task.credit.entering[1]
    for k, (agent, step) in enumerate(ups):
        raised[k, :, agent] += step * (highest - raised[k, :, agent])
    grid = Case(raised.reshape(-1, n), np.tile(case.state, (len(ups), 1)))
    before = subject.at(case).q_tot
    after = subject.values(grid).reshape(len(ups), rows)
    allowed = _Q_TOLERANCE * (1.0 + np.abs(before) + np.abs(after))
    with np.errstate(invalid="ignore"):
        fall = np.nan_to_num(before - after - allowed, nan=-np.inf, posinf=-np.inf, neginf=-np.inf)
    k, row = divmod(int(fall.argmax()), rows)
    agent = ups[k][0]
    text = (
        f"q_tot falls from {number(before[row])} to {number(after[k, row])} as local_q of agent {agent} "
        f"rises from {number(case.local_q[row, agent])} to {number(raised[k, row, agent])}"
    )
    return Finding(float(fall[k, row]), text, row)


def negative_share(subject: Subject, case: Case) -> str:
    """In how many rows some agent's credit is negative, and which agent's most often."""
    credit = subject.reading(case).credit
    known = np.where(np.isfinite(credit), credit, 0.0)
    negative = known < -_TOLERANCE * np.maximum(1.0, np.abs(known).max(1, keepdims=True))
    agent = int(negative.mean(0).argmax())
    return (
        f"a credit is negative in {negative.any(1).mean():.1%} of {case.rows:,} states, "
        f"most often agent {agent}'s ({negative[:, agent].mean():.1%})"
    )


def monotone(*, required: bool) -> Property:
    """The property; advisory, and measured, where the task relaxes monotonicity."""
    return Property(
        id="monotone",
        title="no agent has a negative credit",
        formula="∂q_tot/∂q_i ≥ 0 and q_tot(q + δe_i) ≥ q_tot(q) for every agent i and every δ > 0",
        tolerance=_TOLERANCE,
        why="a difference of float32 numbers near 1 is off by some 1e-7; relative to the largest credit of the row",
        hazard="an agent is rewarded for choosing worse actions, and greedy decentralised execution no longer "
        "maximises Q_tot",
        required=required,
        measure=_measure,
        share=None if required else negative_share,
    )
