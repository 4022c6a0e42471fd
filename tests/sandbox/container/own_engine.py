"""An engine of a test's own: its own socket and its own disk, to be stopped and killed at will."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.sandbox.docker_engine import connect


class Engine:
    """A dockerd of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None
        self.address = f"unix://{folder}/engine.sock"

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, image: str) -> Iterator[Engine]:
        """One that holds an image of the machine's engine; `DOCKER_HOST` names it meanwhile."""
        if os.geteuid() != 0 or shutil.which("dockerd") is None:
            pytest.skip("starting an engine of the test's own needs root and dockerd")
        made = cls(folder)
        with pytest.MonkeyPatch.context() as patch:
            with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
                patch.setenv("DOCKER_HOST", made.address)
                made.start()
                try:
                    load = ["docker", "load", "--quiet"]
                    subprocess.run(load, stdin=saved.stdout, check=True, stdout=subprocess.DEVNULL)
                except BaseException:
                    made.stop()
                    raise
            try:
                yield made
            finally:
                made.stop()
                made.unmount()
        shutil.rmtree(folder, ignore_errors=True)

    def start(self) -> None:
        options = ["--host", self.address, "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"]
        options += [
            "--shutdown-timeout",
            "1",
            "--pidfile",
            f"{self.folder}/pid",
            "--bridge",
            "none",
            "--iptables=false",
        ]
        empty = self.folder / "empty.json"
        empty.write_text("{}")
        options += ["--config-file", str(empty)]  # not the machine's
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(["dockerd", *options], stdout=log, stderr=log, start_new_session=True)
        log.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connect().close()
            except SandboxError:
                time.sleep(0.3)
            else:
                return
        pytest.fail((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """Kill the engine and the containerd of its own outright; the containers' shims live on, orphaned."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.wait(10)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self.process = None
        for left in (
            *self.folder.glob("exec/containerd/containerd*.sock*"),
            self.folder / "exec/containerd/containerd.pid",
        ):
            left.unlink(missing_ok=True)  # as after a new start of the machine: nothing of the old engine answers
        (self.folder / "pid").unlink(missing_ok=True)

    def unmount(self) -> None:
        """Let go of what containers of a killed engine still hold."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for path in sorted((path for path in mounts if path.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", path], check=False)
