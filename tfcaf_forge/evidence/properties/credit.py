"""How credit is spread: bounded, reaching every agent, different from equal weights, without sudden jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.domain import Domain
from tfcaf_forge.evidence.properties.base import Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, Subject

_LARGEST = 100.0
_NOTHING = 1e-6
_EQUAL = 1e-3
_JUMP = 0.5
_FEW = 8


def _bounded(subject: Subject, case: Case) -> Finding:
    size = np.abs(subject.at(case).credit)
    size = np.where(np.isnan(size), 0.0, size)
    row, agent = divmod(int(size.argmax()), size.shape[1])
    credit = subject.at(case).credit[row, agent]
    return Finding(float(size[row, agent]) - _LARGEST, f"credit of agent {agent} = {number(credit)}", row)


def starvation(credit: Doubles) -> Doubles:
    """The share of rows in which each agent gets no credit, [N].

    An agent gets none where its credit is at most a millionth of the largest of its row, or of 1.

    Args:
        credit: [B, N].
    """
    size = np.abs(credit)
    return (size <= _NOTHING * np.maximum(1.0, size.max(1, keepdims=True))).mean(0)


def _starved(subject: Subject, case: Case) -> Finding:
    share = starvation(subject.at(case).credit)
    worst = int(share.argmax())
    if share[worst] == 1.0:
        return Finding(1.0, f"credit of agent {worst} = 0 in all {case.rows:,} states")
    said = [f"agent {i} in {s:.1%}" for i, s in enumerate(share) if s > 0]
    return Finding(float(share[worst]) - 1.0, f"no credit: {', '.join(said)} of {case.rows:,} states" if said else "")


def _sensitive(subject: Subject, case: Case) -> Finding:
    credit = np.nan_to_num(subject.at(case).credit, posinf=0.0, neginf=0.0)
    level = np.abs(credit).max(1)
    spread = credit.max(1) - credit.min(1)
    differs = spread > _EQUAL * np.maximum(level, 1e-12)
    varies = level.max() - level.min() > _EQUAL * max(level.max(), 1e-12)
    share = float(differs.mean())
    if share == 0.0 and not varies:
        return Finding(1.0, f"all agents get the same credit in all {case.rows:,} states: this is VDN")
    return Finding(-1.0, f"agents get different credit in {share:.1%} of {case.rows:,} states")


def _continuous(subject: Subject, case: Case) -> Finding:
    """Move one field by one step (1, or a hundredth of the range) and compare the credits.

    Few rows: every field of each. Many rows: one field of each, in turn.
    """
    count = len(subject.domain.slots)
    row = np.repeat(np.arange(case.rows), count) if case.rows <= _FEW else np.arange(case.rows)
    field = np.arange(len(row)) % count
    start = case.take(row.tolist()) if case.rows <= _FEW else case
    now, near = start.state[np.arange(len(row)), field], _neighbour(subject.domain, start.state, field)
    moved = start.state.copy()
    moved[np.arange(len(row)), field] = near
    before, after = subject.at(case).credit[row], subject.credit_of(Case(start.local_q, moved))
    with np.errstate(all="ignore"):
        scale = np.maximum((np.abs(before).sum(1) + np.abs(after).sum(1)) / 2, _NOTHING)
        jump = np.nan_to_num(np.abs(after - before) / scale[:, None], nan=0.0, posinf=0.0)
    k, agent = divmod(int(jump.argmax()), jump.shape[1])
    text = (
        f"credit of agent {agent} goes from {number(before[k, agent])} to {number(after[k, agent])} as "
        f"{subject.domain.slots[int(field[k])].name} goes from {number(float(now[k]))} to {number(float(near[k]))}"
    )
    return Finding(float(jump[k, agent]) - _JUMP, text if jump[k, agent] > 0 else "", int(row[k]))


def _neighbour(domain: Domain, state: Floats, field: NDArray[np.int64]) -> Floats:
    """The value one step away of one field of each row, [B]; the same value for a field that is absent."""
    step = np.where(domain.whole, 1.0, (domain.high - domain.low) / 100).astype(np.float32)[field]
    low, high, now = domain.low[field], domain.high[field], state[np.arange(len(field)), field]
    near = np.where(now + step <= high, now + step, np.maximum(now - step, low))
    return np.where((now >= low) & (now <= high), near, now).astype(np.float32)


BOUNDED_CREDIT = Property(
    id="bounded-credit",
    title="no credit is very large",
    formula=f"|∂q_tot/∂q_i| ≤ {_LARGEST:.0f} for every agent i",
    tolerance=0.0,
    why="an order of magnitude, not a sharp line",
    hazard="gradients of one agent drown those of the others, and a shared learning rate fits neither",
    required=False,
    measure=_bounded,
    measured=True,
)

STARVED = Property(
    id="starved",
    title="every agent gets credit in some states",
    formula="for every agent i there is a state s with |∂q_tot/∂q_i| > 0",
    tolerance=_NOTHING,
    why="a credit of a millionth of the largest teaches an agent nothing",
    hazard="an agent that never gets credit never learns",
    required=True,
    measure=_starved,
    measured=True,
    pooled=True,
)

STATE_SENSITIVE = Property(
    id="state-sensitive",
    title="it differs from equal weights",
    formula="there is a state in which two agents' credits differ, or two states between which the credit differs",
    tolerance=_EQUAL,
    why="a difference of a thousandth does not change what is learnt",
    hazard="the function is VDN by another name: nothing is gained by it",
    required=False,
    measure=_sensitive,
    measured=True,
    pooled=True,
)

CONTINUOUS = Property(
    id="continuous",
    title="credit changes gradually",
    formula=f"|credit_i(s') − credit_i(s)| ≤ {_JUMP} · Σ_j credit_j for states s, s' one step of one field apart",
    tolerance=_JUMP,
    why="half of a row's credit changing hands in one step is a jump in any unit",
    hazard="two nearly equal transitions teach opposite things, and targets jump as agents move",
    required=False,
    measure=_continuous,
    measured=True,
)
