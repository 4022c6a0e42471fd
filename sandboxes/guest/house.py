"""House: what the warm process puts around itself, once, after torch is loaded and before any candidate.

It holds nothing that a candidate could want, serves one candidate at a time, and ends all of its processes after each;
so one empty root, one network without an interface and one process table are as strong as new ones for each candidate.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import socket
import tempfile
from collections.abc import Callable
from typing import NamedTuple

from guest import system
from guest.confine import NOBODY
from guest.system import Unavailable

USER_REMEDY = (
    "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0), "
    "or --sandbox docker"
)
NAME = "sandbox"
"""Host name inside."""
WALLS = ("keyring", "user-namespace", "network-namespace", "ipc-namespace", "host-names", "pid-namespace", "empty-root")
"""From the outside in."""
_NAMESPACES = {
    "network-namespace": system.NEW_NET,
    "ipc-namespace": system.NEW_IPC,
    "host-names": system.NEW_UTS,
    "pid-namespace": system.NEW_PID,
}
_MOUNT_POINTS = ("/tmp", "/var", "/usr", "/dev")  # noqa: S108 - a directory to mount on; nothing is written there
_JOIN_SESSION_KEYRING = 1


class Ended(NamedTuple):
    """How a candidate's process ended: as `waitpid` says, and the processor time that it took in seconds."""

    status: int
    seconds: float


class House:
    """The walls that stand.

    Attributes:
        missing: by layer, why it is not there and what to do.
        own_user: whether the process lives in a user namespace that it made.
        is_init: whether it is the first process of a process table of its own.
        null_fd: `/dev/null`.
        statm_fd, children_fd, maps_fd: the process's own size, children and memory, from a `/proc` that is gone; -1
            without.
    """

    def __init__(self) -> None:
        """Nothing stands yet."""
        self.missing: dict[str, str] = {}
        self.own_user = False
        self.is_init = False
        self.null_fd = os.open(os.devnull, os.O_RDWR)
        self.statm_fd = self.children_fd = self.maps_fd = -1

    def mapped_bytes(self) -> int:
        """Address space in use."""
        pages = int(os.pread(self.statm_fd, 200, 0).split()[0])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def shares_memory(self) -> bool:
        """Whether a forked process could write to memory that this one, or the next, reads."""
        text = b""
        while part := os.pread(self.maps_fd, 1 << 16, len(text)):
            text += part
        return re.search(rb"^\S+ .w.s ", text, re.MULTILINE) is not None

    def end(self, pid: int) -> Ended:
        """Kill a candidate's process and everything that it may have started, and wait until all of it is gone."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        with contextlib.suppress(ChildProcessError):
            while True:  # orphans come to us, a first process or a subreaper
                self._kill_rest()
                os.waitpid(-1, 0)
        return Ended(status, usage.ru_utime + usage.ru_stime)

    def _kill_rest(self) -> None:
        if self.is_init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        elif self.children_fd >= 0:
            for pid in os.pread(self.children_fd, 1 << 16, 0).split():
                os.kill(int(pid), signal.SIGKILL)


def enter(*, walls: bool = True) -> House:
    """Build the house around this process. Where there is a process table of its own, the caller goes on as its first
    process, and the process that it was only waits for it.

    Args:
        walls: whether to build any; a container has its own.

    Returns:
        What stands and what does not.

    Raises:
        OSError: a wall failed half-way; the process must end.
    """
    house = House()
    house.is_init = os.getpid() == 1  # of a container
    system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
    _try(house, "keyring", _keyring)
    if walls:
        _build(house)
    house.statm_fd = os.open("/proc/self/statm", os.O_RDONLY)
    house.maps_fd = os.open("/proc/self/maps", os.O_RDONLY)
    with contextlib.suppress(FileNotFoundError):
        house.children_fd = os.open("/proc/thread-self/children", os.O_RDONLY)
    if walls:
        _try(house, "empty-root", _empty_root)
    system.prctl(system.PR_SET_DUMPABLE, 0)
    return house


def _build(house: House) -> None:
    _try(house, "user-namespace", _user_namespace)
    house.own_user = "user-namespace" not in house.missing
    for name, flag in _NAMESPACES.items():
        _try(house, name, lambda flag=flag: _namespace(flag))
    if "host-names" not in house.missing:
        socket.sethostname(NAME)
    if "pid-namespace" not in house.missing:
        _become_init()
        house.is_init = True


def _try(house: House, name: str, build: Callable[[], None]) -> None:
    try:
        build()
    except Unavailable as fault:
        house.missing[name] = str(fault)


def _keyring() -> None:
    """An anonymous session keyring: the user's holds keys of file systems and of Kerberos."""
    try:
        system.call("keyctl", _JOIN_SESSION_KEYRING, None)
    except OSError as fault:
        if fault.errno not in (errno.ENOSYS, errno.EPERM, errno.EACCES):
            raise Unavailable(f"no keyring of its own ({fault.strerror})", "raise sysctl kernel.keys.maxkeys") from None
        # refused altogether: then nobody's keys can be read from here either


def _user_namespace() -> None:
    """Root of a namespace in which only our own id exists; the forge's root becomes nobody first."""
    root = os.geteuid() == 0
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise Unavailable(f"torch has started {threads} threads", "set OMP_NUM_THREADS=1 in the sandbox's image")
    if not _child_can(lambda: _new_user(root)):
        raise Unavailable("the kernel or its policy forbids user namespaces", USER_REMEDY)
    _new_user(root)


def _new_user(root: bool) -> None:
    if root:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        system.prctl(system.PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root
    uid, gid = os.geteuid(), os.getegid()
    system.unshare(system.NEW_USER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)


def _namespace(flag: int) -> None:
    try:
        system.unshare(flag)
    except OSError as fault:
        raise Unavailable(f"the kernel refuses the namespace ({fault.strerror})", USER_REMEDY) from None


def _become_init() -> None:
    """Go on in a child that is the first process of the new table; when it dies, the kernel kills the rest of it."""
    gate, keeper = os.pipe()
    pid = os.fork()
    if pid:
        _wait_for(pid, keeper)
    os.close(keeper)
    system.prctl(system.PR_SET_PDEATHSIG, signal.SIGKILL)
    poll = select.poll()
    poll.register(gate, 0)
    if poll.poll(0):  # the keeper was gone before the line above
        os._exit(71)
    os.close(gate)


def _wait_for(pid: int, keep: int) -> None:
    """The keeper: holds nothing open, so that the host sees the warm process end; never returns."""
    os.closerange(0, keep)
    os.closerange(keep + 1, 1 << 20)
    _, status = os.waitpid(pid, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _empty_root() -> None:
    """A root directory that is empty and cannot be written: there is no path to a file, a device or a socket."""
    try:
        system.unshare(system.NEW_MOUNT)
        with contextlib.suppress(OSError):
            system.unshare(system.NEW_CGROUP)  # what it hides can be read only through /proc
    except OSError:
        _removed_root()
        return
    system.mount(None, "/", system.MS_REC | system.MS_PRIVATE)
    flags = system.MS_READONLY | system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC
    for point in _MOUNT_POINTS:
        try:
            system.mount("tmpfs", point, flags, "size=4k,mode=555")
        except OSError:
            continue
        _move_into(point)
        return
    _removed_root()


def _move_into(point: str) -> None:
    os.chdir(point)
    try:
        system.call("pivot_root", b".", b".")
        system.unmount(".")
    except OSError as fault:
        if fault.errno not in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
            raise
        os.chroot(".")  # the first root of a machine cannot be pivoted
    os.chdir("/")


def _removed_root() -> None:
    """A directory that no longer exists, where nothing can be mounted: nothing can be made in it either."""
    try:
        place = tempfile.mkdtemp(prefix="forge-root-")
    except OSError as fault:
        raise Unavailable(f"no directory to make a root of ({fault.strerror})", "make /tmp writable") from None
    try:
        os.chroot(place)
    except OSError as fault:
        raise Unavailable(f"the root cannot be changed ({fault.strerror})", USER_REMEDY) from None
    finally:
        os.rmdir(place)
    os.chdir("/")


def _child_can(act: Callable[[], None]) -> bool:
    """Whether something works, tried in a process that ends at once."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
