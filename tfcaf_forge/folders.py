"""A folder that one process at a time writes to."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from tfcaf_forge.errors import StoreError

LOCK = ".lock"


class FolderLock:
    """Held while this process may write; the system lets go of it when the process ends, however it ends.

    Args:
        folder: created if it does not exist.

    Raises:
        StoreError: another process holds it, or the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        """Take it, or say who cannot."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as fault:
            raise StoreError(f"{folder} cannot be written to ({fault.strerror}); give another --out") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StoreError(f"{folder} is in use by another process; wait for it, or give another --out") from None

    def release(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def __enter__(self) -> Self:
        """The lock itself."""
        return self

    def __exit__(self, *fault: object) -> None:
        """Let go of it."""
        self.release()
