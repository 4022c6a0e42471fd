"""Fields that mean nothing change nothing."""

from collections.abc import Callable


def test_irrelevant_fields(holds: Callable[[str], None]) -> None:
    holds("irrelevant-fields")
