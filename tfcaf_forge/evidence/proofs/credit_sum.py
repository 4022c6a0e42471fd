"""Do the credits sum to a constant? (to be written)"""

from __future__ import annotations

from tfcaf_forge.evidence.proofs.site import Types
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.records.task_spec import TaskSpec


def credit_sum(graph: OpGraph, types: Types, task: TaskSpec) -> float | str:
    """The constant, or why it is not known."""
    return "not examined"
