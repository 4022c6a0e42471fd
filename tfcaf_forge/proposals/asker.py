"""Asker: puts questions to models within the budget, again where it helps, and never for ever.

What bounds it: attempts a question, calls, tokens, dollars and minutes a run, a time-out a call, and a circuit
breaker that gives a model up after too many failures in a row.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfcaf_forge.proposals.exchange import Answered, Message, Question, Reply, Slot
from tfcaf_forge.proposals.faults import CallFailed, Fault, ModelError, Stop, remedy
from tfcaf_forge.proposals.ledger import Ledger
from tfcaf_forge.proposals.model import Model
from tfcaf_forge.proposals.transcript import Recording, Transcript
from tfcaf_forge.records.base import Plain, Scalar

BYTES_PER_TOKEN = 2.5
"""Fewer bytes a token than large vocabularies take for English or code, so that an estimate of tokens is an upper bound;
where an endpoint counts more tokens than that, its own count is believed from then on."""


class Limits(Plain, frozen=True, kw_only=True):
    """How patiently models are asked; decides no result.

    Attributes:
        concurrency: calls in flight at once.
        timeout_s: for a call as a whole.
        attempts: calls for one question to one model.
        backoff_s: before the second attempt; doubles from one to the next.
        longest_wait_s: an endpoint that asks for a longer wait is given up.
        breaker: failures in a row after which a model is given up.
    """

    concurrency: int = 4
    timeout_s: float = 180.0
    attempts: int = 4
    backoff_s: float = 1.0
    longest_wait_s: float = 120.0
    breaker: int = 6


@dataclass(eq=False)
class _Line:
    """A model and how it has been doing."""

    model: Model
    bytes_per_token: float = BYTES_PER_TOKEN
    failures: int = 0
    given_up: Fault | None = None


class Asker:
    """Asks models, the first that can answer.

    Args:
        models: the model, then its fallbacks.
        transcript: where calls and answers are written down, and looked up first.
        ledger: counts them against the budget.
        limits: patience.
        recording: answers in place of the models, if given.
        progress: called whenever a call begins or ends.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        transcript: Transcript,
        ledger: Ledger,
        limits: Limits,
        recording: Recording | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is asked yet."""
        self._lines = [_Line(model) for model in models]
        self._transcript, self._ledger, self._limits = transcript, ledger, limits
        self._recording, self._progress = recording, progress
        self._stopped = asyncio.Event()
        self._changed = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answers = 0

    def stop(self) -> None:
        """Begin no further call; those in flight may end. May be called from a signal handler."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stopped.set)
        else:
            self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    async def ask(
        self, slot: Slot, messages: Sequence[Message], parameters: dict[str, Scalar], sample: int
    ) -> Answered:
        """The answer to a question, or the failure of the last model that was tried.

        Raises:
            Stop: no further call may be made.
            ModelError: the first call of all showed that the model cannot be asked.
        """
        self._loop = asyncio.get_running_loop()
        questions = [
            Question(
                slot=slot,
                model=line.model.name,
                endpoint=line.model.endpoint,
                messages=tuple(messages),
                parameters=parameters,
                sample=sample,
            )
            for line in self._lines
        ]
        for question in questions:
            known = self._transcript.known(question)
            if known is not None:
                return known
        if self._recording is not None:
            return self._recalled(questions, self._recording)
        return await self._first_answer(questions)

    def _recalled(self, questions: Sequence[Question], recording: Recording) -> Answered:
        found = [(question, answered) for question in questions if (answered := recording.answer(question)) is not None]
        if not found:
            raise Stop("transcript", f"{recording.run} holds no answer to the next question: it ends here")
        question, answered = next((pair for pair in found if pair[1].reply is not None), found[-1])
        self._transcript.adopt(question, answered)
        return answered

    async def _first_answer(self, questions: Sequence[Question]) -> Answered:
        last: Answered | None = None
        for line, question in zip(self._lines, questions, strict=True):
            if line.given_up is None:
                last = await self._attempts(line, question)
                if last.reply is not None:
                    return last
        if all(line.given_up is not None for line in self._lines):
            raise Stop("breaker", self._why())
        assert last is not None  # noqa: S101 - a line that is not given up was asked
        return last

    def _why(self) -> str:
        parts = [
            f"{line.model.name} at {line.model.endpoint}: {line.given_up.code}: {line.given_up.message}"
            for line in self._lines
            if line.given_up is not None
        ]
        return f"no model answers any more ({'; '.join(parts)})"

    async def _attempts(self, line: _Line, question: Question) -> Answered:
        """Ask one model until it answers, or until asking again is pointless."""
        answered: Answered | None = None
        for attempt in range(self._limits.attempts):
            if attempt and answered is not None and answered.fault is not None:
                await self._rest(self._pause(attempt, answered.fault))
            answered = await self._call(line, question)
            fault = answered.fault
            if fault is None or not fault.again or line.given_up is not None:
                break
            if fault.wait_s is not None and fault.wait_s > self._limits.longest_wait_s:
                line.given_up = fault
                break
        assert answered is not None  # noqa: S101 - there is at least one attempt
        return answered

    def _pause(self, attempt: int, fault: Fault) -> float:
        """Seconds to the next attempt: doubled each time, spread at random, and no shorter than was asked for."""
        backoff = self._limits.backoff_s * 2 ** (attempt - 1)
        spread = random.uniform(0.5, 1.0) * backoff  # noqa: S311 - spreads calls in time, keeps no secret
        return max(spread, fault.wait_s or 0.0)

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than the run may go on."""
        with_limit = min(seconds, max(0.0, self._ledger.left_s))
        try:
            await asyncio.wait_for(self._stopped.wait(), with_limit)
        except TimeoutError:
            return

    async def _call(self, line: _Line, question: Question) -> Answered:
        """One call: admitted, written down, made, written down."""
        number, tokens = await self._admit(line, question)
        try:
            reply = await line.model.ask(question, min(self._limits.timeout_s, max(1.0, self._ledger.left_s)))
            answered = self._answered(line, question, reply, tokens)
            if reply.tokens_in:
                line.bytes_per_token = min(line.bytes_per_token, question.size / reply.tokens_in)
            line.failures = 0
            self._answers += 1
        except CallFailed as failed:
            answered = Answered(key=question.key, fault=failed.fault, at_s=round(self._ledger.elapsed_s, 3))
            self._note(line, failed.fault)
        self._transcript.end(number, answered)
        async with self._changed:
            self._changed.notify_all()
        self._progress()
        if answered.fault is not None and answered.fault.fatal and not self._answers:
            raise ModelError(_explain(line.model, answered.fault))
        return answered

    async def _admit(self, line: _Line, question: Question) -> tuple[int, tuple[int, int]]:
        """Wait until the call fits beside those in flight, and write it down; its number, and the most tokens of it.

        Raises:
            Stop: it does not fit even when nothing is in flight.
        """
        price = line.model.price
        async with self._changed:
            while True:
                tokens = tokens_of(question, line.bytes_per_token)  # anew: an answer may have taught a better bound
                usd = None if price is None else price.of(*tokens)
                if self._stopped.is_set():
                    raise Stop("interrupted", "stopped; what was asked is on the disk")
                obstacle = self._ledger.obstacle(sum(tokens), usd)
                if obstacle is None and self._ledger.in_flight < self._limits.concurrency:
                    break
                if obstacle is not None and not self._ledger.in_flight:
                    raise Stop("budget", obstacle)
                await self._changed.wait()
            number = self._transcript.begin(question, tokens=sum(tokens), usd=usd, left=line.model.leaves)
        self._progress()
        return number, tokens

    def _answered(self, line: _Line, question: Question, reply: Reply, bound: tuple[int, int]) -> Answered:
        """What an answer has cost; where the endpoint counted nothing, the most that it can have been."""
        tokens_in = bound[0] if reply.tokens_in is None else reply.tokens_in
        tokens_out = bound[1] if reply.tokens_out is None else reply.tokens_out
        price = line.model.price
        return Answered(
            key=question.key,
            reply=reply,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            usd=None if price is None else price.of(tokens_in, tokens_out),
            at_s=round(self._ledger.elapsed_s, 3),
        )

    def _note(self, line: _Line, fault: Fault) -> None:
        """Give a model up that cannot be asked, or that fails too often in a row."""
        if fault.code in ("too-large", "context-window", "no-recorded-answer"):
            return  # says something about this question, not about the model
        line.failures += 1
        if (fault.fatal and fault.code != "bad-request") or line.failures >= self._limits.breaker:
            line.given_up = fault


def tokens_of(question: Question, bytes_per_token: float = BYTES_PER_TOKEN) -> tuple[int, int]:
    """The most tokens that a question and its answer can have."""
    limit = question.parameters.get("max_tokens", 4096)
    return int(question.size / bytes_per_token) + 16, int(limit)


def _explain(model: Model, fault: Fault) -> str:
    return f"{model.name} at {model.endpoint}: {fault.code}: {fault.message}; {remedy(fault)}"
