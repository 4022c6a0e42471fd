"""Kernels: a vetted graph as a torch module, and as one file that can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcaf_forge.kernels.artifact import load_kernel, save_kernel
    from tfcaf_forge.kernels.kernel import Kernel

__all__ = ["Kernel", "load_kernel", "save_kernel"]

_HOME = {
    "Kernel": "tfcaf_forge.kernels.kernel",
    "load_kernel": "tfcaf_forge.kernels.artifact",
    "save_kernel": "tfcaf_forge.kernels.artifact",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - module attributes
    """Load torch only when a kernel is asked for."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
