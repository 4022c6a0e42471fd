"""Trial: judge properties on cases, until each has broken or has seen enough.

One case serves every property: drawing it and running the graph costs more than judging. What breaks is made small
by `reduce`, which knows fields and rows, so Hypothesis' own shrinking is not used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import Finding, Property
from tfcaf_forge.evidence.subject import RunFault, Subject


@dataclass
class Outcome:
    """What trials showed of one property.

    Attributes:
        trials: rows judged.
        skipped: cases on which the graph could not be run.
        worst: the worst finding so far.
        broken: the first case that breaks the property, with its finding.
        error: why the examination itself failed.
        seconds: time spent judging.
    """

    trials: int = 0
    skipped: int = 0
    worst: Finding | None = None
    broken: tuple[Case, Finding] | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def open(self) -> bool:
        """Whether more cases can still teach something."""
        return self.broken is None and self.error is None


class Trial:
    """Properties under trial on one subject.

    Args:
        subject: what is tried.
        properties: on what.
        light: ids of those that need few rows, and large cases only: what is proved, and what is only advice.
        most: rows that are enough for a light one; None for all.
    """

    def __init__(
        self,
        subject: Subject,
        properties: Sequence[Property],
        light: AbstractSet[str] = frozenset(),
        most: int | None = None,
    ) -> None:
        """Start with nothing known."""
        self.subject = subject
        self.outcomes = {p.id: Outcome() for p in properties}
        self._by_id = {p.id: p for p in properties}
        self._pooled = [p for p in properties if p.pooled]
        tried = [p for p in properties if not p.pooled and p.search is None]
        self._light = [p for p in tried if p.id in light]
        self._full = [p for p in tried if p.id not in light]
        self._most = most

    def visit(self, case: Case) -> dict[str, float]:
        """Judge a case by every property that still wants one; returns how far each is from breaking."""
        return self.visit_small(case) | self.visit_stack(case)

    def visit_small(self, case: Case) -> dict[str, float]:
        """The same without the light properties: for a case of few rows."""
        return self._visit([p for p in self._full if self.outcomes[p.id].open], case)

    def visit_stack(self, case: Case) -> dict[str, float]:
        """The light properties only: for small cases that were stacked into a large one."""
        return self._visit([p for p in self._light if self._wants_more(self.outcomes[p.id])], case)

    def revisit(self, property_id: str, case: Case) -> None:
        """Judge a case by one property only: the one that it broke before."""
        prop = self._by_id.get(property_id)
        if prop is not None and not prop.pooled and self.outcomes[prop.id].open:
            self._visit([prop], case)

    def search(self) -> None:
        """Let the properties that look for violations on their own do so."""
        for prop in self._by_id.values():
            if prop.search is not None and self.outcomes[prop.id].open:
                before = self.outcomes[prop.id].trials
                self.outcomes[prop.id] = found = prop.search(self.subject)
                found.trials += before

    def visit_pool(self, case: Case) -> None:
        """Judge the one large case of the properties that speak about all states together."""
        self._visit(self._pooled, case)

    def _visit(self, properties: Sequence[Property], case: Case) -> dict[str, float]:
        found = {p.id: self._judge(p, case) for p in properties if case.rows >= p.needs}
        return {name: finding.amount for name, finding in found.items() if finding is not None}

    def _wants_more(self, outcome: Outcome) -> bool:
        return outcome.open and (self._most is None or outcome.trials < self._most)

    def _judge(self, prop: Property, case: Case) -> Finding | None:
        outcome, start = self.outcomes[prop.id], time.perf_counter()
        found: Finding | None = None
        try:
            found = prop.measure(self.subject, case)
            outcome.trials += case.rows if found.judged is None else found.judged
            if outcome.worst is None or found.amount > outcome.worst.amount:
                outcome.worst = found
            if found.amount > 0:
                outcome.broken = (case, found)
        except RunFault:
            outcome.skipped += 1
        except Exception as fault:  # one property's flaw must not hide the verdicts of the others
            outcome.error = f"{type(fault).__name__}: {fault}"[:300]
        outcome.seconds += time.perf_counter() - start
        return found
