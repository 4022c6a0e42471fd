"""Hypothesis strategies from a TaskSpec: small cases, drawn number by number, that shrink well.

Large batches are not drawn number by number (Hypothesis refuses them as too large): `batches` draws a seed, and
`domain` samples from it.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.domain import Domain, domain_of, sample_local_q, sample_states
from tfcaf_forge.records.task_spec import Slot, TaskSpec

__all__ = ["batches", "cases", "fields", "local_q_rows", "sample_states", "state_rows"]


def fields(slot: Slot) -> st.SearchStrategy[float]:
    """Values of one field of an element that is there: corners first, then the whole range."""
    corners = [v for v in (slot.low, 0.0, slot.high) if slot.low <= v <= slot.high]
    if slot.kind == "continuous":
        inner = st.floats(slot.low, slot.high, width=32) if _is_float32(slot) else st.floats(slot.low, slot.high)
        return st.sampled_from(corners) | inner
    return st.integers(int(np.ceil(slot.low)), int(np.floor(slot.high))).map(float)


def state_rows(task: TaskSpec) -> st.SearchStrategy[tuple[float, ...]]:
    """One row of the state, element by element: an element is absent as a whole or not at all."""
    domain = domain_of(task)
    return st.tuples(*(_element(domain, element) for element in domain.elements)).map(
        lambda parts: tuple(value for part in parts for value in part)
    )


def local_q_rows(task: TaskSpec) -> st.SearchStrategy[tuple[float, ...]]:
    """One row of local Q-values: corners (0, 1, -1, the bounds), whole range, or equal for all agents."""
    low, high = task.credit.entering
    corners = [v for v in (0.0, 1.0, -1.0, low, high) if low <= v <= high]
    one = st.sampled_from(corners) | st.floats(low, high)
    n = task.n_agents
    return st.tuples(*[one] * n) | one.map(lambda q: (q,) * n)


def cases(task: TaskSpec, *, most: int = 4) -> st.SearchStrategy[Case]:
    """Cases of 1 to `most` rows."""
    rows = st.lists(st.tuples(local_q_rows(task), state_rows(task)), min_size=1, max_size=most)
    return rows.map(lambda drawn: Case(_array([q for q, _ in drawn]), _array([s for _, s in drawn])))


def batches(task: TaskSpec, *, rows: int = 256, replay: Floats | None = None) -> st.SearchStrategy[Case]:
    """Batches of `rows` rows, each made from one drawn seed."""
    return st.integers(0, 2**32 - 1).map(lambda seed: batch(task, rows, seed, replay))


def batch(task: TaskSpec, rows: int, seed: int, replay: Floats | None = None) -> Case:
    """One batch: sampled states, sometimes with everything absent, with replayed rows mixed in where given.

    Args:
        task: declares the fields.
        rows: B.
        seed: decides everything.
        replay: replayed states [M, S].
    """
    rng = np.random.default_rng(seed)
    absent = float(rng.choice([0.0, 0.15, 0.5]))
    state = sample_states(task, rows, rng, absent=absent)
    state[: max(rows // 16, 1)] = sample_states(task, max(rows // 16, 1), rng, absent=1.0)
    if replay is not None and len(replay):
        state[rows // 2 :] = replay[rng.integers(0, len(replay), rows - rows // 2)]
    return Case(sample_local_q(task, rows, rng), state)


def pool(task: TaskSpec, rows: int, seed: int, replay: Floats | None = None) -> Case:
    """One large case for the properties that speak about all states together: the replayed states, or else samples."""
    if replay is None or not len(replay):
        return batch(task, rows, seed)
    rng = np.random.default_rng(seed)
    chosen = replay if len(replay) <= rows else replay[rng.choice(len(replay), rows, replace=False)]
    return Case(sample_local_q(task, len(chosen), rng), chosen)


def _element(domain: Domain, element: tuple[int, ...]) -> st.SearchStrategy[tuple[float, ...]]:
    """The fields of one element; its sentinels, where it declares them, one time in four or so."""
    present = st.tuples(*(fields(domain.slots[i]) for i in element))
    if element not in domain.optional:
        return present
    marks = [float(domain.absent[i]) for i in element]  # nan where a field has no sentinel

    def remove(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(value if np.isnan(mark) else mark for value, mark in zip(values, marks, strict=True))

    gone = present.map(remove)
    return st.one_of(present, present, gone)


def _is_float32(slot: Slot) -> bool:
    return all(float(np.float32(bound)) == bound for bound in (slot.low, slot.high))


def _array(rows: list[tuple[float, ...]]) -> Floats:
    return np.array(rows, dtype=np.float32) + np.float32(0.0)  # no -0.0: it reads like a finding and is none
