"""Confine: what the operating system takes away from a candidate's process before its source is read.

Each layer is a function that either holds or says why not; what held is reported to the host.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable
from typing import Any

Limits = dict[str, Any]


def new_session(limits: Limits) -> None:
    """A process group of its own, so that one signal ends all of it."""
    del limits
    os.setsid()


def resource_limits(limits: Limits) -> None:
    """Memory, processor time, file size, descriptors, processes, stack, core dumps."""
    memory = _address_space() + int(limits["memory_bytes"])
    seconds = int(limits["cpu_seconds"])
    wanted = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_NOFILE: (16, 16),
    }
    for what, pair in wanted.items():
        resource.setrlimit(what, pair)


def closed_descriptors(limits: Limits) -> None:
    """Everything closed but the result pipe."""
    keep = int(limits["result_fd"])
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, keep)
    with contextlib.suppress(OSError):
        os.closerange(keep + 1, 4096)


LAYERS: tuple[tuple[str, Callable[[Limits], None]], ...] = (
    ("session", new_session),
    ("descriptors", closed_descriptors),
    ("rlimits", resource_limits),
)
"""In this order, in the child, before it reads anything that a model wrote."""


def confine(limits: Limits) -> None:
    """Apply every layer.

    Raises:
        OSError: a layer could not be applied. The child must not go on.
    """
    for _, apply in LAYERS:
        apply(limits)


def _address_space() -> int:
    """Bytes of address space that this process maps now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    return pages * resource.getpagesize()
