"""The auditor's own properties, from the files given with `--properties`."""

from collections.abc import Callable


def test_own(holds: Callable[[str], None], own: str) -> None:
    holds(own)
