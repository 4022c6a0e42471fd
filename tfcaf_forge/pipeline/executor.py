"""Executor: one task over many items, in processes of this machine or on a cluster; results as they are completed.

The host keeps the records: a worker is sent what it needs, returns what it found, and writes nothing. So a worker that is
lost costs its task, which is done again, and nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from tfcaf_forge.errors import ForgeError, InputError
from tfcaf_forge.resources import ONE_THREAD

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""How often a task is begun at most: a worker may be lost under it twice."""


class WorkersLost(ForgeError):  # noqa: N818 - reads as what happened
    """A task was begun `TRIES` times and its worker was lost each time."""

    code = "workers"


class Executor(Protocol):
    """Runs a task over items. `LocalPool` and `integrations.ray_cluster.RayCluster` are the two."""

    def map(self, task: Callable[[S, T], R], shared: S, items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Begin the task on every item, and yield results with the places of their items, as they are completed.

        Args:
            task: a function of a module, so that it can be pickled.
            shared: its first argument, sent to each worker once; keep it the same object from call to call.
            items: its second argument, one a task.

        Raises:
            WorkersLost: the machine, or the cluster, lost a task's worker `TRIES` times.
            Exception: what a task raised.
        """
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...


class LocalPool:
    """Processes of this machine, one thread each.

    Args:
        jobs: how many at once.

    Raises:
        InputError: fewer than one.
    """

    def __init__(self, jobs: int) -> None:
        """No process is started before there is work."""
        if jobs < 1:
            raise InputError(f"{jobs} jobs; give at least 1")
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._shared: object = None

    def map(self, task: Callable[[S, T], R], shared: S, items: Sequence[T]) -> Iterator[tuple[int, R]]:
        """As in `Executor.map`; a process that dies takes no other task's result with it."""
        left = dict(enumerate(items))
        for _ in range(TRIES):
            waiting = {self._submit(task, shared, item): place for place, item in left.items()}
            try:
                for future in as_completed(waiting):
                    result = future.result()
                    del left[waiting[future]]
                    yield waiting[future], result
            except BrokenProcessPool:
                self.close()
                continue
            return
        raise WorkersLost(f"{len(left)} tasks lost their process {TRIES} times; is the machine out of memory?")

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, task: Callable[[S, T], R], shared: S, item: T) -> Future[R]:
        if self._pool is None or self._shared is not shared:
            self.close()
            self._shared = shared
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._jobs, spawn, initializer=_keep, initargs=(shared,))
        with one_thread():
            return self._pool.submit(_call, task, item)


_kept: Any = None
"""In a worker: what all tasks share."""


def _keep(shared: object) -> None:
    global _kept
    _kept = shared


def _call(task: Callable[[Any, T], R], item: T) -> R:
    return task(_kept, item)


@contextmanager
def one_thread() -> Generator[None]:
    """Processes started inside have one thread in every arithmetic library; they read it when they load."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
