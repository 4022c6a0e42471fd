"""Pool: several sandboxes at once, with results in the order in which the candidates came."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

from tfcaf_forge.errors import SandboxError
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.sandbox.profile import Profile, load_profile
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Probes, Sandbox

_AHEAD = 2
"""Candidates taken from the caller per worker, running ones included: the next is ready when one ends."""


class Work(NamedTuple):
    """One candidate: what `Sandbox.trace` takes."""

    proposal: Proposal
    contract: Contract
    probes: Probes


class Pool:
    """Runs candidates on several workers, never two in one process.

    The work is done in the workers; the host's threads only wait for them and check what comes back.

    Args:
        workers: how many; as many as there are cores where None.
        backend, profile, require: see `Sandbox`.

    Raises:
        SandboxError: the first worker does not start, or a required layer does not hold.
    """

    def __init__(
        self,
        workers: int | None = None,
        backend: str = "local",
        profile: Profile | None = None,
        *,
        require: Sequence[str] = (),
    ) -> None:
        """Start the first worker; the others start when there is work for them."""
        self.workers = workers if workers is not None else len(os.sched_getaffinity(0))
        if self.workers < 1:
            raise SandboxError(f"a pool of {self.workers} workers; give at least 1")
        self._backend, self._profile, self._require = backend, profile or load_profile(), tuple(require)
        self._idle: queue.LifoQueue[Sandbox | None] = queue.LifoQueue()
        for _ in range(self.workers - 1):
            self._idle.put(None)
        first = self._open()
        self.isolation: Isolation = first.isolation
        self._idle.put(first)
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")

    def trace_many(self, work: Iterable[Work | tuple[Proposal, Contract, Probes]]) -> Iterator[Traced | Rejection]:
        """Run candidates and yield what came of each, in order.

        No more than two candidates a worker are taken from `work` before their results are taken from here.

        Raises:
            SandboxError: the sandbox itself failed on a candidate, in a new worker too; in place of its result.
        """
        waiting: deque[Future[Traced | Rejection]] = deque()
        try:
            for item in work:
                waiting.append(self._threads.submit(self._trace, Work(*item)))
                if len(waiting) >= _AHEAD * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End all workers; a candidate that runs ends within its limit."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            box = self._idle.get_nowait()
            if box is not None:
                box.close()

    def __enter__(self) -> Self:
        """The pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _open(self) -> Sandbox:
        return Sandbox(self._backend, self._profile, require=self._require)

    def _trace(self, work: Work) -> Traced | Rejection:
        box = self._idle.get()  # there are as many as threads
        try:
            box = box or self._open()
            return box.trace(*work)
        finally:
            self._idle.put(box)
