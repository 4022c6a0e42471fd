"""Examine the domain cell by cell: one cell first, then smaller ones where something is not proved, in a budget.

Cutting is chosen by trial: all ways to cut the worst cell are tried in one pass (a pass over many cells costs
little more than over one), and the way that brings the largest gain is used on every cell that is left.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tfcaf_forge.evidence.proofs.cells import Cells, Domain, cut, cuts_of, everything
from tfcaf_forge.evidence.proofs.domains import Mask, Reals, Val
from tfcaf_forge.evidence.proofs.forward import OutOfTimeError

MOST_CELLS = 1024
MOST_ELEMENTS = 2_000_000
"""Elements of the widest value over all cells."""
_MOST_WAYS = 24


@dataclass
class Findings:
    """What one pass found for each cell.

    Attributes:
        output: Q_tot, [cells, 1].
        credit: [cells, N].
        whole: whether no operation may raise.
        finite, smooth, monotone: whether the output and the credit are finite and the credit is not negative.
        trouble: how far a cell is from all three; 0 where all hold.
        origins: nodes where something may stop being finite, in order.
        lost: the node on the way back where the credit lost its sign or its finiteness.
        broken_at: a node that may raise.
        undone: a node whose rounding may undo a credit that is not negative.
    """

    output: Val
    credit: Val
    whole: Mask
    finite: Mask
    smooth: Mask
    monotone: Mask
    trouble: Reals
    origins: list[int]
    lost: int | None
    broken_at: int | None
    undone: int | None = None


@dataclass
class Summary:
    """What all cells together say.

    Attributes:
        whole, finite, smooth, monotone: proved in every cell.
        credit_lo, credit_hi: bounds of the credit over all cells, [N].
        output: bounds of Q_tot.
        cells: how many cells were settled or left.
        worst: findings of a pass that still holds an unproved cell.
    """

    whole: bool = True
    finite: bool = True
    smooth: bool = True
    monotone: bool = True
    credit_lo: Reals = field(default_factory=lambda: np.zeros(0))
    credit_hi: Reals = field(default_factory=lambda: np.zeros(0))
    output: tuple[float, float] = (np.inf, -np.inf)
    cells: int = 0
    worst: Findings | None = None


def explore(
    examine: Callable[[Cells], Findings], domain: Domain, read: Mask, *, relaxed: bool, width: int, deadline: float
) -> Summary:
    """Cut the domain until everything is proved, nothing helps, or time is up.

    Args:
        examine: one pass over some cells; may raise OutOfTimeError.
        domain: the declared domain.
        read: which slots the graph reads, [S].
        relaxed: do not cut for monotonicity.
        width: elements of the graph's widest value for one cell.
        deadline: on the clock of `time.thread_time`.

    Raises:
        OutOfTimeError: not even the first pass was finished.
    """
    summary, most = Summary(), min(MOST_CELLS, MOST_ELEMENTS // max(width, 1))
    todo, found = everything(domain), examine(everything(domain))
    while True:
        open_ = _open(found, relaxed)
        _absorb(summary, found, ~open_)
        if not open_.any():
            return summary
        todo, rest = todo.take(open_), _rows(found, open_)
        try:
            smaller = _smaller(examine, domain, todo, rest, read, most, deadline)
            found = None if smaller is None else examine(smaller)
        except OutOfTimeError:
            smaller = found = None
        if smaller is None or found is None:
            _absorb(summary, rest, np.ones(todo.count, np.bool_))
            summary.worst = rest
            return summary
        todo = smaller


def _open(found: Findings, relaxed: bool) -> Mask:
    done = found.finite & found.smooth
    return ~done if relaxed else ~(done & found.monotone)


def _smaller(
    examine: Callable[[Cells], Findings],
    domain: Domain,
    todo: Cells,
    found: Findings,
    read: Mask,
    most: int,
    deadline: float,
) -> Cells | None:
    """All open cells cut in the way that helps the worst one most; None where nothing is left to try."""
    if time.thread_time() > deadline or todo.count * 2 > most:
        return None
    row = int(np.argmax(found.trouble))
    ways = cuts_of(domain, todo, row, read)[: min(_MOST_WAYS, most // 2)]
    if not ways:
        return None
    tries = [cut(domain, todo.take([row]), way) for way in ways]
    both = Cells(*(np.concatenate([getattr(t, n) for t in tries]) for n in ("lo", "hi", "status")))
    gain = examine(both).trouble
    starts = np.cumsum([0, *(t.count for t in tries)])
    scores = [float(gain[a:b].max() + gain[a:b].sum() * 1e-3) for a, b in itertools.pairwise(starts)]
    best = ways[int(np.argmin(scores))]
    presence = [way for way in ways if way < 0]
    if min(scores) >= float(found.trouble[row]) and presence:
        best = presence[0]
    out = cut(domain, todo, best)
    return out if out.count > todo.count else None


def _rows(found: Findings, rows: Mask) -> Findings:
    return Findings(
        found.output.moved(lambda x: x[rows]),
        found.credit.moved(lambda x: x[rows]),
        found.whole[rows],
        found.finite[rows],
        found.smooth[rows],
        found.monotone[rows],
        found.trouble[rows],
        found.origins,
        found.lost,
        found.broken_at,
        found.undone,
    )


def _absorb(summary: Summary, found: Findings, rows: Mask) -> None:
    """Add the findings of some cells that will not be cut further."""
    if not rows.any():
        return
    part = _rows(found, rows)
    summary.whole &= bool(part.whole.all())
    summary.finite &= bool(part.finite.all())
    summary.smooth &= bool(part.smooth.all())
    summary.monotone &= bool(part.monotone.all())
    lo, hi = part.credit.lo.min(axis=0), part.credit.hi.max(axis=0)
    first = summary.cells == 0
    summary.credit_lo = lo if first else np.minimum(summary.credit_lo, lo)
    summary.credit_hi = hi if first else np.maximum(summary.credit_hi, hi)
    summary.output = (
        min(summary.output[0], float(part.output.lo.min())),
        max(summary.output[1], float(part.output.hi.max())),
    )
    summary.cells += int(rows.sum())
