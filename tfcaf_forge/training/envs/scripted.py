"""Which scripted team plays a task."""

from __future__ import annotations

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.training.envs.behaviour import NOISE, Behaviour, ForagingBehaviour, Script
from tfcaf_forge.training.envs.behaviour_spread import SpreadBehaviour
from tfcaf_forge.training.envs.behaviour_warehouse import WarehouseBehaviour

SCRIPTS: tuple[type[Script], ...] = (ForagingBehaviour, SpreadBehaviour, WarehouseBehaviour)


def script_of(task: TaskSpec) -> type[Script] | None:
    """The first script that plays a task; None if none does."""
    return next((script for script in SCRIPTS if script.plays(task)), None)


def scripted(task: TaskSpec, epsilon: float = NOISE) -> Behaviour:
    """The scripted team of a task: a forager, one that spreads, or robots in a warehouse.

    Args:
        task: what is played.
        epsilon: share of random actions.

    Raises:
        TaskError: no script plays this task.
        MissingExtra: the environment's package is not installed.
    """
    script = script_of(task)
    if script is None:
        raise TaskError(
            f"task {task.name}: no script plays it (level-based foraging, simple_spread up to "
            f"{SpreadBehaviour.MOST_AGENTS} agents and warehouses have one); use random, vdn:STEPS or run:FOLDER"
        )
    return script(task, epsilon)
