"""Proven: what is proved of a graph, from the prover and from the graph's own rules."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tfcaf_forge.evidence.properties import catalogue
from tfcaf_forge.evidence.subject import Subject

_PROVER = "tfcaf_forge.evidence.proofs"


class Proven(Protocol):
    """What is said about one property."""

    @property
    def status(self) -> str:
        """PROVED or UNKNOWN."""
        ...

    @property
    def detail(self) -> str:
        """The bound, or why it is not known."""
        ...

    @property
    def seconds(self) -> float:
        """Time that it took."""
        ...


@dataclass(frozen=True)
class Said:
    """A statement that does not come from the prover."""

    status: str
    detail: str
    seconds: float = 0.0


def proofs_of(subject: Subject) -> dict[str, Proven]:
    """Statements by property id; what is not named is not known."""
    known = dict(_from_prover(subject))
    if subject.affine and is_proved(known, "monotone") and not is_proved(known, "igm"):
        known["igm"] = Said("PROVED", "follows from monotone: q_tot is affine in the local Q-values")
    return known


def is_proved(proofs: Mapping[str, Proven], property_id: str) -> bool:
    """Whether a property is proved."""
    found = proofs.get(property_id)
    return found is not None and found.status == "PROVED"


def _from_prover(subject: Subject) -> Mapping[str, Proven]:
    """What the prover says. A prover that fails proves nothing, and every verdict then says so."""
    try:
        prover = importlib.import_module(_PROVER)
        return prover.prove(subject.graph, subject.types, subject.task)
    except Exception as fault:  # trials still decide
        failed = Said("UNKNOWN", f"the prover failed: {type(fault).__name__}: {fault}"[:300])
        return {p.id: failed for p in catalogue(subject.task)}
