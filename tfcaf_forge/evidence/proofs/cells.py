"""The declared domain as cells: boxes of states, one a row, and how to cut them smaller.

An element whose fields declare `absent` is there or not as a whole. A cell leaves that open (its box is the hull
of both), or settles it; only then do its fields agree with each other. Integers stay integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcaf_forge.evidence.proofs.domains import Mask, Reals, Val, above, below, raw
from tfcaf_forge.records.task_spec import TaskSpec

OPEN, THERE, GONE = 0, 1, 2


@dataclass(frozen=True)
class Domain:
    """What a TaskSpec declares, as arrays over the S slots.

    Attributes:
        low, high: range of a slot in an element that is there.
        absent: its value in an element that is not; NaN where it declares none.
        whole: whether its values are integers.
        element: for each slot the number of its element among those that may be absent; -1 for others.
        elements: how many elements may be absent.
    """

    low: Reals
    high: Reals
    absent: Reals
    whole: Mask
    element: np.ndarray[tuple[int], np.dtype[np.int64]]
    elements: int


@dataclass
class Cells:
    """Boxes of the state space, one a row.

    Attributes:
        lo, hi: [cells, S], the range of each slot in an element that is there.
        status: [cells, elements]: `OPEN`, `THERE` or `GONE`.
    """

    lo: Reals
    hi: Reals
    status: np.ndarray[tuple[int, int], np.dtype[np.int64]]

    @property
    def count(self) -> int:
        """Number of cells."""
        return self.lo.shape[0]

    def take(self, rows: Mask | list[int]) -> Cells:
        """Some of the cells."""
        return Cells(self.lo[rows], self.hi[rows], self.status[rows])


def domain_of(task: TaskSpec) -> Domain:
    """The domain that a task declares."""
    slots = task.layout
    low = np.asarray([s.low for s in slots], np.float64)
    high = np.asarray([s.high for s in slots], np.float64)
    absent = np.asarray([np.nan if s.absent is None else s.absent for s in slots], np.float64)
    kinds = np.asarray([s.kind != "continuous" for s in slots], np.bool_)
    whole = kinds & (low == np.floor(low)) & (high == np.floor(high))
    whole &= np.isnan(absent) | (absent == np.floor(absent))
    names = {(s.block, s.element) for s in slots if s.absent is not None}
    number = {name: k for k, name in enumerate(sorted(names))}
    element = np.asarray([number.get((s.block, s.element), -1) for s in slots], np.int64)
    return Domain(low, high, absent, whole, element, len(number))


def everything(domain: Domain) -> Cells:
    """One cell that holds the whole domain."""
    status = np.full((1, domain.elements), OPEN, np.int64)
    return Cells(domain.low[None].copy(), domain.high[None].copy(), status)


def state_of(domain: Domain, cells: Cells) -> Val:
    """The abstract state, [cells, S]."""
    lo, hi = cells.lo, cells.hi
    if domain.elements:
        status = np.where(domain.element >= 0, cells.status[:, np.maximum(domain.element, 0)], THERE)
        has = ~np.isnan(domain.absent)
        value = np.where(has, domain.absent, 0.0)
        gone, open_ = (status == GONE) & has, (status == OPEN) & has
        lo = np.where(gone, value, np.where(open_, np.minimum(lo, value), lo))
        hi = np.where(gone, value, np.where(open_, np.maximum(hi, value), hi))
    lo, hi = below(lo), above(hi)
    tiny = float(np.finfo(np.float32).tiny)
    lo = np.where((lo > 0) & (lo < tiny), 0.0, lo)
    hi = np.where((hi < 0) & (hi > -tiny), 0.0, hi)
    return raw(lo, hi, False, domain.whole)


def local_q_of(task: TaskSpec, cells: int) -> Val:
    """Abstract local Q-values, [cells, N], as they may enter a function."""
    low, high = task.credit.entering
    lo, hi = below(np.full((cells, task.n_agents), low)), above(np.full((cells, task.n_agents), high))
    return raw(lo, hi, False, False)


def cuts_of(domain: Domain, cells: Cells, row: int, read: Mask) -> list[int]:
    """Ways to cut one cell, best understood first: elements by presence (-1 - element), then slots by halving."""
    ways = [-1 - e for e in range(domain.elements) if cells.status[row, e] == OPEN and read[domain.element == e].any()]
    for slot in np.flatnonzero(read):
        e = domain.element[slot]
        gone = e >= 0 and cells.status[row, e] == GONE
        if not gone and cells.hi[row, slot] > cells.lo[row, slot]:
            ways.append(int(slot))
    return ways


def cut(domain: Domain, cells: Cells, way: int) -> Cells:
    """All cells cut in two in one way; a cell that has nothing to cut there stays whole."""
    if way < 0:
        element = -1 - way
        can = cells.status[:, element] == OPEN
        first, second = _copy(cells), _copy(cells.take(can))
        first.status[can, element] = THERE
        second.status[:, element] = GONE
        return _join(first, second)
    can = cells.hi[:, way] > cells.lo[:, way]
    e = int(domain.element[way])
    if e >= 0:
        can &= cells.status[:, e] != GONE
    middle = (cells.lo[:, way] + cells.hi[:, way]) / 2
    first, second = _copy(cells), _copy(cells.take(can))
    if domain.whole[way]:
        middle = np.floor(middle)
    first.hi[can, way] = middle[can]
    second.lo[:, way] = middle[can] + (1.0 if domain.whole[way] else 0.0)
    return _join(first, second)


def _copy(cells: Cells) -> Cells:
    return Cells(cells.lo.copy(), cells.hi.copy(), cells.status.copy())


def _join(a: Cells, b: Cells) -> Cells:
    return Cells(np.concatenate([a.lo, b.lo]), np.concatenate([a.hi, b.hi]), np.concatenate([a.status, b.status]))
