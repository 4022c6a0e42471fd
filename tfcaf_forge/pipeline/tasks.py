"""Tasks by name or by path."""

from __future__ import annotations

import difflib
from pathlib import Path

from tfcaf_forge.errors import TaskError
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.task_spec import load_task as load_file
from tfcaf_forge.resources import bundled_tasks


def task_names() -> tuple[str, ...]:
    """Names of the bundled tasks."""
    return tuple(bundled_tasks())


def load_task(task: str | Path | TaskSpec) -> TaskSpec:
    """A TaskSpec from a bundled task's name, or from the path of a TOML file.

    Raises:
        TaskError: there is no such task (the nearest name is given), or its file is faulty.
    """
    if isinstance(task, TaskSpec):
        return task
    known = bundled_tasks()
    name = str(task)
    if name in known:
        return load_file(known[name])
    if isinstance(task, Path) or name.endswith(".toml") or Path(name).is_file():
        return load_file(Path(task))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}, or give the path of a .toml file"
    raise TaskError(f"there is no task {name!r}; {hint}")
