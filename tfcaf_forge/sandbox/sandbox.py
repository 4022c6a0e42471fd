"""Sandbox: from a Proposal to a Traced record or a Rejection, over any backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.graph import codec
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.sandbox.docker import DockerWorker, gvisor
from tfcaf_forge.sandbox.local import LocalWorker
from tfcaf_forge.sandbox.profile import Profile, load_profile
from tfcaf_forge.sandbox.receive import LOST, Contract, answers, receive
from tfcaf_forge.sandbox.wire import FloatArray, op_table, probe
from tfcaf_forge.sandbox.worker import SHAKING, Worker, WorkerLost

MAX_SOURCE = 16 * 1024
_TRIES = 2
"""A candidate under which the warm process ends, or that dies of a signal, is tried once more in a new one."""

Probes = Sequence[tuple[FloatArray, FloatArray]]
Answers = Sequence[tuple[FloatArray, FloatArray]]


BACKENDS: dict[str, Callable[[Profile], Worker]] = {"local": LocalWorker, "docker": DockerWorker, "gvisor": gvisor}
"""How to start a worker, by the backend's name."""


class Sandbox:
    """Runs candidates one at a time, each in a process of its own.

    Args:
        backend: a name in `BACKENDS`.
        profile: limits; the bundled `default` where None.
        require: layers without which no candidate runs, besides those of the profile; `all` means all of the backend's.

    Raises:
        SandboxError: the backend is unknown or does not start, or a required layer does not hold.
    """

    def __init__(self, backend: str = "local", profile: Profile | None = None, *, require: Sequence[str] = ()) -> None:
        """Start the first worker."""
        if backend not in BACKENDS:
            raise SandboxError(f"there is no sandbox backend {backend!r}; choose one of {', '.join(BACKENDS)}")
        self._start = BACKENDS[backend]
        self._profile = profile or load_profile()
        self._require = (*self._profile.require, *require)
        self._worker: Worker | None = None
        self._ready()

    @property
    def isolation(self) -> Isolation:
        """The layers in force."""
        return self._isolation

    def trace(self, proposal: Proposal, contract: Contract, probes: Probes) -> Traced | Rejection:
        """Run a proposal in the sandbox and take its graph out.

        Args:
            proposal: the source text.
            contract: N and S.
            probes: inputs on which graph and candidate must agree, ([B, N], [B, S]) float32 each; different B.

        Returns:
            The verified graph with the layers that were in force, or why there is none. What ends by a signal, or
            with the warm process, does so twice before it is a Rejection: once could be the machine's doing.

        Raises:
            SandboxError: the sandbox cannot be started, or the request is too large for it.
        """
        return self.run(proposal, contract, probes)[0]

    def run(self, proposal: Proposal, contract: Contract, probes: Probes) -> tuple[Traced | Rejection, Answers]:
        """The same, with what the sandbox says that the proposal itself computed on each probe; arguments as in `trace`.

        Returns:
            The graph or why there is none, and ([B, 1], [B, N]) a probe: Q_tot and credit; nothing of a rejection.
        """
        if len(proposal.source.encode("utf-8", "replace")) > MAX_SOURCE:
            text = f"the source is larger than {MAX_SOURCE} bytes; a credit function needs far less"
            return Rejection(stage="screen", code="too-large", message=text), []
        begin = time.perf_counter()
        body, fate = self._ask(proposal, contract, probes)
        seconds = round(time.perf_counter() - begin, 6)
        outcome = receive(body, fate, contract, probes)
        if isinstance(outcome, Rejection):
            return outcome, []
        traced = Traced(
            candidate=proposal.id,
            proposal=proposal.digest,
            graph=outcome,
            graph_digest=codec.digest(outcome),
            isolation=self._isolation,
            seconds=seconds,
        )
        return traced, answers(body, contract)

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __enter__(self) -> Self:
        """The sandbox itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _ask(self, proposal: Proposal, contract: Contract, probes: Probes) -> tuple[bytes, str]:
        request = {
            "source": proposal.source,
            "n_agents": contract.n_agents,
            "state_size": contract.state_size,
            "ops": op_table(),
            "probes": [msgspec.to_builtins(probe(local_q, state)) for local_q, state in probes],
        }
        body, fate = b"", LOST
        for _ in range(_TRIES):
            worker = self._ready()
            try:
                body, fate = worker.ask(request)
            except WorkerLost:
                body, fate = b"", LOST
            if fate != LOST and fate not in SHAKING:
                return body, fate
        self._ready()  # raises where the sandbox does not start without the candidate either: then it is not to blame
        return body, fate

    def _ready(self) -> Worker:
        """The worker, replaced where it is spent."""
        if self._worker is None or self._worker.spent:
            self.close()
            worker = self._start(self._profile)
            try:
                check_required(worker.isolation, self._require)
            except SandboxError:
                worker.close()
                raise
            self._worker, self._isolation = worker, worker.isolation
        return self._worker


def check_required(isolation: Isolation, names: Sequence[str]) -> None:
    """Refuse to run with less than what is required.

    Args:
        isolation: what holds.
        names: layers; `all` means all of the backend's.

    Raises:
        SandboxError: naming each layer that does not hold, why, and what to do.
    """
    known = {*isolation.active, *isolation.missing}
    unknown = [name for name in names if name != "all" and name not in known]
    if unknown:
        text = f"the {isolation.backend} sandbox has no layer {unknown[0]!r}"
        raise SandboxError(f"{text}; choose from all, {', '.join(sorted(known))}")
    lacking = sorted(isolation.missing if "all" in names else isolation.missing.keys() & set(names))
    if lacking:
        reasons = "; ".join(f"{name}: {isolation.missing[name]}" for name in lacking)
        raise SandboxError(f"a required layer of the {isolation.backend} sandbox does not hold: {reasons}")
