"""The agents' network, shared by all agents, and how it acts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tfcaf_forge.replay.episode import Ints
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.behaviour import random_actions


class AgentNetwork(nn.Module):
    """Local Q-values from what an agent has seen: linear, ReLU, GRU (or linear, ReLU), linear.

    The architecture of PyMARL's agents (Samvelyan et al., 2019; Rashid et al., 2018, appendix).

    Args:
        input_size: I, see `input_size`.
        hidden: H.
        n_actions: A.
        recurrent: GRU over time.
    """

    def __init__(self, input_size: int, hidden: int, n_actions: int, *, recurrent: bool) -> None:
        """Make the layers; they draw their weights from torch's global generator, so fork and seed it around this."""
        super().__init__()
        self.hidden = hidden
        self.recurrent = recurrent
        self.encode = nn.Linear(input_size, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True) if recurrent else None
        self.middle = None if recurrent else nn.Linear(hidden, hidden)
        self.decode = nn.Linear(hidden, n_actions)

    def forward(self, inputs: Tensor) -> Tensor:
        """All steps of all agents in one call, from the start of the episodes.

        Args:
            inputs: float32 [B, T, N, I].

        Returns:
            float32 [B, T, N, A].
        """
        x = torch.relu(self.encode(inputs))
        if self.gru is None:
            return self.decode(torch.relu(self.middle(x)))  # pyright: ignore[reportOptionalCall]
        b, t, n, h = x.shape
        sequences = x.transpose(1, 2).reshape(b * n, t, h)
        out, _ = self.gru(sequences)
        return self.decode(out.reshape(b, n, t, h).transpose(1, 2))

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One step, for acting: the GRU's cell without the machinery for sequences.

        Args:
            inputs: float32 [R, I], a row an agent.
            memory: float32 [R, H], zeros at the start of an episode.

        Returns:
            Local Q-values [R, A] and the next memory [R, H].
        """
        x = torch.relu(self.encode(inputs))
        if self.gru is None:
            return self.decode(torch.relu(self.middle(x))), memory  # pyright: ignore[reportOptionalCall]
        gru = self.gru
        memory = torch.gru_cell(x, memory, gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0)  # pyright: ignore[reportArgumentType]
        return self.decode(memory), memory


def input_size(config: TrainConfig, *, obs_size: int, n_agents: int, n_actions: int) -> int:
    """I: the observation, then (if the configuration says so) the last action and the agent's index, both one-hot."""
    return obs_size + config.obs_last_action * n_actions + config.obs_agent_id * n_agents


def network_inputs(config: TrainConfig, obs: Tensor, actions: Tensor, n_actions: int) -> Tensor:
    """Inputs for all steps of whole episodes, including what follows the last action.

    Args:
        config: says what is appended.
        obs: float32 [B, T+1, N, O].
        actions: int64 [B, T, N].
        n_actions: A.

    Returns:
        float32 [B, T+1, N, I]; the last action of the first step is all zeros.
    """
    b, t1, n, _ = obs.shape
    parts = [obs]
    if config.obs_last_action:
        last = obs.new_zeros(b, t1, n, n_actions)
        last[:, 1:].scatter_(3, actions[..., None], 1.0)
        parts.append(last)
    if config.obs_agent_id:
        parts.append(torch.eye(n, dtype=obs.dtype, device=obs.device).expand(b, t1, n, n))
    return torch.cat(parts, dim=3) if len(parts) > 1 else obs


class EpsilonGreedy:
    """The network's policy: greedy over available actions, uniformly random with probability `epsilon`.

    Args:
        network: is read, never changed.
        config: the same as the learner's.
        n_actions: A.
        epsilon: may be set between episodes.
    """

    def __init__(self, network: AgentNetwork, config: TrainConfig, n_actions: int, epsilon: float = 0.0) -> None:
        """Remember the parts; `begin` sizes the arrays."""
        self.network = network
        self.config = config
        self.n_actions = n_actions
        self.epsilon = epsilon
        self._inputs = np.zeros((0, 0, 0), np.float32)

    def begin(self, n_envs: int, rng: np.random.Generator) -> None:
        """Forget the last episode."""
        self._rng = rng
        self._n_envs = n_envs
        self._inputs = np.zeros((0, 0, 0), np.float32)

    @torch.inference_mode()
    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        if not self._inputs.size:
            self._allocate(step)
        self._inputs[..., : step.obs.shape[2]] = step.obs
        rows = torch.from_numpy(self._inputs).flatten(0, 1).to(self._memory.device)
        q, self._memory = self.network.step(rows, self._memory)
        values = q.cpu().numpy().reshape(*step.available.shape)
        actions = np.where(step.available, values, -np.inf).argmax(axis=2)
        if self.epsilon > 0.0:
            explore = self._rng.random(actions.shape) < self.epsilon
            actions = np.where(explore, random_actions(step.available, self._rng), actions)
        self._remember(actions, step.obs.shape[2])
        return actions

    def _allocate(self, step: Step) -> None:
        """One array of inputs for the whole episode; only what changes is written again."""
        b, n, o = step.obs.shape
        size = input_size(self.config, obs_size=o, n_agents=n, n_actions=self.n_actions)
        self._inputs = np.zeros((b, n, size), np.float32)
        if self.config.obs_agent_id:
            self._inputs[..., -n:] = np.eye(n, dtype=np.float32)
        self._memory = torch.zeros(b * n, self.network.hidden, device=self.network.decode.weight.device)

    def _remember(self, actions: Ints, obs_size: int) -> None:
        if self.config.obs_last_action:
            last = self._inputs[..., obs_size : obs_size + self.n_actions]
            last[:] = actions[..., None] == np.arange(self.n_actions)
