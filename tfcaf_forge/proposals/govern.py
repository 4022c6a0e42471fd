"""Govern: where text may go. `--local-only` is checked twice: on the endpoint's name, and on every connection."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tfcaf_forge.proposals.faults import ModelError

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


def host_of(endpoint: str) -> str:
    """The host of a URL, in lower case; empty for a provider's name.

    Raises:
        ModelError: it is no URL; shows nothing of a user or a password in it.
    """
    scheme, there, rest = endpoint.partition("://")
    if not there:
        return ""
    address = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]  # what stands before `@` may hold our mark
    try:
        return (urlsplit(f"{scheme}://{address}").hostname or "").lower()
    except ValueError:
        raise ModelError(f"{address} is no address of a server; write http://HOST:PORT/v1") from None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def leaves_machine(endpoint: str) -> bool:
    """Whether what is sent to an endpoint leaves this machine."""
    return not is_loopback(host_of(endpoint))


def require_local(model: str, endpoint: str, allowed: Collection[str] = ()) -> None:
    """Refuse an endpoint that is neither loopback nor allow-listed.

    Raises:
        ModelError: names the endpoint.
    """
    host = host_of(endpoint)
    if is_loopback(host) or host in {name.lower() for name in allowed}:
        return
    where = endpoint if host else f"the provider {endpoint}"
    raise ModelError(
        f"--local-only: {model} is served by {where}, which is not this machine; "
        "give a local --api-base, or allow the host with --allow-host"
    )


class _Gate:
    """What the audit hook lets through; it can be closed, but an audit hook never goes away."""

    def __init__(self) -> None:
        self.hosts: frozenset[str] | None = None
        self.installed = False

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        """Refuse to look up or connect to anything but loopback and the allowed hosts."""
        if self.hosts is None or not event.startswith("socket."):
            return
        if event == "socket.getaddrinfo":
            self._name(args[0])
        elif event in ("socket.connect", "socket.sendto"):
            address = args[1]
            if isinstance(address, tuple):
                self._address(str(address[0]))

    def _name(self, name: object) -> None:
        host = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name or "localhost")
        if is_loopback(host.lower()) or host.lower() in (self.hosts or ()):
            return
        raise PermissionError(f"--local-only: {host} is not this machine and not allowed")

    def _address(self, address: str) -> None:
        # What an allowed name stands for is only known to the resolver, so with allowed names any address passes here.
        if is_loopback(address) or self.hosts:
            return
        raise PermissionError(f"--local-only: {address} is not this machine")


_GATE = _Gate()


@contextmanager
def only_local(allowed: Collection[str] = ()) -> Generator[None]:
    """Within this block no connection of this process leaves the machine, except to the allowed hosts.

    A proxy from the environment, a redirect, or a client that looks up another address than it was told: all end in a
    refused connection.
    """
    if not _GATE.installed:
        sys.addaudithook(_GATE.hook)
        _GATE.installed = True
    before = _GATE.hosts
    _GATE.hosts = frozenset(name.lower() for name in allowed)
    try:
        yield
    finally:
        _GATE.hosts = before
