"""Adequacy: the mutation score of an accepted graph, with the ranking as one of those who may notice a mutant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.task_spec import TaskSpec

if TYPE_CHECKING:
    from tfcaf_forge.evidence.adequacy import Watcher
    from tfcaf_forge.evidence.properties import Property
    from tfcaf_forge.evidence.subject import Subject
    from tfcaf_forge.replay.dataset import Dataset


def adequacy(
    graph: OpGraph,
    task: TaskSpec,
    *,
    properties: Sequence[Property] = (),
    dataset: Dataset | None = None,
    seed: int = 0,
    most: int | None = 200,
) -> MutationScore:
    """Break an accepted graph on purpose and count who notices.

    Args:
        graph: a graph that is accepted.
        task: what it is for.
        properties: the user's own.
        dataset: replayed episodes; with them the ranking may notice a mutant, too.
        seed: decides the mutants and the samples.
        most: how many faults are tried; all if None.
    """
    from tfcaf_forge.evidence.adequacy import mutation_score
    from tfcaf_forge.evidence.subject import Subject

    subject = Subject(graph, task)
    watchers = [] if dataset is None else [("ranking", ranking_watcher(subject, dataset, seed))]
    states = None if dataset is None else dataset.episodes.transitions().state
    return mutation_score(subject, properties=properties, replay_states=states, watchers=watchers, seed=seed, most=most)


def ranking_watcher(subject: Subject, dataset: Dataset, seed: int) -> Watcher:
    """Notices a mutant whose replay score differs from the original's: 95 % interval, paired over episodes, without 0."""
    from tfcaf_forge.ranking.bench import Bench, mixing_of
    from tfcaf_forge.ranking.fits import design, ridge_errors

    bench = Bench.of(dataset, subject.task, seed)

    def errors(graph: OpGraph) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
        mixing = mixing_of(graph, bench.state)
        found = ridge_errors(design(mixing, bench.phi), bench.target - mixing.bias, bench.target, bench.episode)
        return found.error, found.spread

    error, spread = errors(subject.graph)

    def watch(mutant: Subject) -> str:
        other, other_spread = errors(mutant.graph)
        gains = (bench.picks @ error) / (bench.picks @ spread) - (bench.picks @ other) / (bench.picks @ other_spread)
        low, high = np.quantile(gains, (0.025, 0.975))
        if low <= 0 <= high:
            return ""
        return f"the replay score {'falls' if high < 0 else 'rises'} by {abs(float(gains.mean())):.3f} [{low:.3f}, {high:.3f}]"

    return watch
