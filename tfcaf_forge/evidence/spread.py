"""Spread: torch's std and var over too few values, without the warning that its C++ side writes to stderr.

Where the count is at most the correction torch divides by 0, and says so once a call. A program under examination runs
thousands of times; its nan is judged like any other, so the same division is done here in silence.
"""

from __future__ import annotations

import math

import torch

from tfcaf_forge.graph.interpret import Program, Step, Values
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref

_SPREADS = {"std.correction": True, "var.correction": False}
"""Whether the square root is taken."""


class QuietProgram(Program):
    """A program whose spreads over too few values are silent.

    Args:
        graph: a graph that `verify` has accepted.
    """

    def __init__(self, graph: OpGraph) -> None:
        """Bind every node, the spreads in their silent form."""
        super().__init__(graph)
        for index, node in enumerate(graph.nodes):
            if node.op in _SPREADS:
                self._steps[index] = _silent(node, self._steps[index])


def _silent(node: Node, step: Step) -> Step:
    ref, dim, correction, keepdim = node.args
    assert isinstance(ref, Ref)  # noqa: S101 - `verify` has checked it
    least = float(correction) if isinstance(correction, int | float) else 1.0

    def spread(values: list[Values], rows: int, dtype: torch.dtype, device: torch.device) -> Values:
        value = values[ref.id][ref.out]
        dims = [int(d) for d in dim if isinstance(d, int)] if isinstance(dim, tuple) and dim else [*range(value.dim())]
        if math.prod(value.shape[d] for d in dims) > least:
            return step(values, rows, dtype, device)
        found = (value - value.mean(dims, keepdim=True)).square().sum(dims, keepdim=bool(keepdim)) / 0.0
        return (found.sqrt() if _SPREADS[node.op] else found,)

    return spread
