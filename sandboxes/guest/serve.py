"""Serve: the warm process. It loads torch once and forks a child for each candidate.

It never reads what a candidate's child writes: it passes the bytes on, at most so many, within a time limit.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
import traceback
from typing import Any

import torch

from guest import candidate, confine, wire

LANGUAGE_LAYERS = ("screen", "restrictedpython", "facade", "trace")
_WARM_UP = (
    "def tfcaf(local_q, state):\n"
    "    w = torch.softmax(state[:, 0:1] + torch.zeros(state.shape[0], local_q.shape[1]), dim=1)\n"
    "    w[:, 0] += torch.where(state[:, 0] > 0, state[:, 0].abs(), torch.tensor(0.5))\n"
    "    return torch.einsum('bn,bn->b', local_q, w).unsqueeze(1) + w.max(dim=1, keepdim=True)[0]\n"
)


def serve(source: int, sink: int) -> None:
    """Answer requests until the stream ends.

    Args:
        source, sink: descriptors to read requests from and to write answers to.
    """
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False  # its JIT wants executable memory
    _warm_up()
    gc.freeze()
    wire.write_frame(sink, _hello())
    while True:
        request = wire.read_frame(source)
        if request is None:
            return
        body, fate = _run_child(request)
        wire.write_frame(sink, {"id": request.get("id"), "fate": fate})
        wire.write_raw(sink, body)


def _hello() -> dict[str, Any]:
    layers = [*LANGUAGE_LAYERS, "process", "environment", *(name for name, _ in confine.LAYERS), "deadline"]
    return {
        "protocol": 1,
        "python": sys.version.split()[0],
        "torch": str(torch.__version__),
        "layers": layers,
        "missing": {},
    }


def _warm_up() -> None:
    """Every lazy import and error path once, before any candidate."""
    probe = {"local_q": candidate._text(torch.ones(2, 2)), "state": candidate._text(torch.ones(2, 3))}
    request = {"source": _WARM_UP, "n_agents": 2, "state_size": 3, "ops": {}, "probes": [probe]}
    candidate.examine(request)


def _run_child(request: dict[str, Any]) -> tuple[bytes, str]:
    """Fork, confine, examine; returns the child's bytes, unread, and how it ended."""
    limits = dict(request["limits"])
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(request, {**limits, "result_fd": write_end}, write_end)
    os.close(write_end)
    body, late = _collect(read_end, float(limits["wall_seconds"]))
    os.close(read_end)
    _end(pid)
    _, status = os.waitpid(pid, 0)
    if late:
        return b"", "time-limit"
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return b"", "time-limit"
    return (
        body,
        "answered" if body else f"died:{os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}",
    )


def _child(request: dict[str, Any], limits: dict[str, Any], sink: int) -> None:
    """Never returns: whatever happens, the child ends here."""
    try:
        confine.confine(limits)
        answer = candidate.examine(request)
        wire.write_frame(sink, answer)
    except BaseException:
        traceback.clear_frames(sys.exc_info()[2])
        os._exit(70)
    os._exit(0)


def _collect(fd: int, seconds: float) -> tuple[bytes, bool]:
    """At most one frame's bytes, within the time limit."""
    deadline = time.monotonic() + seconds
    parts: list[bytes] = []
    size = 0
    while size <= wire.MAX_FRAME + wire.HEADER.size:
        left = deadline - time.monotonic()
        ready = select.select([fd], [], [], max(left, 0.0))[0] if left > 0 else []
        if not ready:
            return b"", True
        part = os.read(fd, 1 << 16)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)[wire.HEADER.size :][: wire.MAX_FRAME], False


def _end(pid: int) -> None:
    """Kill the child's whole group, then the child itself where it made no group."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
