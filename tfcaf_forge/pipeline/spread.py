"""Spread: what becomes of a candidate, found out here or in an executor's workers. The judge asks; who works it out is the same to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.executor import Executor
from tfcaf_forge.pipeline.outcome import Settings
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import Dataset
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.sandbox import Sandbox


class Work(Protocol):
    """The three questions on a candidate, dearer one by one."""

    def trace(self, proposal: Proposal) -> Traced | Rejection:
        """Its graph, or why there is none."""
        ...

    def examine(self, traced: Traced) -> Evidence:
        """The verdicts on its graph."""
        ...

    def score(self, candidate: int, graph: OpGraph) -> Score:
        """How it does on the replay dataset."""
        ...


@dataclass(frozen=True)
class Here:
    """`Work` in this process."""

    examiner: Examiner
    ranker: Ranker

    def trace(self, proposal: Proposal) -> Traced | Rejection:
        """In the sandbox of this process."""
        return self.examiner.trace(proposal)

    def examine(self, traced: Traced) -> Evidence:
        """Proved and tested in this process. A fault of the prover is a verdict, and does not end the run."""
        return self.examiner.examine(traced, record_contradictions=True)

    def score(self, candidate: int, graph: OpGraph) -> Score:
        """Fitted in this process."""
        return self.ranker.score(candidate, graph)


@dataclass(frozen=True, eq=False)
class Station:
    """All that a worker needs to open a `Here` of its own; what is the same for every candidate of a run."""

    task: TaskSpec
    settings: Settings
    dataset: Dataset

    def open(self) -> Here:
        """A sandbox and a ranker; they live as long as the process."""
        settings = self.settings
        sandbox = Sandbox(settings.backend, load_profile(settings.limits), require=settings.require)
        ranker = Ranker(self.dataset, self.task, settings.seed)
        return Here(Examiner(self.task, sandbox, settings.profile, settings.seed, ranker.states), ranker)

    @property
    def key(self) -> tuple[str, ...]:
        """The same for two stations that find the same."""
        return self.task.digest, self.dataset.digest, repr(self.settings.pinned)


@dataclass(frozen=True)
class Found:
    """All that a worker found out on one candidate; None where it did not come so far."""

    outcome: Traced | Rejection
    evidence: Evidence | None = None
    score: Score | None = None


_opened: dict[tuple[str, ...], Here] = {}
"""In a worker: the station that is open; Ray's processes outlive a run."""


def find_out(station: Station, proposal: Proposal) -> Found:
    """The task of a worker: one candidate through sandbox, examination and score."""
    if station.key not in _opened:
        for other in _opened.values():
            other.examiner.sandbox.close()
        _opened.clear()
        _opened[station.key] = station.open()
    here = _opened[station.key]
    outcome = here.trace(proposal)
    if isinstance(outcome, Rejection):
        return Found(outcome)
    evidence = here.examine(outcome)
    return Found(outcome, evidence, here.score(proposal.id, outcome.graph) if evidence.accepted else None)


class Spread:
    """`Work` in an executor's workers, for the candidates that it was told of in time; the others are worked out here.

    Args:
        executor: who runs the tasks.
        station: what workers need.
        here: for the rest, such as a candidate of a resumed run that has its graph already.
    """

    def __init__(self, executor: Executor, station: Station, here: Here) -> None:
        """Nothing is begun yet."""
        self._executor, self._station, self._here = executor, station, here
        self._coming: dict[int, Iterator[tuple[int, Found]]] = {}
        self._found: dict[int, Found] = {}
        self._ids: dict[Iterator[tuple[int, Found]], list[int]] = {}

    def expect(self, proposals: Sequence[Proposal]) -> None:
        """Leave these to the workers, who begin on all of them at the first question."""
        results = self._executor.map(find_out, self._station, proposals)
        self._ids[results] = [proposal.id for proposal in proposals]
        self._coming |= {proposal.id: results for proposal in proposals}

    def trace(self, proposal: Proposal) -> Traced | Rejection:
        """Waits for the worker."""
        found = self._of(proposal.id)
        return self._here.trace(proposal) if found is None else found.outcome

    def examine(self, traced: Traced) -> Evidence:
        """What the worker found."""
        found = self._of(traced.candidate)
        return self._here.examine(traced) if found is None or found.evidence is None else found.evidence

    def score(self, candidate: int, graph: OpGraph) -> Score:
        """What the worker found."""
        found = self._of(candidate)
        return self._here.score(candidate, graph) if found is None or found.score is None else found.score

    def _of(self, number: int) -> Found | None:
        """A candidate's result, once its worker has it; None if no worker was given it."""
        while number in self._coming and number not in self._found:
            results = self._coming[number]
            place, found = next(results)
            self._found[self._ids[results][place]] = found
        return self._found.get(number)
