"""Every credit is finite in the whole declared domain."""

from collections.abc import Callable


def test_finite_gradient(holds: Callable[[str], None]) -> None:
    holds("finite-gradient")
