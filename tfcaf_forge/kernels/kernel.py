"""Kernel: a verified graph as a torch module without parameters."""

from __future__ import annotations

from typing import Any, NoReturn, Self

import torch
from torch import Tensor, nn

from tfcaf_forge.errors import KernelError
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.kernels.bound import Lowered
from tfcaf_forge.records.manifest import Manifest


class Kernel(nn.Module):
    """Q_tot as a fixed function of local Q-values and state.

    It holds no parameters and no buffers, follows its inputs' device and floating type, and can be compiled with
    `torch.compile`. Build one with `load_kernel`, which verifies the file.

    Args:
        graph: a verified graph.
        manifest: what the graph computes and what is known about it.

    Attributes:
        graph, manifest: as given.
        n_agents, state_size: N and S.
        affine: whether Q_tot is affine in the local Q-values, so that `credit` and `bias` exist.
    """

    def __init__(self, graph: OpGraph, manifest: Manifest) -> None:
        """Bind the graph's operations."""
        super().__init__()
        self.graph = graph
        self.manifest = manifest
        self.n_agents = graph.n_agents
        self.state_size = graph.state_size
        self.affine = is_affine(graph)
        self._program = Lowered(graph)
        self._scale = manifest.q_scale

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """Q_tot.

        Args:
            local_q: [..., N] chosen local Q-values.
            state: [..., S] global state, laid out as `manifest.layout` says, unnormalised.

        Returns:
            [..., 1], differentiable in both.

        Raises:
            KernelError: the inputs have other sizes.
        """
        self._check(local_q, self.n_agents, "local_q")
        self._check(state, self.state_size, "state")
        if local_q.shape[:-1] != state.shape[:-1]:
            raise KernelError(f"local_q {tuple(local_q.shape)} and state {tuple(state.shape)} have different rows")
        flat = self._program(local_q.reshape(-1, self.n_agents) * self._scale, state.reshape(-1, self.state_size))
        return flat.reshape(*local_q.shape[:-1], 1)

    def credit(self, state: Tensor) -> Tensor:
        """The credit of each agent, dQ_tot/dQ_i, which depends on the state alone where Q_tot is affine.

        Args:
            state: [..., S].

        Returns:
            [..., N], without gradient.

        Raises:
            KernelError: Q_tot is not affine in the local Q-values; differentiate `forward` instead.
        """
        self._check_affine("credit")
        self._check(state, self.state_size, "state")
        flat = state.detach().reshape(-1, self.state_size)
        with torch.enable_grad():
            leaf = flat.new_zeros((flat.shape[0], self.n_agents), requires_grad=True)
            q_tot = self._program(leaf * self._scale, flat)
            if not q_tot.requires_grad:
                found = torch.zeros_like(leaf)
            else:
                (found,) = torch.autograd.grad(q_tot.sum(), leaf)
        return found.reshape(*state.shape[:-1], self.n_agents)

    @torch.no_grad()
    def bias(self, state: Tensor) -> Tensor:
        """Q_tot at zero local Q-values: [..., S] -> [..., 1], without gradient; errors as in `credit`."""
        self._check_affine("bias")
        self._check(state, self.state_size, "state")
        flat = state.reshape(-1, self.state_size)
        made = self._program(flat.new_zeros((flat.shape[0], self.n_agents)), flat)
        return made.reshape(*state.shape[:-1], 1)

    def extra_repr(self) -> str:
        """Task, sizes and the graph's digest."""
        kind = "affine" if self.affine else "not affine"
        return f"task={self.manifest.task!r}, n_agents={self.n_agents}, state_size={self.state_size}, {kind}, graph={self.manifest.graph_digest[:12]}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A new kernel of the same graph; both are immutable."""
        made = type(self)(self.graph, self.manifest)
        memo[id(self)] = made
        return made.train(self.training)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling: a pickle runs code when it is loaded."""
        raise KernelError(
            "a kernel is not pickled, since loading a pickle runs code; keep its .safetensors file and load_kernel it"
        )

    def _check(self, tensor: Tensor, width: int, what: str) -> None:
        if tensor.shape[-1:] != (width,):
            raise KernelError(
                f"{what} has shape {tuple(tensor.shape)}; the last size must be {width} for the task {self.manifest.task}"
            )

    def _check_affine(self, what: str) -> None:
        if not self.affine:
            raise KernelError(
                f"{what}() exists only where Q_tot is affine in the local Q-values; differentiate forward() instead"
            )
