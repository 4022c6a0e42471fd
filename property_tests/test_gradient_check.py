"""Credit is the slope of Q_tot."""

from collections.abc import Callable


def test_gradient_check(holds: Callable[[str], None]) -> None:
    holds("gradient-check")
