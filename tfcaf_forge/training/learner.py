"""The learner: cooperative deep Q-learning with a mixer, readable from top to bottom.

Local Q-values come from one network shared by the agents (`agents`), the mixer joins them (`mixers`), and the joint
value is fitted to targets (`targets`) on whole replayed episodes. A batch is packed (`replay.packed`): it has a row for
each step that exists and none for padding, so nothing here is masked.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tfcaf_forge.errors import ConfigError, ForgeError
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.replay.packed import Packed
from tfcaf_forge.training import targets
from tfcaf_forge.training.agents import AgentNetwork, input_size, network_inputs
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.flat import FlatParameters
from tfcaf_forge.training.kept import KeptValues
from tfcaf_forge.training.mixers import Joint, Mixer, mix


class TrainingDiverged(ForgeError):  # noqa: N818 - reads as what happened
    """The loss or its gradient is not a finite number any more.

    Args:
        message: what happened.
        batch: the episodes on which it happened.
    """

    code = "diverged"

    def __init__(self, message: str, batch: Packed) -> None:
        """Keep the batch beside the text."""
        super().__init__(message)
        self.batch = batch


@dataclass(frozen=True)
class UpdateStats:
    """One update in numbers: loss, norm of the gradient before clipping, mean Q_tot and mean target of real steps."""

    loss: float
    grad_norm: float
    q_tot: float
    target: float


class RewardMoments:
    """Running mean and variance of all rewards of real steps (Chan et al., 1983)."""

    def __init__(self) -> None:
        """Start with none."""
        self.count, self.mean, self.spread = 0, 0.0, 0.0

    def add(self, episodes: EpisodeBatch) -> None:
        """Count every real step once."""
        rewards = episodes.reward[episodes.valid].astype(np.float64)
        if rewards.size:
            self._merge(rewards.size, float(rewards.mean()), float(rewards.var()))

    def add_padded(self, batch: Packed) -> None:
        """Count a replayed batch with its padding as zeros, as EPyMARL does; for comparison only."""
        count = batch.n_episodes * batch.horizon
        rewards = batch.reward.double()
        mean, square = (float(x) / count for x in (rewards.sum(), rewards.square().sum()))
        self._merge(count, mean, square - mean**2)

    def _merge(self, count: int, mean: float, variance: float) -> None:
        total = self.count + count
        shift = mean - self.mean
        self.spread += variance * count + shift**2 * self.count * count / total
        self.mean += shift * count / total
        self.count = total

    @property
    def std(self) -> float:
        """Standard deviation; 1 while all rewards are equal."""
        return float(np.sqrt(self.spread / self.count)) if self.spread > 0.0 else 1.0


class Learner:
    """Network, mixer, their targets and the optimiser.

    Args:
        config: settings.
        mixer: joins the local Q-values; is trained if it has parameters.
        obs_size, n_agents, n_actions: O, N, A.
        gamma: discount.
        seed: of the network's initial weights.

    Raises:
        ConfigError: torch cannot compute on the device of the settings.
    """

    def __init__(
        self,
        config: TrainConfig,
        mixer: Mixer,
        *,
        obs_size: int,
        n_agents: int,
        n_actions: int,
        gamma: float,
        seed: int,
    ) -> None:
        """Draw the network's weights from `seed`, leaving torch's global generator alone."""
        self.config = config
        self.gamma = gamma
        self.device = usable_device(config.device)
        size = input_size(config, obs_size=obs_size, n_agents=n_agents, n_actions=n_actions)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = AgentNetwork(size, config.hidden, n_actions, recurrent=config.recurrent).to(self.device)
        self.mixer = mixer.to(self.device)
        self.target_network = copy.deepcopy(self.network)
        # A mixer without parameters never moves, so it is its own target.
        self.target_mixer = copy.deepcopy(self.mixer) if any(True for _ in mixer.parameters()) else self.mixer
        self.online = FlatParameters([self.network, self.mixer])
        self.target = FlatParameters([self.target_network, self.target_mixer])
        self.optimiser = _optimiser(config, self.online.vector)
        self.rewards = RewardMoments()
        self.updates = 0
        self._kept: KeptValues | None = None  # made with the first batch that comes from a buffer

    def update(self, batch: Packed) -> UpdateStats:
        """One gradient step on whole episodes, then the target networks follow.

        All batches that come from a buffer must come from one: its episodes are told apart by their number.

        Raises:
            TrainingDiverged: the loss or the gradient is not finite; nothing was changed.
        """
        if self.config.reward_moments == "replayed":
            self.rewards.add_padded(batch)
        inputs = network_inputs(self.config, batch)
        q = self.network(inputs, batch.sizes)  # [M, N, A]
        q_tot = self._joint_value(q, batch)  # [K]
        target = self._targets(inputs, q.detach(), batch)
        error = q_tot - target
        loss = error.square().mean() + self.mixer.penalty()
        gradient = self.online.gradient(loss)
        norm = gradient.norm()
        stats = _stats(loss, norm, q_tot, target)
        self._guard(stats, batch, error)
        self.online.vector.grad = gradient.mul_(min(1.0, self.config.grad_clip / (stats.grad_norm + 1e-6)))
        self.optimiser.step()
        self.updates += 1
        self._move_targets()
        return stats

    def _joint_value(self, q: Tensor, batch: Packed) -> Tensor:
        """Q_tot of what was done: [M, N, A] -> [K]."""
        _, n, a = q.shape
        row = batch.current[:, None] * n + torch.arange(n, device=q.device)
        chosen = q.view(-1).gather(0, (row * a + batch.actions).view(-1)).view(-1, n)
        if batch.mixing is not None:
            return mix(chosen, batch.mixing.index_select(0, batch.current))
        joint = None
        if self.mixer.needs_joint:
            best = q.detach().masked_fill(~batch.available, -torch.inf).amax(dim=2)
            joint = Joint(best.index_select(0, batch.current), batch.actions)
        return self.mixer(chosen, batch.state.index_select(0, batch.current), joint).squeeze(-1)

    def _target_values(self, inputs: Tensor, batch: Packed) -> Tensor:
        """Local Q-values of the target network, [M, N, A]."""
        if batch.stored is None or self.config.target_tau > 0.0 or self.config.target_interval == 1:
            return self.target_network(inputs, batch.sizes)
        if self._kept is None:
            shape = (batch.stored.steps, *batch.available.shape[1:])
            self._kept = KeptValues(batch.stored.capacity, shape, self.device)
        return self._kept.of(self.target_network, inputs, batch.sizes, batch.stored)

    @torch.no_grad()
    def _targets(self, inputs: Tensor, q: Tensor, batch: Packed) -> Tensor:
        """What Q_tot should be, [K]."""
        config = self.config
        q_target = batch.following(self._target_values(inputs, batch))
        available = batch.following(batch.available)
        chosen_by = batch.following(q) if config.double_q else q_target
        action = targets.greedy_actions(chosen_by, available)
        local = q_target.gather(2, action[..., None]).squeeze(2)
        if batch.mixing is not None:
            v_tp1 = mix(local, batch.following(batch.mixing))
        else:
            joint = None
            if self.target_mixer.needs_joint:
                joint = Joint(q_target.masked_fill(~available, -torch.inf).amax(dim=2), action)
            v_tp1 = self.target_mixer(local, batch.following(batch.state), joint).squeeze(-1)
        reward = self._scaled(batch.reward)
        if config.n_step == 1 and config.td_lambda == 0.0:
            return targets.one_step_targets(reward, v_tp1, batch.terminated, self.gamma)
        return self._long_targets(reward, v_tp1, batch)

    def _long_targets(self, reward: Tensor, v_tp1: Tensor, batch: Packed) -> Tensor:
        """Targets that look further than one step, on the grid of episodes and steps."""
        place = tuple(torch.from_numpy(index).to(self.device) for index in (batch.episode, batch.step))

        def grid(values: Tensor) -> Tensor:
            made = values.new_zeros(batch.n_episodes, batch.horizon)
            made[place] = values
            return made

        r, v, ends, valid = (grid(x) for x in (reward, v_tp1, batch.terminated, torch.ones_like(batch.terminated)))
        if self.config.td_lambda > 0.0:
            return targets.lambda_targets(r, v, ends, valid, self.gamma, self.config.td_lambda)[place]
        return targets.n_step_targets(r, v, ends, valid, self.gamma, self.config.n_step)[place]

    def _scaled(self, reward: Tensor) -> Tensor:
        if self.config.rewards == "raw":
            return reward
        mean = self.rewards.mean if self.config.rewards == "standardised" else 0.0
        return (reward - mean) / self.rewards.std

    def _guard(self, stats: UpdateStats, batch: Packed, error: Tensor) -> None:
        if np.isfinite(stats.loss) and np.isfinite(stats.grad_norm):
            return
        bad = (~error.detach().isfinite()).nonzero().flatten().tolist()
        where = (
            f"first in episode {batch.episode[bad[0]]}, step {batch.step[bad[0]]} of the batch"
            if bad
            else "every error is finite"
        )
        raise TrainingDiverged(
            f"update {self.updates + 1}: loss = {stats.loss}, gradient norm = {stats.grad_norm}, mixer {self.mixer.name}, {where}; "
            "lower learning_rate, or vet the mixer: forge vet",
            batch,
        )

    def _move_targets(self) -> None:
        """Soft update by `target_tau`, or a hard one every `target_interval` updates."""
        tau = self.config.target_tau
        if tau > 0.0:
            self.target.follow(self.online, tau)
        elif self.updates % self.config.target_interval == 0:
            self.target.follow(self.online, 1.0)
            if self._kept is not None:
                self._kept.forget()

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly, and the network by its parameters' names for other readers."""
        return {
            "network": {name: value.cpu().clone() for name, value in self.network.state_dict().items()},
            "online": self.online.vector.detach().cpu().clone(),
            "target": self.target.vector.detach().cpu().clone(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
            "rewards": [self.rewards.count, self.rewards.mean, self.rewards.spread],
            "kept": None if self._kept is None else self._kept.state_dict(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.online.vector.copy_(state["online"])
        self.target.vector.copy_(state["target"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.updates = int(state["updates"])
        self.rewards.count, self.rewards.mean, self.rewards.spread = state["rewards"]
        self._kept = None if state["kept"] is None else KeptValues.restored(state["kept"], self.device)


def usable_device(name: str) -> torch.device:
    """The device of this name, once it has held a number.

    Raises:
        ConfigError: torch does not know it, or cannot compute on it here; those that it can compute on are named.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, ImportError) as fault:
        reason = str(fault).partition("\n")[0].partition(". ")[0].rstrip(".")
        raise ConfigError(
            f"device = {name!r} cannot be used here ({reason}); use one of: {', '.join(_devices())}"
        ) from None
    return device


def _devices() -> list[str]:
    """What torch can compute on here, the processor first."""
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return ["cpu"] if kind is None else ["cpu", *(f"{kind.type}:{i}" for i in range(torch.accelerator.device_count()))]


def _optimiser(config: TrainConfig, vector: nn.Parameter) -> torch.optim.Optimizer:
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop([vector], lr=config.learning_rate, alpha=0.99, eps=1e-5)
    return torch.optim.Adam([vector], lr=config.learning_rate, fused=True)


def _stats(loss: Tensor, norm: Tensor, q_tot: Tensor, target: Tensor) -> UpdateStats:
    """One transfer for all four numbers."""
    numbers = torch.stack([loss.detach(), norm, q_tot.detach().mean(), target.mean()]).tolist()
    return UpdateStats(loss=numbers[0], grad_norm=numbers[1], q_tot=numbers[2], target=numbers[3])
