"""Interchangeable elements of the state are treated alike."""

from collections.abc import Callable


def test_element_symmetry(holds: Callable[[str], None]) -> None:
    holds("element-symmetry")
