"""Ledger: what calls have cost and may still cost, and whether one more fits into the budget.

A call is entered with the most that it can cost before it is made, and with what it did cost when it ends. A call
whose end is unknown, since the process was killed, keeps its reservation: it may have been billed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfcaf_forge.proposals.exchange import Answered, Asked
from tfcaf_forge.records.base import Plain

PlaceState = Literal["asking", "waiting", "answered"]


class Price(Plain, frozen=True, kw_only=True):
    """Dollars for a token of the prompt and of the answer."""

    prompt: float
    answer: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars for a call."""
        return self.prompt * tokens_in + self.answer * tokens_out


class Budget(Plain, frozen=True, kw_only=True):
    """What a run may cost over all its sessions; None is no limit."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    minutes: float | None = None


class Spend(Plain, frozen=True, kw_only=True):
    """What has been spent.

    Attributes:
        calls: made or in flight.
        tokens_in, tokens_out: that were counted.
        usd: of the calls whose price is known.
        unpriced: calls whose price is unknown.
        lost: calls that were in flight when the process was killed, or that failed and may have been billed; they
            count in the budget with the most that they can have cost.
        seconds: of all sessions.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    unpriced: int = 0
    lost: int = 0
    seconds: float = 0.0

    @property
    def money(self) -> str:
        """`$0.0123`, `$0.0123 and 2 calls of unknown price`, or `price unknown`."""
        if self.unpriced and not self.usd:
            return "price unknown"
        known = f"${self.usd:.4f}"
        return f"{known} and {self.unpriced} calls of unknown price" if self.unpriced else known


@dataclass(eq=False)
class Ledger:
    """Counts calls against a budget.

    Attributes:
        budget: the limits.
        now: a clock in seconds.
    """

    budget: Budget
    now: Callable[[], float] = time.monotonic
    session: int = 1
    _earlier_s: float = 0.0
    _began: float = 0.0
    _open: dict[int, Asked] = field(default_factory=dict[int, Asked])
    _closed: dict[int, tuple[Asked, Answered | None]] = field(default_factory=dict[int, tuple[Asked, Answered | None]])

    def __post_init__(self) -> None:
        """Start the session's clock."""
        self._began = self.now()

    def restore(self, asked: Mapping[int, Asked], answered: Mapping[int, Answered]) -> None:
        """Take over what earlier sessions have written down; their unfinished calls count as lost."""
        ends: dict[int, float] = {}
        for number, call in asked.items():
            if call.source == "model":
                self._closed[number] = (call, answered.get(number))
            ends[call.session] = max(ends.get(call.session, 0.0), call.at_s)
        for number, end in answered.items():
            session = asked[number].session
            ends[session] = max(ends[session], end.at_s)
        self._earlier_s = sum(ends.values())
        self.session = max(ends, default=0) + 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since this session began."""
        return self.now() - self._began

    @property
    def left_s(self) -> float:
        """Seconds that the budget leaves."""
        if self.budget.minutes is None:
            return math.inf
        return self.budget.minutes * 60 - self._earlier_s - self.elapsed_s

    def obstacle(self, tokens: int, usd: float | None) -> str | None:
        """Why a call that costs at most this much does not fit beside what is spent and in flight."""
        calls, spent_tokens, spent_usd = self._committed()
        limit = self.budget
        if limit.calls is not None and calls + 1 > limit.calls:
            return f"--max-calls {limit.calls} is used up"
        if limit.tokens is not None and spent_tokens + tokens > limit.tokens:
            return f"--max-tokens {limit.tokens:,}: {spent_tokens:,} are spent or in flight, and a call takes up to {tokens:,}"
        if limit.usd is not None and usd is not None and spent_usd + usd > limit.usd:
            return f"--max-usd {limit.usd:g}: ${spent_usd:.4f} is spent or in flight, and a call costs up to ${usd:.4f}"
        if self.left_s <= 0:
            return f"--max-minutes {limit.minutes:g} is used up"
        return None

    def begin(self, number: int, call: Asked) -> None:
        """Enter a call before it is made."""
        if call.source == "model":
            self._open[number] = call

    def end(self, number: int, answered: Answered) -> None:
        """Enter how it ended."""
        call = self._open.pop(number, None)
        if call is not None:
            self._closed[number] = (call, answered)

    @property
    def in_flight(self) -> int:
        """Calls that were begun and have not ended."""
        return len(self._open)

    def places(self, round: int) -> dict[int, PlaceState]:
        """How the questions of a round stand, by index; one that was not put yet is missing."""
        found: dict[int, PlaceState] = {}
        for call, answered in self._closed.values():
            if _writes(call, round):
                found[call.question.slot.index] = (
                    "waiting" if answered is None or answered.reply is None else "answered"
                )
        for call in self._open.values():
            if _writes(call, round):
                found[call.question.slot.index] = "asking"
        return found

    @property
    def spend(self) -> Spend:
        """What has been spent so far."""
        ended = [answered for _, answered in self._closed.values() if answered is not None]
        lost = sum(_is_lost(answered) for _, answered in self._closed.values())
        return Spend(
            calls=len(self._closed) + len(self._open),
            tokens_in=sum(a.tokens_in for a in ended),
            tokens_out=sum(a.tokens_out for a in ended),
            usd=sum(a.usd or 0.0 for a in ended),
            unpriced=sum(a.usd is None and a.fault is None for a in ended)
            + sum(c.usd is None for c in self._open.values()),
            lost=lost,
            seconds=self._earlier_s + self.elapsed_s,
        )

    def _committed(self) -> tuple[int, int, float]:
        """Calls, tokens and dollars that are spent, or may be in the end."""
        tokens, usd = 0, 0.0
        for call, answered in (*self._closed.values(), *((call, None) for call in self._open.values())):
            if answered is None or _is_lost(answered):
                tokens, usd = tokens + call.tokens, usd + (call.usd or 0.0)
            else:
                tokens, usd = tokens + answered.tokens_in + answered.tokens_out, usd + (answered.usd or 0.0)
        return len(self._closed) + len(self._open), tokens, usd


def _writes(call: Asked, round: int) -> bool:
    """Whether a call is for a proposal of a round, and not for the evaluator."""
    slot = call.question.slot
    return slot.round == round and slot.purpose not in ("critique", "choose")


def _is_lost(answered: Answered | None) -> bool:
    """Whether nobody knows what the call has cost."""
    return answered is None or (answered.fault is not None and answered.fault.billed)
