"""Rank accepted candidates on a replay dataset, next to equal weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.ranking.features import Floats, features
from tfcaf_forge.ranking.score import METHOD, Doubles, Ints, Mixing, explained_by_episode
from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset
from tfcaf_forge.replay.episode import discounted_returns

BASELINE = 0
"""The id under which equal weights appear."""
STARVED_SHARE = 0.01
"""An agent with less than this share of the credit of a row is starved there."""
_RESAMPLES = 1000
_LEAST_EPISODES = 10


def equal_weights(n_agents: int, state_size: int) -> OpGraph:
    """VDN as a graph: the sum of the local Q-values (Sunehag et al., 2018)."""
    return OpGraph(n_agents, state_size, (Node("sum.dim_IntList", (Ref(0), (1,), True, None)),), Ref(2))


@dataclass(frozen=True, eq=False)
class Bench:
    """What is the same for every candidate: the replayed rows, their features and targets.

    Attributes:
        state: [M, S].
        phi: [M, N, F].
        target: [M] discounted returns.
        episode: [M], 0 … E-1.
        picks: [resamples, E] how often each episode stands in each bootstrap sample.
    """

    state: Floats
    phi: Floats
    target: Doubles
    episode: Ints
    picks: Doubles

    @classmethod
    def of(cls, dataset: Dataset, task: TaskSpec, seed: int) -> Bench:
        """Prepare a dataset.

        Raises:
            DatasetError: it has too few episodes, or every return is the same.
        """
        episodes = dataset.episodes
        if episodes.n_episodes < _LEAST_EPISODES:
            raise DatasetError(
                f"{dataset.path} has {episodes.n_episodes} episodes; ranking needs at least {_LEAST_EPISODES}"
            )
        rows = episodes.transitions()
        returns = discounted_returns(episodes.reward, episodes.valid, task.gamma)
        target = returns[rows.episode, rows.step].astype(np.float64)
        if float(target.std()) == 0.0:
            raise DatasetError(
                f"{dataset.path}: every return is {target[0]:g}, so nothing can be ranked; "
                "collect more episodes, or with a behaviour that earns some reward"
            )
        rng = np.random.default_rng(seed)
        chosen = rng.integers(0, episodes.n_episodes, (_RESAMPLES, episodes.n_episodes))
        picks = np.stack([np.bincount(row, minlength=episodes.n_episodes) for row in chosen]).astype(np.float64)
        phi = features(rows, len(task.actions), seed)
        return cls(rows.state, phi, target, rows.episode, picks)


def mixing_of(graph: OpGraph, state: Floats) -> Mixing:
    """Credit and bias of a verified graph on replayed states; where it is not affine, at zero local Q-values."""
    from tfcaf_forge.graph.interpret import evaluate

    zeros = np.zeros((len(state), graph.n_agents), np.float32)
    bias, credit = evaluate(graph, zeros, np.ascontiguousarray(state))
    return Mixing(credit=credit, bias=bias[:, 0])


def starved_share(credit: Floats) -> float:
    """Share of rows in which some agent gets less than `STARVED_SHARE` of the credit."""
    total = np.abs(credit).sum(axis=1, keepdims=True)
    share = np.abs(credit) / np.where(total > 0, total, 1.0)
    return float((share.min(axis=1) < STARVED_SHARE).mean())


def distance_from_equal(credit: Floats) -> float:
    """Mean total-variation distance between the shares of credit and 1/N: 0 is VDN, 1 - 1/N gives all to one agent."""
    total = credit.sum(axis=1, keepdims=True)
    share = credit / np.where(np.abs(total) > 0, total, 1.0)
    return float(0.5 * np.abs(share - 1.0 / credit.shape[1]).sum(axis=1).mean())


class Ranker:
    """Scores candidates on one dataset; a score depends on the graph, the dataset and the seed alone.

    Args:
        dataset: replayed episodes.
        task: what they were collected for.
        seed: decides features and bootstrap samples.
    """

    def __init__(self, dataset: Dataset, task: TaskSpec, seed: int) -> None:
        """Prepare the rows and score the baseline."""
        self._bench = Bench.of(dataset, task, seed)
        self._task, self._dataset, self._seed = task, dataset, seed
        graph = equal_weights(task.n_agents, task.state_size)
        mixing = mixing_of(graph, self._bench.state)
        self._base = self._errors(mixing)
        self.baseline = self._score(BASELINE, graph, mixing, self._base)

    @property
    def states(self) -> Floats:
        """The replayed states, [M, S]."""
        return self._bench.state

    def score(self, candidate: int, graph: OpGraph) -> Score:
        """Score one candidate's verified graph."""
        mixing = mixing_of(graph, self._bench.state)
        return self._score(candidate, graph, mixing, self._errors(mixing))

    def rank(self, scores: Sequence[Score]) -> Ranking:
        """Put scores in order, the best first; of equals the earlier candidate."""
        order = sorted(scores, key=lambda score: (-score.score.value, score.candidate))
        best = order[0] if order else None
        return Ranking(
            method=METHOD,
            task=self._task.digest,
            dataset=self._dataset.digest,
            episodes=self._dataset.info.episodes,
            transitions=self._dataset.info.transitions,
            seed=self._seed,
            baseline=self.baseline,
            scores=tuple(order),
            winner=None if best is None else best.candidate,
            better_than_baseline=best is not None and best.gain.low > 0,
        )

    def _errors(self, mixing: Mixing) -> tuple[Doubles, Doubles]:
        bench = self._bench
        return explained_by_episode(mixing, bench.phi, bench.target, bench.episode)

    def _score(self, candidate: int, graph: OpGraph, mixing: Mixing, errors: tuple[Doubles, Doubles]) -> Score:
        (error, spread), (base_error, base_spread) = errors, self._base
        picks = self._bench.picks
        score = 1.0 - error.sum() / spread.sum()
        samples = 1.0 - (picks @ error) / (picks @ spread)
        base = 1.0 - base_error.sum() / base_spread.sum()
        base_samples = 1.0 - (picks @ base_error) / (picks @ base_spread)
        components: Mapping[str, float] = {
            "distance_from_equal": distance_from_equal(mixing.credit),
            "affine": float(is_affine(graph)),
        }
        return Score(
            candidate=candidate,
            graph=codec.digest(graph),
            score=_interval(score, samples),
            gain=_interval(score - base, samples - base_samples),
            starved=starved_share(mixing.credit),
            components=dict(components),
        )


def _interval(value: float, samples: Doubles) -> Interval:
    low, high = np.quantile(samples, (0.025, 0.975))
    return Interval(value=round(float(value), 9), low=round(float(low), 9), high=round(float(high), 9))
