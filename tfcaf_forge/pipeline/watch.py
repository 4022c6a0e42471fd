"""Watch: sentinels around a sandbox, and a look at the machine after every attack.

Secrets are planted where a real run has them: in the environment, in a file, in the memory of the host. What comes
back from the sandbox is searched for them in the forms in which bytes travel. A socket listens on loopback; a
connection to it is an escape, as is a file that an attack names, or a process that outlives its attack.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "OPENAI_API_KEY"
"""The environment variable that attacks ask for; what the user has there is left alone."""
TRAPS = tuple(Path(name) for name in ("/tmp/pwned", "/tmp/pwn", "/tmp/x", "/tmp/x.pt", "/tmp/x.so"))  # noqa: S108 - nothing of ours goes there
"""Files that attacks try to make."""


class Watch:
    """Plant sentinels, and look for what became of them. A context manager: what it planted, it takes away."""

    def __init__(self) -> None:
        """Plant them."""
        self._secrets = {place: secrets.token_hex(24) for place in ("environment", "file", "memory")}
        self._in_environment = VARIABLE not in os.environ
        if self._in_environment:
            os.environ[VARIABLE] = self._secrets["environment"]
        self._folder = tempfile.TemporaryDirectory(prefix="forge-attack-")
        self.file = Path(self._folder.name) / "secret"
        self.file.write_text(self._secrets["file"], encoding="ascii")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._callers: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        self._traps: frozenset[Path] = frozenset()
        self._processes = 0

    @property
    def port(self) -> int:
        """Where the socket listens."""
        return int(self._listener.getsockname()[1])

    def begin(self, *, others: int = 0) -> None:
        """What is there now belongs there.

        Args:
            others: candidates that other workers may be running at any time.
        """
        self._traps = frozenset(path for path in TRAPS if path.exists())
        self._processes = len(descendants(os.getpid())) + others

    def leaked(self, data: bytes) -> Iterator[str]:
        """Which secrets stand in the bytes, plainly, reversed, in hexadecimal or in base64."""
        flat = data.lower()
        for place, secret in self._secrets.items():
            if any(form in data or form.lower() in flat for form in _forms(secret.encode())):
                yield f"the secret in the {place} came back"

    def appeared(self) -> Iterator[str]:
        """What is on the machine that was not there before."""
        for path in TRAPS:
            if path not in self._traps and path.exists():
                yield f"the file {path} appeared"
        if self._callers:
            yield f"{len(self._callers)} connections to the host's socket"
        strays = self._strays()
        if strays > 0:
            yield f"{strays} processes outlived their attack"

    def _strays(self) -> int:
        """More processes than when the watch began; a worker that was replaced counts as the one before it."""
        for _ in range(20):
            more = len(descendants(os.getpid())) - self._processes
            if more <= 0:
                return 0
            time.sleep(0.01)
        return len(descendants(os.getpid())) - self._processes

    def __enter__(self) -> Watch:
        """The watch itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take away what was planted."""
        if self._in_environment:
            os.environ.pop(VARIABLE, None)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._folder.cleanup()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, caller = self._listener.accept()
                self._callers.append(str(caller))
                connection.close()


def descendants(pid: int) -> list[int]:
    """Every process that a process started, directly or not."""
    found: list[int] = []
    for child in _children(pid):
        found += [child, *descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
    return found


def _forms(secret: bytes) -> Iterator[bytes]:
    yield from (secret, secret[::-1], secret.hex().encode(), secret[:24])
    for shift in range(3):  # base64 has three alignments
        coded = base64.b64encode(b"\0" * shift + secret)
        yield coded[4 : len(coded) - 4]
