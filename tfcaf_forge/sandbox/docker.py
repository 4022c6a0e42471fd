"""The Docker backend: the same guest as the local one, warm in a closed container, driven over its attached streams.

With `runtime="runsc"` the container's system calls are served by gVisor's kernel and not by the host's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.sandbox import docker_settings as settings
from tfcaf_forge.sandbox.docker_clean import close_at_exit, discard, discard_left, prune
from tfcaf_forge.sandbox.docker_engine import EngineGone, answers, connect, faults
from tfcaf_forge.sandbox.docker_image import TAG, Image, find
from tfcaf_forge.sandbox.docker_owner import RUN, Owner
from tfcaf_forge.sandbox.docker_stream import DockerStream
from tfcaf_forge.sandbox.docker_walls import Probed, judge
from tfcaf_forge.sandbox.profile import Profile
from tfcaf_forge.sandbox.wire import WireError, decode, encode
from tfcaf_forge.sandbox.worker import SHAKING, Hello, Reply, WorkerLost

if TYPE_CHECKING:
    from docker import DockerClient

_GRACE_SECONDS = 3.0
"""How much longer than the guest the host waits before it kills the container."""
_RESTART_SECONDS = 20.0
"""How long an engine that went away under a candidate may take to come back."""
_BROKEN = (OSError, EOFError, WireError, msgspec.ValidationError)
_NAME = secrets.token_hex(6)
"""Label of all containers of this process."""
_swept: set[int] = set()


class DockerWorker:
    """One warm container. Not thread-safe: one candidate at a time, each in a process of its own inside.

    Args:
        profile: limits.
        runtime: the engine's name of the container's runtime; `runsc` is gVisor.
        image: name or digest of an image made by `forge sandbox build`.

    Raises:
        SandboxError: no engine, no image, a stale image, or walls that do not stand.
        MissingExtra: docker-py is not installed.
    """

    def __init__(self, profile: Profile, *, runtime: str | None = None, image: str = TAG) -> None:
        """Start the container and wait until its guest is ready and its walls have been tried."""
        self._profile, self._size = profile, settings.walls(profile, runtime)
        self._served, self._shaken, self._open = 0, False, False
        self._client: DockerClient = connect()
        try:
            self._sweep()
            self.image: Image = find(self._client, image)
            self.id, self._stream = self._create()
        except BaseException:
            self._client.close()
            raise
        self._open = True
        close_at_exit(self)
        self._isolation = self._greet()

    @property
    def isolation(self) -> Isolation:
        """The layers that held when they were tried."""
        return self._isolation

    @property
    def spent(self) -> bool:
        """Whether the container should be replaced before the next candidate."""
        return not self._open or self._shaken or self._served >= self._profile.worker.renew_after

    def ask(self, request: dict[str, Any]) -> tuple[bytes, str]:
        """Run one candidate.

        Args:
            request: see `guest.candidate.examine`; the limits are added here.

        Returns:
            The bytes that its process wrote, and how it ended (`answered`, `time-limit`, `died:SIGNAL`).

        Raises:
            WorkerLost: the container is gone; the candidate may be tried again in a new one.
            EngineGone: the engine is gone, and did not come back.
            SandboxError: the request is too large to be sent.
        """
        if not self._open:
            raise WorkerLost("the sandbox's container is closed; it is started anew")
        self._served += 1
        frame = encode({**request, "id": self._served, "limits": msgspec.to_builtins(self._profile.limits)})
        deadline = time.monotonic() + self._profile.limits.wall_seconds + _GRACE_SECONDS
        try:
            self._stream.send(frame, deadline)
            reply = msgspec.convert(decode(self._stream.frame(deadline)), Reply)
            if reply.id != self._served:
                raise WireError(f"answer {reply.id} to question {self._served}")
            self._shaken = reply.fate in SHAKING
            return self._stream.frame(deadline), reply.fate
        except TimeoutError:
            self.close()
            return b"", "time-limit"
        except _BROKEN as fault:
            return b"", self._fate(fault)

    def close(self) -> None:
        """Kill and remove the container. What cannot be removed now is left to `prune`."""
        if not self._open:
            return
        self._open = False
        self._stream.close()
        discard(self._client, self.id)
        with contextlib.suppress(Exception):
            self._client.close()

    def __enter__(self) -> Self:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _sweep(self) -> None:
        """Remove what dead runs left, once a process. A fault in this is no fault of the run."""
        if os.getpid() not in _swept:
            _swept.add(os.getpid())
            with contextlib.suppress(SandboxError):
                prune(client=self._client)
        discard_left(self._client)

    def _create(self) -> tuple[str, DockerStream]:
        """Create, attach, start: attached before anything runs, no byte can be missed."""
        with faults("starting the sandbox's container"):
            made = self._client.api.create_container(
                self.image.id,
                command=[],
                entrypoint=settings.command(self._size),
                environment=settings.environment(),
                user=settings.NOBODY,
                hostname="sandbox",
                working_dir="/",
                stdin_open=True,  # with `detach` unset also "stdin once": the input ends when the host hangs up
                tty=False,
                network_disabled=True,
                healthcheck={"test": ["NONE"]},
                labels={RUN: _NAME, **Owner.current().labels},
                host_config=settings.host_config(self._size),
                use_config_proxy=False,  # proxies in the user's settings may hold a password
            )
            container, stream = str(made["Id"]), None
            try:
                options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                stream = DockerStream(self._client.api.attach_socket(container, options))
                self._client.api.start(container)
            except BaseException:
                if stream is not None:
                    stream.close()
                discard(self._client, container)
                raise
        return container, stream

    def _greet(self) -> Isolation:
        deadline = time.monotonic() + self._profile.worker.start_seconds
        try:
            probed = msgspec.convert(decode(self._stream.frame(deadline)), Probed)
            held, lacking = judge(probed, self._size, self._kernel())
            hello = msgspec.convert(decode(self._stream.frame(deadline)), Hello)
            if hello.protocol != 1:
                raise SandboxError(f"the guest speaks protocol {hello.protocol}, this release 1; forge sandbox build")
        except (TimeoutError, *_BROKEN) as fault:
            said, ended = self._stream.words, self._state()
            self.close()
            why = said or (
                f"it was killed at {self._size.memory_bytes >> 20} MiB" if ended.killed_for_memory else fault
            )
            raise SandboxError(f"the sandbox's container did not start ({why}); try: forge sandbox build") from None
        except SandboxError:
            self.close()
            raise
        name = "gvisor" if self._size.runtime == settings.GVISOR else "docker"
        return Isolation(backend=name, active=(*hello.layers, *held), missing={**hello.missing, **lacking})

    def _kernel(self) -> str:
        """Release of the engine's own kernel."""
        with faults("asking for the engine's kernel"):
            return str(self._client.api.version().get("KernelVersion", ""))

    def _fate(self, fault: Exception) -> str:
        """How the candidate ended, where its container ended with it.

        Raises:
            WorkerLost: the container ended, and not for its memory: by the candidate, or by somebody else.
            EngineGone: the engine is gone, and did not come back.
        """
        ended = self._state()
        self.close()
        if ended.killed_for_memory:
            return "died:9"
        if not ended.known:
            if not answers(self._client, _RESTART_SECONDS):
                raise EngineGone("the Docker engine went away; start it (systemctl start docker) and resume the run")
            raise WorkerLost("the sandbox's container was removed, or its engine restarted; it is started anew")
        raise WorkerLost(f"the sandbox's container ended (status {ended.code}, {fault}); it is started anew")

    def _state(self) -> Ended:
        try:
            self._client.api.wait(self.id, timeout=5)
            state: dict[str, Any] = self._client.api.inspect_container(self.id)["State"]
        except Exception:  # gone, or the engine is: both mean that nothing is known
            return Ended(known=False)
        return Ended(known=True, code=int(state["ExitCode"]), killed_for_memory=bool(state["OOMKilled"]))


class Ended(Plain, frozen=True, kw_only=True):
    """What the engine knows of a container that ended.

    Attributes:
        known: whether it could be asked.
        code: the exit status.
        killed_for_memory: by the kernel, at the container's limit.
    """

    known: bool
    code: int = -1
    killed_for_memory: bool = False


def gvisor(profile: Profile) -> DockerWorker:
    """A container whose kernel is gVisor's, where the engine has a runtime of the name `runsc`."""
    return DockerWorker(profile, runtime=settings.GVISOR)
