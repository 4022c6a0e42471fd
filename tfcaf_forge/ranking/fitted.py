"""Fitted Q-evaluation with networks: the agents' networks of all candidates are trained in one batched pass.

Every candidate k has its own network q_k (one hidden layer, shared by its agents). All see the same minibatches of logged
transitions and follow the gradient of

    ( Q_k(s, a) - r / sigma - gamma (1 - terminated) Q_k^target(s', a') )^2,   Q_k(s, a) = f_k(q_k(o_1, a_1), …, q_k(o_N, a_N); s)

with a' the logged next action (Ernst et al., 2005; Le et al., 2019; targets follow softly). Matrix products over the candidates are
one `bmm`. Where f_k is affine its credit (of unit mean square) and bias are computed once; where it is not, its graph runs.
A fifth of the episodes is held out and judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.interpret import Program
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.ranking.bench import Bench, mixing_of
from tfcaf_forge.ranking.fits import Errors, following
from tfcaf_forge.ranking.score import FOLDS, Doubles, Ints
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset


@dataclass(frozen=True)
class FittedConfig:
    """Settings of the pass: width of the networks, minibatches and their rows, Adam's rate, the target's pace."""

    hidden: int = 32
    steps: int = 800
    batch: int = 256
    learning_rate: float = 3e-3
    tau: float = 0.02


@dataclass(frozen=True, eq=False)
class Fitted:
    """One candidate after the pass, on held-out episodes: TD error, error of the return, and of the team's advantage.

    The advantage is what the candidate's local advantages, mixed by its credit, explain of `Bench.advantage` after one common
    factor that is fitted on the training episodes.
    """

    td: Errors
    value: Errors
    advantage: Errors


def fit_all(
    graphs: Sequence[OpGraph], dataset: Dataset, task: TaskSpec, bench: Bench, seed: int, config: FittedConfig = FittedConfig()
) -> list[Fitted]:  # fmt: skip
    """Train every candidate's networks at once, and judge them.

    Args:
        graphs: verified graphs, K.
        dataset, task: what is replayed.
        bench: of the same dataset.
        seed: of weights and minibatches; equal for all candidates, so that they differ by their mixing alone.
        config: settings.

    Raises:
        DatasetError: no transition can be used.
    """
    data = _Data.of(dataset, task, bench)
    if not len(data.train):
        raise DatasetError(f"{dataset.path}: no step has a logged next action or an end; collect longer episodes")
    mixers = _Mixers(graphs, data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        nets = _Networks(len(graphs), data.inputs.shape[-1], config.hidden, len(task.actions))
    target = nets.copy()
    optimiser = torch.optim.Adam(nets.parameters, lr=config.learning_rate, foreach=True)
    rng = np.random.default_rng(seed)
    for _ in range(config.steps):
        rows = torch.from_numpy(rng.choice(data.train, min(config.batch, len(data.train))))
        ahead = data.after[rows]
        with torch.no_grad():
            future = mixers.joined(target.chosen(data.inputs[ahead], data.actions[ahead]), ahead)
            aim = data.reward[rows] + data.weight[rows] * future
        error = mixers.joined(nets.chosen(data.inputs[rows], data.actions[rows]), rows) - aim
        optimiser.zero_grad()
        error.square().mean(dim=1).sum().backward()
        optimiser.step()
        target.follow(nets, config.tau)
    return _judged(nets, mixers, data, bench)


@dataclass(frozen=True, eq=False)
class _Data:
    """Rows as tensors; rewards in units of the returns' standard deviation."""

    inputs: Tensor  # [M, N, I]
    actions: Tensor  # [M, N]
    available: Tensor  # [M, N, A]
    state: Tensor  # [M, S]
    reward: Tensor  # [M]
    weight: Tensor  # [M] gamma, 0 where the episode terminated
    after: Tensor  # [M]
    usable: Tensor  # [M]
    train: Ints
    held: Ints
    sigma: float

    @classmethod
    def of(cls, dataset: Dataset, task: TaskSpec, bench: Bench) -> _Data:
        rows = dataset.episodes.transitions()
        obs = (rows.obs - rows.obs.mean((0, 1))) / (rows.obs.std((0, 1)) + 1e-3)
        index = np.broadcast_to(np.eye(task.n_agents, dtype=np.float32), (len(obs), task.n_agents, task.n_agents))
        after = following(rows.episode)
        usable = (after >= 0) | rows.terminated
        held = rows.episode % FOLDS == 0
        sigma = float(bench.target.std())
        return cls(
            inputs=torch.from_numpy(np.concatenate([obs, index], axis=2).astype(np.float32)),
            actions=torch.from_numpy(rows.actions),
            available=torch.from_numpy(rows.available),
            state=torch.from_numpy(np.ascontiguousarray(rows.state)),
            reward=torch.from_numpy((rows.reward / sigma).astype(np.float32)),
            weight=torch.from_numpy(np.where(after >= 0, task.gamma, 0.0).astype(np.float32)),
            after=torch.from_numpy(np.where(after >= 0, after, 0)),
            usable=torch.from_numpy(usable),
            train=np.flatnonzero(usable & ~held),
            held=np.flatnonzero(held),
            sigma=sigma,
        )


class _Networks:
    """K networks side by side."""

    def __init__(self, count: int, inputs: int, hidden: int, actions: int) -> None:
        first = torch.randn(1, inputs, hidden) / inputs**0.5
        second = torch.randn(1, hidden, actions) * 0.1 / hidden**0.5
        made = [first, torch.zeros(1, 1, hidden), second, torch.zeros(1, 1, actions)]
        self.parameters = [p.expand(count, -1, -1).clone().requires_grad_(True) for p in made]

    def copy(self) -> _Networks:
        made = object.__new__(_Networks)
        made.parameters = [p.detach().clone() for p in self.parameters]
        return made

    def follow(self, other: _Networks, tau: float) -> None:
        for mine, theirs in zip(self.parameters, other.parameters, strict=True):
            mine.lerp_(theirs.detach(), tau)

    def values(self, inputs: Tensor) -> Tensor:
        """[B, N, I] -> [K, B, N, A]."""
        w1, b1, w2, b2 = self.parameters
        b, n, _ = inputs.shape
        flat = inputs.reshape(1, b * n, -1).expand(w1.shape[0], -1, -1)
        hidden = torch.relu(torch.baddbmm(b1, flat, w1))
        return torch.baddbmm(b2, hidden, w2).reshape(w1.shape[0], b, n, -1)

    def chosen(self, inputs: Tensor, actions: Tensor) -> Tensor:
        """[K, B, N]: the values of the logged actions."""
        values = self.values(inputs)
        return values.gather(3, actions.expand(len(values), -1, -1)[..., None]).squeeze(3)


class _Mixers:
    """All candidates' mixing; units of the returns' standard deviation throughout."""

    def __init__(self, graphs: Sequence[OpGraph], data: _Data) -> None:
        self._data = data
        credit, bias = [], []
        self._bent: dict[int, Program] = {}
        for k, graph in enumerate(graphs):
            mixing = mixing_of(graph, data.state.numpy())
            scale = float(np.sqrt(np.mean(mixing.credit.astype(np.float64) ** 2))) or 1.0
            credit.append(torch.from_numpy(mixing.credit / np.float32(scale)))
            bias.append(torch.from_numpy((mixing.bias / data.sigma).astype(np.float32)))
            if not is_affine(graph):
                self._bent[k] = Program(graph)
        self._credit, self._bias = torch.stack(credit), torch.stack(bias)  # [K, M, N], [K, M]

    def joined(self, local: Tensor, rows: Tensor) -> Tensor:
        """Q_tot in units of sigma: [K, B, N] -> [K, B]."""
        mixed = (self._credit[:, rows] * local).sum(dim=2) + self._bias[:, rows]
        if not self._bent:
            return mixed
        parts = list(mixed.unbind(0))
        for k, program in self._bent.items():
            parts[k] = program(local[k] * self._data.sigma, self._data.state[rows])[:, 0] / self._data.sigma
        return torch.stack(parts)

    def advantage(self, reduced: Tensor, local: Tensor, rows: Tensor) -> Tensor:
        """What the local advantages [K, B, N] amount to: Q_tot less Q_tot with them taken away."""
        return self.joined(local, rows) - self.joined(local - reduced, rows)


@torch.no_grad()
def _judged(nets: _Networks, mixers: _Mixers, data: _Data, bench: Bench) -> list[Fitted]:
    everything = torch.arange(len(data.reward))
    values = nets.values(data.inputs)
    local = values.gather(3, data.actions.expand(len(values), -1, -1)[..., None]).squeeze(3)
    chance = data.available / data.available.sum(dim=2, keepdim=True)
    reduced = local - (values * chance).sum(dim=3)
    q_tot = mixers.joined(local, everything)
    future = q_tot[:, data.after]
    td = torch.where(data.usable, data.reward + data.weight * future - q_tot, 0.0).double().numpy()
    value = bench.target / data.sigma - q_tot.double().numpy()
    advantage = mixers.advantage(reduced, local, everything).double().numpy()
    return [_candidate(td[k], value[k], advantage[k], data, bench) for k in range(len(values))]


def _candidate(td: Doubles, value: Doubles, advantage: Doubles, data: _Data, bench: Bench) -> Fitted:
    aim = bench.advantage / data.sigma
    known = np.setdiff1d(np.arange(len(aim)), data.held)
    factor = float(advantage[known] @ aim[known]) / max(float(advantage[known] @ advantage[known]), 1e-12)
    target, reward = bench.target / data.sigma, data.reward.double().numpy()
    return Fitted(
        td=_held(td, reward - reward.mean(), data, bench),
        value=_held(value, target - target[known].mean(), data, bench),
        advantage=_held(aim - factor * advantage, aim - aim[known].mean(), data, bench),
    )


def _held(error: Doubles, against: Doubles, data: _Data, bench: Bench) -> Errors:
    """By held-out episode; the others are 0."""
    count = bench.picks.shape[1]
    episode = bench.episode[data.held]
    return Errors(
        np.bincount(episode, error[data.held] ** 2, count).astype(np.float64),
        np.bincount(episode, against[data.held] ** 2, count).astype(np.float64),
    )
