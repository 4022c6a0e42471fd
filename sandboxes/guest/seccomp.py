"""Seccomp: of some 350 system calls a candidate keeps the twenty that computing needs.

Threat: native code that got in through a memory fault of torch. It can ask the kernel for nothing: no file, no
socket, no process, no signal, no executable memory. What is not listed here kills the process.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple

from guest import system

RESULT_FD = 3
"""The only descriptor that a candidate's process may write to."""

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOWED = {
    "x86_64": {
        "futex": 202, "munmap": 11, "brk": 12, "mremap": 25, "madvise": 28, "read": 0, "exit": 60, "exit_group": 231,
        "rt_sigreturn": 15, "clock_gettime": 228, "gettimeofday": 96, "sched_yield": 24, "getpid": 39, "gettid": 186,
        "restart_syscall": 219,
    },
    "aarch64": {
        "futex": 98, "munmap": 215, "brk": 214, "mremap": 216, "madvise": 233, "read": 63, "exit": 93,
        "exit_group": 94, "rt_sigreturn": 139, "clock_gettime": 113, "gettimeofday": 169, "sched_yield": 124,
        "getpid": 172, "gettid": 178, "restart_syscall": 128,
    },
}  # fmt: skip
_REFUSED = {
    "x86_64": {
        "stat": 4, "fstat": 5, "lseek": 8, "ioctl": 16, "getcwd": 79, "readlink": 89, "sched_getaffinity": 204,
        "openat": 257, "newfstatat": 262,
    },
    "aarch64": {
        "fstat": 80, "lseek": 62, "ioctl": 29, "getcwd": 17, "readlinkat": 78, "sched_getaffinity": 123,
        "openat": 56, "newfstatat": 79,
    },
}  # fmt: skip
"""Answered with EACCES: a late import or a look at the file system becomes an ordinary error of the candidate."""
_CHECKED = {
    "x86_64": {"write": 1, "mmap": 9, "mprotect": 10},
    "aarch64": {"write": 64, "mmap": 222, "mprotect": 226},
}
"""Allowed for some arguments only."""

_KILL_PROCESS, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE = 0, 4
_X32 = 0x40000000
_PROT_EXEC, _MAP_ANONYMOUS = 4, 0x20
_SET_MODE_FILTER = 1


class Step(NamedTuple):
    """One instruction of the kernel's packet filter: code, jumps where true and where false, operand."""

    code: int
    true: int
    false: int
    operand: int


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def program(machine: str = system.MACHINE) -> tuple[Step, ...]:
    """The filter for a machine.

    Raises:
        Unavailable: there is no table of system calls for the machine.
    """
    if machine not in _ARCHITECTURE:
        known = ", ".join(_ARCHITECTURE)
        raise system.Unavailable(f"no list of system calls for {machine}", f"use {known}, or --sandbox docker")
    steps = [_load(_MACHINE), Step(_EQUAL, 1, 0, _ARCHITECTURE[machine]), _end(_KILL_PROCESS), _load(_NUMBER)]
    if machine == "x86_64":  # the x32 calls share the architecture and number the same calls anew
        steps += [Step(_AT_LEAST, 0, 1, _X32), _end(_KILL_PROCESS)]
    numbers = _CHECKED[machine]
    steps += _where(numbers["write"], [_argument(0), Step(_EQUAL, 0, 1, RESULT_FD), _end(_ALLOW)])
    steps += _where(numbers["mprotect"], [_argument(2), Step(_ANY_BIT, 1, 0, _PROT_EXEC), _end(_ALLOW)])
    steps += _where(numbers["mmap"], [*_anonymous_data(), _end(_ALLOW)])
    for number in _ALLOWED[machine].values():
        steps += [Step(_EQUAL, 0, 1, number), _end(_ALLOW)]
    for number in _REFUSED[machine].values():
        steps += [Step(_EQUAL, 0, 1, number), _end(_ERRNO | errno.EACCES)]
    return (*steps, _end(_KILL_PROCESS))


def install(steps: Sequence[Step]) -> None:
    """Put the filter over this process, for good. Needs `no_new_privs`.

    Raises:
        OSError: as the kernel says.
    """
    body = b"".join(struct.pack("=HBBI", *step) for step in steps)
    filter_ = _Program(len(steps), body)
    system.call("seccomp", _SET_MODE_FILTER, 0, ctypes.byref(filter_))


def _where(number: int, body: Sequence[Step]) -> list[Step]:
    """`body` for one call; where it falls through, the process is killed."""
    return [Step(_EQUAL, 0, len(body) + 1, number), *body, _end(_KILL_PROCESS)]


def _anonymous_data() -> list[Step]:
    """Fall through, past one step more where refused, unless memory is anonymous and not executable."""
    return [_argument(2), Step(_ANY_BIT, 3, 0, _PROT_EXEC), _argument(3), Step(_ANY_BIT, 0, 1, _MAP_ANONYMOUS)]


def _load(offset: int) -> Step:
    return Step(_LOAD, 0, 0, offset)


def _argument(index: int) -> Step:
    """The lower half of an argument: the kernel itself reads no more of these."""
    return _load(16 + 8 * index)


def _end(action: int) -> Step:
    return Step(_RETURN, 0, 0, action)
