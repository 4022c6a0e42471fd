"""Bench: what is the same for every candidate on one dataset, prepared once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.ranking.features import Floats, features
from tfcaf_forge.ranking.fits import advantages
from tfcaf_forge.ranking.score import Doubles, Ints, Mixing
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset
from tfcaf_forge.replay.episode import discounted_returns

RESAMPLES = 1000
LEAST_EPISODES = 10


def equal_weights(n_agents: int, state_size: int) -> OpGraph:
    """VDN as a graph: the sum of the local Q-values (Sunehag et al., 2018)."""
    return OpGraph(n_agents, state_size, (Node("sum.dim_IntList", (Ref(0), (1,), True, None)),), Ref(2))


@dataclass(frozen=True, eq=False)
class Bench:
    """The replayed rows, their features and targets.

    Attributes:
        state: [M, S].
        phi: [M, N, F] features of what each agent saw and did.
        centred: [M, N, F] the same less their mean over the available actions.
        target: [M] discounted returns.
        advantage: [M] the team's advantage (`fits.advantages`).
        reward: [M].
        terminated: bool [M].
        episode: [M], 0 … E-1.
        picks: [resamples, E] how often each episode stands in each bootstrap sample.
        gamma: discount.
        q_scale: local Q-values are multiplied by it before a function sees them.
        contribution: [M, N] what the agents contributed, or None where nobody knows.
    """

    state: Floats
    phi: Floats
    centred: Floats
    target: Doubles
    advantage: Doubles
    reward: Doubles
    terminated: npt.NDArray[np.bool_]
    episode: Ints
    picks: Doubles
    gamma: float
    q_scale: float
    contribution: Doubles | None

    @classmethod
    def of(cls, dataset: Dataset, task: TaskSpec, seed: int, *, contribution: Doubles | None = None) -> Bench:
        """Prepare a dataset.

        Args:
            dataset: replayed episodes.
            task: what they were collected for.
            seed: decides features and bootstrap samples.
            contribution: [M, N] by row of `transitions()`; the environment's rewards of each agent if None and there are any.

        Raises:
            DatasetError: it has too few episodes, or every return is the same.
        """
        episodes = dataset.episodes
        if episodes.n_episodes < LEAST_EPISODES:
            raise DatasetError(
                f"{dataset.path} has {episodes.n_episodes} episodes; ranking needs at least {LEAST_EPISODES}"
            )
        rows = episodes.transitions()
        returns = discounted_returns(episodes.reward, episodes.valid, task.gamma)
        target = returns[rows.episode, rows.step].astype(np.float64)
        if float(target.std()) == 0.0:
            raise DatasetError(
                f"{dataset.path}: every return is {target[0]:g}, so nothing can be ranked; "
                "collect more episodes, or with a behaviour that earns some reward"
            )
        if contribution is None and episodes.has_agent_reward:
            contribution = rows.agent_reward.astype(np.float64)
        rng = np.random.default_rng(seed)
        chosen = rng.integers(0, episodes.n_episodes, (RESAMPLES, episodes.n_episodes))
        picks = np.stack([np.bincount(row, minlength=episodes.n_episodes) for row in chosen]).astype(np.float64)
        phi, mean = features(rows, len(task.actions), seed)
        reward = rows.reward.astype(np.float64)
        advantage = advantages(
            rows.state, rows.next_state, reward, target, rows.episode, rows.terminated, task.gamma, seed
        )
        return cls(
            rows.state, phi, phi - mean, target, advantage, reward, rows.terminated, rows.episode, picks, task.gamma, task.credit.q_scale,
            contribution,
        )  # fmt: skip


def mixing_of(graph: OpGraph, state: Floats, local_q: Floats | None = None) -> Mixing:
    """Credit and bias of a verified graph on replayed states.

    Where it is not affine, this is its tangent at `local_q` [M, N] (zeros if None): Q_tot(q) is replaced by
    bias + sum_i credit_i q_i, which is exact at `local_q` only.
    """
    from tfcaf_forge.graph.interpret import evaluate

    at = np.zeros((len(state), graph.n_agents), np.float32)
    if local_q is not None and not is_affine(graph):
        at = np.ascontiguousarray(local_q, dtype=np.float32)
    q_tot, credit = evaluate(graph, at, np.ascontiguousarray(state))
    with np.errstate(invalid="ignore"):  # what is not finite is told by `undefined_rows`
        bias = q_tot[:, 0] - (credit * at).sum(axis=1)
    return Mixing(credit=credit, bias=bias)
