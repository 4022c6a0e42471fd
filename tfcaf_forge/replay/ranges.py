"""States against the ranges that the task declares, field by field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.task_spec import Slot, TaskSpec


class Excess(Plain, frozen=True, kw_only=True):
    """A state field with values that the task does not declare.

    Attributes:
        field: its name, such as `foods[0].level`.
        rows: states with such a value, and `share` of all.
        lowest, highest: of those values.
        low, high, absent: what is declared.
        fractional: whether a whole number is declared and a fraction was seen.
    """

    field: str
    rows: int
    share: float
    lowest: float
    highest: float
    low: float
    high: float
    absent: float | None
    fractional: bool

    def __str__(self) -> str:
        """In a sentence."""
        absent = "" if self.absent is None else f" or {self.absent:g}"
        what = "fractions in" if self.fractional else "values in"
        return (
            f"{self.field}: {what} [{self.lowest:g}, {self.highest:g}] in {self.rows:,} states ({100 * self.share:.1f} %); "
            f"the task declares [{self.low:g}, {self.high:g}]{absent}"
        )


def excesses(task: TaskSpec, states: npt.NDArray[np.float32]) -> tuple[Excess, ...]:
    """Fields with undeclared values in states [M, S], in the order of the layout."""
    found = [_excess(slot, states[:, slot.index]) for slot in task.layout]
    return tuple(one for one in found if one is not None)


def _excess(slot: Slot, values: npt.NDArray[np.float32]) -> Excess | None:
    there = np.ones(len(values), bool) if slot.absent is None else values != np.float32(slot.absent)
    outside = there & ~((values >= np.float32(slot.low)) & (values <= np.float32(slot.high)))
    fraction = there & ~outside & (values != np.round(values)) if slot.kind != "continuous" else np.zeros_like(there)
    wrong = outside if outside.any() else fraction
    if not wrong.any():
        return None
    seen = values[wrong]
    return Excess(
        field=slot.name,
        rows=int(wrong.sum()),
        share=float(wrong.mean()),
        lowest=float(seen.min()),
        highest=float(seen.max()),
        low=slot.low,
        high=slot.high,
        absent=slot.absent,
        fractional=not outside.any(),
    )
