"""Proposal: a function's source text as a coder wrote it, and where it came from."""

from __future__ import annotations

from tfcaf_forge.records.base import Record, Scalar, digest_of


class Proposal(Record, frozen=True, kw_only=True):
    """One proposed TFCAF, before anything was checked.

    Attributes:
        id: 1, 2, 3, … in a run, in the order of proposal.
        round, index: where it stands in the loop, both from 0.
        parent: id of the proposal that it changes, if any.
        coder: `offline`, `file`, or the model's name.
        source: Python text, exactly as it came.
        note: the coder's own words about it; never trusted.
        parameters: what the coder was asked with (seed, temperature, …).
    """

    id: int
    round: int = 0
    index: int = 0
    parent: int | None = None
    coder: str
    source: str
    note: str = ""
    parameters: dict[str, Scalar] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        return digest_of(self)
