"""Where the files that ship beside the code are: the sandbox program, prompts, bundled tasks; threads, memory and signals of a process."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path

ONE_THREAD: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment in which a process computes with one thread; read when NumPy and torch are loaded."""
STOPPING = (signal.SIGINT, signal.SIGTERM)
"""What asks a process to stop."""
_PACKAGE = Path(__file__).resolve().parent
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def bundled(name: str) -> Path:
    """Path of a top-level folder (`sandboxes`, `prompts`, `property_tests`).

    In a wheel it lies inside the package, in a checkout beside it.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for root in (_PACKAGE / "_bundled", _PACKAGE.parent):
        path = root / name
        if path.is_dir():
            return path
    raise FileNotFoundError(f"{name}/ is neither inside nor beside {_PACKAGE}; reinstall tfcaf-forge")


def bundled_tasks() -> dict[str, Path]:
    """The bundled TaskSpec files by task name."""
    return {path.stem: path for path in sorted((_PACKAGE / "tasks").glob("*.toml"))}


def keep_freed_memory() -> None:
    """Have the C library keep large freed blocks instead of giving them back to the system, where it is glibc.

    A training update frees and asks for the same megabytes every time. Fetched anew they come as thousands of page faults,
    which took a tenth of an update. The process keeps the most that it ever used.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # the most that every version accepts
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def signals_held() -> Generator[None]:
    """Hold `STOPPING` back from processes that are started inside, until they call `take_signals`.

    A terminal's Ctrl-C goes to all processes of its group: one that has not said yet what it does then would die of it.
    """
    resource_tracker.ensure_running()  # multiprocessing starts it with the first process, and lets them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_signals() -> None:
    """Take what was held back, and all that comes; said by a process when it has its handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
