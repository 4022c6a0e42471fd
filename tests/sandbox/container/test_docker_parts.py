"""Parts of the Docker backend that need no engine."""

from __future__ import annotations

import json
import socket
import struct
import time

import pytest

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.sandbox import docker_settings as settings
from tfcaf_forge.sandbox.docker_stream import DockerStream
from tfcaf_forge.sandbox.docker_walls import _KNOWN, Probed, judge
from tfcaf_forge.sandbox.profile import load_profile
from tfcaf_forge.sandbox.wire import MAX_FRAME, WireError

SIZE = settings.walls(load_profile(), None)
GOOD = dict.fromkeys(_KNOWN, "")


def piece(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with theirs:
        stream = DockerStream(ours)
        yield stream, theirs
        stream.close()


def soon() -> float:
    return time.monotonic() + 1.0


def test_frame_is_put_together_from_pieces_between_which_words_come(pair):
    stream, theirs = pair
    frame = struct.pack(">I", 5) + b"hello"
    theirs.sendall(piece(1, frame[:3]) + piece(2, b"first\nfault: \x1b[31mred\n") + piece(1, frame[3:]))
    assert stream.frame(soon()) == b"hello"
    assert stream.words == "fault: ?[31mred"


@pytest.mark.parametrize(
    "data", [piece(1, struct.pack(">I", MAX_FRAME + 1)), piece(7, b"x"), b"\x01\0\0\0\xff\xff\xff\xff"]
)
def test_stream_that_breaks_its_rules_is_refused(pair, data):
    stream, theirs = pair
    theirs.sendall(data)
    with pytest.raises(WireError):
        stream.frame(soon())


def test_silence_ends_at_the_deadline_and_a_closed_stream_at_once(pair):
    stream, theirs = pair
    with pytest.raises(TimeoutError):
        stream.frame(time.monotonic() + 0.05)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        stream.frame(soon())


def test_all_walls_hold_where_nothing_was_found():
    held, lacking = judge(Probed(kernel="6", pid=1, found=GOOD), SIZE, "6")
    assert set(held) == {*GOOD, "container"}
    assert lacking == {}


@pytest.mark.parametrize("wall", ["network-none", "read-only", "uid", "no-capabilities", "container-seccomp"])
def test_container_without_a_needed_wall_is_refused(wall):
    with pytest.raises(SandboxError, match=wall):
        judge(Probed(kernel="6", pid=1, found={**GOOD, wall: "it is open"}), SIZE, "6")


def test_wall_that_was_not_tried_does_not_stand():
    with pytest.raises(SandboxError, match="not tried"):
        judge(Probed(kernel="6", pid=1, found={}), SIZE, "6")


def test_missing_limit_is_reported_with_its_remedy():
    held, lacking = judge(Probed(kernel="6", pid=1, found={**GOOD, "pids": "more than 16"}), SIZE, "6")
    assert "pids" not in held
    assert "cgroup" in lacking["pids"]


def test_runtime_named_gvisor_that_is_the_engines_own_kernel_is_refused():
    size = settings.walls(load_profile(), settings.GVISOR)
    with pytest.raises(SandboxError, match="gvisor"):
        judge(Probed(kernel="6", pid=1, found=GOOD), size, "6")
    assert "gvisor" in judge(Probed(kernel="4.4.0", pid=1, found=GOOD), size, "6")[0]


def test_profile_refuses_sockets_namespaces_and_files_by_default():
    profile = json.loads(settings.seccomp())
    named = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    forbidden = "socket connect unshare setns mount ptrace bpf keyctl io_uring_setup mkdir rename memfd_create shmget"
    assert not named & set(forbidden.split())


def test_container_is_closed_in_every_respect():
    config = settings.host_config(SIZE)
    assert config["NetworkMode"] == "none"
    assert config["ReadonlyRootfs"]
    assert config["CapDrop"] == ["ALL"]
    assert config["Memory"] == config["MemorySwap"]
    assert config["PidsLimit"] == 16
    assert config["Binds"] == []
    assert "/dev/mqueue" in config["MaskedPaths"]
    assert "no-new-privileges:true" in config["SecurityOpt"]
