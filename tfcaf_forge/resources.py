"""Where the files that ship beside the code are: the sandbox program, prompts, bundled tasks; and the threads of a process."""

from __future__ import annotations

from pathlib import Path

ONE_THREAD: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment in which a process computes with one thread; read when NumPy and torch are loaded."""
_PACKAGE = Path(__file__).resolve().parent


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
