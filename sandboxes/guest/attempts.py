"""Attempts: the table of what the self-test tries, layer by layer."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from guest import acts, system
from guest.acts import nothing_if
from guest.house import NAME
from guest.sentinels import Segment, Sentinels

BUDGET = 64 << 20
"""Bytes that a process of the self-test may use on top of what is mapped."""
_ENVIRONMENT = frozenset(
    (
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "LC_ALL", "LC_CTYPE"),
        *("PATH", "HOME", "HOSTNAME", "LANG", "PWD", "TERM", "SHLVL", "_", "TORCHINDUCTOR_CACHE_DIR"),  # of containers
        *("GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
    )
)
"""Names that may stand in the environment of the warm process; none holds a secret."""
_OWN = ("own-namespaces",)
_QUIET = ("descriptors", "no-new-privileges")


@dataclass(frozen=True)
class Attempt:
    """One thing to try.

    Attributes:
        layer: the layer that must stop it by itself.
        what: in words.
        act: does it.
        under: the other layers to apply, those that this one needs; the walls of the house always stand.
        fatal: whether it is stopped by a signal; such an attempt has a process of its own.
        thorough: left out of the quick self-test: another attempt shows the same rule, or it takes seconds.
    """

    layer: str
    what: str
    act: Callable[[], object]
    under: tuple[str, ...] = ()
    fatal: bool = False
    thorough: bool = False


def attempts(planted: Sentinels, own_segment: Segment, *, thorough: bool) -> list[Attempt]:
    """All attempts, in the order of the layers.

    Args:
        planted: what stands outside.
        own_segment: shared memory of the warm process itself.
        thorough: with those that the quick self-test leaves out.
    """
    everything = [
        Attempt("process", "find the host's memory", lambda: nothing_if(not planted.memory)),
        Attempt("environment", "find a variable of the host", lambda: nothing_if(planted.environment <= _ENVIRONMENT)),
        *_of_the_house(planted),
        *_of_the_process(own_segment),
        *_of_resources(),
        *_of_the_kernel(),
    ]
    return [attempt for attempt in everything if thorough or not attempt.thorough]


def _of_the_house(planted: Sentinels) -> list[Attempt]:
    return [
        Attempt("keyring", "find the user's keys", lambda: acts.find_keys(planted.keyring)),
        Attempt("user-namespace", "become the machine's root", lambda: os.setresuid(0, 0, 0)),
        Attempt("network-namespace", "connect to a TCP port", lambda: acts.connect(planted.port)),
        Attempt("network-namespace", "send a UDP packet", lambda: acts.send(planted.port)),
        Attempt("network-namespace", "connect to an abstract socket", lambda: acts.connect_unix(planted.name)),
        Attempt("ipc-namespace", "attach the host's shared memory", lambda: acts.attach(planted.segment)),
        Attempt("host-names", "learn the host's name", lambda: nothing_if(socket.gethostname() == NAME)),
        Attempt("pid-namespace", "signal a process of the host", lambda: os.kill(planted.pid, 0)),
        Attempt("empty-root", "read a file", lambda: acts.read(planted.file)),
        Attempt("empty-root", "stat /proc", lambda: os.stat("/proc/self")),
        Attempt("empty-root", "list /", lambda: nothing_if(not os.listdir("/"))),
        Attempt("empty-root", "make a file", lambda: os.open("/x", os.O_CREAT | os.O_WRONLY, 0o600)),
    ]


def _of_the_process(own_segment: Segment) -> list[Attempt]:
    return [
        Attempt("session", "stay in the host's session", lambda: nothing_if(os.getsid(0) == os.getpid())),
        Attempt("descriptors", "use a descriptor left open", acts.find_descriptor),
        Attempt("own-namespaces", "attach shared memory of before", lambda: acts.attach(own_segment)),
        Attempt("identity", "become root", acts.become_root, _OWN),
        Attempt("capabilities", "change the root directory", lambda: os.chroot("/"), _OWN),
        Attempt("capabilities", "make a network of its own", lambda: system.unshare(system.NEW_NET), _OWN),
        Attempt("capabilities", "mount a file system", lambda: system.mount("tmpfs", "/", 0), _OWN),
        Attempt("parent-death", "outlive the warm process", acts.outlive),
        Attempt("not-dumpable", "let itself be looked into", acts.be_looked_into, _OWN),
        Attempt("no-new-privileges", "keep the way to new privileges", acts.keep_privileges),
    ]


def _of_resources() -> list[Attempt]:
    under = ("own-namespaces", "identity")
    return [
        Attempt("rlimits", "take more memory", lambda: bytearray(2 * BUDGET), under),
        Attempt("rlimits", "start a process", acts.fork, under),
        Attempt("rlimits", "write a file in memory", acts.write_memory_file, under),
        Attempt("rlimits", "open many descriptors", lambda: [os.dup(0) for _ in range(64)], under),
        Attempt("rlimits", "spin past its processor time", acts.spin, under, fatal=True, thorough=True),
    ]


def _of_the_kernel() -> list[Attempt]:
    answered: dict[str, Callable[[], object]] = {
        "open a path": lambda: os.open("/", os.O_RDONLY),
        "stat a path": lambda: os.stat("/"),
    }
    killed: dict[str, Callable[[], object]] = {
        "make a TCP socket": lambda: socket.socket(socket.AF_INET),
        "start a process": acts.fork,
        "execute a program": lambda: os.execv("/proc/self/exe", ["x"]),  # noqa: S606 - tried, not meant
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "trace its parent": lambda: acts.trace(os.getppid()),
        "map executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    }
    rarely: dict[str, Callable[[], object]] = {
        "make a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "make memory executable": acts.make_executable,
        "write elsewhere than the result": lambda: os.write(1, b"x"),
        "make a namespace": lambda: system.unshare(system.NEW_USER),
    }
    if system.MACHINE == "x86_64":
        rarely["call the kernel by x32"] = lambda: system.syscall(0x40000000 | 39)
    return [
        Attempt("landlock", "open the root directory", lambda: os.open("/", os.O_RDONLY), ("no-new-privileges",)),
        *(Attempt("seccomp", what, act, _QUIET) for what, act in answered.items()),
        *(Attempt("seccomp", what, act, _QUIET, fatal=True) for what, act in killed.items()),
        *(Attempt("seccomp", what, act, _QUIET, fatal=True, thorough=True) for what, act in rarely.items()),
    ]
