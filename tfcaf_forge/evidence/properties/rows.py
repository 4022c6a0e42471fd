"""Batch independence: a row of Q_tot is a function of the same row of the inputs alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import HOLDS, Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, RunFault, Subject

_TOLERANCE = 1e-5
_ALONE = 3
"""Rows of a batch that are also run on their own."""


def _measure(subject: Subject, case: Case) -> Finding:
    together = subject.at(case).q_tot
    worst = HOLDS
    for rows in _groups(case.rows):
        part = case.take(rows)
        apart = subject.values(part)
        over = _over(together[list(rows)], apart)
        at = int(over.argmax())
        if over[at] > worst.amount and (over[at] <= 0 or _confirmed(subject, case, rows, at)):
            others = tuple(b for b in range(case.rows) if b != rows[at])
            text = f"q_tot of one row = {number(together[rows[at]])} {_where(rows, case.rows)} {number(apart[at])}"
            worst = Finding(float(over[at]), text, int(rows[at]), others)
    return worst


def _groups(rows: int) -> list[tuple[int, ...]]:
    """The rows in another order, two parts of them, and some rows alone."""
    every = np.arange(rows)
    alone: NDArray[np.int64] = np.unique(np.linspace(0, rows - 1, _ALONE).astype(int))
    groups = [every[::-1], *([every[: rows // 2], every[rows // 2 :]] if rows > 3 else [])]
    return [*(tuple(int(b) for b in g) for g in groups), *((int(b),) for b in alone)]


def _where(rows: tuple[int, ...], total: int) -> str:
    if len(rows) == total:
        return f"in a batch of {total}, and with the rows in reverse"
    return f"in a batch of {total}, and " + ("alone" if len(rows) == 1 else f"in a batch of {len(rows)}")


def _over(a: Doubles, b: Doubles) -> Doubles:
    """By how much two results differ beyond the tolerance; two results that are equally not finite agree."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b) - _TOLERANCE * (1.0 + np.maximum(np.abs(a), np.abs(b)))
    return np.where(same, -np.inf, np.nan_to_num(apart, nan=1.0, posinf=1.0))


def _confirmed(subject: Subject, case: Case, rows: tuple[int, ...], at: int) -> bool:
    """Two batch sizes may round differently and flip a comparison: a real dependence shows in float64, too."""
    try:
        together = subject.values(case, torch.float64)[list(rows)]
        return float(_over(together, subject.values(case.take(rows), torch.float64))[at]) > 0
    except RunFault:
        return True


BATCH_INDEPENDENT = Property(
    id="batch-independent",
    title="no row depends on the other rows of its batch",
    formula="q_tot(q, s)[b] = q_tot(q[b], s[b]) for every row b of every batch, in any order and any batch size",
    tolerance=_TOLERANCE,
    why="vectorised kernels round differently at different batch sizes; confirmed in float64",
    hazard="the value of a transition depends on what else was sampled: targets wander, and a deployed batch of 1 "
    "is not what was trained",
    required=True,
    measure=_measure,
    needs=2,
)
