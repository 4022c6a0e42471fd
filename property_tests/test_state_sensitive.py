"""The function differs from equal weights."""

from collections.abc import Callable


def test_state_sensitive(holds: Callable[[str], None]) -> None:
    holds("state-sensitive")
