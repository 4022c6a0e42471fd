"""A node on the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfcaf_forge.evidence.proofs.arith import sum_to
from tfcaf_forge.evidence.proofs.domains import Val, expand, known
from tfcaf_forge.evidence.proofs.site import Site
from tfcaf_forge.graph.opgraph import Ref

Parts = list[tuple[Ref, Val]]


@dataclass
class Back:
    """A node, the gradients of its outputs, and which of its arguments a gradient is wanted for.

    Attributes:
        outs: gradient of each output; None where none arrived.
        wanted: the values that depend on local_q smoothly.
    """

    site: Site
    outs: tuple[Val | None, ...]
    wanted: Callable[[Ref], bool]

    @property
    def g(self) -> Val:
        """Gradient of the first output, in its full shape."""
        first = self.outs[0]
        return known(self.site.shape, 0.0) if first is None else expand(first, self.site.shape)

    @property
    def y(self) -> Val:
        """The first output's abstract value."""
        return self.site.run.values[self.site.index + 2][0]

    def wants(self, name: str) -> bool:
        """Whether an argument needs a gradient."""
        arg = self.site.arg(name) if self.site.has(name) else None
        return isinstance(arg, Ref) and self.wanted(arg)

    def to(self, name: str, part: Val) -> Parts:
        """A gradient for one argument, summed over what was broadcast; nothing where none is wanted."""
        if not self.wants(name):
            return []
        return [(self.site.ref(name), sum_to(part, self.site.in_shape(name)))]


BackRule = Callable[[Back], Parts]
