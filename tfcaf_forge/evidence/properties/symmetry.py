"""Symmetry: what the task declares interchangeable or irrelevant must not matter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import HOLDS, Finding, Property, number
from tfcaf_forge.evidence.subject import Doubles, RunFault, Subject
from tfcaf_forge.records.task_spec import TaskSpec

_TOLERANCE = 1e-4

Changed = Iterator[tuple[str, Case]]


def _unchanged(variants: Callable[[Subject, Case], Changed]) -> Callable[[Subject, Case], Finding]:
    """A measure: Q_tot of each variant of a case equals Q_tot of the case."""

    def measure(subject: Subject, case: Case) -> Finding:
        before, worst = subject.at(case).q_tot, HOLDS
        for name, changed in variants(subject, case):
            after = subject.values(changed)
            over = _over(before, after)
            row = int(over.argmax())
            if over[row] > worst.amount and (over[row] <= 0 or _confirmed(subject, case, changed, row)):
                text = f"q_tot goes from {number(before[row])} to {number(after[row])} when {name}"
                worst = Finding(float(over[row]), text, row)
        return worst

    return measure


def _over(before: Doubles, after: Doubles) -> Doubles:
    allowed = _TOLERANCE * (1.0 + np.maximum(np.abs(before), np.abs(after)))
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.abs(after - before) - allowed, nan=-np.inf, posinf=-np.inf)


def _confirmed(subject: Subject, case: Case, changed: Case, row: int) -> bool:
    """Sums in another order round differently and may flip a comparison: a real asymmetry shows in float64, too."""
    try:
        pair = [subject.values(c.take([row]), torch.float64) for c in (case, changed)]
    except RunFault:
        return True
    return float(_over(pair[0], pair[1])[0]) > 0


def _swapped_agents(subject: Subject, case: Case) -> Changed:
    for group in subject.task.agents.interchangeable:
        for a, b in itertools.pairwise(group):
            columns, order = list(range(subject.task.n_agents)), list(range(subject.task.state_size))
            columns[a], columns[b] = b, a
            mine = [[s.index for s in subject.task.layout if s.agent == agent] for agent in (a, b)]
            for i, j in zip(*mine, strict=True):
                order[i], order[j] = j, i
            yield f"agents {a} and {b} swap places", Case(case.local_q[:, columns], case.state[:, order])


def _swapped_elements(subject: Subject, case: Case) -> Changed:
    for block in subject.task.state:
        count = (block.count or 1) if block.interchangeable and not block.per_agent else 1
        for a, b in itertools.pairwise(range(count)):
            order = list(range(subject.task.state_size))
            mine = [
                [s.index for s in subject.task.layout if (s.block, s.element) == (block.name, element)]
                for element in (a, b)
            ]
            for i, j in zip(*mine, strict=True):
                order[i], order[j] = j, i
            yield f"{block.name}[{a}] and {block.name}[{b}] swap places", Case(case.local_q, case.state[:, order])


def _other_padding(subject: Subject, case: Case) -> Changed:
    domain = subject.domain
    for slot in (s for s in domain.slots if s.irrelevant):
        for value in (slot.low, slot.high):
            state = case.state.copy()
            state[:, slot.index] = value
            yield f"{slot.name} is set to {number(value)}", Case(case.local_q, state)


_WHY = "sums in another order differ by some 1e-6 of their size; confirmed in float64"


def symmetries(task: TaskSpec) -> tuple[Property, ...]:
    """The symmetries that a task declares."""
    found: list[Property] = []
    if any(len(group) > 1 for group in task.agents.interchangeable):
        found.append(AGENT_SYMMETRY)
    if any(b.interchangeable and not b.per_agent and (b.count or 1) > 1 for b in task.state):
        found.append(ELEMENT_SYMMETRY)
    if any(slot.irrelevant for slot in task.layout):
        found.append(IRRELEVANT_FIELDS)
    return tuple(found)


AGENT_SYMMETRY = Property(
    id="agent-symmetry",
    title="interchangeable agents are treated alike",
    formula="q_tot(πq, πs) = q_tot(q, s) for every permutation π of interchangeable agents with what belongs to them",
    tolerance=_TOLERANCE,
    why=_WHY,
    hazard="agents that share their parameters are taught different things in mirrored situations",
    required=False,
    measure=_unchanged(_swapped_agents),
)

ELEMENT_SYMMETRY = Property(
    id="element-symmetry",
    title="interchangeable elements are treated alike",
    formula="q_tot(q, πs) = q_tot(q, s) for every permutation π of interchangeable elements of a block",
    tolerance=_TOLERANCE,
    why=_WHY,
    hazard="the order in which the environment happens to list things decides who is rewarded",
    required=False,
    measure=_unchanged(_swapped_elements),
)

IRRELEVANT_FIELDS = Property(
    id="irrelevant-fields",
    title="fields that mean nothing change nothing",
    formula="q_tot(q, s) = q_tot(q, s') where s and s' differ in irrelevant fields only",
    tolerance=_TOLERANCE,
    why=_WHY,
    hazard="padding decides who is rewarded, and the function fails where the padding is different",
    required=True,
    measure=_unchanged(_other_padding),
)
