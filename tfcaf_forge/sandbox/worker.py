"""Worker: what every backend's warm process has in common, and how one is lost."""

from __future__ import annotations

import signal
from typing import Any, Protocol

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.traced import Isolation

SHAKING = frozenset(
    f"died:{int(number)}"
    for number in (signal.SIGSEGV, signal.SIGSYS, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
)
"""A candidate that ended so came close to native code; the next one gets a new warm process."""


class WorkerLost(SandboxError):  # noqa: N818 - reads as what it is
    """The warm process, or its container, ended under a candidate: by it, or by somebody else."""


class Worker(Protocol):
    """A backend's warm process."""

    @property
    def isolation(self) -> Isolation:
        """The layers in force."""
        ...

    @property
    def spent(self) -> bool:
        """Whether it should be replaced."""
        ...

    def ask(self, request: dict[str, Any]) -> tuple[bytes, str]:
        """Run one candidate: the bytes that it wrote, and how it ended.

        Raises:
            WorkerLost: the warm process itself is gone.
        """
        ...

    def close(self) -> None:
        """End it and everything that it started."""
        ...


class Hello(Plain, frozen=True, kw_only=True):
    """What the warm process says once it is ready.

    Attributes:
        protocol: version of this conversation.
        python, torch: versions inside.
        layers: those that held in its self-test, from the inside out.
        missing: by layer, why it does not hold and what to do.
        attempts: by layer and attempt of the self-test, what stopped it.
    """

    protocol: int
    python: str
    torch: str
    layers: tuple[str, ...]
    missing: dict[str, str]
    attempts: dict[str, str] = {}


class Reply(Plain, frozen=True, kw_only=True):
    """How one candidate's process ended, as the warm process saw it."""

    id: int
    fate: str
