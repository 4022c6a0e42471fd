"""Session: everything that asking models needs, tied to a run's journal for as long as the run goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from tfcaf_forge.proposals.asker import BYTES_PER_TOKEN, Asker, Limits, tokens_of
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.coder import ModelCoder, opening
from tfcaf_forge.proposals.exchange import Message, Question, Slot
from tfcaf_forge.proposals.faults import ModelError
from tfcaf_forge.proposals.govern import only_local, require_local
from tfcaf_forge.proposals.ledger import Budget, Ledger, PlaceState, Spend
from tfcaf_forge.proposals.model import Model
from tfcaf_forge.proposals.redact import Redactor
from tfcaf_forge.proposals.transcript import Recording, Transcript
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.store import Store


@dataclass(frozen=True, eq=False, kw_only=True)
class Models:
    """Whom a run asks, and within which bounds. A frozen description; `open` ties it to a run.

    Attributes:
        asking: what decides the answers.
        writers: the model and its fallbacks.
        reviewer: the evaluator's model, or None.
        budget, limits: what it may cost, and how patient to be.
        redactor: removes secrets.
        recording: a recorded run that answers in place of the models.
        local: hosts that may be reached beside this machine; None for no restriction (`--local-only` gives a tuple).
    """

    asking: Asking
    writers: tuple[Model, ...]
    reviewer: Model | None
    budget: Budget
    limits: Limits
    redactor: Redactor
    recording: Recording | None = None
    local: tuple[str, ...] | None = None

    def check(self) -> None:
        """Refuse what cannot be begun.

        Raises:
            InputError, ModelError: says what to change.
        """
        self.asking.check()
        asked = [*self.writers, *([] if self.reviewer is None else [self.reviewer])]
        for model in asked:
            if self.local is not None and model.leaves:
                require_local(model.name, model.endpoint, self.local)
            if model.price is None and self.budget.tokens is None:
                what = "--max-usd cannot bound it; " if self.budget.usd is not None else ""
                raise ModelError(f"the price of {model.name} is unknown; {what}give --max-tokens, such as 200000")

    def open(self, store: Store, task: TaskSpec, progress: Callable[[], None] = lambda: None) -> Session:
        """Tie it to a run's journal."""
        return Session(self, store, task, progress)


class Estimate(Plain, frozen=True, kw_only=True):
    """What a run may come to at most; dollars are None where a price is unknown.

    Attributes:
        least_calls, most_calls: without and with every repair of answers; retries of failed calls not counted.
        tokens: at most, over `most_calls`.
    """

    least_calls: int
    most_calls: int
    tokens: int
    usd: float | None


class Session:
    """An open line to the models of one run.

    Args:
        models: whom to ask.
        store: the run's journal.
        task: the task.
        progress: called whenever a call begins or ends.
    """

    def __init__(self, models: Models, store: Store, task: TaskSpec, progress: Callable[[], None]) -> None:
        """Read what earlier sessions have asked, and close the doors that are to be closed."""
        self._models, self._runner = models, asyncio.Runner()
        self._ledger = Ledger(models.budget)
        transcript = Transcript(store, self._ledger)

        def asker(*whom: Model) -> Asker:
            return Asker(
                whom,
                transcript=transcript,
                ledger=self._ledger,
                limits=models.limits,
                recording=models.recording,
                progress=progress,
            )

        self._askers = [asker(*models.writers)]
        if models.reviewer is not None:
            self._askers.append(asker(models.reviewer))
        self._open = ExitStack()
        if models.local is not None:
            self._open.enter_context(only_local(models.local))
        reviewer = self._askers[1] if models.reviewer is not None else None
        self.coder = ModelCoder(models.asking, task, self._askers[0], reviewer, models.redactor, self._run)

    @property
    def spend(self) -> Spend:
        """What has been spent, earlier sessions included."""
        return self._ledger.spend

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        return self._models.budget

    @property
    def in_flight(self) -> int:
        """Calls that have not ended."""
        return self._ledger.in_flight

    def places(self, round: int) -> dict[int, PlaceState]:
        """How the questions of a round stand, by index."""
        return self._ledger.places(round)

    @property
    def left_s(self) -> float:
        """Seconds that the budget leaves."""
        return self._ledger.left_s

    def stop(self) -> None:
        """Begin no further call; may be called from a signal handler."""
        for asker in self._askers:
            asker.stop()

    def close(self) -> None:
        """Let go of connections."""
        models: list[Model] = [*self._models.writers]
        if self._models.reviewer is not None:
            models.append(self._models.reviewer)
        try:
            for model in models:
                self._runner.run(model.close())
        finally:
            self._runner.close()
            self._open.close()

    def __enter__(self) -> Self:
        """The session itself."""
        return self

    def __exit__(self, *fault: object) -> None:
        """Close it."""
        self.close()

    def _run(self, asked: Any) -> Any:  # noqa: ANN401 - a coroutine of any result
        return self._runner.run(asked)


def first_prompts(models: Models, task: TaskSpec, count: int) -> list[tuple[Message, ...]]:
    """What the first round asks, `count` times a system message and a question; nothing is asked."""
    return [opening(models.asking, task, index, models.redactor) for index in range(count)]


def estimate(models: Models, task: TaskSpec, rounds: int, candidates: int) -> Estimate:
    """What a run of a model may come to at most, from its first prompts.

    Later prompts also carry a source and its evidence, which is taken as twice the first prompt's length.
    """
    size = sum(len(message.content.encode()) for message in first_prompts(models, task, 1)[0]) * 2
    reviews = rounds if models.reviewer is not None else 0
    least = rounds * candidates + reviews
    most = rounds * candidates * (models.asking.repairs + 1) + reviews
    question = Question(
        slot=Slot(purpose="propose"), model="", endpoint="", messages=(), parameters=models.asking.parameters(0)
    )
    tokens_in, tokens_out = int(size / BYTES_PER_TOKEN), tokens_of(question)[1]
    prices = [model.price for model in models.writers]
    known = [price.of(tokens_in, tokens_out) for price in prices if price is not None]
    usd = max(known) * most if len(known) == len(prices) else None
    return Estimate(least_calls=least, most_calls=most, tokens=most * (tokens_in + tokens_out), usd=usd)
