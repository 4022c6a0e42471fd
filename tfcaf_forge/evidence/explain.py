"""Explain: which fields a violation needs.

A field matters if the violation vanishes when the field changes. That alone names too little where either of two
fields is enough, so the answer is tested: with the named fields held, other states must fail, too. Where one does
not, the rest of the state moves towards it, field by field, as long as the violation stays; what cannot move is
named as well.
"""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.case import Case, Floats
from tfcaf_forge.evidence.domain import Domain, uniform
from tfcaf_forge.evidence.reduce import Fails, with_fields, within

_CONTRASTS = 24
"""Other states that must fail with the named fields held."""
_ROUNDS = 4
_BUDGET = 1500


def explain(case: Case, fails: Fails, domain: Domain) -> tuple[Case, dict[str, float]]:
    """A case that fails in the same way, and the fields of its first row that it needs, with their values.

    Args:
        case: a reduced case, its first row the violating one.
        fails: whether a case still fails in the same way.
        domain: gives other values for the fields.
    """
    fails = within(fails, _BUDGET)
    shared = bool((case.state == case.state[:1]).all())
    rows = list(range(case.rows)) if shared else [0]
    named = _necessary(case, rows, fails, domain)
    for _ in range(_ROUNDS):
        contrast = _contrast(case, rows, named, fails, domain)
        if contrast is None:
            break
        case, needed = _move_towards(case, rows, contrast, named, fails, domain)
        named |= needed
        if not needed:
            break
    return case, {domain.slots[i].name: float(case.state[0, i]) for i in sorted(named)}


def _necessary(case: Case, rows: list[int], fails: Fails, domain: Domain) -> set[int]:
    """The fields whose change alone makes the violation vanish; an element that is absent counts as a whole."""
    found: set[int] = set()
    for element in domain.elements:
        if domain.is_absent(case.state[0], element):
            if any(not fails(with_fields(case, rows, element, values)) for values in _present(element, domain)):
                found.update(element)
        else:
            found |= {i for i in element if _matters(case, rows, i, fails, domain)}
    return found


def _present(element: tuple[int, ...], domain: Domain) -> list[Floats]:
    """Values of an element that is there: plainest, middle, high."""
    at = list(element)
    return [domain.simplest[at], domain.middle[at], domain.high[at]]


def _matters(case: Case, rows: list[int], index: int, fails: Fails, domain: Domain) -> bool:
    slot, now = domain.slots[index], float(case.state[0, index])
    values = {slot.low, slot.high, float(domain.middle[index]), now + 1, now - 1}
    return any(
        v != now and slot.low <= v <= slot.high and not fails(with_fields(case, rows, (index,), v)) for v in values
    )


def _contrast(case: Case, rows: list[int], named: set[int], fails: Fails, domain: Domain) -> Floats | None:
    """A state with the same named fields that does not fail; None where all that were tried do."""
    rng = np.random.default_rng(0)
    gone = case.state[0].copy()
    for element in domain.optional:
        marks = [i for i in element if domain.slots[i].absent is not None]
        gone[marks] = domain.absent[marks]
    others = [domain.middle, domain.high, domain.simplest, gone, *uniform(domain, _CONTRASTS, rng)]
    held = [i for e in domain.elements for i in e if named.intersection(e) and domain.is_absent(case.state[0], e)]
    held += sorted(named)
    for other in others:
        state = other.copy()
        state[held] = case.state[0, held]
        _complete(state, case.state[0], named, domain)
        if not fails(with_fields(case, rows, tuple(range(len(state))), state)):
            return state
    return None


def _complete(state: Floats, now: Floats, named: set[int], domain: Domain) -> None:
    """An element of which a field is held is there as a whole, in place."""
    for element in domain.optional:
        if named.intersection(element) and domain.is_absent(state, tuple(i for i in element if i not in named)):
            state[list(element)] = now[list(element)]


def _move_towards(
    case: Case, rows: list[int], contrast: Floats, named: set[int], fails: Fails, domain: Domain
) -> tuple[Case, set[int]]:
    """Move elements, then fields, to their values in a state that does not fail, as long as the violation stays."""
    needed: set[int] = set()
    for element in domain.elements:
        free = tuple(i for i in element if i not in named and case.state[0, i] != contrast[i])
        if not free:
            continue
        if fails(moved := with_fields(case, rows, free, contrast[list(free)])):
            case = moved
        elif domain.is_absent(case.state[0], element) or domain.is_absent(contrast, element):
            needed.update(free)
        else:
            for index in free:
                if fails(moved := with_fields(case, rows, (index,), float(contrast[index]))):
                    case = moved
                else:
                    needed.add(index)
    return case, needed
