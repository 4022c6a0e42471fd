"""Confine: what the operating system takes away from a candidate's process before its source is read.

Each layer is one function, applied in the order of `LAYERS`. The warm process tries all of them once (`selftest`) and
from then on applies exactly those that held: a layer that fails in a candidate's process ends that process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guest import landlock, seccomp, system
from guest.system import Unavailable

NOBODY = 65534
_LAST_CAPABILITY = 63
_SECUREBITS_LOCKED = 0xEF
"""No root, no set-uid fixup, no ambient capability, all locked: ids give no capability ever again."""
_STACK = 8 << 20


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the layers need to know.

    Attributes:
        limits: `memory_bytes`, `cpu_seconds` and others, of one candidate.
        result_fd: where the candidate's process writes its answer; becomes `seccomp.RESULT_FD`.
        null_fd: `/dev/null`, opened while there was one.
        parent: the warm process.
        mapped_bytes: address space of the warm process at the fork.
        own_user: whether the warm process lives in a user namespace that it made.
    """

    limits: dict[str, Any]
    result_fd: int
    null_fd: int
    parent: int
    mapped_bytes: int
    own_user: bool


def session(context: Context) -> None:
    """A session and group of its own: no terminal to type into, and one signal ends all of it."""
    del context
    os.setsid()


def descriptors(context: Context) -> None:
    """Every descriptor closed but the result's: no way to the host's socket, a log or a directory left open."""
    os.set_inheritable(context.null_fd, True)
    for fd in (0, 1, 2):
        os.dup2(context.null_fd, fd)
    if context.result_fd != seccomp.RESULT_FD:
        os.dup2(context.result_fd, seccomp.RESULT_FD)
    os.closerange(seccomp.RESULT_FD + 1, 1 << 20)


def own_namespaces(context: Context) -> None:
    """User and IPC namespaces of this candidate alone: it leaves no shared memory or keys for the next one."""
    try:
        system.unshare(system.NEW_IPC | (system.NEW_USER if context.own_user else 0))
    except OSError as fault:
        raise _without_namespace(fault) from None


def identity(context: Context) -> None:
    """Not root, whoever started the forge: no file and no process of a user is its own."""
    del context
    if os.geteuid() != 0:
        return
    _drop_bounds()
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as fault:
        if os.geteuid() != 0 or os.getegid() != 0:
            raise
        remedy = "allow user namespaces (sysctl user.max_user_namespaces), or start the forge as an ordinary user"
        raise Unavailable(f"root cannot become nobody ({fault.strerror})", remedy) from None


def capabilities(context: Context) -> None:
    """No capability, and none to be had from a set-uid file or a user id: no mount, no raw socket, no trace."""
    del context
    with contextlib.suppress(OSError):  # without the right to do so there is nothing to drop
        system.prctl(system.PR_SET_SECUREBITS, _SECUREBITS_LOCKED)
    _drop_bounds()
    try:
        system.prctl(system.PR_CAP_AMBIENT, system.PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError as fault:
        if fault.errno != errno.EINVAL:  # gVisor's older kernels have no ambient set
            raise
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    system.call("capset", header, (ctypes.c_uint32 * 6)())


def parent_death(context: Context) -> None:
    """Dies with the warm process: nothing is left running when that one is killed."""
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != context.parent:
        os._exit(71)


def resource_limits(context: Context) -> None:
    """Memory, processor time, and nothing at all of files, processes, locked memory and queues."""
    memory = context.mapped_bytes + int(context.limits["memory_bytes"])
    seconds = int(context.limits["cpu_seconds"])
    wanted = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_STACK: (_STACK, _STACK),
        resource.RLIMIT_NOFILE: (16, 16),
        **dict.fromkeys(
            (
                resource.RLIMIT_FSIZE,
                resource.RLIMIT_CORE,
                resource.RLIMIT_NPROC,
                resource.RLIMIT_MEMLOCK,
                resource.RLIMIT_MSGQUEUE,
                resource.RLIMIT_NICE,
                resource.RLIMIT_RTPRIO,
            ),
            (0, 0),
        ),
    }
    for what, (soft, hard) in wanted.items():
        most = resource.getrlimit(what)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        if resource.getrlimit(what) == (soft, hard):
            continue
        try:
            resource.setrlimit(what, (soft, hard))
        except ValueError:  # gVisor has neither message queues nor a way to limit them
            if what != resource.RLIMIT_MSGQUEUE:
                raise


def not_dumpable(context: Context) -> None:
    """No other process of the same user may look into it or attach to it, and it leaves no core."""
    del context
    system.prctl(system.PR_SET_DUMPABLE, 0)


def no_new_privileges(context: Context) -> None:
    """Executing a set-uid program gives nothing; needed for the two layers that follow."""
    del context
    system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)


def file_rules(context: Context) -> None:
    """See `guest.landlock`."""
    del context
    landlock.restrict(landlock.version())


def system_calls(context: Context) -> None:
    """See `guest.seccomp`."""
    del context
    steps = seccomp.program()
    try:
        seccomp.install(steps)
    except OSError as fault:
        remedy = "a kernel with CONFIG_SECCOMP_FILTER, or --sandbox docker"
        raise Unavailable(f"the kernel takes no seccomp filter ({fault.strerror})", remedy) from None


Layer = Callable[[Context], None]
LAYERS: dict[str, Layer] = {
    "session": session,
    "descriptors": descriptors,
    "own-namespaces": own_namespaces,
    "identity": identity,
    "capabilities": capabilities,
    "parent-death": parent_death,
    "rlimits": resource_limits,
    "not-dumpable": not_dumpable,
    "no-new-privileges": no_new_privileges,
    "landlock": file_rules,
    "seccomp": system_calls,
}
"""In this order, in the child, before it reads anything that a model wrote."""


def _without_namespace(fault: OSError) -> Unavailable:
    return Unavailable(
        f"no namespace of its own for a candidate ({fault.strerror})",
        "allow user namespaces: sysctl user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns",
    )


def _drop_bounds() -> None:
    """No capability can come back with a program that carries it."""
    for number in range(_LAST_CAPABILITY + 1):
        try:
            if system.prctl(system.PR_CAPBSET_READ, number):
                system.prctl(system.PR_CAPBSET_DROP, number)
        except OSError as fault:
            if fault.errno in (errno.EINVAL, errno.EPERM):  # the kernel's last one; or not ours to drop, nor to use
                break
            raise
