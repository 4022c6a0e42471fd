"""The agents' network, shared by all agents, and how it acts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from tfcaf_forge.replay.episode import Floats, Ints
from tfcaf_forge.replay.packed import Packed
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.envs.base import Step
from tfcaf_forge.training.envs.behaviour import random_actions
from tfcaf_forge.training.gru import packed_gru


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
        self.gru = nn.GRU(hidden, hidden) if recurrent else None
        self.middle = None if recurrent else nn.Linear(hidden, hidden)
        self.decode = nn.Linear(hidden, n_actions)

    def forward(self, inputs: Tensor, sizes: Sequence[int]) -> Tensor:
        """All rows of all agents in one call, from the start of the episodes.

        Args:
            inputs: float32 [M, N, I], packed (`replay.packed`).
            sizes: rows of each step.

        Returns:
            float32 [M, N, A].
        """
        m, n, _ = inputs.shape
        x = F.relu(self.encode(inputs.flatten(0, 1)), inplace=True)
        if self.middle is not None:
            x = F.relu(self.middle(x), inplace=True)
        else:
            x = self._unroll(x, [size * n for size in sizes])
        return self.decode(x).view(m, n, -1)

    def _unroll(self, x: Tensor, sizes: list[int]) -> Tensor:
        """Hidden states of all rows, [M * N, H] -> [M * N, H]."""
        gru = self.gru
        assert gru is not None  # noqa: S101 - either `middle` or `gru` is there
        if x.device.type != "cpu":
            return gru(PackedSequence(x, torch.tensor(sizes)))[0].data
        return packed_gru(x, gru.all_weights[0], sizes)


def input_size(config: TrainConfig, *, obs_size: int, n_agents: int, n_actions: int) -> int:
    """I: the observation, then (if the configuration says so) the last action and the agent's index, both one-hot."""
    return obs_size + config.obs_last_action * n_actions + config.obs_agent_id * n_agents


def network_inputs(config: TrainConfig, batch: Packed) -> Tensor:
    """What the network reads in every reached row.

    Args:
        config: says what is appended to the observation.
        batch: packed episodes.

    Returns:
        float32 [M, N, I]; the last action of the first step is all zeros.
    """
    m, n, o = batch.obs.shape
    a = batch.available.shape[2]
    inputs = batch.obs.new_zeros(m, n, input_size(config, obs_size=o, n_agents=n, n_actions=a))
    inputs[..., :o] = batch.obs
    if config.obs_last_action:
        batch.following(inputs)[..., o : o + a].scatter_(2, batch.actions[..., None], 1.0)
    if config.obs_agent_id:
        inputs[..., -n:] = torch.eye(n, dtype=inputs.dtype, device=inputs.device)
    return inputs


class EpsilonGreedy:
    """The network's policy: greedy over available actions, uniformly random with probability `epsilon`.

    It acts in numpy: for a few environments torch's calls cost more than the arithmetic. On a CPU the arrays are the
    network's own memory; from another device they are copied once an episode.

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
        self._weights = {name: value.detach().cpu().numpy() for name, value in self.network.named_parameters()}

    def act(self, step: Step) -> Ints:
        """int64 [B, N]."""
        if not self._inputs.size:
            self._allocate(step)
        self._inputs[..., : step.obs.shape[2]] = step.obs
        values = self._values(self._inputs.reshape(-1, self._inputs.shape[2])).reshape(step.available.shape)
        actions = np.where(step.available, values, -np.inf).argmax(axis=2)
        if self.epsilon > 0.0:
            explore = self._rng.random(actions.shape) < self.epsilon
            actions = np.where(explore, random_actions(step.available, self._rng), actions)
        self._remember(actions, step.obs.shape[2])
        return actions

    def _values(self, rows: Floats) -> Floats:
        """Local Q-values of one step, [R, I] -> [R, A]; moves the memory of the GRU."""
        x = np.maximum(self._linear("encode.weight", "encode.bias", rows), 0.0)
        if self.network.recurrent:
            x = self._memory = self._cell(x)
        else:
            x = np.maximum(self._linear("middle.weight", "middle.bias", x), 0.0)
        return self._linear("decode.weight", "decode.bias", x)

    def _cell(self, x: Floats) -> Floats:
        """One step of the GRU, [R, H] -> [R, H]; gates as in `gru`."""
        h = self.network.hidden
        given = self._linear("gru.weight_ih_l0", "gru.bias_ih_l0", x)
        kept = self._linear("gru.weight_hh_l0", "gru.bias_hh_l0", self._memory)
        gates = np.tanh((given[:, : 2 * h] + kept[:, : 2 * h]) * np.float32(0.5))  # sigmoid(x) = (1 + tanh(x/2)) / 2
        gates = (gates + np.float32(1.0)) * np.float32(0.5)
        new = np.tanh(given[:, 2 * h :] + gates[:, :h] * kept[:, 2 * h :])
        return new + gates[:, h:] * (self._memory - new)

    def _linear(self, weight: str, bias: str, rows: Floats) -> Floats:
        made: NDArray[np.float32] = rows @ self._weights[weight].T
        made += self._weights[bias]
        return made

    def _allocate(self, step: Step) -> None:
        """One array of inputs for the whole episode; only what changes is written again."""
        b, n, o = step.obs.shape
        size = input_size(self.config, obs_size=o, n_agents=n, n_actions=self.n_actions)
        self._inputs = np.zeros((b, n, size), np.float32)
        if self.config.obs_agent_id:
            self._inputs[..., -n:] = np.eye(n, dtype=np.float32)
        self._memory = np.zeros((b * n, self.network.hidden), np.float32)

    def _remember(self, actions: Ints, obs_size: int) -> None:
        if self.config.obs_last_action:
            last = self._inputs[..., obs_size : obs_size + self.n_actions]
            last[:] = actions[..., None] == np.arange(self.n_actions)
