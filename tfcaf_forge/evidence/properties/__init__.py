"""The properties: one definition each, used by proofs, trials, reports and the auditor's tests."""

from __future__ import annotations

from tfcaf_forge.evidence.properties.base import Finding, Property
from tfcaf_forge.evidence.properties.contract import CONTRACT
from tfcaf_forge.evidence.properties.credit import BOUNDED_CREDIT, CONTINUOUS, STARVED, STATE_SENSITIVE
from tfcaf_forge.evidence.properties.finite import FINITE, FINITE_GRADIENT
from tfcaf_forge.evidence.properties.igm import IGM
from tfcaf_forge.evidence.properties.monotone import monotone
from tfcaf_forge.evidence.properties.numerics import DTYPE_FOLLOWS, GRADIENT_CHECK, LARGE_INPUTS
from tfcaf_forge.evidence.properties.rows import BATCH_INDEPENDENT
from tfcaf_forge.evidence.properties.symmetry import symmetries
from tfcaf_forge.records.task_spec import TaskSpec

__all__ = ["Finding", "Property", "catalogue"]


def catalogue(task: TaskSpec) -> tuple[Property, ...]:
    """The properties that apply to a task, in the order in which verdicts are shown."""
    return (
        CONTRACT,
        FINITE,
        FINITE_GRADIENT,
        monotone(required=task.credit.monotonicity == "required"),
        IGM,
        BATCH_INDEPENDENT,
        STARVED,
        *symmetries(task),
        BOUNDED_CREDIT,
        STATE_SENSITIVE,
        CONTINUOUS,
        GRADIENT_CHECK,
        DTYPE_FOLLOWS,
        LARGE_INPUTS,
    )
