"""Rejection: why a candidate was refused, as a value."""

from __future__ import annotations

from typing import Literal

from tfcaf_forge.records.base import Plain, Record

Stage = Literal["extract", "screen", "run", "trace", "limit", "receive", "verify", "faithfulness"]


class Where(Plain, frozen=True, kw_only=True):
    """A place: in the source (line and column from 1 and 0), or in the graph (node)."""

    line: int | None = None
    column: int | None = None
    node: int | None = None

    def __str__(self) -> str:
        """`line 7` or `node 12`, or nothing."""
        if self.line is not None:
            return f"line {self.line}"
        return "" if self.node is None else f"node {self.node}"


class Rejection(Record, frozen=True, kw_only=True):
    """A refused candidate.

    Attributes:
        stage: how far it came.
        code: short, stable name of the reason, such as `syntax`, `import`, `time-limit`.
        message: what is wrong and what to write instead.
        where: the place, if it is known.
    """

    stage: Stage
    code: str
    message: str
    where: Where | None = None

    def __str__(self) -> str:
        """`screen, line 7: …`."""
        place = f", {self.where}" if self.where is not None and str(self.where) else ""
        return f"{self.stage}{place}: {self.message}"
