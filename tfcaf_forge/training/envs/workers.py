"""The same copies, spread over worker processes that write what they show into shared memory.

Nothing but a word goes through a pipe: observations, states and rewards lie in one block that all processes map.
A worker that dies or fails is reported with the last line of its traceback; nobody waits for it.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.util import Finalize
from typing import Any, NoReturn

from tfcaf_forge.errors import EnvironmentFailed
from tfcaf_forge.replay.episode import Ints
from tfcaf_forge.resources import STOPPING, signals_held, take_signals
from tfcaf_forge.training.envs.base import Step, copy_seeds
from tfcaf_forge.training.envs.copies import Board, OneEnv, SizedBatch, reset_copies, step_copies

PATIENCE = 120.0
"""Seconds within which a worker must have stepped all its copies once."""


class WorkerBatch(SizedBatch):
    """B copies of an environment in several processes.

    Copy b shows the same as in `CopiesBatch`, whatever the number of workers.

    Args:
        make: builds one copy; goes to the workers, which are started afresh (spawned), so it must pickle.
        n_envs: B.
        workers: processes, at most B.
        patience: seconds without an answer after which a worker counts as hung.

    Raises:
        EnvironmentFailed: here and in every method, if a worker fails, dies or hangs.
    """

    def __init__(self, make: Callable[[], OneEnv], n_envs: int, *, workers: int, patience: float = PATIENCE) -> None:
        """Start the workers and wait until they have built their copies."""
        sizes = make().sizes
        super().__init__(sizes, n_envs)
        self._patience = patience
        context = multiprocessing.get_context("spawn")
        memory = context.RawArray("b", Board.bytes_needed(sizes, n_envs))
        self._board = Board(sizes, n_envs, memory)
        workers = min(workers, n_envs)
        bounds = [n_envs * w // workers for w in range(workers + 1)]
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        # multiprocessing's own kind of finalizer: at the end of a process it runs before the wait for children begins.
        self._stop = Finalize(self, _stop, args=(self._processes, self._pipes), exitpriority=10)
        for first, last in pairwise(bounds):
            mine, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, make, memory, n_envs, first, last), daemon=True)
            with signals_held():
                process.start()
            theirs.close()
            self._pipes.append(mine)
            self._processes.append(process)
        self._await()

    def reset(self, seed: int) -> Step:
        """Start an episode in every copy, each from its own seed derived from this one."""
        self._board.seeds[:] = copy_seeds(seed, self.n_envs)
        return self._all("reset")

    def step(self, actions: Ints) -> Step:
        """Act in every copy that has not ended; `actions` is int64 [B, N]."""
        self._board.actions[:] = actions
        return self._all("step")

    def close(self) -> None:
        """End the workers; also happens when the batch is dropped."""
        self._stop()

    def _all(self, word: str) -> Step:
        if not self._stop.still_active():
            raise EnvironmentFailed("the workers of this batch have ended; build a new one")
        for pipe in self._pipes:
            with suppress(OSError):  # it has died; waiting for its answer says how
                pipe.send(word)
        self._await()
        return self._board.step()

    def _await(self) -> None:
        """Until every worker has answered."""
        waiting = dict(zip(self._pipes, self._processes, strict=True))
        while waiting:
            ready = wait(list(waiting), timeout=self._patience)
            if not ready:
                self._fail(f"no answer from {len(waiting)} of its workers in {self._patience:g} s")
            for pipe in [pipe for pipe in waiting if pipe in ready]:
                fault = _answer(pipe, waiting.pop(pipe))
                if fault:
                    self._fail(fault)

    def _fail(self, what: str) -> NoReturn:
        self._stop()
        raise EnvironmentFailed(f"the environment failed: {what}; run it with `workers = 0` to see where")


def _answer(pipe: Connection, process: Any) -> str:  # noqa: ANN401 - a process of any start method
    """What went wrong in a worker; empty if nothing did."""
    try:
        return str(pipe.recv())
    except (EOFError, OSError):  # the pipe closes with its process
        process.join(5.0)
        return f"a worker died with exit code {process.exitcode}"


def _work(
    pipe: Connection,
    make: Callable[[], OneEnv],
    memory: Any,  # noqa: ANN401 - shared memory, which has no public type
    n_envs: int,
    first: int,
    last: int,
) -> None:
    """A worker's life: build copies first to last, then answer each word with nothing, or with what went wrong.

    It leaves signals to its parent, which may still have to finish a rollout and save, and ends when the pipe does.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    take_signals()
    try:
        envs = [make() for _ in range(first, last)]
        board = Board(envs[0].sizes, n_envs, memory)
        pipe.send("")
        while True:
            word = pipe.recv()
            (reset_copies if word == "reset" else step_copies)(envs, board, first)
            pipe.send("")
    except EOFError:  # the batch was dropped
        return
    except Exception as fault:
        pipe.send(traceback.format_exception_only(fault)[-1].strip())


def _stop(processes: list[Any], pipes: list[Connection]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.join(1.0)
        if process.is_alive():
            process.kill()
            process.join()
