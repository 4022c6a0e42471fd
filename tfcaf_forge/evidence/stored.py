"""Stored: counterexamples on the disk, found again by their id and tried first on the next candidate of their task.

One JSON file each, `TASK-DIGEST/PROPERTY/CASE.json`: the inputs, what was observed and where. The newest are kept.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import InputError
from tfcaf_forge.evidence.case import Case, from_data
from tfcaf_forge.evidence.domain import domain_of
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.verdict import Counterexample, Evidence

REPLAYED = 8
"""Cases of one property that are tried first."""
KEPT = 32
"""Cases of one property that stay on the disk."""
_LARGEST = 1 << 24
"""Bytes of a case's file."""


class CaseStore:
    """A folder of counterexamples.

    Args:
        folder: made when something is first written.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self.folder = folder

    def keep(self, task: TaskSpec, evidence: Evidence) -> None:
        """Write every counterexample down; a folder that cannot be written to is no fault."""
        for verdict in evidence.verdicts:
            if verdict.counterexample is not None:
                with contextlib.suppress(OSError):
                    self._write(self._place(task) / verdict.property_id, verdict.counterexample, evidence.graph)

    def earlier(self, task: TaskSpec, *, most: int = REPLAYED) -> dict[str, list[Case]]:
        """By property, the newest cases that lie in the task's declared domain.

        Args:
            task: the task.
            most: cases of one property.
        """
        domain, found = domain_of(task), dict[str, list[Case]]()
        for folder in sorted(self._place(task).glob("*/")):
            for path in _newest(folder)[:most]:
                with contextlib.suppress(InputError):
                    case = read_case(path, task)
                    if domain.contains(case.state, case.local_q):
                        found.setdefault(folder.name, []).append(case)
        return found

    def find(self, name: str, task: TaskSpec) -> Case:
        """A case by its id (or the beginning of it), or from a JSON file.

        Raises:
            InputError: there is none, several begin like this, or it is not a case of this task.
        """
        path = Path(name)
        if not path.is_file():
            known = {p.stem: p for p in self.folder.glob(f"*/*/{name}*.json")} if name.isalnum() else {}
            if len(known) != 1:
                said = "there is no" if not known else f"{len(known)} cases begin like this: more than one"
                raise InputError(f"{said} stored case {name!r} in {self.folder}; give its whole id, or a JSON file")
            (path,) = known.values()
        return read_case(path, task)

    def _place(self, task: TaskSpec) -> Path:
        return self.folder / f"{task.name}-{task.digest[:8]}"

    def _write(self, folder: Path, found: Counterexample, graph: str) -> None:
        """One case, whole or not at all; the oldest make room."""
        folder.mkdir(parents=True, exist_ok=True)
        body = {"schema": 1, "graph": graph, **msgspec.to_builtins(found)}
        part = folder / f".{found.case}.{os.getpid()}"
        part.write_bytes(msgspec.json.encode(body))
        part.replace(folder / f"{found.case}.json")
        for old in _newest(folder)[KEPT:]:
            old.unlink(missing_ok=True)


def read_case(path: Path, task: TaskSpec) -> Case:
    """A case from a JSON file: any object with `local_q` [B, N] and `state` [B, S].

    Raises:
        InputError: the file cannot be read, is no case, or is one of another task.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST:,} bytes; a case has a few rows")
        data: Any = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError) as fault:
        raise InputError(f"{path}: not a case: {fault}") from None
    case = from_data(data, what=str(path))
    if case.local_q.shape[1] != task.n_agents or case.state.shape[1] != task.state_size:
        raise InputError(
            f"{path}: a case of {case.local_q.shape[1]} agents and {case.state.shape[1]} state fields; "
            f"the task {task.name} has {task.n_agents} and {task.state_size}"
        )
    return case


def _newest(folder: Path) -> list[Path]:
    """The cases of a folder, the newest first; of one age, by name."""
    known = [(-path.stat().st_mtime_ns, path.name, path) for path in folder.glob("*.json")]
    return [path for _, _, path in sorted(known)]
