"""What is measured beside the return: how near a mixer's credit is to each agent's own contribution."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from tfcaf_forge.replay.packed import Packed
from tfcaf_forge.training.agents import AgentNetwork, network_inputs
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.mixers import Joint, Mixer


def contribution_error(credit: Tensor, agent_reward: Tensor) -> float | None:
    """How far the shares of the credit are from the shares of the reward, over the steps that paid.

    At each step whose agents' rewards are not all zero: half the sum over agents of |c_i / sum |c| - |r_i| / sum |r||, the
    total variation between the two shares where no credit is negative. 0: credit goes where the reward, or the punishment,
    came from: what an agent had a share in is what its local Q-value should have a share in.

    Args:
        credit: float32 [K, N], dQ_tot/dQ_i.
        agent_reward: float32 [K, N].

    Returns:
        The mean over those steps, in [0, 1] for credit >= 0; None if no step paid.
    """
    paid = agent_reward.abs().sum(dim=-1) > 0
    if not bool(paid.any()):
        return None
    pair = (credit[paid], agent_reward[paid].abs())
    shares = [x / x.abs().sum(dim=-1, keepdim=True).clamp(min=1e-12) for x in pair]
    return float(0.5 * (shares[0] - shares[1]).abs().sum(dim=-1).mean())


def credit_of(network: AgentNetwork, mixer: Mixer, config: TrainConfig, batch: Packed) -> Tensor:
    """dQ_tot/dQ_i of what was done, at the network's own local Q-values, [K, N]."""
    with torch.no_grad():
        q = network(network_inputs(config, batch), batch.sizes).index_select(0, batch.current)
        best = q.masked_fill(~batch.available.index_select(0, batch.current), -torch.inf).amax(dim=2)
    local = q.gather(2, batch.actions[..., None]).squeeze(2).requires_grad_()
    joint = Joint(best, batch.actions) if mixer.needs_joint else None
    with torch.enable_grad():
        q_tot = mixer(local, batch.state.index_select(0, batch.current), joint)
    if not q_tot.requires_grad:
        return torch.zeros_like(local)
    (credit,) = torch.autograd.grad(q_tot.sum(), local, allow_unused=True)
    return torch.zeros_like(local) if credit is None else cast("Tensor", credit)
