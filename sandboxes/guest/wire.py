"""Frames: four bytes of length, big-endian, then JSON text. The same for every backend."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER = struct.Struct(">I")
MAX_FRAME = 1 << 20
"""Most bytes of one frame, either way."""


def read_exactly(fd: int, count: int) -> bytes:
    """Read `count` bytes; fewer at the end of the stream."""
    parts: list[bytes] = []
    while count > 0:
        part = os.read(fd, min(count, 1 << 16))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> dict[str, Any] | None:
    """The next message; None at the end of the stream."""
    head = read_exactly(fd, HEADER.size)
    if len(head) < HEADER.size:
        return None
    (length,) = HEADER.unpack(head)
    if length > MAX_FRAME:
        return None
    return json.loads(read_exactly(fd, length))


def write_frame(fd: int, message: dict[str, Any]) -> None:
    """Send a message."""
    write_raw(fd, json.dumps(message, allow_nan=False, separators=(",", ":")).encode())


def write_raw(fd: int, body: bytes) -> None:
    """Send the bytes of a message."""
    data = memoryview(HEADER.pack(len(body)) + body)
    while data:
        data = data[os.write(fd, data) :]
