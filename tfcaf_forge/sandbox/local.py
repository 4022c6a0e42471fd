"""The local backend: a warm process, started by exec, that forks a child for each candidate.

The warm process is exec'd, not forked from the host: a forked child would hold the host's memory, keys included.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.resources import ONE_THREAD, bundled
from tfcaf_forge.sandbox.profile import Profile
from tfcaf_forge.sandbox.wire import HEADER, MAX_FRAME, WireError, decode, encode
from tfcaf_forge.sandbox.worker import SHAKING, Hello, Reply, WorkerLost

_GRACE_SECONDS = 2.0
"""How much longer than the warm process the host waits before it kills all of it."""
_HALF = 8
_NEEDED = ("torch", "RestrictedPython")


class LocalWorker:
    """One warm process. Not thread-safe: one candidate at a time.

    Args:
        profile: limits.
        main: the guest's program; another one only in tests.
        thorough: a self-test that takes a few seconds.

    Raises:
        SandboxError: the platform has no fork, or the process did not come up.
    """

    def __init__(self, profile: Profile, *, main: Path | None = None, thorough: bool = False) -> None:
        """Start the warm process and wait until it is ready."""
        if not sys.platform.startswith("linux"):
            raise SandboxError(f"the local sandbox needs Linux, this is {sys.platform}; use --sandbox docker")
        self._profile = profile
        self._served = 0
        self._shaken = False
        self._marker = os.urandom(2 * _HALF)  # the self-test looks for it in the guest's memory
        program = main or bundled("sandboxes") / "guest" / "main.py"
        self._process, self._socket = _start(
            program, [*_split(self._marker), *(["--thorough", "yes"] if thorough else [])]
        )
        self.hello = self._greet()

    @property
    def isolation(self) -> Isolation:
        """The layers in force."""
        return Isolation(backend="local", active=self.hello.layers, missing=self.hello.missing)

    @property
    def spent(self) -> bool:
        """Whether the process should be replaced before the next candidate."""
        return self._shaken or self._served >= self._profile.worker.renew_after or self._ended()

    def ask(self, request: dict[str, Any]) -> tuple[bytes, str]:
        """Run one candidate.

        Args:
            request: see `guest.candidate.examine`; the limits are added here.

        Returns:
            The bytes that its process wrote, and how it ended (`answered`, `time-limit`, `died:SIGNAL`).

        Raises:
            WorkerLost: the warm process itself is gone; the candidate may be tried again in a new one.
            SandboxError: the request is too large to be sent.
        """
        self._served += 1
        frame = encode({**request, "id": self._served, "limits": msgspec.to_builtins(self._profile.limits)})
        deadline = time.monotonic() + self._profile.limits.wall_seconds + _GRACE_SECONDS
        try:
            self._send(frame, deadline)
            reply = self._reply(deadline)
            self._shaken = reply.fate in SHAKING
            return self._frame(deadline), reply.fate
        except TimeoutError:
            self.close()
            return b"", "time-limit"
        except (OSError, EOFError, WireError, msgspec.ValidationError) as fault:
            self.close()
            raise WorkerLost(f"the sandbox's warm process is gone ({fault}); it is started anew") from None

    def close(self) -> None:
        """Kill the warm process and everything that it started."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._socket.close()

    def _ended(self) -> bool:
        """Whether the process has ended. It is not waited for before `close` has killed its group: until then its
        number cannot become another process's.
        """
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def __enter__(self) -> Self:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _greet(self) -> Hello:
        deadline = time.monotonic() + self._profile.worker.start_seconds
        try:
            hello = msgspec.convert(decode(self._frame(deadline)), Hello)
        except (OSError, EOFError, TimeoutError, WireError, msgspec.ValidationError) as fault:
            self.close()
            raise SandboxError(
                f"the sandbox's warm process did not start ({self._last_words() or fault or type(fault).__name__}); "
                f"try it by hand: {sys.executable} -I -c 'import torch, RestrictedPython'"
            ) from None
        if self._process.stderr is not None:
            self._process.stderr.close()
        if hello.protocol != 1:
            self.close()
            raise SandboxError(f"the guest speaks protocol {hello.protocol}, this release speaks 1; reinstall")
        if "trace" in hello.missing:
            self.close()
            raise SandboxError(f"an honest function does not pass the sandbox: {hello.missing['trace']}")
        return hello

    def _last_words(self) -> str:
        """The last line that the process, which has ended, wrote to standard error."""
        with self._process.stderr or contextlib.nullcontext() as stream:
            text = stream.read1(1 << 16).decode("utf-8", "replace") if isinstance(stream, io.BufferedReader) else ""
        line = (text.strip().splitlines() or [""])[-1]
        return "".join(c if c.isprintable() else "?" for c in line)[:300]

    def _send(self, frame: bytes, deadline: float) -> None:
        """All of it, or a TimeoutError: a guest that does not read would hold the host for good."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        self._socket.sendall(frame)

    def _reply(self, deadline: float) -> Reply:
        reply = msgspec.convert(decode(self._frame(deadline)), Reply)
        if reply.id != self._served:
            raise WireError(f"answer {reply.id} to question {self._served}")
        return reply

    def _frame(self, deadline: float) -> bytes:
        (length,) = HEADER.unpack(self._read(HEADER.size, deadline))
        if length > MAX_FRAME:
            raise WireError(f"a frame of {length} bytes")
        return self._read(length, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while count > 0:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise TimeoutError("no answer in time")
            part = self._socket.recv(min(count, 1 << 16))
            if not part:
                raise EOFError("it closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _split(marker: bytes) -> list[str]:
    """The marker in two halves, in hexadecimal: in this form it stands nowhere in the guest's memory."""
    return ["--marker", f"{marker[:_HALF].hex()}:{marker[_HALF:].hex()}"]


def _start(main: Path, options: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    sites = [argument for site in _sites() for argument in ("--site", site)]
    with contextlib.ExitStack() as ends:
        try:
            ours, theirs = map(ends.enter_context, socket.socketpair())
            process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [sys.executable, "-I", "-B", str(main), "--fd", str(theirs.fileno()), *sites, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,  # read only where it does not start; the guest itself closes its end
                env=_environment(),
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as fault:
            raise SandboxError(
                f"the sandbox's warm process cannot be started ({fault.strerror}); "
                "free some memory, processes (ulimit -u) or descriptors (ulimit -n) and repeat the command"
            ) from None
        ends.pop_all()
    theirs.close()
    return process, ours


def _environment() -> dict[str, str]:
    """What the warm process needs and nothing else: no key, no path of the user."""
    return {**ONE_THREAD, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def _sites() -> list[str]:
    """Where torch and RestrictedPython lie, in case isolated mode would not look there."""
    found: list[str] = []
    for name in _NEEDED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SandboxError(f"{name} is not installed; reinstall tfcaf-forge")
        site = str(Path(spec.origin).parent.parent)
        if site not in found:
            found.append(site)
    return found
