"""The attached streams of a container: one connection that carries its input, its output and its error stream."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any

from tfcaf_forge.sandbox.wire import HEADER, MAX_FRAME, WireError

_PART = struct.Struct(">BxxxI")
"""The engine's header of each piece of output: which stream, three bytes of nothing, length."""
_OUT, _ERR = 1, 2
_MOST_WORDS = 2048


class DockerStream:
    """Frames over an attached connection. Every read has a deadline and a bound.

    Args:
        attached: what docker-py returned for the attached container.
    """

    def __init__(self, attached: Any) -> None:  # noqa: ANN401 - a SocketIO, a socket or a wrapper, by transport
        """Find the socket below docker-py's wrapper."""
        self._holder = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._output = bytearray()
        self._words = bytearray()

    @property
    def words(self) -> str:
        """The end of what came over the error stream, on one printable line."""
        lines = bytes(self._words).decode("utf-8", "replace").strip().splitlines()
        return "".join(c if c.isprintable() else "?" for c in lines[-1])[:300] if lines else ""

    def send(self, frame: bytes, deadline: float) -> None:
        """Send bytes to the container's input.

        Raises:
            TimeoutError: it did not take them in time.
            OSError: the connection is gone.
        """
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(frame)

    def frame(self, deadline: float) -> bytes:
        """The body of the next frame.

        Raises:
            TimeoutError: it did not come in time.
            EOFError: the stream ended.
            WireError: it is too long, or the stream is not the engine's.
            OSError: the connection is gone.
        """
        (length,) = HEADER.unpack(self._take(HEADER.size, deadline))
        if length > MAX_FRAME:
            raise WireError(f"a frame of {length} bytes")
        return self._take(length, deadline)

    def close(self) -> None:
        """Hang up; the container's input ends with it."""
        for end in (self._socket, self._holder):
            with contextlib.suppress(OSError):
                end.close()

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._output) < count:
            self._receive(deadline)
        taken = bytes(self._output[:count])
        del self._output[:count]
        return taken

    def _receive(self, deadline: float) -> None:
        """One piece of output, into its buffer. The engine's pieces are at most 32 KiB; a length is bounded all the same."""
        stream, length = _PART.unpack(self._exactly(_PART.size, deadline))
        if length > MAX_FRAME + HEADER.size or stream not in (_OUT, _ERR):
            raise WireError("the engine's stream is out of step")
        piece = self._exactly(length, deadline)
        if stream == _OUT:
            self._output += piece
        else:
            self._words += piece
            del self._words[:-_MOST_WORDS]

    def _exactly(self, count: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while count > 0:
            self._socket.settimeout(_left(deadline))
            part = self._socket.recv(min(count, 1 << 16))
            if not part:
                raise EOFError("the container closed its streams")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
