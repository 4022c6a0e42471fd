"""Acts: the things that the self-test tries. Each returns where it got through and raises where it was stopped."""

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

from guest import seccomp, sentinels, system
from guest.sentinels import Segment

_PTRACE_ATTACH = 16
_library = ctypes.CDLL(None, use_errno=True)


class Nothing(Exception):  # noqa: N818 - not a fault
    """It ran, and came away with nothing."""


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


def nothing_if(held: bool) -> None:
    """The attempt ran without an error; whether it also came away with nothing."""
    if held:
        raise Nothing


def find_keys(keyring: int) -> None:
    """Reach the session keyring of whoever started the sandbox."""
    nothing_if(keyring == -1 or sentinels.session_keyring() != keyring)


def attach(segment: Segment) -> None:
    """Attach shared memory that is not this process's own."""
    nothing_if(not sentinels.attach(segment))


def connect(port: int) -> None:
    """Connect to a TCP port of the host."""
    nothing_if(port == 0)
    with socket.socket(socket.AF_INET) as client:
        client.settimeout(2.0)
        client.connect(("127.0.0.1", port))


def send(port: int) -> None:
    """Send a UDP packet, which Landlock does not stop."""
    nothing_if(port == 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", port))


def connect_unix(name: str) -> None:
    """Connect to an abstract Unix socket of the host: these have no path."""
    nothing_if(not name)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        client.connect(name)


def read(path: str) -> None:
    """Read a file."""
    os.read(os.open(path, os.O_RDONLY), 1)


def find_descriptor() -> None:
    """Use what the warm process has open."""
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


def become_root() -> None:
    """Become root, or find that one is."""
    if os.geteuid() != 0:
        os.setresuid(0, 0, 0)


def outlive() -> None:
    """Live on when the warm process is killed."""
    found = ctypes.c_int()
    system.prctl(system.PR_GET_PDEATHSIG, ctypes.addressof(found))
    nothing_if(found.value == signal.SIGKILL)


def be_looked_into() -> None:
    """Let another process of the same user read the memory."""
    nothing_if(system.prctl(system.PR_GET_DUMPABLE) == 0)


def keep_privileges() -> None:
    """Keep what set-uid programs would give."""
    nothing_if(system.prctl(system.PR_GET_NO_NEW_PRIVS) == 1)


def spin() -> None:
    """Compute past the limit."""
    while time.process_time() < 3:
        pass


def fork() -> None:
    """Start a process."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def write_memory_file() -> None:
    """Write a file that has no path."""
    fd = os.memfd_create("x")
    os.write(fd, b"x")


def trace(pid: int) -> None:
    """Take over another process."""
    if _library.ptrace(_PTRACE_ATTACH, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def make_executable() -> None:
    """Turn data into code."""
    page = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if _library.mprotect(ctypes.c_void_p(address), 4096, mmap.PROT_READ | mmap.PROT_EXEC) < 0:
        raise OSError(ctypes.get_errno(), "mprotect")
