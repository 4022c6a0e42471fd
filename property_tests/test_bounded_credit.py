"""No credit is very large."""

from collections.abc import Callable


def test_bounded_credit(holds: Callable[[str], None]) -> None:
    holds("bounded-credit")
