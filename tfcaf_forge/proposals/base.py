"""The coder protocol: one question, the same for an offline search and for a language model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Evidence


class Attempt(Plain, frozen=True, kw_only=True):
    """An earlier proposal and what the loop has learnt about it.

    Attributes:
        proposal: what was proposed.
        rejection: why the sandbox refused it, if it did.
        evidence: the verdicts on its graph, if it came that far.
        score: how it did on the replay dataset, if it was ranked.
    """

    proposal: Proposal
    rejection: Rejection | None = None
    evidence: Evidence | None = None
    score: Score | None = None

    @property
    def refused(self) -> bool:
        """Rejected, or refuted in a required property."""
        return self.rejection is not None or (self.evidence is not None and not self.evidence.accepted)


class Coder(Protocol):
    """Writes proposals.

    A run that was killed and resumed proposes exactly the same again. So a proposal may depend on nothing but the
    coder's own settings, the task, `round`, `index`, and the attempts of *earlier* rounds; what `history` holds of
    the current round depends on timing, and is ignored (`earlier_rounds`).
    """

    @property
    def name(self) -> str:
        """`offline`, or the model's name."""
        ...

    def propose(self, task: TaskSpec, *, id: int, round: int, index: int, history: Sequence[Attempt]) -> Proposal:
        """Write one proposal.

        Args:
            task: what to write a function for.
            id: the number of the proposal in the run; a label that decides nothing.
            round, index: where it stands in the loop, both from 0.
            history: everything that was tried before, in any order.
        """
        ...


def earlier_rounds(history: Iterable[Attempt], round: int) -> list[Attempt]:
    """The attempts of the rounds before this one, in the loop's order: all that a proposal may depend on."""

    def place(attempt: Attempt) -> tuple[int, int, int]:
        return attempt.proposal.round, attempt.proposal.index, attempt.proposal.id

    return sorted((a for a in history if a.proposal.round < round), key=place)
