"""Q_tot is finite in the whole declared domain."""

from collections.abc import Callable


def test_finite(holds: Callable[[str], None]) -> None:
    holds("finite")
