"""The declared domain of a task as arrays, and a fast sampler over it. Knows numpy, not torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.records.task_spec import Slot, TaskSpec

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Domain:
    """Where the state's fields and the local Q-values may lie.

    Attributes:
        slots: the state vector's fields, in order.
        elements: for each element of each block, the indices of its fields.
        q_low, q_high: range of the local Q-values that enter a function, scaled or not (`Credit.entering`).
        n_agents: N.
    """

    slots: tuple[Slot, ...]
    elements: tuple[tuple[int, ...], ...]
    q_low: float
    q_high: float
    n_agents: int

    @cached_property
    def low(self) -> Floats:
        """[S]."""
        return np.array([s.low for s in self.slots], dtype=np.float32)

    @cached_property
    def high(self) -> Floats:
        """[S]."""
        return np.array([s.high for s in self.slots], dtype=np.float32)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """[S], whether a field holds whole numbers only."""
        return np.array([s.kind != "continuous" for s in self.slots])

    @cached_property
    def absent(self) -> Floats:
        """[S], the sentinel of a field, nan where it declares none."""
        return np.array([np.nan if s.absent is None else s.absent for s in self.slots], dtype=np.float32)

    @cached_property
    def simplest(self) -> Floats:
        """[S], the plainest value of a field of an element that is there: 0, or the bound nearest to it."""
        return np.clip(np.zeros(len(self.slots), dtype=np.float32), self.low, self.high)

    @cached_property
    def middle(self) -> Floats:
        """[S], the middle of the range of a field, rounded down where it holds whole numbers only."""
        middle = (self.low + self.high) / 2
        return np.where(self.whole, np.floor(middle), middle).astype(np.float32)

    @cached_property
    def optional(self) -> tuple[tuple[int, ...], ...]:
        """The elements that may be absent; a field without a sentinel keeps its range there."""
        return tuple(e for e in self.elements if any(self.slots[i].absent is not None for i in e))

    @cached_property
    def twins(self) -> tuple[tuple[int, ...], ...]:
        """Fields of one name in several elements, such as every `x`: where they coincide, distances vanish."""
        groups: dict[tuple[str, str], list[int]] = {}
        for slot in self.slots:
            groups.setdefault((slot.field or slot.block, slot.unit), []).append(slot.index)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def is_absent(self, state: Floats, element: tuple[int, ...]) -> bool:
        """Whether an element of one state row [S] holds its sentinels."""
        marks = [i for i in element if self.slots[i].absent is not None]
        return bool(marks) and all(state[i] == self.absent[i] for i in marks)

    def contains(self, state: Floats, local_q: Floats) -> bool:
        """Whether every row of state [B, S] and local_q [B, N] lies in the declared domain."""
        return bool(self.rows_inside(state, local_q).all())

    def rows_inside(self, state: Floats, local_q: Floats) -> NDArray[np.bool_]:
        """Which rows of state [B, S] and local_q [B, N] lie in the declared domain, [B]."""
        inside = (state >= self.low) & (state <= self.high) & (~self.whole | (state == np.round(state)))
        for element in self.optional:
            marks = [i for i in element if self.slots[i].absent is not None]
            gone = (state[:, marks] == self.absent[marks]).all(1).nonzero()[0]
            inside[gone[:, None], marks] = True
        return inside.all(1) & ((local_q >= self.q_low) & (local_q <= self.q_high)).all(1)


_KNOWN: dict[str, Domain] = {}


def domain_of(task: TaskSpec) -> Domain:
    """The domain that a task declares."""
    if task.digest not in _KNOWN:
        groups: dict[tuple[str, int], list[int]] = {}
        for slot in task.layout:
            groups.setdefault((slot.block, slot.element), []).append(slot.index)
        elements = tuple(tuple(group) for group in groups.values())
        _KNOWN[task.digest] = Domain(task.layout, elements, *task.credit.entering, task.n_agents)
    return _KNOWN[task.digest]


def uniform(domain: Domain, rows: int, rng: np.random.Generator) -> Floats:
    """States [B, S] in which every element is there and every field is uniform in its range."""
    share = rng.random((rows, len(domain.slots)))
    spread = domain.low + share * (domain.high - domain.low)
    steps = np.minimum(domain.low + np.floor(share * (domain.high - domain.low + 1)), domain.high)
    return np.where(domain.whole, steps, spread).astype(np.float32)


def sample_states(task: TaskSpec, rows: int, rng: np.random.Generator, *, absent: float = 0.15) -> Floats:
    """Draw states from the declared domain, with corner values and coincidences more often than chance has them.

    Args:
        task: declares the fields.
        rows: B.
        rng: where the randomness comes from.
        absent: the probability that an element that may be absent is absent.

    Returns:
        [B, S] float32; an element is absent as a whole or not at all.
    """
    domain = domain_of(task)
    state = uniform(domain, rows, rng)
    corner = rng.random(state.shape) < rng.choice([0.0, 0.1, 0.5], size=(rows, 1))
    which = rng.integers(0, 3, state.shape)
    state = np.where(corner, np.choose(which, [domain.low, domain.high, domain.simplest]), state)
    _coincide(domain, state, rng)
    for element in domain.optional:
        marks = [i for i in element if domain.slots[i].absent is not None]
        gone = (rng.random(rows) < absent).nonzero()[0]
        state[gone[:, None], marks] = domain.absent[marks]
    return state.astype(np.float32)


def sample_local_q(task: TaskSpec, rows: int, rng: np.random.Generator) -> Floats:
    """Draw local Q-values [B, N] as they may enter a function: uniform, small, corners, or equal for all agents."""
    (low, high), shape = task.credit.entering, (rows, task.n_agents)
    uniform = rng.uniform(low, high, shape)
    small = np.clip(rng.normal(0.0, 1.0, shape), low, high)
    corners = np.clip([0.0, 1.0, -1.0, low, high], low, high)[rng.integers(0, 5, shape)]
    kind = rng.random((rows, 1))
    q = np.where(kind < 0.5, uniform, np.where(kind < 0.75, small, corners))
    return np.where(kind > 0.93, q[:, :1], q).astype(np.float32)


def _coincide(domain: Domain, state: Floats, rng: np.random.Generator) -> None:
    """In some rows let fields of one name take the same or neighbouring values, in place."""
    rows = len(state)
    for group in domain.twins:
        for target in group:
            source = int(rng.choice(group))
            near = state[:, source] + rng.choice([-1.0, 0.0, 0.0, 1.0], size=rows)
            fits = (near >= domain.low[target]) & (near <= domain.high[target])
            fits &= np.array(not domain.whole[target]) | (near == np.round(near))
            use = fits & (rng.random(rows) < 0.2)
            state[use, target] = near[use]
