"""What goes wrong stays small: a hang, a crash, a killed warm process, a killed host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_hosts import HOSTILE, REPOSITORY, family, gone, honest, quick, work

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox import local
from tfcaf_forge.sandbox.local import LocalWorker
from tfcaf_forge.sandbox.sandbox import Sandbox

HANG = "while True: pass"


@pytest.mark.parametrize("source", [HANG, "import signal; signal.alarm\nwhile True:\n    bytes(1 << 20)"])
def test_a_hang_costs_its_limit_and_no_more(source: str, hostile: Callable[[str], Any]) -> None:
    begin = time.monotonic()
    assert hostile(source) == "time-limit"
    assert time.monotonic() - begin < 3.0 + 1.0
    assert hostile("answer = 1") == 1


@pytest.fixture(scope="module")
def patient() -> Iterator[LocalWorker]:
    """A worker whose wall clock hardly limits."""
    with LocalWorker(quick(wall_seconds=60.0, cpu_seconds=2), main=HOSTILE) as worker:
        yield worker


def test_processor_time_is_bounded_where_the_clock_is_not(patient: LocalWorker) -> None:
    begin = time.monotonic()
    assert patient.ask({"source": HANG}) == (b"", "time-limit")
    assert time.monotonic() - begin < 30.0
    assert not patient.spent


def test_killing_the_warm_process_kills_its_candidate(patient: LocalWorker) -> None:
    before = family(patient._process.pid)
    found: list[set[int]] = []

    def kill() -> None:
        found.append(_wait_for_more(patient._process.pid, before))
        os.kill(max(before), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(SandboxError, match="warm process is gone"):
        patient.ask({"source": HANG})
    thread.join()
    assert found[0] > before
    assert gone(found[0])
    assert patient.spent


def test_a_fatal_signal_renews_the_warm_process(hostile: Callable[[str], Any], hostile_worker: LocalWorker) -> None:
    assert hostile("answer = 1") == 1
    assert not hostile_worker.spent
    assert hostile("__import__('os').fork()") == "died:31"
    assert hostile_worker.spent


def test_a_candidate_whose_warm_process_is_killed_is_tried_again_and_nothing_is_left() -> None:
    with Sandbox() as box:
        first = box._worker
        assert isinstance(first, LocalWorker)
        processes = family(first._process.pid)
        warm = max(processes)
        os.kill(warm, signal.SIGSTOP)
        threading.Timer(0.5, os.kill, (warm, signal.SIGKILL)).start()
        assert isinstance(box.trace(*work(honest())), Traced)
        assert box._worker is not first
        assert gone(processes)
        processes = family(box._worker._process.pid)  # pyright: ignore
    assert gone(processes)


def test_killing_the_host_leaves_nothing_running() -> None:
    code = (
        "import sys; from sandbox_hosts import HOSTILE, quick; from tfcaf_forge.sandbox.local import LocalWorker\n"
        "worker = LocalWorker(quick(wall_seconds=60.0), main=HOSTILE); print('ready', flush=True)\n"
        "worker.ask({'source': 'while True: pass'})\n"
    )
    paths = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    host = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    assert host.stdout is not None
    assert host.stdout.readline() == b"ready\n"
    processes = _wait_for_more(host.pid, family(host.pid), at_least=1)
    host.kill()
    host.wait()
    host.stdout.close()
    assert len(processes) >= 3
    assert gone(processes)


def test_a_worker_that_cannot_start_says_how_to_try_it_by_hand(tmp_path: Path) -> None:
    broken = tmp_path / "main.py"
    broken.write_text("raise ImportError('torch is\\x1b[2J broken')\n")
    with pytest.raises(SandboxError, match=r"did not start \(ImportError: torch is\?\[2J broken\); try it by hand"):
        LocalWorker(quick(), main=broken)


def test_an_ended_worker_keeps_its_number_until_it_is_closed() -> None:
    """Else `close` could kill the group of a process that was given the number since."""
    with LocalWorker(quick()) as worker:
        pid = worker._process.pid
        os.kill(pid, signal.SIGKILL)
        assert gone({pid})
        assert worker.spent
        assert Path("/proc", str(pid)).exists()  # a zombie: nobody else can be it
    assert not Path("/proc", str(pid)).exists()
    worker.close()


def test_a_machine_without_room_for_a_process_is_a_typed_error(ordinary: Callable[[str], Any]) -> None:
    """As an ordinary user: root is under no limit."""
    said = ordinary(
        "import json, resource, numpy; from tfcaf_forge.errors import SandboxError\n"
        "from sandbox_hosts import quick; from tfcaf_forge.sandbox.local import LocalWorker\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
        "try:\n    LocalWorker(quick())\n"
        "except SandboxError as fault:\n    print(json.dumps(str(fault)))\n"
    )
    assert "cannot be started (Resource temporarily unavailable); free some memory, processes" in said


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_than_on_linux_it_names_docker(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.sys, "platform", platform)
    with pytest.raises(SandboxError, match=f"needs Linux, this is {platform}; use --sandbox docker"):
        LocalWorker(quick())


def _wait_for_more(pid: int, before: set[int], at_least: int = 1) -> set[int]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        now = family(pid)
        if len(now - before) >= at_least:
            return now
        time.sleep(0.02)
    raise AssertionError("the candidate did not start")
