"""Calls to models in words, for what is shown while a command runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.outcome import Calling


def in_flight_text(event: Calling) -> str:
    """`2 calls in flight`."""
    return f"{event.in_flight} {'call' if event.in_flight == 1 else 'calls'} in flight"


def calls_text(event: Calling) -> str:
    """`7 calls, 12,345 tokens of 200,000, $0.0123 of $1`: what was spent, and of what."""
    spend, budget = event.spend, event.budget
    money = spend.money + (f" of ${budget.usd:g}" if budget.usd is not None else "")
    tokens = f"{spend.tokens_in + spend.tokens_out:,}" + (f" of {budget.tokens:,}" if budget.tokens is not None else "")
    calls = f"{spend.calls}" + (f" of {budget.calls}" if budget.calls is not None else "")
    return f"{calls} {'call' if calls == '1' else 'calls'}, {tokens} tokens, {money}"
