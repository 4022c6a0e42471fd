"""Which scripted team plays a task."""

from __future__ import annotations

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.training.envs.behaviour import Behaviour, ForagingBehaviour
from tfcaf_forge.training.envs.behaviour_spread import SpreadBehaviour

NOISE = 0.3
"""Share of random actions, where nobody names one: it brings a script into states that it would never see."""


def has_script(task: TaskSpec) -> bool:
    """Whether a scripted team plays this task."""
    kind = task.environment.kind
    spreads = (
        kind == "mpe" and task.environment.id == "simple_spread_v3" and task.n_agents <= SpreadBehaviour.MOST_AGENTS
    )
    return kind in ("lbforaging", "rware") or spreads


def scripted(task: TaskSpec, epsilon: float = NOISE) -> Behaviour:
    """The scripted team of a task: a forager, one that spreads, or robots in a warehouse.

    Args:
        task: what is played.
        epsilon: share of random actions.

    Raises:
        TaskError: no script plays this task.
        MissingExtra: the environment's package is not installed.
    """
    if not has_script(task):
        raise TaskError(
            f"task {task.name}: no script plays it (level-based foraging, simple_spread up to {SpreadBehaviour.MOST_AGENTS} agents and warehouses have one); "
            "use random, vdn:STEPS or run:FOLDER"
        )
    kind = task.environment.kind
    if kind == "lbforaging":
        return ForagingBehaviour(task, epsilon)
    if kind == "mpe":
        return SpreadBehaviour(task, epsilon)
    from tfcaf_forge.training.envs.behaviour_warehouse import WarehouseBehaviour

    return WarehouseBehaviour(task, epsilon)
