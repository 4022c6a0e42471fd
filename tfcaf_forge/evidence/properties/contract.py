"""Contract: [B, N] and [B, S] go in, [B, 1] comes out, for any B, without an exception."""

from __future__ import annotations

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.properties.base import Finding, Property
from tfcaf_forge.evidence.subject import RunFault, Subject


def _measure(subject: Subject, case: Case) -> Finding:
    """The case as it is, forward and backward; then its first row alone."""
    try:
        subject.at(case)
    except RunFault as fault:
        alone = next((found for row in range(case.rows) if (found := _alone(subject, case, row))), None)
        return alone or Finding(1.0, f"a batch of {case.rows} fails: {fault}", 0, tuple(range(1, case.rows)))
    return _alone(subject, case, 0) or Finding(-1.0)


def _alone(subject: Subject, case: Case, row: int) -> Finding | None:
    """One row as a batch of its own."""
    try:
        subject.values(case.take([row]))
    except RunFault as fault:
        return Finding(1.0, f"a batch of 1 fails: {fault}", row)
    return None


CONTRACT = Property(
    id="contract",
    title="keeps its signature for any batch size",
    formula="f: float32 [B, N] × float32 [B, S] → float32 [B, 1] for every B ≥ 1, without an exception",
    tolerance=0.0,
    why="shapes and types are exact",
    hazard="the trainer stops in the middle of a run, or broadcasts a wrong shape and learns from nonsense",
    required=True,
    measure=_measure,
)
