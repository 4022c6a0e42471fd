"""Finite far outside the declared ranges."""

from collections.abc import Callable


def test_large_inputs(holds: Callable[[str], None]) -> None:
    holds("large-inputs")
