"""Doctor: which layers hold on this machine, tried for real."""

from __future__ import annotations

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.base import Plain, Record
from tfcaf_forge.sandbox.local import LocalWorker
from tfcaf_forge.sandbox.profile import Profile, load_profile
from tfcaf_forge.sandbox.sandbox import BACKENDS
from tfcaf_forge.sandbox.worker import Hello, Worker

STOPS = {
    "screen": "source that is not plain tensor arithmetic",
    "restrictedpython": "attribute walks, frames, formats",
    "facade": "functions of torch that reach memory, files or global state",
    "trace": "control flow that depends on data, randomness, mutation",
    "seccomp": "all but twenty system calls, executable memory",
    "landlock": "paths, TCP ports, signals and sockets of other processes",
    "no-new-privileges": "rights from set-uid programs",
    "not-dumpable": "being looked into, core dumps",
    "rlimits": "eating memory or time, files, new processes",
    "parent-death": "outliving the warm process",
    "capabilities": "mounts, raw sockets, a change of root",
    "identity": "being root",
    "own-namespaces": "shared memory and keys left for the next candidate",
    "descriptors": "the host's socket and open files",
    "session": "typing into the terminal; escaping the kill",
    "deadline": "hanging",
    "empty-root": "every path: files, devices, /proc",
    "pid-namespace": "seeing and signalling processes of the host",
    "host-names": "learning the host's name",
    "ipc-namespace": "the host's shared memory and queues",
    "network-namespace": "every address, abstract Unix sockets",
    "user-namespace": "any right outside, with root's name or not",
    "keyring": "keys of the user's session",
    "environment": "secrets in variables",
    "process": "secrets in the host's memory",
    "network-none": "every address",
    "read-only": "files",
    "uid": "being root",
    "no-capabilities": "mounts, raw sockets, a change of root",
    "container-seccomp": "most system calls of the guest itself",
    "container-rlimits": "files, descriptors and cores of the guest itself",
    "container": "processes, mounts and names of the host",
    "pids": "fork bombs",
    "memory": "the host's memory running out",
    "gvisor": "faults of the host's kernel",
}
"""What each layer stops, in a few words."""


class Layer(Plain, frozen=True, kw_only=True):
    """One layer.

    Attributes:
        layer: its name.
        holds: whether all attempts were stopped.
        stops: what it is for.
        remedy: why it does not hold and what to do; empty where it holds.
        attempts: what was tried, and what stopped it.
    """

    layer: str
    holds: bool
    stops: str
    remedy: str
    attempts: dict[str, str]


class Diagnosis(Record, frozen=True, kw_only=True):
    """All layers of a backend, from the inside out.

    Attributes:
        backend, profile: what was started.
        holds: whether every layer does.
        layers: each.
    """

    backend: str
    profile: str
    holds: bool
    layers: tuple[Layer, ...]


def diagnose(backend: str = "local", profile: Profile | None = None) -> Diagnosis:
    """Start a worker, let it try every layer, and end it.

    Raises:
        SandboxError: the backend is unknown, or does not start at all.
    """
    limits = profile or load_profile()
    worker = _start(backend, limits)
    try:
        isolation, hello = worker.isolation, getattr(worker, "hello", None)
    finally:
        worker.close()
    attempts = hello.attempts if isinstance(hello, Hello) else {}
    names = (*isolation.active, *isolation.missing)
    layers = tuple(_layer(name, isolation.missing.get(name), attempts) for name in names)
    return Diagnosis(
        backend=isolation.backend, profile=limits.name, holds=all(layer.holds for layer in layers), layers=layers
    )


def _start(backend: str, profile: Profile) -> Worker:
    if backend == "local":
        return LocalWorker(profile, thorough=True)
    if backend not in BACKENDS:
        raise SandboxError(f"there is no sandbox backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    return BACKENDS[backend](profile)


def _layer(name: str, missing: str | None, attempts: dict[str, str]) -> Layer:
    own = {
        what.removeprefix(f"{name}: "): stopped for what, stopped in attempts.items() if what.startswith(f"{name}: ")
    }
    return Layer(layer=name, holds=missing is None, stops=STOPS.get(name, ""), remedy=missing or "", attempts=own)
