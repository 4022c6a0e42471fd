"""The learner: cooperative deep Q-learning with a mixer, readable from top to bottom.

Local Q-values come from one network shared by the agents (`agents`), the mixer joins them (`mixers`), and the joint
value is fitted to targets (`targets`) on whole replayed episodes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.training import targets
from tfcaf_forge.training.agents import AgentNetwork, input_size, network_inputs
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.mixers import Mixer


class TrainingDiverged(ForgeError):  # noqa: N818 - reads as what happened
    """The loss or its gradient is not a finite number any more."""

    code = "diverged"


@dataclass(frozen=True)
class UpdateStats:
    """One update in numbers: loss, norm of the gradient before clipping, mean Q_tot and mean target of real steps."""

    loss: float
    grad_norm: float
    q_tot: float
    target: float


@dataclass(frozen=True, eq=False)
class _Tensors:
    """An EpisodeBatch on the device."""

    inputs: Tensor
    state: Tensor
    available: Tensor
    actions: Tensor
    reward: Tensor
    terminated: Tensor
    valid: Tensor


class RewardMoments:
    """Running mean and variance of all rewards of real steps (Chan et al., 1983)."""

    def __init__(self) -> None:
        """Start with none."""
        self.count, self.mean, self.spread = 0, 0.0, 0.0

    def add(self, episodes: EpisodeBatch) -> None:
        """Count every real step once."""
        rewards = episodes.reward[episodes.valid].astype(np.float64)
        if not rewards.size:
            return
        total = self.count + rewards.size
        shift = float(rewards.mean()) - self.mean
        self.spread += float(rewards.var()) * rewards.size + shift**2 * self.count * rewards.size / total
        self.mean += shift * rewards.size / total
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
        self.n_actions = n_actions
        self.device = torch.device(config.device)
        size = input_size(config, obs_size=obs_size, n_agents=n_agents, n_actions=n_actions)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = AgentNetwork(size, config.hidden, n_actions, recurrent=config.recurrent).to(self.device)
        self.mixer = mixer.to(self.device)
        self.target_network = copy.deepcopy(self.network)
        # A mixer without parameters never moves, so it is its own target.
        self.target_mixer = copy.deepcopy(self.mixer) if any(True for _ in mixer.parameters()) else self.mixer
        self.optimiser = _optimiser(config, [*self.network.parameters(), *self.mixer.parameters()])
        self.rewards = RewardMoments()
        self.updates = 0

    def update(self, episodes: EpisodeBatch) -> UpdateStats:
        """One gradient step on whole episodes, then the target networks follow.

        Raises:
            TrainingDiverged: the loss or the gradient is not finite; nothing was changed.
        """
        batch = self._tensors(episodes)
        q = self.network(batch.inputs)  # [B, T+1, N, A]
        chosen = q[:, :-1].gather(3, batch.actions[..., None]).squeeze(3)
        q_tot = self.mixer(chosen, batch.state[:, :-1]).squeeze(-1)  # [B, T]
        target = self._targets(batch, q.detach())
        loss = targets.masked_mean_square(q_tot - target, batch.valid)
        self.optimiser.zero_grad()
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(self._parameters(), self.config.grad_clip)
        stats = _stats(loss, grad_norm, q_tot, target, batch.valid)
        self._guard(stats)
        self.optimiser.step()
        self.updates += 1
        self._move_targets()
        return stats

    @torch.no_grad()
    def _targets(self, batch: _Tensors, q_online: Tensor) -> Tensor:
        """Targets of Q_tot, [B, T]."""
        config = self.config
        q_target = self.target_network(batch.inputs)[:, 1:]
        chosen_by = q_online[:, 1:] if config.double_q else q_target
        local = targets.greedy_values(q_target, chosen_by, batch.available[:, 1:])
        v_tp1 = self.target_mixer(local, batch.state[:, 1:]).squeeze(-1)
        if config.td_lambda > 0.0:
            return targets.lambda_targets(
                batch.reward, v_tp1, batch.terminated, batch.valid, self.gamma, config.td_lambda
            )
        return targets.n_step_targets(batch.reward, v_tp1, batch.terminated, batch.valid, self.gamma, config.n_step)

    def _tensors(self, episodes: EpisodeBatch) -> _Tensors:
        """Share the arrays with torch (on a CPU nothing is copied) and prepare what the network reads."""
        move = {name: torch.from_numpy(array).to(self.device) for name, array in episodes.arrays().items()}
        valid, state = move["valid"], move["state"]
        reached = torch.cat([torch.ones_like(valid[:, :1]), valid], dim=1)  # [B, T+1]
        return _Tensors(
            inputs=network_inputs(self.config, move["obs"], move["actions"], self.n_actions),
            # Padding is all zeros, a state that no environment shows and that no credit function was examined on:
            # it could answer NaN, and NaN times a mask of 0 is NaN. It is asked about the first state instead.
            state=torch.where(reached[..., None], state, state[:, :1]),
            available=move["available"],
            actions=move["actions"],
            reward=self._scaled(move["reward"]),
            terminated=move["terminated"],
            valid=valid,
        )

    def _scaled(self, reward: Tensor) -> Tensor:
        if self.config.rewards == "raw":
            return reward
        mean = self.rewards.mean if self.config.rewards == "standardised" else 0.0
        return (reward - mean) / self.rewards.std

    def _parameters(self) -> list[nn.Parameter]:
        return [*self.network.parameters(), *self.mixer.parameters()]

    def _guard(self, stats: UpdateStats) -> None:
        if not (np.isfinite(stats.loss) and np.isfinite(stats.grad_norm)):
            raise TrainingDiverged(
                f"update {self.updates + 1}: loss = {stats.loss}, gradient norm = {stats.grad_norm}, mixer {self.mixer.name}; "
                "lower learning_rate, or vet the mixer: forge vet"
            )

    @torch.no_grad()
    def _move_targets(self) -> None:
        """Soft update by `target_tau`, or a hard one every `target_interval` updates."""
        tau = self.config.target_tau
        if tau == 0.0:
            if self.updates % self.config.target_interval:
                return
            tau = 1.0
        pairs: list[tuple[nn.Module, nn.Module]] = [(self.target_network, self.network)]
        if self.target_mixer is not self.mixer:
            pairs.append((self.target_mixer, self.mixer))
        for target, online in pairs:
            for old, new in zip(target.parameters(), online.parameters(), strict=True):
                old.lerp_(new, tau)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly."""
        return {
            "network": self.network.state_dict(),
            "target_network": self.target_network.state_dict(),
            "mixer": self.mixer.state_dict(),
            "target_mixer": self.target_mixer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
            "rewards": [self.rewards.count, self.rewards.mean, self.rewards.spread],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for name in ("network", "target_network", "mixer", "target_mixer", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.updates = int(state["updates"])
        self.rewards.count, self.rewards.mean, self.rewards.spread = state["rewards"]


def _optimiser(config: TrainConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=config.learning_rate, alpha=0.99, eps=1e-5, foreach=True)
    return torch.optim.Adam(parameters, lr=config.learning_rate, foreach=True)


def _stats(loss: Tensor, grad_norm: Tensor, q_tot: Tensor, target: Tensor, valid: Tensor) -> UpdateStats:
    """One transfer for all four numbers."""
    count = valid.sum().clamp(min=1)
    means = [x.detach().masked_fill(~valid, 0.0).sum() / count for x in (q_tot, target)]
    numbers = torch.stack([loss.detach(), grad_norm, *means]).tolist()
    return UpdateStats(loss=numbers[0], grad_norm=numbers[1], q_tot=numbers[2], target=numbers[3])
