"""How the container is closed: one place where every limit and every refusal stands.

Threat: code that broke out of the guest's process rules. It finds no network, no file that it may write, no right, no
device, a few dozen system calls without sockets and namespaces, sixteen processes, bounded memory, and nothing of the
host: no mount, no log that grows on its disk, no environment.
"""

from __future__ import annotations

import json
from typing import Any

from tfcaf_forge.records.base import Plain
from tfcaf_forge.resources import ONE_THREAD, bundled
from tfcaf_forge.sandbox.profile import Profile

NOBODY = "65534:65534"
COMMAND = ("python3", "-I", "-B", "/opt/forge/probe.py")
GVISOR = "runsc"
_WARM_BYTES = 512 << 20
"""What torch and the guest take before a candidate comes."""
_MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    "/dev/mqueue",
)  # fmt: skip
"""The engine's own list, and the message queues: the one place that a read-only container of anyone can write to, and
that would carry bytes from one candidate to the next."""


class Walls(Plain, frozen=True, kw_only=True):
    """The numbers of a container.

    Attributes:
        runtime: the engine's name of it; None for the engine's default.
        pids: most processes and threads.
        memory_bytes: most memory; no swap beside it.
    """

    runtime: str | None
    pids: int
    memory_bytes: int


def walls(profile: Profile, runtime: str | None) -> Walls:
    """The numbers for a profile. gVisor's kernel is itself a process with threads and memory in the container's share."""
    memory = profile.limits.memory_bytes + _WARM_BYTES
    if runtime == GVISOR:
        return Walls(runtime=runtime, pids=512, memory_bytes=max(memory, 2 << 30))
    return Walls(runtime=runtime, pids=16, memory_bytes=memory)


def environment() -> dict[str, str]:
    """What torch needs and nothing else: one thread, and a cache folder that is there and cannot be written."""
    return {**ONE_THREAD, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TORCHINDUCTOR_CACHE_DIR": "/opt/forge/empty"}


def command(size: Walls) -> list[str]:
    """Start the probe, which becomes the guest. Inside gVisor it does not try to run out of processes: gVisor's own
    threads count, and it would end with them.
    """
    return [*COMMAND, str(0 if size.runtime == GVISOR else size.pids), str(size.memory_bytes)]


def host_config(size: Walls) -> dict[str, Any]:
    """The engine's `HostConfig`."""
    limits = [_ulimit("nofile", 64), _ulimit("fsize", 0), _ulimit("core", 0), _ulimit("nproc", 512)]
    config: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": [],
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp()}"],
        "PidsLimit": size.pids,
        "Memory": size.memory_bytes,
        "MemorySwap": size.memory_bytes,
        "NanoCpus": 1_000_000_000,
        "IpcMode": "none",
        "LogConfig": {"Type": "none", "Config": {}},
        "Ulimits": limits,  # processes of one user number are counted over all containers: the pids limit is the wall
        "Binds": [],
        "Init": False,
        "AutoRemove": False,  # how it ended is asked first
        "MaskedPaths": list(_MASKED),
        "OomKillDisable": False,
        "RestartPolicy": {"Name": "no"},
    }
    if size.runtime is not None:
        config["Runtime"] = size.runtime
    if size.runtime == GVISOR:
        # gVisor lays a writable /tmp over an empty one; ours is read-only
        config["Tmpfs"] = {"/tmp": "ro,noexec,nosuid,nodev,size=4k"}  # noqa: S108 - a mount point inside
    return config


def seccomp() -> str:
    """The profile's text: the engine's interface takes no path."""
    return json.dumps(json.loads((bundled("sandboxes") / "docker" / "seccomp.json").read_text(encoding="utf-8")))


def _ulimit(name: str, most: int) -> dict[str, Any]:
    return {"Name": name, "Soft": most, "Hard": most}
