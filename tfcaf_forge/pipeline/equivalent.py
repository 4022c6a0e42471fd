"""Equivalence: whether a kernel's file, read and lowered anew, gives what the graph of the records gives, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tfcaf_forge.errors import KernelError
from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.kernels.artifact import load_kernel

ROWS = 1024


def equivalence(subject: Subject, kernel: Path, *, seed: int = 0) -> dict[str, Any]:
    """How far the kernel's values and credits are from the graph's over drawn inputs.

    Returns:
        `rows`, `values` and `credits` (largest differences), `same` (both are 0), `fault` where it could not be loaded.
    """
    try:
        loaded = load_kernel(kernel)
    except KernelError as fault:
        return {"rows": 0, "same": False, "fault": str(fault)}
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x65717569]))
    task = subject.task
    q, s = (torch.from_numpy(draw(task, ROWS, rng)) for draw in (sample_local_q, sample_states))
    scaled = q * task.credit.q_scale
    graph, credit = subject.q_tot_and_credit(scaled, s)
    leaf = q.clone().requires_grad_(True)
    made = loaded(leaf, s)
    (slope,) = torch.autograd.grad(made.sum(), leaf, allow_unused=True, materialize_grads=True)
    values, credits = far(made.detach(), graph), far(slope, credit * task.credit.q_scale)
    return {"rows": ROWS, "values": values, "credits": credits, "same": values == 0.0 and credits == 0.0, "fault": ""}


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference; two nan are equal, one is infinitely far from any number."""
    if one.shape != other.shape:
        return float("inf")
    gap = torch.where(one == other, 0.0, (one - other).abs())
    gap = torch.where(one.isnan() & other.isnan(), 0.0, gap)
    return float(torch.nan_to_num(gap, nan=float("inf")).max())
