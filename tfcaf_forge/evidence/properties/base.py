"""Property: a formula about a graph, how exactly it is judged, and what goes wrong where it breaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.records.verdict import Origin

if TYPE_CHECKING:
    from tfcaf_forge.evidence.trial import Outcome


@dataclass(frozen=True)
class Finding:
    """The worst that a property shows on a case.

    Attributes:
        amount: by how much the tolerance is exceeded; at most 0 where the property holds.
        text: what happened, in the task's words.
        row: the row where it happened.
        others: rows that are also needed for it.
        judged: rows about which the property says anything; None for all.
        fields: names of the state's fields that matter, where the property knows them.
    """

    amount: float
    text: str = ""
    row: int = 0
    others: tuple[int, ...] = ()
    judged: int | None = None
    fields: tuple[str, ...] = ()


HOLDS = Finding(-math.inf)
"""There was nothing to judge, or nothing to complain about."""


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property; `catalogue` lists them.

    Attributes:
        id: stable name, such as `monotone`.
        title: what it says, in a few words.
        formula: the same, exactly.
        tolerance: how far from the formula a float32 result may lie.
        why: the reason for the tolerance.
        hazard: what happens in training where the property breaks.
        required: whether a candidate must hold it to be accepted.
        measure: the worst finding on a case; a pure function of the subject and the case.
        needs: rows that a case must have for the property to say anything.
        measured: whether the worst finding is worth showing even where the property holds.
        pooled: it speaks about all states together, and is measured once, on one large case.
        share: a sentence about how often it breaks, measured on one large case; for what is measured, not required.
        search: looks for a violation on its own, in place of the trials (a user's plain Hypothesis test).
        origin: the forge's own, or the user's.
    """

    id: str
    title: str
    formula: str
    tolerance: float
    why: str
    hazard: str
    required: bool
    measure: Callable[[Subject, Case], Finding]
    needs: int = 1
    measured: bool = False
    pooled: bool = False
    share: Callable[[Subject, Case], str] | None = None
    search: Callable[[Subject], Outcome] | None = None
    origin: Origin = "forge"

    def check(self, subject: Subject, case: Case) -> Finding | None:
        """The violation on a case; None where the property holds.

        Raises:
            RunFault: the graph could not be run on the case (only `contract` judges that).
        """
        if case.rows < self.needs:
            return None
        found = self.measure(subject, case)
        return found if found.amount > 0 else None


def number(value: float) -> str:
    """A number as findings show it: `-0.31`, `1.2e-07`, `nan`."""
    return f"{value:.3g}"
