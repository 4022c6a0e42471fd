"""Child: fork a process for one candidate, confine it, collect what it writes, and end it.

What it writes is passed on unread. Nothing here waits longer than the time limit.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from guest import confine, wire
from guest.house import Ended, House
from guest.seccomp import RESULT_FD
from guest.system import Unavailable

Examine = Callable[[dict[str, Any]], dict[str, Any]]
_MOST = wire.HEADER.size + wire.MAX_FRAME
_TICK = 0.002
"""Seconds between looks where the kernel cannot tell."""
CONFINEMENT_FAILED, ANSWER_FAILED = 71, 70
"""Exit codes of a candidate's process."""


class HostGone(Exception):  # noqa: N818 - not a fault of ours
    """The host closed the connection while a candidate ran."""


def run(house: House, layers: Sequence[str], request: dict[str, Any], examine: Examine, host: int) -> tuple[bytes, str]:
    """One candidate in a process of its own.

    Args:
        house: the walls around this process.
        layers: names in `confine.LAYERS`, all of which must hold.
        request: see `candidate.examine`, with `limits`.
        examine: what to do with it.
        host: the descriptor on which the host is heard; when it hangs up, the candidate ends.

    Returns:
        What it wrote, without the header, and how it ended: `answered`, `time-limit`, `died:SIGNAL`.

    Raises:
        HostGone: after everything was ended.
    """
    limits = dict(request["limits"])
    source, sink = os.pipe()
    context = confine.Context(
        limits=limits,
        result_fd=sink,
        null_fd=house.null_fd,
        parent=os.getpid(),
        mapped_bytes=house.mapped_bytes(),
        own_user=house.own_user,
    )
    pid = os.fork()
    if pid == 0:
        _child(context, layers, request, examine)
    os.close(sink)
    try:
        body, late = _collect(pid, source, host, time.monotonic() + float(limits["wall_seconds"]))
    finally:
        os.close(source)
        ended = house.end(pid)
    return _fate(body, late, ended, float(limits["cpu_seconds"]))


def _child(context: confine.Context, layers: Sequence[str], request: dict[str, Any], examine: Examine) -> None:
    """Never returns: whatever happens, the process ends here."""
    code, sink = CONFINEMENT_FAILED, context.result_fd
    try:
        for name in layers:
            confine.LAYERS[name](context)
            sink = RESULT_FD if name == "descriptors" else sink
        code = ANSWER_FAILED
        wire.write_frame(sink, examine(request))
        code = 0
    except Unavailable as fault:
        wire.write_frame(sink, {"unavailable": str(fault)})
    except BaseException:
        traceback.clear_frames(sys.exc_info()[2])
    finally:
        os._exit(code)


def _collect(pid: int, source: int, host: int, deadline: float) -> tuple[bytes, bool]:
    """At most one frame's bytes; whether the deadline came first. Ends with the process, not with the pipe:
    a process that the candidate started could hold that open.
    """
    poll = select.poll()
    poll.register(host, select.POLLRDHUP)
    poll.register(source, select.POLLIN)
    process = _watch(pid)
    if process is not None:
        poll.register(process, select.POLLIN)
    body, open_ = b"", True
    try:
        while (left := deadline - time.monotonic()) > 0:
            events = dict(poll.poll(1000 * (left if process is not None else min(left, _TICK))))
            if events.get(host, 0) & (select.POLLHUP | select.POLLRDHUP | select.POLLERR):
                raise HostGone
            if open_ and source in events:
                part = os.read(source, 1 << 16)
                body += part
                if not part or len(body) >= _wanted(body):
                    poll.unregister(source)  # what follows a whole frame is nobody's; the process may still be ending
                    open_ = False
            elif process in events or (process is None and _gone(pid)):
                if open_ and select.select([source], [], [], 0)[0]:
                    continue  # it wrote after the look at the pipe and ended before the look at the process
                return body[wire.HEADER.size : _wanted(body)], False
        return b"", True
    finally:
        if process is not None:
            os.close(process)


def _watch(pid: int) -> int | None:
    """A descriptor that can be read when the process has ended; None before Linux 5.3 and in some gVisors."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _gone(pid: int) -> bool:
    """Whether the process has ended; it stays to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wanted(body: bytes) -> int:
    """Length of the frame that begins with `body`, header included; never more than the most."""
    if len(body) < wire.HEADER.size:
        return _MOST
    return min(_MOST, wire.HEADER.size + wire.HEADER.unpack(body[: wire.HEADER.size])[0])


def _fate(body: bytes, late: bool, ended: Ended, cpu_seconds: float) -> tuple[bytes, str]:
    if late:
        return b"", "time-limit"
    if not os.WIFSIGNALED(ended.status):
        code = os.WEXITSTATUS(ended.status)
        return body, "answered" if body and code == 0 else f"died:{code}"
    number = os.WTERMSIG(ended.status)
    if number == signal.SIGXCPU or (number == signal.SIGKILL and ended.seconds >= cpu_seconds):
        return b"", "time-limit"
    return b"", f"died:{number}"
