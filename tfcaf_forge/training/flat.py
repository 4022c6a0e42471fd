"""FlatParameters: all parameters of some modules as views of one vector.

A network of this size has a dozen small tensors, and an optimiser, a clipped norm and a target update over a dozen
tensors cost more in calls than in arithmetic. Over one vector each is one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn


class FlatParameters:
    """One vector behind the parameters of modules, which keep working as before.

    Args:
        modules: on one device; their parameters become views.

    Attributes:
        tensors: the modules' parameters, in order.
        vector: float32 [P], a parameter itself, for an optimiser.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        """Copy the parameters into one vector and point them at it."""
        self.tensors = [parameter for module in modules for parameter in module.parameters()]
        joined = torch.cat([tensor.detach().reshape(-1) for tensor in self.tensors])
        self.vector = nn.Parameter(joined)
        for tensor, part in zip(self.tensors, joined.split([t.numel() for t in self.tensors]), strict=True):
            tensor.data = part.view_as(tensor)

    def gradient(self, loss: Tensor) -> Tensor:
        """d loss / d vector, [P]; zeros where the loss does not depend on a parameter."""
        found = cast("Sequence[Tensor | None]", torch.autograd.grad(loss, self.tensors, allow_unused=True))
        pairs = zip(found, self.tensors, strict=True)
        return torch.cat([(torch.zeros_like(t) if g is None else g).reshape(-1) for g, t in pairs])

    @torch.no_grad()
    def follow(self, other: FlatParameters, share: float) -> None:
        """Move by `share` of the way to another vector of the same layout; 1 copies it."""
        if share == 1.0:
            self.vector.copy_(other.vector)
        else:
            self.vector.lerp_(other.vector, share)
