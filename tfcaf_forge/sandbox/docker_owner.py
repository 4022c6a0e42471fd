"""Who started a container: labels that let a later process tell a dead run's leftovers from a living run's own."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tfcaf_forge.records.base import Plain

PREFIX = "tfcaf-forge."
RUN = f"{PREFIX}run"
"""Every container of ours carries this label."""


class Owner(Plain, frozen=True, kw_only=True):
    """A process on a machine. Its number alone would not do: numbers are used again, also after a restart.

    Attributes:
        machine: digest of the machine's id and name: an engine may serve several machines.
        boot: the machine's boot.
        table: the process table that the number belongs to: the forge may itself run in a container.
        pid: the process.
        started: when it started, in ticks since the boot.
    """

    machine: str
    boot: str
    table: str
    pid: str
    started: str

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls(machine=_machine(), boot=_boot(), table=_table(), pid=str(os.getpid()), started=_started("self"))

    @classmethod
    def read(cls, labels: Mapping[str, str]) -> Self | None:
        """From a container's labels; None where they are not whole."""
        found = {name: labels.get(f"{PREFIX}{name}") for name in cls.__struct_fields__}
        whole = {name: value for name, value in found.items() if value is not None}
        return cls(**whole) if len(whole) == len(found) else None

    @property
    def labels(self) -> dict[str, str]:
        """As labels."""
        return {f"{PREFIX}{name}": getattr(self, name) for name in self.__struct_fields__}

    @property
    def alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be told from here."""
        here = Owner.current()
        if self.machine != here.machine:
            return None
        if self.boot != here.boot:
            return False
        if self.table != here.table or not self.pid.isdigit():
            return None
        return _runs(int(self.pid)) and _started(self.pid) == self.started


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    text = _read("/etc/machine-id") + "\n" + socket.gethostname()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _table() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(pid: str) -> str:
    """Field 22 of the process's `stat`, after the name in brackets, which may hold anything; empty off Linux."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
