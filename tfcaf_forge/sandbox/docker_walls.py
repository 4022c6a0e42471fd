"""Which of the container's walls stand, from what its first program found when it tried them."""

from __future__ import annotations

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.base import Plain
from tfcaf_forge.sandbox.docker_settings import GVISOR, Walls

_REQUIRED = ("network-none", "read-only", "uid", "no-capabilities")
"""Without one of these there is no sandbox, whatever a run requires."""
_REQUIRED_OF_RUNC = (*_REQUIRED, "container-privileges", "container-seccomp")
_KNOWN = (
    "network-none", "read-only", "uid", "no-capabilities", "container-privileges", "container-seccomp",
    "container-rlimits", "pids", "memory",
)  # fmt: skip
_REMEDY = {
    "pids": "the engine's kernel must have the pids cgroup; rootless engines need cgroup v2",
    "memory": "the engine's kernel must have the memory cgroup; rootless engines need cgroup v2",
}
_GVISOR_SAYS = {
    "container-seccomp": "gVisor's kernel serves the calls in its place",
    "container-privileges": "this gVisor does not tell",
    "pids": "asked for, and not tried: gVisor's own threads count",
    "memory": "asked for, and not to be seen inside gVisor",
}


class Probed(Plain, frozen=True, kw_only=True):
    """What `sandboxes/docker/probe.py` says. Nothing that a model wrote has run when it says it.

    Attributes:
        kernel: release of the kernel that serves the container.
        pid: the probe's process number.
        found: by layer, empty where it held, else what was found.
    """

    kernel: str
    pid: int
    found: dict[str, str]


def judge(probed: Probed, size: Walls, kernel: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The layers that held, and those that did not with the reason.

    Args:
        probed: what the probe found.
        size: what was asked for.
        kernel: release of the engine's own kernel.

    Raises:
        SandboxError: one without which there is no sandbox does not hold.
    """
    inside_gvisor = size.runtime == GVISOR
    found = {name: probed.found.get(name, "it was not tried") for name in _KNOWN}
    found["container"] = "" if probed.pid == 1 else "it shares a process table"
    if inside_gvisor:
        found["gvisor"] = "" if probed.kernel != kernel else "the engine's own kernel answers"
    needed = (*_REQUIRED, "gvisor") if inside_gvisor else _REQUIRED_OF_RUNC
    for name in (*needed, "container"):
        if found[name]:
            raise SandboxError(
                f"the container's wall {name!r} does not stand ({found[name][:200]}); "
                "this engine ignores what it is asked for; use another, or --sandbox local"
            )
    held = tuple(name for name, fault in found.items() if not fault)
    lacking = {name: _why(name, fault, inside_gvisor) for name, fault in found.items() if fault}
    return held, lacking


def _why(name: str, fault: str, inside_gvisor: bool) -> str:
    if inside_gvisor and name in _GVISOR_SAYS:
        return _GVISOR_SAYS[name]
    return f"{fault[:200]}; {_REMEDY[name]}" if name in _REMEDY else fault[:200]
