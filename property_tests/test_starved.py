"""Every agent gets credit in some states."""

from collections.abc import Callable


def test_starved(holds: Callable[[str], None]) -> None:
    holds("starved")
