"""First program in the container: finds out what really holds there, says so in one frame, and becomes the guest.

It tries what a candidate must not be able to do, with the means of the process that the guest will be. Nothing is
reported because it was asked for: a daemon may drop a limit that its kernel lacks with no more than a warning.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import struct
import sys
from collections.abc import Callable

GUEST = "/opt/forge/guest/main.py"
SITE = "/opt/forge/site"
NOBODY = 65534


def network() -> str:
    """No interface but the loopback, and no way out of it."""
    with open("/proc/net/dev", encoding="ascii") as file:
        names = [line.split(":")[0].strip() for line in file if ":" in line]
    others = [name for name in names if name != "lo" and not name.startswith(("tunl", "sit", "ip6", "gre", "erspan"))]
    return f"interfaces {', '.join(others)}" if others else ""


def writable() -> str:
    """No file can be made, anywhere that is mounted."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = {line.split()[1] for line in file}
    for folder in sorted({*points, "/", "/tmp", "/var/tmp", "/run", "/dev/shm"}):  # noqa: S108 - tried, not used
        if not os.path.isdir(folder):
            continue
        path = os.path.join(folder, f"probe-{os.getpid()}")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError:
            continue
        with contextlib.suppress(OSError):
            os.unlink(path)
        return f"{folder} can be written"
    return ""


def identity() -> str:
    """Nobody, in no other group."""
    ids = {*os.getresuid(), *os.getresgid(), *os.getgroups()}
    return "" if ids == {NOBODY} else f"ids {sorted(ids)}"


def capabilities() -> str:
    """Every set is empty, the bounding set too."""
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(_status(name) or "0", 16)]
    return f"not empty: {', '.join(held)}" if held else ""


def privileges() -> str:
    """No program can raise what its caller may do."""
    return "" if _status("NoNewPrivs") == "1" else "set-user-id programs work"


def system_calls() -> str:
    """Our filter is in force: calls that need no right at all are refused."""
    if _status("Seccomp") != "2":
        return "no filter is in force"
    try:
        os.close(os.memfd_create("probe"))
    except OSError:
        return ""
    return "memfd_create is allowed: another filter than ours is in force"


def processes(limit: int) -> str:
    """Forking ends below the limit. A limit of 0 is not tried."""
    if limit == 0:
        return "not tried"
    reader, writer = os.pipe()
    children: list[int] = []
    try:
        while len(children) <= limit:
            pid = os.fork()
            if pid == 0:
                os.close(writer)
                os.read(reader, 1)
                os._exit(0)
            children.append(pid)
    except BlockingIOError:
        return ""
    finally:
        os.close(writer)
        os.close(reader)
        for pid in children:
            os.waitpid(pid, 0)
    return f"more than {limit} processes can be started"


def memory(limit: int) -> str:
    """The kernel's own number for this container."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(path)
        if text is not None:
            return "" if text.isdigit() and int(text) <= limit else f"the limit is {text}"
    return "no limit can be seen"


def limits() -> str:
    """No file can grow, no core is dumped, few descriptors."""
    wanted = {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 64}
    return "" if all(resource.getrlimit(what)[1] == most for what, most in wanted.items()) else "they are not ours"


def probes(pids: int, memory_bytes: int) -> dict[str, Callable[[], str]]:
    """Each layer's test; an empty answer means that it holds."""
    return {
        "network-none": network,
        "read-only": writable,
        "uid": identity,
        "no-capabilities": capabilities,
        "container-privileges": privileges,
        "container-seccomp": system_calls,
        "container-rlimits": limits,
        "pids": lambda: processes(pids),
        "memory": lambda: memory(memory_bytes),
    }


def main(pids: int, memory_bytes: int) -> None:
    """Probe, report, become the guest."""
    found: dict[str, str] = {}
    for name, test in probes(pids, memory_bytes).items():
        try:
            found[name] = test()
        except Exception as fault:
            found[name] = f"its test failed: {type(fault).__name__}"
    body = json.dumps({"kernel": os.uname().release, "pid": os.getpid(), "found": found}).encode()
    os.write(1, struct.pack(">I", len(body)) + body)
    guest = [sys.executable, "-I", "-B", "-W", "ignore", GUEST, "--site", SITE, "--walls", "container"]
    os.execv(sys.executable, guest)  # noqa: S606 - our own program


def _status(name: str) -> str | None:
    with open("/proc/self/status", encoding="ascii") as file:
        return next((line.split()[1] for line in file if line.startswith(f"{name}:")), None)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
