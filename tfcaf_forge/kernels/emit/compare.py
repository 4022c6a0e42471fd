"""Does an export compute what the kernel computes? Row by row, in units in the last place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tfcaf_forge.errors import KernelError
from tfcaf_forge.records.base import Plain

Floats = npt.NDArray[np.float32]
Function = Callable[[Floats, Floats], Floats]
"""(local_q [B, N], state [B, S]) -> Q_tot [B, 1]."""

TOLERANCE = 1e-5
"""Largest difference, relative to the larger of 1 and Q_tot: sums in another order, another library's exp."""


class Agreement(Plain, frozen=True, kw_only=True):
    """How far an export is from the kernel.

    Attributes:
        rows: compared inputs.
        same_rows: rows with the same bits.
        max_ulp: largest distance in units in the last place of float32 among rows where Q_tot is at least 1 in
            magnitude; below that, cancellation makes the unit as small as one likes.
        max_error: largest difference, relative to the larger of 1 and Q_tot.
    """

    rows: int
    same_rows: int
    max_ulp: int
    max_error: float


def compare(kernel: Function, exported: Function, local_q: Floats, state: Floats) -> Agreement:
    """Run both on the same inputs.

    Args:
        kernel, exported: the two functions.
        local_q: float32 [B, N].
        state: float32 [B, S].

    Raises:
        KernelError: they differ by more than `TOLERANCE`, or one is not finite where the other is; names the row.
    """
    wanted, found = kernel(local_q, state), exported(local_q, state)
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise KernelError(f"the export gives {found.dtype} {found.shape}, the kernel {wanted.dtype} {wanted.shape}")
    finite = np.isfinite(wanted)
    alike = np.where(finite, np.isfinite(found), (found == wanted) | (np.isnan(found) & np.isnan(wanted)))
    with np.errstate(invalid="ignore"):
        error = np.abs(found.astype(np.float64) - wanted) / np.maximum(np.abs(wanted), 1.0)
    error = np.where(finite & np.isfinite(found), error, 0.0)
    bad = ~alike | (error > TOLERANCE)
    if bad.any():
        row = int(np.flatnonzero(bad[:, 0])[0])
        raise KernelError(
            f"the export differs from the kernel in {int(bad.sum())} of {len(bad)} rows; row {row}: {float(found[row, 0])!r}, "
            f"the kernel says {float(wanted[row, 0])!r}; keep to the .safetensors file, and report the graph"
        )
    large = finite & (np.abs(wanted) >= 1.0)
    distance = np.abs(_ordered(found) - _ordered(wanted))
    return Agreement(
        rows=len(wanted),
        same_rows=int((found.view(np.int32) == wanted.view(np.int32)).sum()),
        max_ulp=int(distance[large].max()) if large.any() else 0,
        max_error=float(error.max()) if len(error) else 0.0,
    )


def _ordered(x: Floats) -> npt.NDArray[np.int64]:
    """float32 as integers in the same order, one apart where neighbours."""
    bits = np.ascontiguousarray(x).view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
