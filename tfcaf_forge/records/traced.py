"""Traced: the graph that left the sandbox, and under which conditions it came."""

from __future__ import annotations

from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.records.base import Record


class Isolation(Record, frozen=True, kw_only=True):
    """What held the candidate in while it ran.

    Attributes:
        backend: `local`, `docker`, …
        active: layers that were in force, from the inside out.
        missing: layers of this backend that were not, each with the reason.
    """

    backend: str
    active: tuple[str, ...]
    missing: dict[str, str] = {}


class Traced(Record, frozen=True, kw_only=True):
    """A candidate that ran in the sandbox, was traced, and whose graph was verified on the host.

    Attributes:
        candidate, proposal: id and digest of the Proposal.
        graph: the canonical graph.
        graph_digest: its digest; two candidates with one digest are one candidate.
        isolation: the layers in force.
        seconds: wall-clock time in the sandbox.
    """

    candidate: int
    proposal: str
    graph: OpGraph
    graph_digest: str
    isolation: Isolation
    seconds: float
