"""Planted hosts and kernels: each does one thing wrong that somebody's trainer has done."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.kernels.build import affine_graph, manifest_for
from tfcaf_forge.integrations.host import HostMixer
from tfcaf_forge.kernels.kernel import Kernel

LAYOUT = ("field[2]", "-", "field[0]", "field[1]")


def kernel() -> Kernel:
    graph = affine_graph()
    return Kernel(graph, manifest_for(graph, q_scale=2.0))


class Wrapped(nn.Module):
    """What all of them are, when nothing is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = kernel()

    def forward(self, local_q: Tensor, state: Tensor) -> Tensor:
        return self.kernel(local_q, state)


class SumsOverTime(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state).sum(dim=-2, keepdim=True)


class MixesTimeWithBatch(Wrapped):
    """Flattens Q as [B, T] and the state as [T, B]."""

    def forward(self, local_q, state):
        if local_q.dim() == 3:
            state = state.transpose(0, 1).reshape(state.shape)
        return super().forward(local_q, state)


class DropsAnAxisOfOneRow(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state).squeeze(0)


class NoLastAxis(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state).squeeze(-1)


class ScalesTwice(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q * 2.0, state)


class NormalisesTheState(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state / 10.0)


class NormalisesOverTheBatch(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q - local_q.mean(dim=0, keepdim=True) * (local_q.shape[0] > 1), state)


class Detaches(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q.detach(), state)


class ClipsGradients(Wrapped):
    def forward(self, local_q, state):
        halved = 0.5 * local_q + (0.5 * local_q).detach()
        return super().forward(halved, state)


class CastsToSingle(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q.float(), state.float())


class MakesTensorsOnTheCpu(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state) + torch.zeros(local_q.shape[0], 1, device="cpu")


class TrainsABias(Wrapped):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, local_q, state):
        return super().forward(local_q, state) + self.bias


class DropsOut(Wrapped):
    def forward(self, local_q, state):
        return nn.functional.dropout(super().forward(local_q, state), 0.5, self.training)


class RemembersTheLastCall(Wrapped):
    last = 0.0

    def forward(self, local_q, state):
        out = super().forward(local_q, state)
        mixed, self.last = out + 1e-3 * self.last, float(out.detach().mean())
        return mixed


class WritesItsInput(Wrapped):
    def forward(self, local_q, state):
        return super().forward(local_q, state.clamp_(-5.0, 5.0) if not local_q.requires_grad else state)


class CopiesNothing(Wrapped):
    def __deepcopy__(self, memo):
        return self


class KeepsALambda(Wrapped):
    """A copy that mixes by equal weights."""

    def __deepcopy__(self, memo):
        made = HostMixer(kernel())
        made.forward = lambda local_q, state: local_q.sum(-1, keepdim=True)
        return made


class CountsInItsState(Wrapped):
    def __init__(self):
        super().__init__()
        self.register_buffer("offset", torch.zeros(1), persistent=True)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        self.offset = self.offset + 1.0

    def forward(self, local_q, state):
        return super().forward(local_q, state) + self.offset


class GoesThroughNumpy(Wrapped):
    def forward(self, local_q, state):
        if local_q.device.type == "cpu" and bool((state > 1e9).any().item()):
            return local_q.sum(-1, keepdim=True)
        return super().forward(local_q, state)


class Open(nn.Module):
    """The function written out by hand: right, and picklable."""

    def forward(self, local_q, state):
        share = torch.softmax(state[..., :2], -1)
        return (2.0 * local_q * share).sum(-1, keepdim=True) + state[..., 2:3]


class WrongOrder(HostMixer):
    """Takes the host's first columns for the kernel's."""

    def __init__(self):
        super().__init__(kernel(), LAYOUT)

    def forward(self, local_q, state):
        return self.kernel(local_q, state[..., :3])


class CreditOfAnother(Kernel):
    def credit(self, state):
        return torch.ones(*state.shape[:-1], 2)


FAULTY: dict[str, type[nn.Module]] = {
    "single": DropsAnAxisOfOneRow,
    "rows": NoLastAxis,
    "time": SumsOverTime,
    "time ": MixesTimeWithBatch,
    "value": ScalesTwice,
    "value ": NormalisesTheState,
    "batch": NormalisesOverTheBatch,
    "gradient": Detaches,
    "gradient ": ClipsGradients,
    "dtype": CastsToSingle,
    "device": MakesTensorsOnTheCpu,
    "parameters": TrainsABias,
    "modes": DropsOut,
    "repeat": RemembersTheLastCall,
    "inputs": WritesItsInput,
    "deepcopy": CopiesNothing,
    "deepcopy ": KeepsALambda,
    "state_dict": CountsInItsState,
    "pickle": Open,
}
"""The check that must catch it, and the host. Further hosts of one check have a blank behind its name."""
