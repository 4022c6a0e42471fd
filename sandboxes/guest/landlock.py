"""Landlock: every right over files, ports and other processes is handled, and no rule gives one back.

Threat: a path that is still reachable where the empty root could not be made, or a descriptor that leads out of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

from guest import system

_VERSION_FLAG = 1
_REMEDY = "Linux 5.13 or later with landlock in its list of security modules (boot with lsm=landlock,…)"


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def version() -> int:
    """The kernel's Landlock version, from 1.

    Raises:
        Unavailable: there is none.
    """
    try:
        return system.syscall(system.LANDLOCK_CREATE, None, 0, _VERSION_FLAG)
    except OSError as fault:
        raise system.Unavailable(f"the kernel has no Landlock ({fault.strerror})", _REMEDY) from None


def rights(abi: int) -> tuple[int, int, int, int]:
    """All rights that a version knows: of files, of the network, scopes; and the size of the kernel's structure."""
    files = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):  # refer, truncate, ioctl on devices
        files |= (1 << bit) if abi >= since else 0
    net = 0b11 if abi >= 4 else 0  # bind and connect TCP
    scoped = 0b11 if abi >= 6 else 0  # abstract Unix sockets, signals
    return files, net, scoped, 24 if abi >= 6 else 16 if abi >= 4 else 8


def restrict(abi: int) -> None:
    """Give up everything, for good. Needs `no_new_privs`.

    Raises:
        OSError: as the kernel says.
    """
    files, net, scoped, size = rights(abi)
    ruleset = _Ruleset(files, net, scoped)
    fd = system.syscall(system.LANDLOCK_CREATE, ctypes.byref(ruleset), size, 0)
    try:
        system.syscall(system.LANDLOCK_RESTRICT, fd, 0)
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)
