"""Interchangeable agents are treated alike."""

from collections.abc import Callable


def test_agent_symmetry(holds: Callable[[str], None]) -> None:
    holds("agent-symmetry")
