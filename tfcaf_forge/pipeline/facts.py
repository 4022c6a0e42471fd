"""Facts: what a report says beyond the run's records, gathered where the run was made and carried in its bundle."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from tfcaf_forge.pipeline.command import Given, command_of, next_command, task_reference
from tfcaf_forge.pipeline.environment import environment, forge_version
from tfcaf_forge.records.base import Record, digest_bytes
from tfcaf_forge.records.task_spec import TaskSpec


class Facts(Record, frozen=True, kw_only=True):
    """What the report takes from the machine that made it.

    Attributes:
        name: the run's.
        made: the day, ISO 8601; waivers are held against it.
        forge_version: of the release that made the report.
        command, next_command: that repeat the run, and that train with its kernel.
        task_reference: how `--task` names the task.
        run_path, kernel_path: where the run and its kernel lay, as shown.
        environment: versions and machine, by name.
    """

    name: str
    made: str
    forge_version: str
    command: str
    next_command: str
    task_reference: str
    run_path: str
    kernel_path: str
    environment: dict[str, str]


def facts_of(folder: Path, task: TaskSpec, settings: dict[str, Any], kernel: Path, given: Given) -> Facts:
    """The facts of a run's folder on this machine, today; `given` is how its last session was begun."""
    return Facts(
        name=folder.name,
        made=datetime.now(UTC).date().isoformat(),
        forge_version=forge_version(),
        command=command_of(settings, folder, given),
        next_command=next_command(task.name, kernel, given),
        task_reference=task_reference(task.name, given),
        run_path=str(folder),
        kernel_path=str(kernel),
        environment={**environment(), **_hardware(), "lock": f"sha256 {digest_bytes(lock())}"},
    )


@cache
def lock() -> bytes:
    """Every installed distribution with its version, one a line, in order; read once, since it takes half a second."""
    read = (distribution.metadata for distribution in distributions())
    names = {f"{str(metadata['Name']).lower()}=={metadata['Version']}" for metadata in read if metadata["Name"]}
    return "".join(f"{name}\n" for name in sorted(names)).encode()


def _hardware() -> dict[str, str]:
    """The processor and the memory; no name of the machine."""
    found = {"processor": platform.processor() or platform.machine()}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        found["processor"] = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        found["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"
    except (OSError, StopIteration, ValueError):
        pass
    return found
