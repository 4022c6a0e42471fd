"""A task with other options of its environment."""

from __future__ import annotations

import msgspec

from tfcaf_forge.records.base import Scalar
from tfcaf_forge.records.task_spec import TaskSpec


def with_options(task: TaskSpec, **options: Scalar) -> TaskSpec:
    """The task, its environment's options changed or added to; nothing else of it follows."""
    environment = msgspec.structs.replace(task.environment, options={**task.environment.options, **options})
    return msgspec.structs.replace(task, environment=environment)
