"""How the offline coder reads a TaskSpec: groups of elements, and columns of the state that hold one field each."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tfcaf_forge.records.task_spec import FieldKind, StateBlock, TaskSpec

_POSITIONS = (("x", "y"), ("row", "column"), ("row", "col"), ("pos_x", "pos_y"), ("px", "py"))


@dataclass(frozen=True, kw_only=True)
class Column:
    """One field over all elements of a block: `state[:, start:stop:step]`, [B, count]."""

    block: str
    field: str
    start: int
    step: int
    count: int
    kind: FieldKind
    low: float
    high: float
    absent: float | None

    @property
    def key(self) -> str:
        """`agents.level`, or `last_action` for a field without a name."""
        return f"{self.block}.{self.field}" if self.field else self.block

    @property
    def slice(self) -> str:
        """The Python expression of the column."""
        stop = self.start + self.step * (self.count - 1) + 1
        stride = "" if self.count == 1 or self.step == 1 else f":{self.step}"
        return f"state[:, {self.start}:{stop}{stride}]"

    @property
    def label(self) -> str:
        """The column in the task's words, safe inside a comment: `agents[0..1].level in [1, 2], absent: 0`."""
        elements = "" if self.count == 1 else f"[0..{self.count - 1}]"
        field = f".{self.field}" if self.field else ""
        absent = "" if self.absent is None else f", absent: {self.absent:g}"
        return printable(f"{self.block}{elements}{field} in [{self.low:g}, {self.high:g}]{absent}")

    @property
    def ordered(self) -> bool:
        """Whether its numbers can be measured and scaled: no category, and a range of finite, positive width."""
        return self.kind != "categorical" and math.isfinite(self.high - self.low) and self.high > self.low

    @property
    def there(self) -> str | None:
        """The comparison that holds where the element is there (`> 0.5`); None if the field cannot tell."""
        if self.absent is None or self.low <= self.absent <= self.high:
            return None
        if self.absent < self.low:
            return f"> {number((self.absent + self.low) / 2)}"
        return f"< {number((self.absent + self.high) / 2)}"


@dataclass(frozen=True, kw_only=True)
class Group:
    """A block as the coder sees it, without what is declared irrelevant."""

    name: str
    count: int
    per_agent: bool
    columns: tuple[Column, ...]

    @property
    def position(self) -> tuple[Column, Column] | None:
        """The pair of coordinates, if there is one."""
        by_name = {column.field: column for column in self.columns if column.ordered}
        pairs = (pair for pair in _POSITIONS if pair[0] in by_name and pair[1] in by_name)
        return next(((by_name[a], by_name[b]) for a, b in pairs), None)

    @property
    def measures(self) -> tuple[Column, ...]:
        """The ordered columns that are no coordinates."""
        position = self.position or ()
        return tuple(column for column in self.columns if column.ordered and column not in position)

    @property
    def telltale(self) -> Column | None:
        """The column that tells whether an element is there; the last one, as coordinates come first."""
        return next((column for column in reversed(self.columns) if column.there is not None), None)


def groups_of(task: TaskSpec) -> tuple[Group, ...]:
    """The blocks of a task, in the order of the state."""
    groups: list[Group] = []
    start = 0
    for block in task.state:
        groups.append(_group(block, start))
        start += (block.count or 1) * len(block.fields)
    return tuple(groups)


def number(value: float) -> str:
    """A float as Python text, with at most four decimals where that loses nothing that matters."""
    rounded = round(value, 4)
    return repr(rounded if abs(value) >= 0.01 or rounded == value else value)


def printable(text: str) -> str:
    """Text that stays inside a comment, whatever a task file calls its fields."""
    return re.sub(r"[^\w .,:'()\[\]-]", "?", text, flags=re.ASCII)


def _group(block: StateBlock, start: int) -> Group:
    count, width = block.count or 1, len(block.fields)
    columns = (
        Column(
            block=block.name, field=field.name, start=start + offset, step=width, count=count,
            kind=field.kind, low=field.low, high=field.high, absent=field.absent,
        )
        for offset, field in enumerate(block.fields)
        if not field.irrelevant
    )  # fmt: skip
    return Group(name=block.name, count=count, per_agent=block.per_agent, columns=tuple(columns))
