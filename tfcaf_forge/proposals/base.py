"""The coder protocol: one question, the same for an offline search and for a language model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
        duplicate: id of the earlier proposal that it repeats, if it does.
    """

    proposal: Proposal
    rejection: Rejection | None = None
    evidence: Evidence | None = None
    score: Score | None = None
    duplicate: int | None = None

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


class Draft(Plain, frozen=True, kw_only=True):
    """What came of one question to a model.

    Attributes:
        proposal: the function; where no answer held one, what the model wrote in its place.
        rejection: why it is no function, or None.
    """

    proposal: Proposal
    rejection: Rejection | None = None


@dataclass(frozen=True, kw_only=True)
class Drafts:
    """A round's answers.

    Attributes:
        by_index: what was written, by index in the round; an index that is missing was not asked.
        stopped: why the run cannot go on (`budget`, `breaker`, `interrupted`, `transcript`); empty if it can.
        detail: the same as a sentence.
        waiting: by index, the code of an answer that held no function and whose repair could not be asked for any
            more. The answer is on the disk; a resumed run begins with its repair.
    """

    by_index: dict[int, Draft]
    stopped: str = ""
    detail: str = ""
    waiting: dict[int, str] = field(default_factory=dict[int, str])


class RoundCoder(Protocol):
    """Writes the proposals of a round together, so that several questions can be in flight.

    What `Coder` promises holds here too: a draft depends on the coder's settings, the task, its place in the loop and
    the attempts of earlier rounds, and on answers that are on the disk.
    """

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def draft(
        self, task: TaskSpec, *, round: int, ids: Mapping[int, int], history: Sequence[Attempt], baseline: Score | None
    ) -> Drafts:
        """Write the proposals of one round.

        Args:
            task: what to write functions for.
            round: from 0.
            ids: the proposal's id for every index that is wanted.
            history: everything that was tried before, in any order.
            baseline: the score of equal weights, once it is known.
        """
        ...


def earlier_rounds(history: Iterable[Attempt], round: int) -> list[Attempt]:
    """The attempts of the rounds before this one, in the loop's order: all that a proposal may depend on."""

    def place(attempt: Attempt) -> tuple[int, int, int]:
        return attempt.proposal.round, attempt.proposal.index, attempt.proposal.id

    return sorted((a for a in history if a.proposal.round < round), key=place)
