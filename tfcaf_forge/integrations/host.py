"""HostMixer: a kernel behind a host's own state layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tfcaf_forge.errors import InputError
from tfcaf_forge.kernels.artifact import load_kernel
from tfcaf_forge.kernels.kernel import Kernel
from tfcaf_forge.kernels.layout import match_layout


class HostMixer(nn.Module):
    """Q_tot of a kernel, from a state in the host's order.

    Args:
        kernel: a kernel, or its file.
        layout: name of every column of the host's state; the kernel's own order if None. Columns that the kernel does
            not read may be named `-`.

    Attributes:
        kernel: the kernel.
        columns: the host's column for each of the kernel's state fields, int64 [S]; None where the order is the same.

    Raises:
        KernelError: the file is none of ours, or was changed.
        InputError: the host's state lacks a field; both layouts are shown.
    """

    def __init__(self, kernel: Kernel | Path | str, layout: Sequence[str] | None = None) -> None:
        """Match the layouts by name."""
        super().__init__()
        self.kernel = kernel if isinstance(kernel, Kernel) else load_kernel(kernel)
        own = self.kernel.manifest.layout
        self.width = len(own if layout is None else layout)
        columns = match_layout(own if layout is None else layout, own)
        self.columns: Tensor | None
        same = columns == tuple(range(self.width))
        self.register_buffer("columns", None if same else torch.tensor(columns), persistent=False)

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """Q_tot.

        Args:
            local_q: [..., N].
            state: [..., W], as the host lays it out, unnormalised.

        Returns:
            [..., 1].

        Raises:
            InputError: the state has another width than the layout.
        """
        if state.shape[-1] != self.width:
            raise InputError(
                f"the host's state has {state.shape[-1]} columns, the layout names {self.width}: "
                f"{', '.join(self.kernel.manifest.layout)}; give the layout of the host's state"
            )
        return self.kernel(local_q, state if self.columns is None else state.index_select(-1, self.columns))
