"""The agents' own greedy actions together are the greedy joint action."""

from collections.abc import Callable


def test_igm(holds: Callable[[str], None]) -> None:
    holds("igm")
