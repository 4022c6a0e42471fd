"""Many training runs at once: a process each, one thread a process, so many at a time as there are jobs.

A run is a process of its own and not a task in a pool, so that one that dies is known by its name and its signal, takes
no other with it, and goes on from its checkpoint when the command is repeated.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcaf_forge.errors import ForgeError, InputError
from tfcaf_forge.pipeline.executor import one_thread
from tfcaf_forge.resources import signals_held, take_signals

if TYPE_CHECKING:
    from tfcaf_forge.records.task_spec import TaskSpec
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.result import TrainingResult, TrainProgress


class RunsFailed(ForgeError):  # noqa: N818 - reads as what happened
    """Some training runs ended with an error, or their process died; the others are finished and saved."""

    code = "runs"


@dataclass(frozen=True)
class Job:
    """One training run.

    Attributes:
        task, mixer, out, steps, seed, config: as in `pipeline.trained.train`.
    """

    task: TaskSpec
    mixer: str
    out: Path
    steps: int
    seed: int
    config: TrainConfig

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.mixer}, seed {self.seed}"


def parse_seeds(text: str) -> tuple[int, ...]:
    """`3`, `0:10` (0 to 9) or `0,4,7`, in any mixture.

    Raises:
        InputError: it is none of these, names a negative seed, or one twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()):
            raise InputError(f"seeds {text!r}; write 3, 0:10 (0 to 9) or 0,4,7")
        seeds.extend(range(int(first), int(last)) if colon else [int(first)])
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError(f"seeds {text!r} name {'no seed' if not seeds else 'a seed twice'}; write 3, 0:10 or 0,4,7")
    return tuple(seeds)


def train_many(
    work: Sequence[Job],
    *,
    jobs: int,
    progress: Callable[[Job, TrainProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[TrainingResult]:
    """Train every run, `jobs` at a time; what stands in a run's folder already is continued.

    Args:
        work: the runs, each with a folder of its own.
        jobs: processes at once.
        progress: called with a run and where it stands.
        should_stop: asked twice a second; if it says so, every run is saved and ends with status `stopped`.

    Returns:
        Their results in the order of `work`; of runs that were not begun before a stop there is none.

    Raises:
        InputError: no process, or two runs in one folder.
        RunsFailed: naming each run that failed, and how.
    """
    if jobs < 1 or len({job.out for job in work}) != len(work):
        raise InputError(f"{jobs} jobs for {len(work)} runs; give at least one, and each run a folder of its own")
    pool = _Pool(jobs, progress)
    with pool.closing():
        for job in work:
            while pool.full and not (should_stop is not None and should_stop()):
                pool.wait(0.5)
            if should_stop is not None and should_stop():
                break
            pool.start(job)
        while pool.running:
            if should_stop is not None and should_stop():
                pool.stop()
            pool.wait(0.5)
    if pool.faults:
        raise RunsFailed("; ".join(pool.faults) + "; the other runs are saved; repeat the same command to go on")
    return [pool.results[job.out] for job in work if job.out in pool.results]


class _Pool:
    """The processes that run now, and what those that ended left."""

    def __init__(self, jobs: int, progress: Callable[[Job, TrainProgress], None] | None) -> None:
        self._jobs, self._progress = jobs, progress
        self._context = multiprocessing.get_context("spawn")
        self.running: dict[Connection, tuple[Job, Any]] = {}
        self.results: dict[Path, TrainingResult] = {}
        self.faults: list[str] = []

    @property
    def full(self) -> bool:
        return len(self.running) >= self._jobs

    def start(self, job: Job) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        # Not a daemon: it may have processes of its own, an environment's workers.
        process = self._context.Process(target=_run, args=(job, theirs), name=job.name)
        with one_thread(), signals_held():
            process.start()
        theirs.close()
        self.running[ours] = (job, process)

    def wait(self, seconds: float) -> None:
        """Take what the processes have to say; a closed pipe is the end of one."""
        for ready in wait(list(self.running), seconds):
            connection = next(c for c in self.running if c is ready)
            job, process = self.running[connection]
            try:
                kind, value = connection.recv()
            except EOFError:
                self._end(connection, job, process)
                continue
            if kind == "progress" and self._progress is not None:
                self._progress(job, value)
            elif kind == "result":
                self.results[job.out] = value
            elif kind == "fault":
                self.faults.append(f"{job.name}: {value}")

    def stop(self) -> None:
        for _, process in self.running.values():
            if process.is_alive():
                os.kill(process.pid, signal.SIGTERM)

    @contextmanager
    def closing(self) -> Generator[None]:
        """Leave no process behind, whatever happens inside."""
        try:
            yield
        finally:
            for _, process in self.running.values():
                process.kill()
                process.join()

    def _end(self, connection: Connection, job: Job, process: Any) -> None:  # noqa: ANN401 - spawn's own type
        process.join()
        connection.close()
        del self.running[connection]
        told = job.out in self.results or any(fault.startswith(f"{job.name}:") for fault in self.faults)
        if not told:
            how = (
                f"was killed by {signal.Signals(-process.exitcode).name}"
                if process.exitcode < 0
                else f"ended with code {process.exitcode}"
            )
            self.faults.append(f"{job.name}: its process {how} ({job.out})")


def _run(job: Job, connection: Connection) -> None:
    """A run in its own process: progress, then the result or the fault, over the pipe."""
    stop = _Flag()
    take_signals()
    from tfcaf_forge.pipeline.trained import train

    try:
        result = train(
            job.task, job.mixer, job.out, steps=job.steps, seed=job.seed, config=job.config,
            progress=_every(0.5, lambda now: connection.send(("progress", now))), should_stop=stop.asked,
        )  # fmt: skip
        connection.send(("result", result))
    except ForgeError as fault:
        connection.send(("fault", str(fault)))
    finally:
        connection.close()


class _Flag:
    """The parent decides on interrupts; a termination asks this run to save and stop."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._ask)

    def asked(self) -> bool:
        return self._asked

    def _ask(self, number: int, frame: Any) -> None:  # noqa: ANN401 - the signal module's own type
        del number, frame
        self._asked = True


def _every(seconds: float, tell: Callable[[TrainProgress], None]) -> Callable[[TrainProgress], None]:
    """Pass on what is told, but not more often."""
    import time

    last = 0.0

    def told(now: TrainProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            tell(now)

    return told
