"""Evaluator: a model that reads code and evidence. Its suggestion is an opinion, its choice advice; it decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tfcaf_forge.proposals.asker import Asker
from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.proposals.exchange import Message, Slot
from tfcaf_forge.proposals.faults import ModelError, Stop
from tfcaf_forge.proposals.feedback import fate, plain, view_of
from tfcaf_forge.proposals.prompts import render
from tfcaf_forge.proposals.strategy import value
from tfcaf_forge.records.base import Plain, Scalar
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.task_spec import TaskSpec

_CHOICE = re.compile(r"\bchoice\s*[:=]?\s*\**\s*(?:function\s*)?(\d{1,4})\b", re.IGNORECASE)
_LONGEST_SUGGESTION = 900
_MOST_SHOWN = 8


class Advice(Plain, frozen=True, kw_only=True):
    """The evaluator's choice at the end of a run.

    Attributes:
        candidate: whom it would train with; None if it named none of those it was shown.
        text: its own words; never trusted.
    """

    candidate: int | None
    text: str


class Evaluator:
    """Asks a model for one suggestion a round, and for a choice at the end.

    Args:
        asker: who to ask.
        task_values: what prompts say about the task.
        parameters: temperature and the like.
        clean: removes secrets from prompts.

    Attributes:
        fault: why it was not heard, if it was not.
    """

    def __init__(
        self, asker: Asker, task_values: dict[str, Any], parameters: dict[str, Scalar], clean: Callable[[str], str]
    ) -> None:
        """Prepare the system prompt."""
        self._asker, self._parameters, self._clean = asker, parameters, clean
        self._system = Message(role="system", content=clean(render("reviewer", task_values)))
        self.fault = ""

    async def suggest(self, task: TaskSpec, round: int, earlier: Sequence[Attempt], baseline: Score | None) -> str:
        """One suggestion from the evidence of the round before this one; empty if none came.

        Raises:
            Stop: no further call may be made.
        """
        items = [view_of(a, task, baseline) for a in earlier if a.proposal.round == round - 1][:_MOST_SHOWN]
        if not items:
            return ""
        text = await self._ask(Slot(purpose="critique", round=round - 1), render("critique", {"items": items}))
        return plain(text, _LONGEST_SUGGESTION)

    async def choose(
        self, task: TaskSpec, round: int, history: Sequence[Attempt], baseline: Score | None
    ) -> Advice | None:
        """Which accepted function it would train with; None where there is no choice; errors as in `suggest`."""
        accepted = sorted((a for a in history if fate(a) == "accepted"), key=lambda a: -value(a))[:_MOST_SHOWN]
        if len(accepted) < 2:
            return None
        accepted.sort(key=lambda a: a.proposal.id)  # the order must not give the ranking away
        items = [view_of(a, task, baseline) for a in accepted]
        text = await self._ask(Slot(purpose="choose", round=round), render("choose", {"items": items}))
        found = _CHOICE.search(text)
        number = int(found[1]) if found is not None else None
        return Advice(candidate=number if number in {a.proposal.id for a in accepted} else None, text=plain(text, 500))

    async def _ask(self, slot: Slot, prompt: str) -> str:
        """Its answer; where its model cannot be asked, the run goes on without it, and `fault` says why."""
        messages = (self._system, Message(role="user", content=self._clean(prompt)))
        try:
            answered = await self._asker.ask(slot, messages, self._parameters, 0)
        except ModelError as fault:
            self.fault = str(fault)
            return ""
        except Stop as stop:
            if stop.reason != "breaker":
                raise
            self.fault = stop.detail
            return ""
        if answered.reply is None:
            self.fault = answered.fault.message if answered.fault is not None else "no answer"
            return ""
        return answered.reply.text
