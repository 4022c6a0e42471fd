"""The offline coder itself: rounds, parents, and determinism."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfcaf_forge.proposals.base import Attempt, earlier_rounds
from tfcaf_forge.proposals.offline.genome import Genome, decode, encode
from tfcaf_forge.proposals.offline.menu import Menu, menu_of
from tfcaf_forge.proposals.offline.render import render
from tfcaf_forge.proposals.offline.search import classic, cross, draw, mutate, pick
from tfcaf_forge.records.base import Scalar, digest_of
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.task_spec import TaskSpec

_ELITE = 4
"""Parents are drawn from this many of the best."""
_TOURNAMENT = 3
_IMMIGRANTS = 0.15
"""Share of fresh draws in later rounds."""
_CROSSINGS = 0.25
_TRIES = 60
"""Draws after which a genome that was proposed before is proposed again."""


class _Parent(NamedTuple):
    id: int
    genome: Genome
    score: float


class _Child(NamedTuple):
    genome: Genome
    parent: int | None
    how: str


@dataclass(frozen=True)
class OfflineCoder:
    """A seeded search over small programs built from the TaskSpec's fields.

    It is a *baseline to compare models with*: it knows no more than the declared fields and a fixed grammar (weighted
    sums of features, turned into credits >= 0), and it learns only from the scores of earlier rounds. What it writes
    is ordinary source text, and goes the same way through sandbox, evidence and ranking as a model's.

    Round 0 draws; later rounds change the best-scored proposals of earlier rounds, or draw afresh where there are
    none. No genome is proposed twice in a run.

    Attributes:
        seed: with the task and the history, decides everything.
    """

    seed: int = 0

    @property
    def name(self) -> str:
        """`offline`."""
        return "offline"

    def propose(self, task: TaskSpec, *, id: int, round: int, index: int, history: Sequence[Attempt]) -> Proposal:
        """Write one proposal (see `Coder`); its genome and seed stand in `parameters`."""
        menu, earlier = menu_of(task), earlier_rounds(history, round)
        seen = {text for attempt in earlier if (text := attempt.proposal.parameters.get("genome"))}
        parents = _parents(earlier)
        stamp = _stamp(earlier, parents)
        child = _child(menu, parents, self._rng(task, round, 0, stamp), round, 0, seen)
        # Siblings of one round must not see each other, so each works out for itself what those before it propose.
        for sibling in range(1, index + 1):
            seen.add(encode(child.genome))
            child = _child(menu, parents, self._rng(task, round, sibling, stamp), round, sibling, seen)
        return Proposal(
            id=id,
            round=round,
            index=index,
            parent=child.parent,
            coder=self.name,
            source=render(child.genome, menu),
            note=f"offline search, a baseline to compare models with (no model was asked): {child.how}",
            parameters={"seed": self.seed, "genome": encode(child.genome)},
        )

    def _rng(self, task: TaskSpec, round: int, index: int, stamp: str) -> np.random.Generator:
        """A generator of its own for every place in the loop."""
        return np.random.default_rng(int(digest_of((self.seed, task.digest, round, index, stamp)), 16))


def _child(
    menu: Menu,
    parents: list[_Parent],
    rng: np.random.Generator,
    round: int,
    index: int,
    seen: set[Scalar],
) -> _Child:
    """A genome that was not proposed before, if one is found."""
    child = _Child(classic(menu), None, "the classic: softmax over closeness and level")
    if round == 0 and index == 0:
        return child
    for turn in range(_TRIES):
        if parents and (index == 0 or rng.random() >= _IMMIGRANTS):
            child = _bred(menu, parents, rng, best=index == 0)
        else:
            child = _Child(draw(menu, rng, round + index + turn), None, "a fresh draw")
        if encode(child.genome) not in seen:
            break
    return child


def _bred(menu: Menu, parents: list[_Parent], rng: np.random.Generator, *, best: bool) -> _Child:
    """A changed or crossed copy of a parent; `best` takes the best one and changes it."""
    parent = parents[0] if best else _tournament(parents, rng)
    mate = _tournament(parents, rng)
    if not best and mate.id != parent.id and rng.random() < _CROSSINGS:
        return _Child(
            cross(parent.genome, mate.genome, menu, rng), parent.id, f"proposal {parent.id} crossed with {mate.id}"
        )
    return _Child(mutate(parent.genome, menu, rng), parent.id, f"proposal {parent.id}, changed")


def _tournament(parents: list[_Parent], rng: np.random.Generator) -> _Parent:
    entrants = [pick(rng, parents[:_ELITE]) for _ in range(_TOURNAMENT)]
    return min(entrants, key=parents.index)


def _parents(earlier: list[Attempt]) -> list[_Parent]:
    """The attempts to breed from: scored, not refused, and with a genome; the best first."""
    found = [
        _Parent(attempt.proposal.id, genome, round(attempt.score.decides.value, 6))
        for attempt in earlier
        if attempt.score is not None
        and not attempt.refused
        and math.isfinite(attempt.score.decides.value)
        and (genome := decode(attempt.proposal.parameters.get("genome"))) is not None
    ]
    return sorted(found, key=lambda parent: -parent.score)  # stable: of equals, the earlier one


def _stamp(earlier: list[Attempt], parents: list[_Parent]) -> str:
    """Digest of what the search learns from: what was proposed, and the order of the parents.

    Not of the scores themselves, whose last digits may differ from machine to machine, nor of seconds.
    """
    return digest_of(([attempt.proposal.source for attempt in earlier], [parent.genome for parent in parents]))
