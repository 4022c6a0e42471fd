"""The model coder: a round of questions to a model, several in flight, each answer a proposal with its parent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfcaf_forge.proposals.answer import function_in, last_resort
from tfcaf_forge.proposals.asker import Asker
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.base import Attempt, Draft, Drafts, earlier_rounds
from tfcaf_forge.proposals.evaluator import Advice, Evaluator
from tfcaf_forge.proposals.exchange import Answered, Message, Slot
from tfcaf_forge.proposals.faults import Stop
from tfcaf_forge.proposals.feedback import plain, view_of
from tfcaf_forge.proposals.prompts import render, task_values
from tfcaf_forge.proposals.redact import Redactor
from tfcaf_forge.proposals.strategy import STRATEGIES, Plan
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec

_LONGEST_NOTE = 300
_LONGEST_ECHO = 6000
"""Characters of an unusable answer that are sent back with its repair prompt."""
_LONGEST_RAW = 16_000


@dataclass(frozen=True)
class _Ended:
    """No further call may be made for a place; `waiting` is the code of an answer whose repair is still to be asked for."""

    by: Stop
    waiting: str


class ModelCoder:
    """Writes proposals by asking a model; a `RoundCoder`.

    Args:
        asking: what decides the answers: model, strategy, temperature, …
        task: what functions are written for.
        asker: puts questions to the model and its fallbacks.
        reviewer: puts questions to the evaluator's model; None for no evaluator.
        redactor: cleans prompts before they are sent.
        run: runs a coroutine to its end.
    """

    def __init__(
        self,
        asking: Asking,
        task: TaskSpec,
        asker: Asker,
        reviewer: Asker | None,
        redactor: Redactor,
        run: Callable[[Any], Any],
    ) -> None:
        """Prepare the system prompt."""
        self._asking, self._asker, self._redactor, self._run = asking, asker, redactor, run
        values = task_values(task)
        self._system = redactor.clean(render("system", values))
        self._evaluator = (
            None if reviewer is None else Evaluator(reviewer, values, asking.parameters(0), redactor.clean)
        )

    @property
    def name(self) -> str:
        """The model's name."""
        return self._asking.model

    def draft(
        self, task: TaskSpec, *, round: int, ids: Mapping[int, int], history: Sequence[Attempt], baseline: Score | None
    ) -> Drafts:
        """Write the proposals of one round (see `RoundCoder`).

        Raises:
            ModelError: the very first call showed that the model cannot be asked.
        """
        return self._run(self._draft(task, round, ids, earlier_rounds(history, round), baseline))

    def choose(
        self, task: TaskSpec, *, rounds: int, history: Sequence[Attempt], baseline: Score | None
    ) -> Advice | None:
        """The evaluator's choice at the end; None without an evaluator, or where no further call may be made."""
        if self._evaluator is None:
            return None
        try:
            return self._run(self._evaluator.choose(task, rounds - 1, earlier_rounds(history, rounds), baseline))
        except Stop:
            return None

    @property
    def reviewer_fault(self) -> str:
        """Why the evaluator was not heard; empty if it was, or if there is none."""
        return "" if self._evaluator is None else self._evaluator.fault

    async def _draft(
        self, task: TaskSpec, round: int, ids: Mapping[int, int], earlier: Sequence[Attempt], baseline: Score | None
    ) -> Drafts:
        try:
            suggestion = ""
            if round and self._evaluator is not None:
                suggestion = await self._evaluator.suggest(task, round, earlier, baseline)
        except Stop as stop:
            return Drafts(by_index={}, stopped=stop.reason, detail=stop.detail)
        tasks = {
            index: asyncio.ensure_future(self._place(task, round, index, id, earlier, baseline, suggestion))
            for index, id in ids.items()
        }
        try:
            await _all_or_first_error(list(tasks.values()))
        finally:
            for one in tasks.values():
                one.cancel()
        results = {index: one.result() for index, one in tasks.items()}
        ended = {index: result for index, result in results.items() if isinstance(result, _Ended)}
        stop = next((one.by for one in ended.values()), None)
        return Drafts(
            by_index={index: result for index, result in results.items() if isinstance(result, Draft)},
            stopped="" if stop is None else stop.reason,
            detail="" if stop is None else stop.detail,
            waiting={index: one.waiting for index, one in ended.items() if one.waiting},
        )

    async def _place(
        self,
        task: TaskSpec,
        round: int,
        index: int,
        id: int,
        earlier: Sequence[Attempt],
        baseline: Score | None,
        suggestion: str,
    ) -> Draft | _Ended:
        """One place in the round: its question, and the repair of answers that hold no function."""
        waiting = ""
        plan = self._plan(round, index, earlier)
        messages = self._messages(plan, task, baseline, suggestion)
        parameters = self._asking.parameters(index)
        try:
            for turn in range(self._asking.repairs + 1):
                slot = Slot(purpose=plan.purpose, round=round, index=index, turn=turn)
                answered = await self._asker.ask(slot, messages, parameters, index)
                found = function_in(answered)
                if isinstance(found, str) or answered.reply is None:
                    break
                waiting = found.code
                messages = (*messages, *_ask_again(answered.reply.text, found))
        except Stop as stop:
            return _Ended(stop, waiting)
        return self._as_draft(plan, answered, found, round=round, index=index, id=id, parameters=parameters)  # pyright: ignore[reportPossiblyUnboundVariable] - there is at least one turn

    def _as_draft(
        self, plan: Plan, answered: Answered, found: str | Rejection, *, parameters: dict[str, Scalar], **place: int
    ) -> Draft:
        text = answered.reply.text if answered.reply is not None else ""
        if isinstance(found, Rejection) and found.code == "multi-block":
            found = last_resort(text) or found
        proposal = Proposal(
            **place,  # pyright: ignore[reportArgumentType] - id, round and index
            parent=plan.parent.proposal.id if plan.parent is not None else None,
            coder=self.name,
            source=found if isinstance(found, str) else text[:_LONGEST_RAW],
            note=_note(text, found),
            parameters={**parameters, "purpose": plan.purpose, "call": answered.key[:16]},
        )
        return Draft(proposal=proposal, rejection=found if isinstance(found, Rejection) else None)

    def _plan(self, round: int, index: int, earlier: Sequence[Attempt]) -> Plan:
        return STRATEGIES[self._asking.strategy](round, index, earlier, self._asking.seed)

    def _messages(self, plan: Plan, task: TaskSpec, baseline: Score | None, suggestion: str) -> tuple[Message, ...]:
        user = self._redactor.clean(_question(plan, task, baseline, suggestion))
        return Message(role="system", content=self._system), Message(role="user", content=user)


def opening(asking: Asking, task: TaskSpec, index: int, redactor: Redactor) -> tuple[Message, ...]:
    """What a place in the first round asks, without asking it."""
    plan = STRATEGIES[asking.strategy](0, index, [], asking.seed)
    system, user = render("system", task_values(task)), _question(plan, task, None, "")
    return (
        Message(role="system", content=redactor.clean(system)),
        Message(role="user", content=redactor.clean(user)),
    )


def _question(plan: Plan, task: TaskSpec, baseline: Score | None, suggestion: str) -> str:
    values: dict[str, Any] = {
        "direction": plan.direction,
        "suggestion": suggestion,
        "item": None if plan.parent is None else view_of(plan.parent, task, baseline),
        "mate": None if plan.mate is None else view_of(plan.mate, task, baseline),
        "avoid": [view_of(attempt, task, baseline) for attempt in plan.avoid],
    }
    return render(plan.purpose, values)


async def _all_or_first_error(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Wait for all; if one raises, for that one only."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for one in done:
        one.result()


def _ask_again(text: str, found: Rejection) -> tuple[Message, Message]:
    """The unusable answer as it was, and what to do about it."""
    echo = text.strip()[:_LONGEST_ECHO] or "(nothing)"
    prompt = render("answer", {"code": found.code, "message": plain(found.message)})
    return Message(role="assistant", content=echo), Message(role="user", content=prompt)


def _note(text: str, found: str | Rejection) -> str:
    """The model's own words about its function: what stands before the code."""
    if isinstance(found, Rejection):
        return ""
    before = text.split("```", 1)[0]
    return "" if "def " in before else plain(before, _LONGEST_NOTE)
