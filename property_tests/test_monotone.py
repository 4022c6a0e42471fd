"""No agent has a negative credit."""

from collections.abc import Callable


def test_monotone(holds: Callable[[str], None]) -> None:
    holds("monotone")
