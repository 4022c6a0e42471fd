"""Model: whoever answers questions. litellm, a recorded answer sheet, and a recalled transcript look alike to the loop."""

from __future__ import annotations

from typing import Protocol

from tfcaf_forge.proposals.exchange import Question, Reply
from tfcaf_forge.proposals.faults import CallFailed, Fault
from tfcaf_forge.proposals.ledger import Price


class Model(Protocol):
    """Answers one question at a time, and several at once."""

    @property
    def name(self) -> str:
        """As `--model` names it."""
        ...

    @property
    def endpoint(self) -> str:
        """Where questions go, without credentials: a URL, or the provider's name."""
        ...

    @property
    def leaves(self) -> bool:
        """Whether what is asked leaves this machine."""
        ...

    @property
    def price(self) -> Price | None:
        """What a token costs; None where nobody knows."""
        ...

    async def ask(self, question: Question, timeout_s: float) -> Reply:
        """Ask once.

        Raises:
            CallFailed: no answer came, or none that can be used.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Recalled:
    """A model of a recorded run: it has a name and an endpoint, and cannot be asked again.

    Args:
        name, endpoint: as they were recorded.
    """

    leaves = False
    price = Price(prompt=0.0, answer=0.0)

    def __init__(self, name: str, endpoint: str) -> None:
        """Remember whose answers are recalled."""
        self.name, self.endpoint = name, endpoint

    async def ask(self, question: Question, timeout_s: float) -> Reply:
        """Refuse: what is not in the transcript was never asked."""
        del timeout_s
        raise CallFailed(Fault(code="no-recorded-answer", message=f"{question.model} was not asked this", fatal=True))

    async def close(self) -> None:
        """Nothing is open."""
