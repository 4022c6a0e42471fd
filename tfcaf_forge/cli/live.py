"""Live: the candidates that are under way and where the run stands, redrawn below the lines that stay.

Only for a terminal. What is finished is printed above, once, as it would be without a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rich.console import Console, Group
from rich.live import Live as Region
from rich.text import Text

_REDRAWS_PER_S = 4


class Live:
    """A region at the foot of a terminal.

    Args:
        console: where the lines that stay are printed too.
        lines: makes the region's lines anew.
    """

    def __init__(self, console: Console, lines: Callable[[], Iterable[Text]]) -> None:
        """Nothing is drawn yet."""
        self._lines = lines
        self._region = Region(
            console=console, get_renderable=self._draw, refresh_per_second=_REDRAWS_PER_S, transient=True, redirect_stdout=False
        )  # fmt: skip

    def start(self) -> None:
        """Draw it, and go on drawing; does nothing the second time."""
        if not self._region.is_started:
            self._region.start()

    def stop(self) -> None:
        """Wipe it; the terminal's cursor comes back."""
        self._region.stop()

    def _draw(self) -> Group:
        lines = list(self._lines())
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)


def region(console: Console, lines: Callable[[], Iterable[Text]]) -> Live | None:
    """The region of a terminal; None where results do not go to one."""
    return Live(console, lines) if console.is_terminal else None


class Clock:
    """How long things have been as they are, and how long what is left may take."""

    def __init__(self) -> None:
        """It starts now."""
        self._since: dict[int, tuple[str, float]] = {}
        self._began = self._last = time.monotonic()
        self._done = 0

    def enter(self, number: int, stage: str) -> None:
        """Something has come to a stage, or is still there."""
        if self._since.get(number, ("", 0.0))[0] != stage:
            self._since[number] = (stage, time.monotonic())

    def of(self, number: int) -> float:
        """Seconds that it has been there."""
        return time.monotonic() - self._since[number][1]

    def start(self) -> None:
        """The time of the first begins now; what was found on the disk is no measure."""
        self._began, self._done = time.monotonic(), 0

    def finish(self) -> None:
        """One is done."""
        self._done, self._last = self._done + 1, time.monotonic()

    def left(self, count: int) -> float | None:
        """Seconds that `count` more may take, at the pace so far; None before the first is done."""
        if not self._done:
            return None
        each = (self._last - self._began) / self._done
        return max(0.0, each * count - (time.monotonic() - self._last))
