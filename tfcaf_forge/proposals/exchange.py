"""Questions and answers as records: what is sent to a model, what comes back, and the key that joins them."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from tfcaf_forge.proposals.faults import Fault
from tfcaf_forge.records.base import Plain, Record, Scalar, canonical_json, digest_of

Purpose = Literal["propose", "repair", "improve", "critique", "choose"]


class Message(Plain, frozen=True, kw_only=True):
    """One message of a conversation; `role` is `system`, `user` or `assistant`."""

    role: Literal["system", "user", "assistant"]
    content: str


class Slot(Plain, frozen=True, kw_only=True):
    """Where in the loop a question stands; a label that is no part of its key.

    Attributes:
        purpose: what the question is for.
        round, index: of the proposal that it leads to, both from 0.
        turn: 0 for the question itself, 1, 2, … for the repair of an unusable answer.
    """

    purpose: Purpose
    round: int = 0
    index: int = 0
    turn: int = 0


class Question(Plain, frozen=True, kw_only=True, dict=True):
    """One question to one model.

    Attributes:
        slot: where it stands in the loop.
        model, endpoint: whom it goes to; the endpoint without credentials.
        messages: the conversation so far.
        parameters: temperature, seed and the like.
        sample: which of several answers to the same conversation this is.
    """

    slot: Slot
    model: str
    endpoint: str
    messages: tuple[Message, ...]
    parameters: dict[str, Scalar]
    sample: int = 0

    @cached_property
    def key(self) -> str:
        """SHA-256 over all that decides the answer; two questions with one key are one question."""
        return digest_of((self.model, self.endpoint, self.messages, self.parameters, self.sample))

    @property
    def size(self) -> int:
        """Bytes of text that leave with it."""
        return len(canonical_json(self.messages))


class Reply(Plain, frozen=True, kw_only=True):
    """What a model answered.

    Attributes:
        text: the answer, redacted.
        finish: why it ended: `stop`, `length`, `content_filter`, …
        refusal: the provider's own word that the model refused.
        tokens_in, tokens_out: as the endpoint counted them; None where it did not say.
    """

    text: str
    finish: str = "stop"
    refusal: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


class Asked(Record, frozen=True, kw_only=True):
    """A call, written down before it is made.

    Attributes:
        key, question: what is asked.
        session: which start of the run this is, from 1.
        at_s: seconds since the session began.
        tokens, usd: the most that it can cost; dollars are None where the price is unknown.
        left: whether the text leaves this machine.
        source: `model`, or `transcript` where a recorded answer stands in for the call.
    """

    key: str
    question: Question
    session: int
    at_s: float
    tokens: int
    usd: float | None
    left: bool
    source: Literal["model", "transcript"] = "model"


class Answered(Record, frozen=True, kw_only=True):
    """How a call ended, written down the moment it is known: exactly one of `reply` and `fault` is not None.

    Attributes:
        tokens_in, tokens_out, usd: what it cost, as far as it is known, and never less than nothing.
        at_s: seconds since the session began.
    """

    key: str
    reply: Reply | None = None
    fault: Fault | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = None
    at_s: float
