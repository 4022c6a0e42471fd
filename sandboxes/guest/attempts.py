"""Attempts: what the self-test tries, layer by layer. Each returns where it got through and raises where it did not."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from guest import seccomp, sentinels, system
from guest.house import NAME
from guest.sentinels import Segment, Sentinels

BUDGET = 64 << 20
"""Bytes that a process of the self-test may use on top of what is mapped."""
_ENVIRONMENT = frozenset(
    (
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "LC_ALL", "LC_CTYPE"),
        *("PATH", "HOME", "HOSTNAME", "LANG", "PWD", "TERM", "SHLVL", "_"),  # of containers
        *("GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
    )
)
"""Names that may stand in the environment of the warm process; none holds a secret."""
_QUIET = ("descriptors", "no-new-privileges")


class Nothing(Exception):  # noqa: N818 - not a fault
    """It ran, and came away with nothing."""


@dataclass(frozen=True)
class Attempt:
    """One thing to try.

    Attributes:
        layer: the layer that must stop it by itself.
        what: in words.
        act: does it.
        under: the other layers to apply, those that this one needs; the walls of the house always stand.
    """

    layer: str
    what: str
    act: Callable[[], object]
    under: tuple[str, ...] = ()


def attempts(planted: Sentinels, own_segment: Segment, *, thorough: bool) -> list[Attempt]:
    """All attempts, in the order of the layers.

    Args:
        planted: what stands outside.
        own_segment: shared memory of the warm process itself.
        thorough: with the one that takes a second of processor time.
    """
    return [
        Attempt("process", "find the host's memory", lambda: _nothing(not planted.memory)),
        Attempt("environment", "find a variable of the host", lambda: _nothing(planted.environment <= _ENVIRONMENT)),
        *_of_the_house(planted),
        *_of_the_process(own_segment),
        *_of_resources(thorough),
        *_of_the_kernel(),
    ]


def _of_the_house(planted: Sentinels) -> list[Attempt]:
    return [
        Attempt("keyring", "find the user's keys", lambda: _keys(planted.keyring)),
        Attempt("user-namespace", "become the machine's root", lambda: os.setresuid(0, 0, 0)),
        Attempt("network-namespace", "connect to a TCP port", lambda: _connect(planted.port)),
        Attempt("network-namespace", "send a UDP packet", lambda: _send(planted.port)),
        Attempt("network-namespace", "connect to an abstract Unix socket", lambda: _connect_unix(planted.name)),
        Attempt("ipc-namespace", "attach the host's shared memory", lambda: _attach(planted.segment)),
        Attempt("host-names", "learn the host's name", lambda: _nothing(socket.gethostname() == NAME)),
        Attempt("pid-namespace", "signal a process of the host", lambda: os.kill(planted.pid, 0)),
        Attempt("empty-root", "read a file", lambda: _read(planted.file)),
        Attempt("empty-root", "stat /proc", lambda: os.stat("/proc/self")),
        Attempt("empty-root", "list /", lambda: _nothing(not os.listdir("/"))),
        Attempt("empty-root", "make a file", lambda: os.open("/x", os.O_CREAT | os.O_WRONLY, 0o600)),
    ]


def _of_the_process(own_segment: Segment) -> list[Attempt]:
    own = ("own-namespaces",)
    return [
        Attempt("session", "stay in the host's session", lambda: _nothing(os.getsid(0) == os.getpid())),
        Attempt("descriptors", "use a descriptor left open", _open_descriptor),
        Attempt("own-namespaces", "attach shared memory of before", lambda: _attach(own_segment)),
        Attempt("identity", "become root", _become_root, own),
        Attempt("capabilities", "change the root directory", lambda: os.chroot("/"), own),
        Attempt("capabilities", "make a network of its own", lambda: system.unshare(system.NEW_NET), own),
        Attempt("capabilities", "mount a file system", lambda: system.mount("tmpfs", "/", 0), own),
        Attempt("parent-death", "outlive the warm process", _outlive),
        Attempt("not-dumpable", "let itself be looked into", _dumpable, own),
        Attempt("no-new-privileges", "keep the way to new privileges", _privileges),
    ]


def _of_resources(thorough: bool) -> list[Attempt]:
    under = ("own-namespaces", "identity")
    spin = [Attempt("rlimits", "spin past its processor time", _spin)] if thorough else []
    return [
        Attempt("rlimits", "take more memory", lambda: bytearray(2 * BUDGET), under),
        Attempt("rlimits", "start a process", _fork, under),
        Attempt("rlimits", "open many descriptors", lambda: [os.dup(0) for _ in range(64)], under),
        Attempt("rlimits", "write a file in memory", _memory_file, under),
        *spin,
    ]


def _of_the_kernel() -> list[Attempt]:
    seccomped: dict[str, Callable[[], object]] = {
        "open a path": lambda: os.open("/", os.O_RDONLY),
        "stat a path": lambda: os.stat("/"),
        "make a TCP socket": lambda: socket.socket(socket.AF_INET),
        "make a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "start a process": _fork,
        "execute a program": lambda: os.execv("/proc/self/exe", ["x"]),  # noqa: S606 - tried, not meant
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "trace its parent": lambda: _trace(os.getppid()),
        "map executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
        "make memory executable": _make_executable,
        "write elsewhere than the result": lambda: os.write(1, b"x"),
        "make a namespace": lambda: system.unshare(system.NEW_USER),
    }
    if system.MACHINE == "x86_64":
        seccomped["call the kernel by x32"] = lambda: system.syscall(0x40000000 | 39)
    return [
        Attempt("landlock", "open the root directory", lambda: os.open("/", os.O_RDONLY), ("no-new-privileges",)),
        *(Attempt("seccomp", what, act, _QUIET) for what, act in seccomped.items()),
    ]


def _nothing(held: bool) -> None:
    if held:
        raise Nothing


def _keys(keyring: int) -> None:
    _nothing(keyring == -1 or sentinels.session_keyring() != keyring)


def _attach(segment: Segment) -> None:
    _nothing(not sentinels.attach(segment))


def _connect(port: int) -> None:
    _nothing(port == 0)
    with socket.socket(socket.AF_INET) as client:
        client.settimeout(2.0)
        client.connect(("127.0.0.1", port))


def _send(port: int) -> None:
    _nothing(port == 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", port))


def _connect_unix(name: str) -> None:
    _nothing(not name)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        client.connect(name)


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _open_descriptor() -> None:
    for fd in (0, 1, 2):
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            return
    for fd in range(seccomp.RESULT_FD + 1, 4096):
        try:
            os.fstat(fd)
        except OSError:
            continue
        return
    raise Nothing


def _become_root() -> None:
    if os.geteuid() != 0:
        os.setresuid(0, 0, 0)


def _outlive() -> None:
    found = ctypes.c_int()
    system.prctl(system.PR_GET_PDEATHSIG, ctypes.addressof(found))
    _nothing(found.value == signal.SIGKILL)


def _dumpable() -> None:
    _nothing(system.prctl(system.PR_GET_DUMPABLE) == 0)


def _privileges() -> None:
    _nothing(system.prctl(system.PR_GET_NO_NEW_PRIVS) == 1)


def _spin() -> None:
    until = time.monotonic() + 6
    while time.monotonic() < until:
        pass


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _memory_file() -> None:
    fd = os.memfd_create("x")
    os.write(fd, b"x")


def _trace(pid: int) -> None:
    attach = 16
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(attach, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _make_executable() -> None:
    page = mmap.mmap(-1, 4096)
    library = ctypes.CDLL(None, use_errno=True)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if library.mprotect(ctypes.c_void_p(address), 4096, mmap.PROT_READ | mmap.PROT_EXEC) < 0:
        raise OSError(ctypes.get_errno(), "mprotect")


def outcome(act: Callable[[], object]) -> str | None:
    """What stopped an attempt: an error's name, `nothing found`, or None where it got through."""
    try:
        act()
    except Nothing:
        return "nothing found"
    except OSError as fault:
        return errno.errorcode.get(fault.errno or 0, type(fault).__name__)
    except MemoryError:
        return "MemoryError"
    return None


__all__ = ["BUDGET", "Attempt", "attempts", "outcome"]
