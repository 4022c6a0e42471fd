"""Mixers: from local Q-values and the state to the joint value Q_tot. VDN, QMIX, and any kernel.

A mixer is called with local Q-values [..., N] and the state [..., S] as the environment gives it, unnormalised,
and returns Q_tot [..., 1].
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.task_spec import TaskSpec


class Mixer(nn.Module):
    """Base of the mixers here: a module with a name to record."""

    name: str

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        raise NotImplementedError


class VDN(Mixer):
    """Q_tot = sum_i Q_i (Sunehag et al., 2018): every agent gets credit 1, whatever the state."""

    name = "vdn"

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1]; the state is not used."""
        return local_q.sum(dim=-1, keepdim=True)


class QMIX(Mixer):
    """Q_tot = w2(s)^T ELU(W1(s)^T Q + b1(s)) + b2(s) with W1, w2 >= 0 (Rashid et al., 2018).

    Weights are the absolute values of hypernetworks' outputs; b1 is linear in the state, b2 a two-layer
    network. The hypernetworks see the state normalised to [0, 1] by the TaskSpec's ranges (absent values
    included), because numbers of different size would otherwise weigh differently at the start.

    Args:
        task: gives N, S and the ranges.
        embed: width of the mixing network (32 in the paper).
        hypernet: width of the hidden layer of the two weight hypernetworks; 0 for a single linear layer
            (the paper has linear ones, PyMARL's default is 64).
        seed: of the initial weights.
    """

    name = "qmix"

    def __init__(self, task: TaskSpec, *, embed: int = 32, hypernet: int = 64, seed: int = 0) -> None:
        """Draw the weights from `seed`, leaving torch's global generator alone."""
        super().__init__()
        self.n_agents = task.n_agents
        self.embed = embed
        low, width = state_scale(task)
        self.register_buffer("low", low)
        self.register_buffer("width", width)
        self.low: Tensor
        self.width: Tensor
        size = task.state_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.weight1 = _hypernetwork(size, hypernet, embed * self.n_agents)
            self.bias1 = nn.Linear(size, embed)
            self.weight2 = _hypernetwork(size, hypernet, embed)
            self.bias2 = nn.Sequential(nn.Linear(size, embed), nn.ReLU(), nn.Linear(embed, 1))

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        s = (state - self.low) / self.width
        w1 = self.weight1(s).abs().unflatten(-1, (self.n_agents, self.embed))
        hidden = torch.nn.functional.elu((local_q.unsqueeze(-2) @ w1).squeeze(-2) + self.bias1(s))
        return (hidden * self.weight2(s).abs()).sum(dim=-1, keepdim=True) + self.bias2(s)


class KernelLike(Protocol):
    """What a credit function must offer to be trained with; `tfcaf_forge.load_kernel` gives one.

    Attributes:
        n_agents, state_size: N and S.
    """

    n_agents: int
    state_size: int

    def __call__(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1], differentiable in `local_q`; scales Q by the task's q_scale itself."""
        ...


class KernelMixer(Mixer):
    """Mixes by a fixed credit function. It has no parameters and needs no target copy.

    The state goes in raw, as the function was written for. It requires no gradient, so of the function's arithmetic
    only what touches the Q-values is recorded for the backward pass: calling `forward` costs less here than asking
    an affine kernel for `credit(state)` and `bias(state)`, which pay where they are kept with the transition.

    Args:
        kernel: the credit function.
        task: what it will be trained on.
        name: to record, such as `kernel:3f2a9c1e`.

    Raises:
        InputError: the kernel has other sizes than the task.
    """

    def __init__(self, kernel: KernelLike, task: TaskSpec, *, name: str = "kernel") -> None:
        """Hold the kernel against the task."""
        super().__init__()
        sizes = ((kernel.n_agents, task.n_agents, "agents"), (kernel.state_size, task.state_size, "state fields"))
        for found, declared, what in sizes:
            if found != declared:
                raise InputError(
                    f"{name} is for {found} {what}, the task {task.name} has {declared}; "
                    "train it on the task it was made for"
                )
        self.kernel = kernel
        self.name = name

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        return self.kernel(local_q, state)


def state_scale(task: TaskSpec) -> tuple[Tensor, Tensor]:
    """The lowest value of every state field and the width of its range (1 where it is a single value), both [S]."""
    lows = [slot.low if slot.absent is None else min(slot.low, slot.absent) for slot in task.layout]
    highs = [slot.high if slot.absent is None else max(slot.high, slot.absent) for slot in task.layout]
    low, high = torch.tensor(lows), torch.tensor(highs)
    return low, torch.where(high > low, high - low, torch.ones_like(low))


def _hypernetwork(state_size: int, hidden: int, out: int) -> nn.Module:
    if hidden == 0:
        return nn.Linear(state_size, out)
    return nn.Sequential(nn.Linear(state_size, hidden), nn.ReLU(), nn.Linear(hidden, out))
