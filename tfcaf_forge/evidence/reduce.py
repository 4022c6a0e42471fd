"""Reduce: make a failing case as small and plain as it can be while it still fails.

Rows go first, then elements and fields move towards their plainest value, then local Q-values are rounded; again
until nothing moves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.domain import Domain

Fails = Callable[[Case], bool]

_ROUNDS = 6
_BUDGET = 1500
"""Most tries; what is not reduced by then is shown as it is."""
_PARTNERS = 48
"""Rows that are tried as the only companion of the violating one."""
_SCAN = 32
"""Whole values that are tried one by one, from the plainest upwards."""


def reduce(case: Case, row: int, others: Sequence[int], fails: Fails, domain: Domain) -> Case:
    """The smallest case found; its first row is the violating one.

    Args:
        case: a case that fails.
        row: where it fails.
        others: rows that are needed for it as well.
        fails: whether a case still fails in the same way.
        domain: gives the plainest value of each field.
    """
    fails = within(fails, _BUDGET)
    small = _fewer_rows(case, row, others, fails)
    small = _same_state(small, fails)
    for _ in range(_ROUNDS):
        before = small
        small = _plainer_state(small, fails, domain)
        small = _plainer_q(small, fails, domain)
        if small is before:
            break
    return small


def within(fails: Fails, budget: int) -> Fails:
    """The same question, answered `no` once it was asked too often."""
    left = [budget]

    def asked(case: Case) -> bool:
        left[0] -= max(case.rows // 16, 1)
        return left[0] >= 0 and fails(case)

    return asked


def _fewer_rows(case: Case, row: int, others: Sequence[int], fails: Fails) -> Case:
    """The violating row alone, with one companion, or with as few as halving leaves."""
    for rows in ([row], *([row, other] for other in list(others)[:_PARTNERS])):
        if len(rows) < case.rows and fails(part := case.take(rows)):
            return part
    kept = [row, *(b for b in (others or range(case.rows)) if b != row)]
    if not fails(case.take(kept)):
        kept = [row, *(b for b in range(case.rows) if b != row)]
        if not fails(case.take(kept)):
            return case
    size = len(kept) // 2
    while size:
        for at in range(1, len(kept), size):
            fewer = kept[:at] + kept[at + size :]
            if len(fewer) < len(kept) and fails(case.take(fewer)):
                kept = fewer
                break
        else:
            size //= 2
    return case.take(kept)


def _same_state(case: Case, fails: Fails) -> Case:
    """One state for all rows, if that still fails."""
    if case.rows == 1:
        return case
    one = Case(case.local_q, np.repeat(case.state[:1], case.rows, axis=0))
    return one if fails(one) else case


def _plainer_state(case: Case, fails: Fails, domain: Domain) -> Case:
    shared = bool((case.state == case.state[:1]).all())
    for rows in [list(range(case.rows))] if shared else [[b] for b in range(case.rows)]:
        for element in domain.elements:
            case = _plainer_element(case, rows, element, fails, domain)
            for index in element:
                case = _plainer_field(case, rows, index, fails, domain)
        for group in domain.twins:
            for pair in itertools.combinations(group, 2):
                case = _plainer_pair(case, rows, pair, fails, domain)
    return case


def _plainer_element(case: Case, rows: list[int], element: tuple[int, ...], fails: Fails, domain: Domain) -> Case:
    """The whole element at its plainest; an absent one becomes present where that still fails."""
    wanted = domain.simplest[list(element)]
    if (case.state[rows[0], list(element)] == wanted).all():
        return case
    changed = with_fields(case, rows, element, wanted)
    return changed if fails(changed) else case


def _plainer_field(case: Case, rows: list[int], index: int, fails: Fails, domain: Domain) -> Case:
    """The plainest value of one field of an element that is there."""
    slot, now = domain.slots[index], float(case.state[rows[0], index])
    if slot.absent is not None and now == slot.absent:
        return case
    plain = float(domain.simplest[index])
    values = _whole_values(plain, now) if slot.kind != "continuous" else _decimal_values(plain, now)
    for value in values:
        if slot.low <= value <= slot.high and fails(changed := with_fields(case, rows, (index,), value)):
            return changed
    return case


def _plainer_pair(case: Case, rows: list[int], pair: tuple[int, int], fails: Fails, domain: Domain) -> Case:
    """Two fields of one name, moved together by as much as their ranges allow: what matters may be their difference."""
    at = list(pair)
    now, plain = case.state[rows[0], at], domain.simplest[at]
    present = (now >= domain.low[at]).all() and (now <= domain.high[at]).all()
    if not present or (now <= plain).any() or not domain.whole[at].all():
        return case
    most = min(int((now - plain).min()), _SCAN)
    for distance in range(most, 0, -1):
        if fails(changed := with_fields(case, rows, pair, now - distance)):
            return changed
    return case


def _plainer_q(case: Case, fails: Fails, domain: Domain) -> Case:
    for row in range(case.rows):
        for agent in range(case.local_q.shape[1]):
            for value in (0.0, *_decimal_values(1.0, float(case.local_q[row, agent]))):
                if value == case.local_q[row, agent]:
                    break
                if not domain.q_low <= value <= domain.q_high:
                    continue
                changed = case.local_q.copy()
                changed[row, agent] = value
                if fails(plainer := Case(changed, case.state)):
                    case = plainer
                    break
    return case


def _whole_values(plain: float, now: float) -> Iterator[float]:
    """Whole numbers from the plainest towards the present one: all where they are few, else by halving."""
    side = 1.0 if now > plain else -1.0
    distance = int(abs(now - plain))
    if distance <= _SCAN:
        yield from (plain + side * k for k in range(distance))
        return
    step = 0
    while step < distance:
        yield plain + side * step
        step = step + max((distance - step) // 2, 1) if step else 1


def _decimal_values(plain: float, now: float) -> Iterator[float]:
    """The plainest value, small whole numbers, then the present one with fewer digits."""
    seen: list[float] = []
    for value in (plain, -plain, *(float(np.float32(round(now, digits))) for digits in (0, 1, 2, 3))):
        if value == now:
            return
        if value not in seen:
            seen.append(value)
            yield value


def with_fields(case: Case, rows: list[int], indices: tuple[int, ...], values: Floats | float) -> Case:
    """The case with some fields of some rows changed."""
    state = case.state.copy()
    state[np.ix_(rows, indices)] = values
    return Case(case.local_q, state)
