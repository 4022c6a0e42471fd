"""Rank accepted candidates on a replay dataset, next to equal weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.ranking.bench import Bench, equal_weights
from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.fits import following
from tfcaf_forge.ranking.measure import Measured, explained, gains, measure
from tfcaf_forge.ranking.order import Standing, standing
from tfcaf_forge.ranking.rule import load_rule
from tfcaf_forge.ranking.score import METHOD, Doubles
from tfcaf_forge.ranking.undefined import reason
from tfcaf_forge.records.ranking import Interval, Ranking, Score
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset

BASELINE = 0
"""The id under which equal weights appear."""


class Ranker:
    """Scores candidates on one dataset; a score depends on the graph, the dataset and the seed alone.

    Args:
        dataset: replayed episodes.
        task: what they were collected for.
        seed: decides features and bootstrap samples.
        contribution: [M, N] what the agents contributed, if it was simulated; else the agents' own rewards, if there are any.

    Raises:
        DatasetError: it has too few episodes, every return is the same, or no step is followed by another one or by an end.
    """

    def __init__(self, dataset: Dataset, task: TaskSpec, seed: int, *, contribution: Doubles | None = None) -> None:
        """Prepare the rows and score the baseline."""
        self._bench = Bench.of(dataset, task, seed, contribution=contribution)
        _check_followed(self._bench, str(dataset.path))
        self._task, self._seed = task, seed
        self.dataset = dataset
        self._measured: dict[str, Measured] = {}
        graph = equal_weights(task.n_agents, task.state_size)
        self._base = self.measured(graph)
        self.baseline = self.score(BASELINE, graph)

    @property
    def states(self) -> Floats:
        """The replayed states, [M, S]."""
        return self._bench.state

    @property
    def bench(self) -> Bench:
        """Rows, features and targets."""
        return self._bench

    def measured(self, graph: OpGraph) -> Measured:
        """All figures of one verified graph; computed once a graph."""
        digest = codec.digest(graph)
        if digest not in self._measured:
            self._measured[digest] = measure(graph, self._bench)
        return self._measured[digest]

    def undefined(self, graph: OpGraph) -> str | None:
        """Why a verified graph cannot be ranked: it is not finite on a replayed row; None if it is on all of them."""
        rows = self.measured(graph).undefined
        return reason(rows, self._bench, self._task) if rows.any() else None

    def gains(self, graph: OpGraph) -> dict[str, float]:
        """The figures of `ranking.measure.gains` on the dataset as it is."""
        whole = np.ones((1, self._bench.picks.shape[1]))
        return {name: float(values[0]) for name, values in gains(self.measured(graph), self._base, whole).items()}

    def score(self, candidate: int, graph: OpGraph) -> Score:
        """Score one candidate's verified graph; one that is not finite on a replayed row is predicted below all that are."""
        mine, picks = self.measured(graph), self._bench.picks
        whole = np.ones((1, picks.shape[1]))
        samples, base = explained(mine.returns, picks), explained(self._base.returns, picks)
        value, base_value = (float(explained(m.returns, whole)[0]) for m in (mine, self._base))
        figures = self.gains(graph)
        ends = _interval(float(self._predicted(graph, whole)[0]), self._predicted(graph, picks))
        return Score(
            candidate=candidate,
            graph=codec.digest(graph),
            score=_interval(value, samples),
            gain=_interval(value - base_value, samples - base),
            starved=figures.pop("starved"),
            components={
                "distance_from_equal": mine.distance,
                "affine": float(mine.affine),
                **{f"{name}_gain" if name in _GAINS else name: round(v, 9) for name, v in figures.items()},
                **({"undefined_rows": float(mine.undefined.sum())} if mine.undefined.any() else {}),
            },
            predicted=ends,
        )

    def rank(self, scores: Sequence[Score], graphs: Mapping[int, OpGraph] | None = None) -> Ranking:
        """Put scores in the order of their predictions, the best first; of equals the earlier candidate.

        What is not finite on a replayed row stands last and never wins.

        Args:
            scores: of the candidates.
            graphs: by candidate; needed to say who is tied with the best.
        """
        order = sorted(scores, key=lambda score: (-score.decides.value, score.candidate))
        best = order[0] if order and "undefined_rows" not in order[0].components else None
        place = self._standing(order, graphs or {})
        return Ranking(
            method=METHOD,
            task=self._task.digest,
            dataset=self.dataset.digest,
            episodes=self.dataset.info.episodes,
            transitions=self.dataset.info.transitions,
            seed=self._seed,
            baseline=self.baseline,
            scores=tuple(order),
            winner=None if best is None else best.candidate,
            better_than_baseline=best is not None and best.ahead.low > load_rule().margin,
            tied=place.tied,
            best_share={str(i): share for i, share in place.best_share.items()},
            agreement=place.agreement,
            margin=load_rule().margin,
        )

    def predictions(self, graphs: Mapping[int, OpGraph]) -> dict[int, Doubles]:
        """The rule's prediction on every bootstrap sample, by candidate, the best on all data first."""
        picks = self._bench.picks
        whole = np.ones((1, picks.shape[1]))
        order = sorted(graphs, key=lambda i: (-round(float(self._predicted(graphs[i], whole)[0]), 9), i))
        return {i: self._predicted(graphs[i], picks) for i in order}

    def refined(self, graph: OpGraph, advantage: float) -> float:
        """The prediction with another fit's gain in explained advantage, ln(SSE of equal weights / SSE), beside the closed form's: their mean."""
        if self.measured(graph).undefined.any():
            return load_rule().lowest(self._task.name)
        figures = self.gains(graph)
        figures["advantage"] = (figures["advantage"] + advantage) / 2
        samples = {name: np.array([value]) for name, value in figures.items()}
        return float(load_rule().predict(self._task.name, samples)[0])

    def _predicted(self, graph: OpGraph, samples: Doubles) -> Doubles:
        mine, rule = self.measured(graph), load_rule()
        if mine.undefined.any():
            return np.full(len(samples), rule.lowest(self._task.name))
        return rule.predict(self._task.name, gains(mine, self._base, samples))

    def _standing(self, order: Sequence[Score], graphs: Mapping[int, OpGraph]) -> Standing:
        if not order or any(score.candidate not in graphs for score in order):
            return Standing((), {}, None)
        return standing(self.predictions({score.candidate: graphs[score.candidate] for score in order}))


_GAINS = ("returns", "td", "value", "advantage", "contribution")


def explains(score: Score) -> bool:
    """Whether local values mixed by the candidate explain any of the held-out returns.

    What explains none is better than equal weights only in that those explain less than none, which says nothing of training.
    """
    return score.score.value > 0.0


def _check_followed(bench: Bench, where: str) -> None:
    """A value is fitted to what follows a step: another one, or nothing after an end."""
    if not ((following(bench.episode) >= 0) | bench.terminated).any():
        raise DatasetError(
            f"{where}: every episode is one step that was cut, so nothing is known of what follows a step; if they end by themselves, import "
            'them again with ends.unmarked = "terminated" in the mapping, or mark their ends as terminated; else collect longer episodes'
        )


def _interval(value: float, samples: Doubles) -> Interval:
    low, high = np.quantile(samples, (0.025, 0.975))
    return Interval(value=round(float(value), 9), low=round(float(low), 9), high=round(float(high), 9))
