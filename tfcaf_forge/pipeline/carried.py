"""Carried: training runs on other machines. A run's folder goes there as bytes and comes back as bytes; the host writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.pipeline.executor import Executor
from tfcaf_forge.pipeline.seeds import Job, RunsFailed

if TYPE_CHECKING:
    from tfcaf_forge.training.result import TrainingResult


@dataclass(frozen=True)
class Parcel:
    """One training run on its way.

    Attributes:
        job: the run.
        files: what stands in its folder already, by name, so that it is continued.
        kernel: the bytes of the mixer's file; empty for a mixer that has only a name.
    """

    job: Job
    files: dict[str, bytes]
    kernel: bytes


@dataclass(frozen=True)
class Returned:
    """What came back: the folder's files, and either the result or what went wrong."""

    files: dict[str, bytes]
    result: TrainingResult | None = None
    fault: str = ""


def train_on(
    executor: Executor, work: Sequence[Job], *, done: Callable[[Job], None] | None = None
) -> list[TrainingResult]:
    """Train every run on an executor; what stands in a run's folder already is continued.

    A run whose machine is lost begins again from what the host has of it, which is how it stood when this was called.

    Args:
        executor: who has the machines.
        work: the runs, each with a folder of its own.
        done: told of each run that has come back.

    Returns:
        Their results in the order of `work`.

    Raises:
        RunsFailed: naming each run that failed, and how; the others are saved.
    """
    from tfcaf_forge.training.result import write_result

    results: dict[int, TrainingResult] = {}
    faults: list[str] = []
    for place, back in executor.map(train_there, None, [_parcel(job) for job in work]):
        job = work[place]
        _unpack(back.files, job.out)
        if back.result is None:
            faults.append(f"{job.name}: {back.fault}")
            continue
        results[place] = msgspec.structs.replace(back.result, folder=str(job.out))
        write_result(job.out, results[place])
        if done is not None:
            done(job)
    if faults:
        raise RunsFailed("; ".join(faults) + "; the other runs are saved; repeat the same command to go on")
    return [results[place] for place in range(len(work))]


def train_there(shared: None, parcel: Parcel) -> Returned:
    """The task of a worker: one run in a folder that is gone afterwards."""
    from tfcaf_forge.pipeline.trained import train

    job = parcel.job
    with tempfile.TemporaryDirectory() as place:
        folder, kernel = Path(place) / "run", Path(place) / "kernel.safetensors"
        _unpack(parcel.files, folder)
        kernel.write_bytes(parcel.kernel)
        mixer = kernel if parcel.kernel else job.mixer
        try:
            result = train(job.task, mixer, folder, steps=job.steps, seed=job.seed, config=job.config)
        except ForgeError as fault:
            return Returned(_packed(folder), fault=str(fault))
        return Returned(_packed(folder), result)


def _parcel(job: Job) -> Parcel:
    kernel = Path(job.mixer)
    return Parcel(job, _packed(job.out), kernel.read_bytes() if kernel.is_file() else b"")


def _packed(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


def _unpack(files: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / Path(name).name).write_bytes(body)
