"""Mixers: from local Q-values and the state to the joint value Q_tot. VDN, QMIX, QPLEX, and any kernel.

A mixer is called with local Q-values [..., N] and the state [..., S] as the environment gives it, unnormalised,
and returns Q_tot [..., 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.task_spec import TaskSpec


@dataclass(frozen=True, eq=False)
class Joint:
    """What a duelling mixer reads beside the chosen local Q-values.

    Attributes:
        best: float32 [..., N]; each agent's largest local Q-value over its available actions, without gradient.
        actions: int64 [..., N]; the chosen ones.
    """

    best: Tensor
    actions: Tensor


class Mixer(nn.Module):
    """Base of the mixers here: a module with a name to record.

    Attributes:
        name: in records and tables.
        needs_joint: whether `forward` must be given a `Joint`.
    """

    name: str
    needs_joint = False

    def forward(self, local_q: Tensor, state: Tensor, joint: Joint | None = None) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        raise NotImplementedError

    def mixing(self, state: Tensor) -> Tensor | None:
        """Credit and bias of each state where training never changes them, [..., S] -> [..., N + 1]; else None.

        They are then computed once, when a transition is stored, and the learner mixes with `mix`.
        """
        del state
        return None

    def penalty(self) -> Tensor | float:
        """What the newest `forward` adds to the loss."""
        return 0.0


def mix(local_q: Tensor, mixing: Tensor) -> Tensor:
    """Q_tot = sum_i c_i Q_i + b: local_q [..., N] and (credit, bias) [..., N + 1] -> [...]."""
    return (local_q * mixing[..., :-1]).sum(dim=-1) + mixing[..., -1]


class VDN(Mixer):
    """Q_tot = sum_i Q_i (Sunehag et al., 2018): every agent gets credit 1, whatever the state."""

    name = "vdn"

    def forward(self, local_q: Tensor, state: Tensor, joint: Joint | None = None) -> Tensor:
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
            self.bias2 = nn.Sequential(nn.Linear(size, embed), nn.ReLU(inplace=True), nn.Linear(embed, 1))

    def forward(self, local_q: Tensor, state: Tensor, joint: Joint | None = None) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        s = (state - self.low) / self.width
        w1 = self.weight1(s).abs_().unflatten(-1, (self.n_agents, self.embed)).unbind(dim=-2)
        # An agent at a time: thousands of products of one row with a small matrix each are slower.
        mixed = self.bias1(s)
        for q, w in zip(local_q.split(1, dim=-1), w1, strict=True):
            mixed = torch.addcmul(mixed, q, w)
        hidden = torch.nn.functional.elu(mixed, inplace=True)
        return (hidden * self.weight2(s).abs_()).sum(dim=-1, keepdim=True) + self.bias2(s)


class QPLEX(Mixer):
    """Q_tot = sum_i (w_i Q_i + b / N) + sum_i (lambda_i - 1) A_i, A_i = w_i (Q_i - max Q_i) (Wang et al., 2021).

    The weights w come from attention, as published: each head's query is a two-layer network of the state, each
    agent's key is linear in what the state says of that agent, and w_i is the sum of the heads' softmax over the agents.
    lambda(s, a) > 0 is a sum over heads of |key(s)| * sigmoid(agents(s)) * sigmoid(actions(s, a)). A_i is a constant to
    the gradient, as in the published code, so that credit is w and only lambda learns from the advantages.

    The state is normalised as for QMIX. Where the state has no field of its own for each agent, its index stands in.

    Args:
        task: gives N, A, S, the ranges and which fields are whose.
        embed: width of queries and keys.
        hypernet: width of the hidden layer of the queries.
        heads: of both attentions.
        seed: of the initial weights.
        penalty: coefficient of the mean square of the attention's logits, which is added to the loss.
    """

    name = "qplex"
    needs_joint = True

    def __init__(
        self, task: TaskSpec, *, embed: int = 32, hypernet: int = 64, heads: int = 4, seed: int = 0, penalty: float = 1e-3
    ) -> None:  # fmt: skip
        """Draw the weights from `seed`, leaving torch's global generator alone."""
        super().__init__()
        n, s, a = task.n_agents, task.state_size, len(task.actions)
        self.n_agents, self.n_actions, self.heads, self.embed = n, a, heads, embed
        self.coefficient = penalty
        self._penalty: Tensor | float = 0.0
        low, width = state_scale(task)
        own = own_fields(task)
        for name, tensor in (("low", low), ("width", width), ("own", own)):
            self.register_buffer(name, tensor)
        self.low: Tensor
        self.width: Tensor
        self.own: Tensor
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            hidden = hypernet or embed
            self.query1 = nn.Linear(s, heads * hidden)
            self.query2 = nn.ModuleList(nn.Linear(hidden, embed, bias=False) for _ in range(heads))
            self.key = nn.Linear(own.shape[1] or n, heads * embed, bias=False)
            self.bias = nn.Sequential(nn.Linear(s, embed), nn.ReLU(), nn.Linear(embed, 1))
            self.lambda_key = nn.Linear(s, heads)
            self.lambda_agents = nn.Linear(s, heads * n)
            self.lambda_actions = nn.Linear(s + n * a, heads * n)

    def forward(self, local_q: Tensor, state: Tensor, joint: Joint | None = None) -> Tensor:
        """[..., N], [..., S] and the joint choice -> [..., 1].

        Raises:
            InputError: without `joint`.
        """
        if joint is None:
            raise InputError("qplex needs the best local Q-values and the actions; pass joint=Joint(best, actions)")
        s = (state - self.low) / self.width
        weight = self._attention(s) + 1e-10
        advantage = (weight * (local_q - joint.best)).detach()
        duel = (advantage * (self._lambda(s, joint.actions) - 1.0)).sum(dim=-1, keepdim=True)
        return (weight * local_q).sum(dim=-1, keepdim=True) + self.bias(s) + duel

    def penalty(self) -> Tensor | float:
        """The coefficient times the sum over heads of the mean squared logit of the newest `forward`."""
        return self._penalty

    def _attention(self, s: Tensor) -> Tensor:
        """w, [..., S] -> [..., N]: the heads' attention, summed."""
        hidden = torch.relu(self.query1(s)).chunk(self.heads, dim=-1)
        query = torch.stack(
            [layer(part) for layer, part in zip(self.query2, hidden, strict=True)], dim=-2
        )  # [..., H, E]
        if self.own.shape[1]:
            keys = self.key(s[..., self.own])
        else:
            keys = self.key(torch.eye(self.n_agents, dtype=s.dtype, device=s.device)).expand(*s.shape[:-1], -1, -1)
        keys = keys.unflatten(-1, (self.heads, self.embed))  # [..., N, H, E]
        logits = torch.einsum("...he,...nhe->...hn", query, keys)
        self._penalty = self.coefficient * self.heads * logits.square().mean()
        return torch.softmax(logits / self.embed**0.5, dim=-1).sum(dim=-2)

    def _lambda(self, s: Tensor, actions: Tensor) -> Tensor:
        """lambda, [..., N]."""
        chosen = nn.functional.one_hot(actions, self.n_actions).to(s.dtype).flatten(-2)
        shape = (self.heads, self.n_agents)
        key = self.lambda_key(s).abs().unsqueeze(-1) + 1e-10  # [..., H, 1]
        agents = torch.sigmoid(self.lambda_agents(s)).unflatten(-1, shape)
        act = torch.sigmoid(self.lambda_actions(torch.cat([s, chosen], dim=-1))).unflatten(-1, shape)
        return (key * agents * act).sum(dim=-2)


class KernelLike(Protocol):
    """What a credit function must offer to be trained with; `tfcaf_forge.load_kernel` gives one.

    Where Q_tot is affine in the local Q-values it also has `affine = True`, `credit(state)` and `bias(state)`.

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

    The state goes in raw, as the function was written for. Where Q_tot is affine in the local Q-values, credit and bias
    are kept with each transition (`mixing`); else the function runs on the whole batch at every update.

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

    def forward(self, local_q: Tensor, state: Tensor, joint: Joint | None = None) -> Tensor:
        """[..., N], [..., S] -> [..., 1]."""
        return self.kernel(local_q, state)

    def mixing(self, state: Tensor) -> Tensor | None:
        """[..., S] -> [..., N + 1], without gradient; None where Q_tot is not affine in the local Q-values."""
        kernel: Any = self.kernel
        if not getattr(kernel, "affine", False):
            return None
        return torch.cat([kernel.credit(state), kernel.bias(state)], dim=-1).detach()


def own_fields(task: TaskSpec) -> Tensor:
    """Indices of the state fields that belong to each agent, int64 [N, F]; F = 0 where agents have none or unequally many."""
    fields = [[slot.index for slot in task.layout if slot.agent == i] for i in range(task.n_agents)]
    if len({len(mine) for mine in fields}) != 1:
        return torch.zeros(task.n_agents, 0, dtype=torch.int64)
    return torch.tensor(fields, dtype=torch.int64).reshape(task.n_agents, -1)


def state_scale(task: TaskSpec) -> tuple[Tensor, Tensor]:
    """The lowest value of every state field and the width of its range (1 where it is a single value), both [S]."""
    lows = [slot.low if slot.absent is None else min(slot.low, slot.absent) for slot in task.layout]
    highs = [slot.high if slot.absent is None else max(slot.high, slot.absent) for slot in task.layout]
    low, high = torch.tensor(lows), torch.tensor(highs)
    return low, torch.where(high > low, high - low, torch.ones_like(low))


def _hypernetwork(state_size: int, hidden: int, out: int) -> nn.Module:
    if hidden == 0:
        return nn.Linear(state_size, out)
    return nn.Sequential(nn.Linear(state_size, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out))
