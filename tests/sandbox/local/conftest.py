"""Workers, hostile and ordinary, and a way to run a host as an ordinary user."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tfcaf_forge.sandbox.local import LocalWorker

sys.path.insert(0, str(Path(__file__).parent))

from sandbox_hosts import HOSTILE, REPOSITORY, quick

NOBODY = 65534

Run = Callable[[str], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Elsewhere than on Linux there is no local sandbox to test."""
    if not sys.platform.startswith("linux"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="the local sandbox needs Linux"))


@pytest.fixture(scope="session")
def hostile_worker() -> Iterator[LocalWorker]:
    os.environ["FORGE_TEST_SECRET"] = "do-not-tell"
    with LocalWorker(quick(wall_seconds=3.0), main=HOSTILE) as worker:
        yield worker
    del os.environ["FORGE_TEST_SECRET"]


@pytest.fixture(scope="session")
def hostile(hostile_worker: LocalWorker) -> Run:
    """Run Python text in the confined process: its answer, `TypeName ERRNO` where it raised, or how it ended."""

    def run(source: str) -> Any:
        body, fate = hostile_worker.ask({"source": source})
        if fate != "answered":
            return fate
        said = json.loads(body)
        return said["answer"] if "answer" in said else said["raised"]

    return run


@pytest.fixture(scope="session")
def ordinary() -> Callable[[str], Any]:
    """Run Python text as an ordinary user; it prints JSON. Where the tests run as root, that user is nobody."""

    def run(code: str) -> Any:
        command = [sys.executable, "-B", "-c", code]
        if os.geteuid() == 0:
            user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
            command = _reachable([*user, *command])
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        paths = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent), sysconfig.get_path("purelib")])
        done = subprocess.run(
            command,
            env={**threads, "PATH": os.environ["PATH"], "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def _reachable(command: list[str]) -> list[str]:
    """The command in a mount namespace of its own, in which nobody can reach interpreter, packages and repository."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), REPOSITORY}
    closed = {first for path in needed if (first := _first_closed(path)) is not None}
    if not closed:
        return command
    if shutil.which("unshare") is None:
        pytest.skip("unshare(1) of util-linux is not installed")
    hold = tempfile.mkdtemp(prefix="forge-hold-")
    atexit.register(os.rmdir, hold)
    lines = ["set -e", f"mount -t tmpfs -o mode=755 tmpfs {hold}"]
    moved = [path for path in sorted(needed) if any(folder == path or folder in path.parents for folder in closed)]
    for number, path in enumerate(moved):
        lines += [f"mkdir {hold}/{number}", f"mount --rbind '{path}' {hold}/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs '{folder}'" for folder in sorted(closed)]
    for number, path in enumerate(moved):
        lines += [f"mkdir -p '{path}'", f"mount --rbind {hold}/{number} '{path}'"]
    return ["unshare", "-m", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh", *command]


def _first_closed(path: Path) -> Path | None:
    """The outermost folder on the way that others may not enter."""
    for folder in (*reversed(path.resolve().parents), path.resolve()):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None
