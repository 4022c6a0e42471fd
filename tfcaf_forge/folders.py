"""Folders: one that a single process at a time writes to, and whether a file or a folder can be made in a place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Self

from tfcaf_forge.errors import InputError, StoreError

LOCK = ".lock"


@contextlib.contextmanager
def writing(path: Path, error: type[InputError] = InputError) -> Generator[None]:
    """Around the writing of a file: its folder is made, and what the system refuses is the user's to mend.

    Args:
        path: the file, or a folder that is to be made.
        error: what to raise.

    Raises:
        InputError: a folder is there, or its place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Tried before: some writers report nothing that could be told from a fault of ours.
        tempfile.TemporaryFile(dir=path.parent).close()
        yield
    except OSError as fault:
        below_a_file = fault.errno in (errno.EEXIST, errno.ENOTDIR)
        reason = "it would lie below a file" if below_a_file else fault.strerror or fault
        raise error(f"cannot write {path}: {reason}; give another place") from None


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
