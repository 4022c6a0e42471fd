"""Manifest: what a kernel file says about itself."""

from __future__ import annotations

from tfcaf_forge.records.base import Plain, Record


class VerdictSummary(Plain, frozen=True, kw_only=True, rename={"property_id": "property"}):
    """One property in a kernel's manifest: its status and, where it was tested, the number of trials."""

    property_id: str
    status: str
    required: bool
    trials: int = 0
    detail: str = ""


class Manifest(Record, frozen=True, kw_only=True):
    """What a kernel computes, for which task, and what is known about it.

    Attributes:
        task, task_digest: the TaskSpec's name and digest.
        n_agents, state_size: N and S.
        layout: name of every number of the state vector, [S].
        q_scale: local Q-values are multiplied by it first.
        monotonicity: the TaskSpec's contract.
        affine: whether Q_tot is affine in the local Q-values, so that `credit(state)` exists.
        graph_digest: digest of the graph in this file.
        source_digest: SHA-256 of the source text that it was traced from; the text itself is not in the file.
        coder: who wrote it.
        evidence_digest, verdicts: the evidence that it was accepted on.
        isolation: layers that held the candidate in.
        forge_version, torch_version: what wrote the file.
    """

    task: str
    task_digest: str
    n_agents: int
    state_size: int
    layout: tuple[str, ...]
    q_scale: float
    monotonicity: str
    affine: bool
    graph_digest: str
    source_digest: str
    coder: str
    evidence_digest: str
    verdicts: tuple[VerdictSummary, ...]
    isolation: tuple[str, ...]
    forge_version: str
    torch_version: str
