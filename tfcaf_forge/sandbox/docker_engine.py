"""The Docker engine: connect to it, and turn what it says into errors that name the remedy."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tfcaf_forge.errors import MissingExtra, SandboxError

if TYPE_CHECKING:
    from docker import DockerClient

_TIMEOUT_SECONDS = 60
_START = "start it (systemctl start docker), or correct DOCKER_HOST, and repeat the command: what was finished is kept"
_FULL = "free some (docker system df; docker system prune; forge sandbox prune) and repeat the command"


class EngineGone(SandboxError):  # noqa: N818 - reads as what it is
    """No engine answers: nothing can be started until one does."""


class ImageMissing(SandboxError):  # noqa: N818 - reads as what it is
    """The sandbox's image is not there. It is never pulled: whoever owns its name would choose what runs."""


class ImageStale(SandboxError):  # noqa: N818 - reads as what it is
    """The image holds another guest than this release."""


def connect() -> DockerClient:
    """A client for the engine that `DOCKER_HOST` or the default socket leads to.

    Raises:
        MissingExtra: docker-py is not installed.
        EngineGone: no engine answers.
    """
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        raise MissingExtra("docker", "docker") from None
    client = None
    try:
        client = docker.from_env(timeout=_TIMEOUT_SECONDS)
        client.ping()
    except (DockerException, OSError) as fault:
        if client is not None:
            client.close()
        raise EngineGone(f"no Docker engine answers ({_reason(fault)}); {_START}") from None
    return client


def answers(client: DockerClient, seconds: float) -> bool:
    """Whether the engine answers, now or within so many seconds: one that is restarted comes back in a few."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return bool(client.ping())
        except Exception:  # whatever it is, it does not answer
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.25)


@contextmanager
def faults(doing: str) -> Generator[None]:
    """Turn docker-py's and the connection's exceptions into ours.

    Args:
        doing: what was being done, as in "starting the sandbox's container".

    Raises:
        ImageMissing, EngineGone, SandboxError: with a remedy.
    """
    from http.client import HTTPException

    from docker.errors import APIError, DockerException, ImageNotFound
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ImageNotFound as fault:
        raise ImageMissing(f"there is no image {_reason(fault)}; build it with: forge sandbox build") from None
    except APIError as fault:
        raise SandboxError(f"the Docker engine failed {doing}: {_advised(_reason(fault))}") from None
    except (DockerException, HTTPException, HTTPError, OSError) as fault:  # a stream that breaks is none of docker-py's
        raise EngineGone(f"the Docker engine does not answer while {doing} ({_reason(fault)}); {_START}") from None


def _advised(reason: str) -> str:
    """The engine's words, followed by what to do where we know it."""
    known = {
        "no space left": _FULL,
        "runtime name": "register the runtime in /etc/docker/daemon.json, or use --sandbox docker",
        "unknown runtime": "register the runtime in /etc/docker/daemon.json, or use --sandbox docker",
        "registry": "check the name and the network, or give a base that the engine has (--base IMAGE)",
        "seccomp": "the engine must be built with seccomp (docker info --format '{{.SecurityOptions}}')",
        "permission denied": "join the group docker, or set DOCKER_HOST to an engine of your own (rootless Docker)",
    }
    lower = reason.lower()
    advice = next(
        (text for mark, text in known.items() if mark in lower), "look at the engine's log (journalctl -u docker)"
    )
    return f"{reason}; {advice}"


def _reason(fault: Exception) -> str:
    """One bounded, printable line."""
    detail: Any = getattr(fault, "explanation", None) or fault
    line = (str(detail).strip().splitlines() or [type(fault).__name__])[0]
    return "".join(c if c.isprintable() else "?" for c in line)[:300]
