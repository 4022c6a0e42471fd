"""Sentinels: things that a candidate must not find, planted before the walls go up."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import socket
from dataclasses import dataclass, field
from typing import NamedTuple

from guest import system

_IPC_PRIVATE, _IPC_REMOVE, _IPC_CREATE = 0, 0, 0o1000
_GET_KEYRING, _SESSION_KEYRING = 0, -3
_CHUNK = 8 << 20
_WRITABLE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) rw-p ")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmat.restype = ctypes.c_ssize_t


class Segment(NamedTuple):
    """Shared memory: its number, -1 where the kernel gives none, what stands in it, and where it is mapped here."""

    number: int
    token: bytes
    address: int = 0

    def close(self) -> None:
        """Unmap it. A forked process would have it at the same address, and write there for the next one to read."""
        if self.address:
            _libc.shmdt(ctypes.c_void_p(self.address))


@dataclass(frozen=True, kw_only=True)
class Sentinels:
    """What stands outside.

    Attributes:
        file: a file that could be read.
        pid: a process of the host's table.
        port: a listening TCP port of the host, or 0.
        name: a listening abstract Unix socket of the host, or nothing.
        segment: shared memory of the host.
        keyring: the session keyring of whoever started this, or -1.
        memory: whether the host's marker was found in this process.
        environment: names of the variables that this process was started with.
        held: sockets that listen until the test is over.
    """

    file: str
    pid: int
    port: int
    name: str
    segment: Segment
    keyring: int
    memory: bool
    environment: frozenset[str]
    held: list[socket.socket] = field(default_factory=list[socket.socket])

    def close(self) -> None:
        """Stop listening, and give the shared memory back."""
        for listener in self.held:
            listener.close()
        self.segment.close()


def plant(marker: tuple[bytes, bytes] | None) -> Sentinels:
    """Make them.

    Args:
        marker: the two halves of bytes that stand, joined, in the memory of the process that started this one.
    """
    held: list[socket.socket] = []
    return Sentinels(
        file=__file__,
        pid=os.getpid(),
        port=_listen(held),
        name=_listen_unix(held),
        segment=segment(),
        keyring=session_keyring(),
        memory=marker is not None and _in_memory(*marker),
        environment=_environment(),
        held=held,
    )


def _listen(held: list[socket.socket]) -> int:
    """A TCP port on the loopback interface; 0 where there is none: then there is nothing to connect to either."""
    try:
        held.append(socket.create_server(("127.0.0.1", 0)))
    except OSError:
        return 0
    return int(held[-1].getsockname()[1])


def _listen_unix(held: list[socket.socket]) -> str:
    """An abstract Unix socket; empty where there can be none."""
    name = f"\0forge-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        local = socket.socket(socket.AF_UNIX)
    except OSError:
        return ""
    held.append(local)
    local.bind(name)
    local.listen(1)
    return name


def segment() -> Segment:
    """A shared memory segment of this IPC namespace, which goes when it is closed."""
    number: int = _libc.shmget(_IPC_PRIVATE, 4096, _IPC_CREATE | 0o666)
    token, address = os.urandom(16), 0
    if number >= 0:
        address = int(_libc.shmat(number, None, 0))
        ctypes.memmove(address, token, len(token))
        _libc.shmctl(number, _IPC_REMOVE, None)
    return Segment(number, token, address)


def attach(wanted: Segment) -> bool:
    """Open a shared memory segment; whether it is the one that was meant: another namespace numbers anew.

    Raises:
        OSError: there is none of this number here.
    """
    address: int = _libc.shmat(wanted.number, None, 0)
    if address == -1:
        raise OSError(ctypes.get_errno(), "shmat")
    return ctypes.string_at(address, len(wanted.token)) == wanted.token


def session_keyring() -> int:
    """Serial number of the session keyring; -1 where keyrings cannot be reached."""
    try:
        return system.call("keyctl", _GET_KEYRING, _SESSION_KEYRING, 0)
    except OSError:
        return -1


def _environment() -> frozenset[str]:
    with open("/proc/self/environ", "rb") as file:
        return frozenset(
            line.partition(b"=")[0].decode("utf-8", "replace") for line in file.read().split(b"\0") if line
        )


def _in_memory(first: bytes, second: bytes) -> bool:
    """Whether the halves stand side by side in writable memory. They are never joined here, nor copied but for a look."""
    look = mmap.mmap(-1, _CHUNK)
    here = ctypes.addressof(ctypes.c_char.from_buffer(look))
    with open("/proc/self/maps", "rb") as file:
        ranges = [(int(a, 16), int(b, 16)) for a, b in _WRITABLE.findall(file.read())]
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        for begin, end in ranges:
            if begin < here + _CHUNK and here < end:
                continue
            for at in range(begin, end, _CHUNK - 64):
                count = _read(memory, look, at, min(_CHUNK, end - at))
                if _side_by_side(look, count, first, second):
                    return True
    finally:
        os.close(memory)
    return False


def _read(memory: int, into: mmap.mmap, at: int, count: int) -> int:
    try:
        return os.preadv(memory, [memoryview(into)[:count]], at)
    except OSError:
        return 0  # a guard page


def _side_by_side(look: mmap.mmap, count: int, first: bytes, second: bytes) -> bool:
    at = look.find(first, 0, count)
    while at >= 0:
        after = at + len(first)
        if look[after : after + len(second)] == second:
            return True
        at = look.find(first, after, count)
    return False
