"""Credit changes gradually from one state to the next."""

from collections.abc import Callable


def test_continuous(holds: Callable[[str], None]) -> None:
    holds("continuous")
