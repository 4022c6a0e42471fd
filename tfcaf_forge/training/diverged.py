"""The batch on which a run stopped, kept in a file without code for whoever looks for the reason."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from tfcaf_forge.replay.packed import ACTED, REACHED, Packed

DIVERGED = "diverged.safetensors"


def save_batch(folder: Path, batch: Packed, message: str) -> Path:
    """Write a packed batch, with the index of each row's episode and step, and the message as metadata."""
    tensors = {name: getattr(batch, name).detach().cpu().contiguous() for name in (*REACHED, *ACTED, "current")}
    if batch.mixing is not None:
        tensors["mixing"] = batch.mixing.detach().cpu().contiguous()
    tensors["sizes"] = torch.tensor(batch.sizes)
    tensors["episode"], tensors["step"] = (torch.from_numpy(index.copy()) for index in (batch.episode, batch.step))
    path = folder / DIVERGED
    save_file(tensors, path, metadata={"message": message})
    return path
