"""A task that takes its process with it. It stands alone, so that a process that has to be started for it starts quickly."""

from __future__ import annotations

import os
from pathlib import Path

from tfcaf_forge.errors import InputError


def square(folder: Path, number: int) -> int:
    """2 takes its process with it the first time, 3 every time; 4 raises."""
    marker = folder / str(number)
    if number == 3 or (number == 2 and not marker.exists()):
        marker.touch()
        os._exit(9)
    if number == 4:
        raise InputError("four")
    return number**2
