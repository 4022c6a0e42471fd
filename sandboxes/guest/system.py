"""System: the few kernel calls that Python's `os` lacks, and how a layer says that it cannot be had here."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from typing import Any

MACHINE = platform.machine()
CALLS: dict[str, dict[str, int]] = {
    "x86_64": {"pivot_root": 155, "capset": 126, "seccomp": 317, "add_key": 248, "keyctl": 250},
    "aarch64": {"pivot_root": 41, "capset": 91, "seccomp": 277, "add_key": 217, "keyctl": 219},
}
"""Numbers of system calls that libc does not wrap, by machine."""
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
"""The same numbers on every machine."""

NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
NEW_IPC, NEW_UTS, NEW_MOUNT, NEW_CGROUP = 0x08000000, 0x04000000, 0x00020000, 0x02000000

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2
PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 38, 39
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

MS_READONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REC, MS_PRIVATE = 1 << 14, 1 << 18
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Unavailable(Exception):  # noqa: N818 - an answer, not a fault
    """A layer cannot be had on this machine, and nothing of it was applied.

    Args:
        reason: what the kernel said.
        remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        """Keep both halves of the text."""
        super().__init__(f"{reason}; {remedy}")


def prctl(option: int, *arguments: int) -> int:
    """`prctl(2)`.

    Raises:
        OSError: as the kernel says.
    """
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl, option, *words)


def syscall(number: int, *arguments: Any) -> int:  # noqa: ANN401 - integers, bytes and ctypes structures
    """A system call by its number.

    Raises:
        OSError: as the kernel says.
    """
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _checked(_libc.syscall, ctypes.c_long(number), *words)


def call(name: str, *arguments: Any) -> int:  # noqa: ANN401 - as `syscall`
    """A system call of `CALLS` by its name.

    Raises:
        OSError: as the kernel says; ENOSYS on a machine that is not in the table.
    """
    numbers = CALLS.get(MACHINE)
    if numbers is None:
        raise OSError(errno.ENOSYS, f"no table of system calls for {MACHINE}")
    return syscall(numbers[name], *arguments)


def unshare(flags: int) -> None:
    """`unshare(2)`.

    Raises:
        OSError: as the kernel says.
    """
    _checked(_libc.unshare, flags)


def mount(kind: str | None, target: str, flags: int, options: str | None = None) -> None:
    """`mount(2)` of a file system without a device.

    Raises:
        OSError: as the kernel says.
    """
    name = None if kind is None else kind.encode()
    data = None if options is None else options.encode()
    _checked(_libc.mount, name, target.encode(), name, ctypes.c_ulong(flags), data)


def unmount(target: str) -> None:
    """Take a mount out of sight, whatever still uses it.

    Raises:
        OSError: as the kernel says.
    """
    _checked(_libc.umount2, target.encode(), MNT_DETACH)


def _checked(function: Callable[..., int], *arguments: Any) -> int:  # noqa: ANN401 - as `syscall`
    result = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
