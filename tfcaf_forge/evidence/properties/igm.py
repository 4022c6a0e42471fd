"""IGM: the agents' own greedy actions together are a greedy joint action (QTRAN, arXiv 1905.05408, eq. 1).

Row b of a case gives the state; the local Q-values of rows b, b + 1, … (cyclically) are what agent i would get for
its actions 0, 1, …. The greedy joint action then has the elementwise largest local Q-values. All joint actions are
compared where they are few; else every deviation of one and of two agents, and a fixed sample of the rest.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import HOLDS, Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, RunFault, Subject

_TOLERANCE = 1e-5
_MOST_JOINT = 48
"""Joint actions compared in one row."""
_MOST_ROWS = 128
"""Rows of a batch that are judged; each stands for many joint actions."""


@lru_cache(maxsize=64)
def _joint_actions(n: int, actions: int) -> NDArray[np.int64]:
    """Joint actions as offsets from the greedy ones, [J, N]; 0 is the greedy action."""
    if actions**n <= _MOST_JOINT:
        return np.array(list(itertools.product(range(actions), repeat=n)))[1:]
    single = [[a if i == j else 0 for j in range(n)] for i in range(n) for a in (1, actions - 1)]
    pairs = itertools.combinations(range(n), 2)
    double = [[1 if j in pair else 0 for j in range(n)] for pair in pairs]
    chosen = (single + double)[: _MOST_JOINT // 2]
    rest = np.random.default_rng(0).integers(0, actions, (_MOST_JOINT - len(chosen), n))
    return np.concatenate([np.array(chosen), rest])


def _measure(subject: Subject, case: Case) -> Finding:
    rows, n = min(case.rows, _MOST_ROWS), subject.task.n_agents
    actions = min(len(subject.task.actions), case.rows)
    # ranked[k, b, i]: the k-th best of agent i's values at row b
    offsets = (np.arange(rows)[None, :] + np.arange(actions)[:, None]) % case.rows
    ranked = -np.sort(-case.local_q[offsets], axis=0)
    others = ranked[_joint_actions(n, actions)[:, None, :], np.arange(rows)[None, :, None], np.arange(n)]
    joint = np.concatenate([ranked[:1], others])
    values = _evaluate(subject, case, joint, torch.float32)
    over = _over(values)
    k, row = divmod(int(over.argmax()), rows)
    if over[k, row] > 0 and not _confirmed(subject, case, joint, k, row):
        return HOLDS
    used = tuple(int(b) for b in offsets[:, row] if b != row)
    text = (
        f"the greedy joint action has q_tot {number(values[0, row])}, another one {number(values[k + 1, row])} "
        f"(local_q {_tuple(joint[0, row])} and {_tuple(joint[k + 1, row])})"
    )
    return Finding(float(over[k, row]), text, row, used)


def _evaluate(subject: Subject, case: Case, joint: NDArray[np.float32], dtype: torch.dtype) -> Doubles:
    """Q_tot [J, B] of joint local Q-values [J, B, N], row b in the state of row b."""
    count, rows, n = joint.shape
    state = case.state[:rows]
    if subject.row_wise:
        every = Case(joint.reshape(-1, n), np.tile(state, (count, 1)))
        return subject.values(every, dtype).reshape(count, rows)
    return np.stack([subject.values(Case(one, state), dtype) for one in joint])


def _over(values: Doubles) -> Doubles:
    """By how much another joint action [J - 1, B] beats the greedy one; -inf where not finite."""
    allowed = _TOLERANCE * (1.0 + np.abs(values[:1]) + np.abs(values[1:]))
    with np.errstate(invalid="ignore"):
        over = values[1:] - values[:1] - allowed
    return np.where(np.isfinite(over), over, -np.inf)


def _confirmed(subject: Subject, case: Case, joint: NDArray[np.float32], k: int, row: int) -> bool:
    """Rounding can order two nearly equal sums either way: a real violation shows in float64, too."""
    if not subject.row_wise:
        return True
    try:
        pair = _evaluate(subject, case.take([row]), joint[[0, k + 1]][:, [row]], torch.float64)
    except RunFault:
        return True
    return float(_over(pair)[0, 0]) > 0


def _tuple(values: NDArray[np.float32]) -> str:
    return f"({', '.join(number(float(v)) for v in values)})"


IGM = Property(
    id="igm",
    title="the agents' greedy actions are the greedy joint action",
    formula="q_tot(max_a q_1, …, max_a q_N; s) ≥ q_tot(q_1(a_1), …, q_N(a_N); s) for every joint action a",
    tolerance=_TOLERANCE,
    why="float32 sums of the two sides are off by some 1e-7 of their size; confirmed in float64",
    hazard="the agents, each greedy on its own, do not play the joint action that Q_tot was trained to prefer",
    required=True,
    measure=_measure,
    needs=2,
)
