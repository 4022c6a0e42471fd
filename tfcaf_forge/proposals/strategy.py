"""Strategies: what each place in the loop asks for, given what earlier rounds have shown.

`qllm` keeps as many lines of thought as there are places in a round, as the paper's K rounds of M candidates do: what
was refused is repaired, what was accepted is improved. `population` keeps the best and the most unlike functions,
chooses parents among them by score and novelty, and starts afresh when it is stuck.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.proposals.feedback import fate
from tfcaf_forge.proposals.normal import difference
from tfcaf_forge.records.base import digest_of

REPAIRS_IN_A_ROW = 2
"""A line that was refused this often after one another is given up."""
POOL = 6
STUCK_ROUNDS = 2
_TOURNAMENT = 2
_NOVELTY = 0.35
"""Weight of novelty beside the rank by score when a parent is chosen."""

DIRECTIONS = (
    "Decide each agent's share by how near it is to what earns reward, and by whether it is able to earn it alone.",
    "Decide each agent's share by what it adds to the others: an agent without whom nothing can be earned matters more.",
    "Decide each agent's share by its last action together with where it stands: acting at the right place matters more.",
    "Decide first how much hangs on the whole team in this state, then divide that among the agents.",
    "Compare the agents with one another rather than with fixed numbers, and sharpen the difference where it is plain.",
    "Treat each goal in the state by itself, find the agents that matter for it, and add up over the goals.",
)


@dataclass(frozen=True)
class Plan:
    """What one place in a round asks for.

    Attributes:
        purpose: a first proposal, the repair of one that was refused, or the improvement of one that was accepted.
        parent: what it starts from.
        mate: another accepted function to take ideas from.
        direction: which way to look.
        avoid: functions that are not to be written again.
    """

    purpose: Literal["propose", "repair", "improve"]
    parent: Attempt | None = None
    mate: Attempt | None = None
    direction: str = DIRECTIONS[0]
    avoid: tuple[Attempt, ...] = ()


Strategy = Callable[[int, int, Sequence[Attempt], int], Plan]
"""(round, index, attempts of earlier rounds in order, seed) -> Plan; deterministic."""


def qllm(round: int, index: int, earlier: Sequence[Attempt], seed: int) -> Plan:
    """Each place continues its own line: repair what was refused, improve what was accepted."""
    del seed
    direction = DIRECTIONS[(index + round) % len(DIRECTIONS)]
    line = [attempt for attempt in earlier if attempt.proposal.index == index and has_function(attempt)]
    if not line:
        return Plan("propose", direction=direction)
    last, best = line[-1], best_of(earlier)
    if fate(last) == "accepted":
        # The first place works on the best of all; the others on their own line, with the best to take ideas from.
        parent = best if index == 0 and best is not None else last
        mate = best if best is not None and best is not parent else None
        return Plan("improve", parent, mate, direction)
    if fate(last) != "duplicate" and _refused_in_a_row(line) <= REPAIRS_IN_A_ROW:
        return Plan("repair", last)
    if best is not None:
        return Plan("improve", best, None, direction)
    return Plan("propose", direction=direction, avoid=tuple(a for a in earlier if has_function(a))[-3:])


def population(round: int, index: int, earlier: Sequence[Attempt], seed: int) -> Plan:
    """Parents by score and novelty from a small pool; every second place starts afresh when the pool is stuck."""
    rng = random.Random(digest_of((seed, round, index, [a.proposal.source for a in earlier])))  # noqa: S311
    direction = DIRECTIONS[(index + round + seed) % len(DIRECTIONS)]
    pool = pool_of(earlier)
    earlier = [attempt for attempt in earlier if has_function(attempt)]
    broken = [a for a in earlier if a.proposal.round == round - 1 and fate(a) in ("rejected", "refuted", "undecided")]
    if not pool:
        if index < len(broken):
            return Plan("repair", broken[index])
        return Plan("propose", direction=direction, avoid=tuple(earlier[-3:]))
    if index % 2 == 1 and stuck(earlier, round):
        return Plan("propose", direction=direction, avoid=tuple(pool[:3]))
    if index == 0:
        return Plan("improve", pool[0], _unlike(pool[0], pool), direction)
    if broken and index == 1 and _depth(broken[0], earlier) <= REPAIRS_IN_A_ROW:
        return Plan("repair", broken[0])
    parent = _pick(pool, rng)
    return Plan("improve", parent, _unlike(parent, pool), direction)


STRATEGIES: dict[str, Strategy] = {"qllm": qllm, "population": population}


def has_function(attempt: Attempt) -> bool:
    """Whether the answer held a function; there is nothing to repair in one that did not."""
    return attempt.rejection is None or attempt.rejection.stage != "extract"


def best_of(attempts: Sequence[Attempt]) -> Attempt | None:
    """The accepted attempt with the highest score; of equals the earlier."""
    scored = [a for a in attempts if a.score is not None and fate(a) == "accepted"]
    return max(scored, key=lambda a: (value(a), -a.proposal.id), default=None)


def value(attempt: Attempt) -> float:
    """What the ranking orders by, without the last digits, which may differ between machines."""
    return round(attempt.score.decides.value, 6) if attempt.score is not None else float("-inf")


def pool_of(earlier: Sequence[Attempt]) -> list[Attempt]:
    """The better half of the pool by score, then those least like what is in it already."""
    accepted = sorted((a for a in earlier if fate(a) == "accepted"), key=lambda a: (-value(a), a.proposal.id))
    pool, rest = accepted[: POOL // 2], accepted[POOL // 2 :]
    while rest and len(pool) < POOL:
        newest = max(rest, key=lambda a: (_novelty(a, pool), -a.proposal.id))
        pool.append(newest)
        rest.remove(newest)
    return pool


def stuck(earlier: Sequence[Attempt], round: int) -> bool:
    """Whether the best score is `STUCK_ROUNDS` rounds old."""
    best = best_of(earlier)
    return best is not None and round - best.proposal.round > STUCK_ROUNDS


def _pick(pool: Sequence[Attempt], rng: random.Random) -> Attempt:
    """A tournament on rank and novelty together."""
    entrants = [rng.randrange(len(pool)) for _ in range(_TOURNAMENT)]

    def worth(place: int) -> float:
        others = [a for i, a in enumerate(pool) if i != place]
        return 1.0 - place / len(pool) + _NOVELTY * _novelty(pool[place], others)

    return pool[max(entrants, key=lambda place: (worth(place), -place))]


def _novelty(attempt: Attempt, others: Sequence[Attempt]) -> float:
    """How unlike its nearest neighbour a function is, as a text."""
    return min((difference(attempt.proposal.source, other.proposal.source) for other in others), default=1.0)


def _unlike(parent: Attempt, pool: Sequence[Attempt]) -> Attempt | None:
    others = [a for a in pool if a is not parent]
    return max(others, key=lambda a: (_novelty(a, [parent]), -a.proposal.id), default=None)


def _refused_in_a_row(line: Sequence[Attempt]) -> int:
    count = 0
    for attempt in reversed(line):
        if fate(attempt) not in ("rejected", "refuted", "undecided"):
            break
        count += 1
    return count


def _depth(attempt: Attempt, earlier: Sequence[Attempt]) -> int:
    """How many refused ancestors in a row stand behind it, itself among them."""
    by_id = {a.proposal.id: a for a in earlier}
    count, at = 0, attempt
    while fate(at) in ("rejected", "refuted", "undecided") and count <= REPAIRS_IN_A_ROW:
        count += 1
        if at.proposal.parent is None or at.proposal.parent not in by_id:
            break
        at = by_id[at.proposal.parent]
    return count
