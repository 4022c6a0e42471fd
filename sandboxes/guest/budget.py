"""Budget: how much one run of a candidate may do, whatever it does it with.

A process serves one candidate, so that the counters are the module's. `Guards` starts them anew for every run.
"""

from __future__ import annotations

from guest.refusal import Refused

MAX_STEPS = 100_000
"""Most loop steps of one run of a candidate."""
MAX_ACTIONS = 300_000
"""Most operators, attributes, subscripts and tests of one run: what recursion without a loop would spend."""
MAX_ITEMS = 10_000
"""Most items of a list or tuple."""
_ITEMS_PER_ACTION = 16
"""Items of a list that are handled in C count for less."""

_spent = {"steps": 0, "actions": 0}


def restart() -> None:
    """Nothing is spent."""
    _spent.update(steps=0, actions=0)


def step(count: int) -> None:
    """Spend loop steps."""
    _spent["steps"] += count
    if _spent["steps"] > MAX_STEPS:
        raise Refused("limit", "loop-limit", f"more than {MAX_STEPS} loop steps; a credit function needs far fewer")


def act(count: int = 1) -> None:
    """Spend operators, attributes and the like."""
    _spent["actions"] += count
    if _spent["actions"] > MAX_ACTIONS:
        raise Refused("limit", "loop-limit", f"more than {MAX_ACTIONS} operations; a credit function needs far fewer")


def items(size: int) -> None:
    """Handle a list of so many items, or refuse it."""
    if size > MAX_ITEMS:
        raise Refused("limit", "memory-limit", f"a list of {size} items; at most {MAX_ITEMS} are allowed")
    act(size // _ITEMS_PER_ACTION)
