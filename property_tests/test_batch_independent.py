"""No row depends on the other rows of its batch."""

from collections.abc import Callable


def test_batch_independent(holds: Callable[[str], None]) -> None:
    holds("batch-independent")
