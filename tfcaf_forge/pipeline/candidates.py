"""Candidates: everything that a run's journal holds of its candidates, read once and kept in step with it."""

from __future__ import annotations

from tfcaf_forge.pipeline.layers import kind_of, sessions
from tfcaf_forge.proposals.base import Attempt, Draft
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.store import Store


class Candidates:
    """The candidates of a run by their numbers; what is kept here is on the disk first.

    Args:
        store: the run's journal; one that is open for reading will do where nothing is kept.

    Attributes:
        proposals, rejections, traced, evidence, scores: the records.
        duplicates: by candidate, the earlier one that it repeats.
        isolations: every different set of layers that candidates have run behind, in the order of writing.
    """

    def __init__(self, store: Store) -> None:
        """Read what is there."""
        self._store = store
        self.proposals = store.read_all("proposal", Proposal)
        self.rejections = store.read_all("rejection", Rejection)
        self.duplicates = store.read_all("duplicate", int)
        self.traced = store.read_all("traced", Traced)
        self.evidence = store.read_all("evidence", Evidence)
        self.scores = store.read_all("score", Score)
        self.isolations = sessions(store)

    def propose(self, proposal: Proposal) -> None:
        """Keep a proposal."""
        self._store.append("proposal", proposal, proposal.id)
        self.proposals[proposal.id] = proposal

    def draft(self, draft: Draft) -> None:
        """Keep what came of a question to a model."""
        if draft.rejection is not None:  # before the proposal, or a resumed run would send the text to the sandbox
            self.reject(draft.proposal.id, draft.rejection)
        self.propose(draft.proposal)

    def reject(self, number: int, rejection: Rejection) -> None:
        """Keep why a candidate has no graph."""
        self._store.append("rejection", rejection, number)
        self.rejections[number] = rejection

    def repeat(self, number: int, twin: int) -> None:
        """Keep that a candidate is the same as an earlier one."""
        self._store.append("duplicate", twin, number)
        self.duplicates[number] = twin

    def held(self, isolation: Isolation) -> None:
        """Keep what holds candidates in from here on, unless that is known already."""
        if isolation not in self.isolations:
            self._store.append(kind_of(len(self.isolations)), isolation)
            self.isolations.append(isolation)

    def trace(self, traced: Traced) -> None:
        """Keep a candidate's graph."""
        self._store.append("traced", traced, traced.candidate)
        self.traced[traced.candidate] = traced

    def examine(self, evidence: Evidence) -> None:
        """Keep the verdicts on a candidate."""
        self._store.append("evidence", evidence, evidence.candidate)
        self.evidence[evidence.candidate] = evidence

    def score(self, score: Score) -> None:
        """Keep a candidate's score."""
        self._store.append("score", score, score.candidate)
        self.scores[score.candidate] = score

    @property
    def best(self) -> float | None:
        """The highest prediction so far."""
        return max((score.decides.value for score in self.scores.values()), default=None)

    def done(self, number: int) -> bool:
        """Whether a candidate's fate is known; its score may still be missing."""
        return number in self.rejections or number in self.duplicates or number in self.evidence

    @property
    def finished(self) -> list[int]:
        """The candidates whose fate is known, in the order of proposing."""
        return [number for number in self.proposals if self.done(number)]

    def history(self) -> list[Attempt]:
        """What is known of every candidate that is done."""
        return [
            Attempt(
                proposal=self.proposals[number],
                rejection=self.rejections.get(number),
                evidence=self.evidence.get(number),
                score=self.scores.get(number),
                duplicate=self.duplicates.get(number),
            )
            for number in self.finished
        ]

    def original(self, number: int) -> int:
        """The candidate that decides another's fate: itself, unless it is a duplicate."""
        while number in self.duplicates:
            number = self.duplicates[number]
        return number

    def failure(self, number: int) -> str | None:
        """The code of a finished candidate's failure, a duplicate's being that of what it repeats; None if accepted."""
        number = self.original(number)
        if number in self.rejections:
            return self.rejections[number].code
        broken = [v.property_id for v in self.evidence[number].verdicts if v.required and not v.holds]
        return f"refuted: {broken[0]}" if broken else None
