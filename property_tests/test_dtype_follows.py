"""float64 in, float64 out, and the same value."""

from collections.abc import Callable


def test_dtype_follows(holds: Callable[[str], None]) -> None:
    holds("dtype-follows")
