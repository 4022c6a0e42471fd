"""Indices: how a part of an array is written, which torch, NumPy and JAX write alike."""

from __future__ import annotations

from collections.abc import Callable

from tfcaf_forge.graph.opgraph import Arg
from tfcaf_forge.kernels.emit.context import Emitter, Site, slice_text, text

_NO_END = 1 << 62
"""Where ATen writes the end of a slice that has none, it writes a number beyond this."""


def indexing(array: Callable[[Site], str]) -> dict[str, Emitter]:
    """The rows of an emitter's table that are an index behind an array.

    Args:
        array: writes the operand `self`.
    """
    return {
        "select.int": lambda site: f"{array(site)}[{site.index(site.axis(), site.plain('index'))}]",
        "slice.Tensor": lambda site: f"{array(site)}[{site.index(site.axis(), _part(site))}]",
        "unsqueeze": lambda site: f"{array(site)}[{site.index(site.axis(extra=1), 'None')}]",
        "index.Tensor": lambda site: f"{array(site)}[{_places(site)}]",
    }


def end_text(end: Arg) -> str:
    """The end of a slice as an argument."""
    return "None" if isinstance(end, int) and end >= _NO_END else text(end)


def _part(site: Site) -> str:
    return slice_text(site.arg("start"), site.arg("end"), site.arg("step"))


def _places(site: Site) -> str:
    indices = site.arg("indices")
    assert isinstance(indices, tuple)  # noqa: S101 - `verify` has checked it
    return ", ".join(":" if item is None else text(item) for item in indices)
