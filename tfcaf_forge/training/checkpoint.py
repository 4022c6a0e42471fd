"""Checkpoints: a run's whole state in one file, written all or nothing, read without executing anything."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from tfcaf_forge.errors import StoreError

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> Path:
    """Write nested dictionaries of tensors, arrays, numbers and texts; an interrupted write leaves the old file.

    Raises:
        StoreError: it cannot be written; the old file is still there.
    """
    path = folder / CHECKPOINT
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as stream:
            torch.save(_to_tensors(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as fault:  # torch's writer raises the latter when its stream fails
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = next((f.strerror for f in (fault, fault.__context__) if isinstance(f, OSError)), None) or str(fault)
        raise StoreError(
            f"cannot write {path}: {reason.splitlines()[0]}; the checkpoint before it is kept: "
            "free some space and repeat the command, it resumes"
        ) from None
    return path


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint of a run's folder; None if there is none.

    `weights_only` makes torch's unpickler accept tensors and plain containers only, so a foreign file cannot run code.

    Raises:
        StoreError: it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise StoreError(f"{path} cannot be read ({reason}); remove it to train from the beginning") from None
    if not isinstance(state, dict) or "identity" not in state:
        raise StoreError(f"{path} is no checkpoint of a training run; remove it to train from the beginning")
    return cast("dict[str, Any]", state)


def _to_tensors(value: Any) -> Any:  # noqa: ANN401 - a nested state
    """Arrays become tensors: the restricted reader knows no arrays."""
    if isinstance(value, dict):
        return {key: _to_tensors(inner) for key, inner in cast("dict[Any, Any]", value).items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
