"""Datasets: what one holds, whether it keeps to its task, several as one, and foreign data as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tfcaf_forge.errors import DatasetError, InputError
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import Dataset, load_dataset, write_dataset
from tfcaf_forge.replay.episode import concatenate
from tfcaf_forge.replay.foreign import Imported, read_minari, read_npz
from tfcaf_forge.replay.mapping import EPYMARL, Mapping, load_mapping
from tfcaf_forge.replay.ranges import Excess, excesses

FORMATS = ("epymarl", "minari", "npz")


class DatasetFacts(Plain, frozen=True, kw_only=True):
    """What a dataset holds.

    Attributes:
        behaviours: episodes and mean return of each behaviour.
        lengths, returns: smallest, mean and largest.
        terminated: share of episodes that ended by the environment's own rules.
        masked: share of actions that were not available.
    """

    path: str
    digest: str
    task: str
    task_digest: str
    seed: int
    episodes: int
    transitions: int
    behaviours: dict[str, tuple[int, float]]
    lengths: tuple[float, float, float]
    returns: tuple[float, float, float]
    terminated: float
    masked: float
    has_agent_reward: bool
    bytes: int


class Checked(Plain, frozen=True, kw_only=True):
    """A dataset held against its task; `outside` lists fields with values beyond the declared range."""

    path: str
    digest: str
    episodes: int
    transitions: int
    outside: tuple[Excess, ...]


def describe(path: Path) -> DatasetFacts:
    """Open, verify and summarise a dataset; errors as in `load_dataset`."""
    found = load_dataset(path)
    batch, info = found.episodes, found.info
    who = np.asarray(info.behaviour_of)
    by = {name: batch.returns[who == index] for index, name in enumerate(info.behaviours)}
    masked = ~batch.available[:, :-1][batch.valid]
    return DatasetFacts(
        path=str(path),
        digest=found.digest,
        task=info.task,
        task_digest=info.task_digest,
        seed=info.seed,
        episodes=info.episodes,
        transitions=info.transitions,
        behaviours={name: (len(some), round(float(some.mean()), 6) if len(some) else 0.0) for name, some in by.items()},
        lengths=_spread(batch.lengths),
        returns=_spread(batch.returns),
        terminated=float(batch.terminated.any(axis=1).mean()),
        masked=float(masked.mean()),
        has_agent_reward=info.has_agent_reward,
        bytes=sum(file.stat().st_size for file in path.iterdir()),
    )


def check(path: Path, task: str | Path | TaskSpec) -> Checked:
    """Verify a dataset and hold every state against the declared ranges; errors as in `load_dataset`."""
    spec = load_task(task)
    found = load_dataset(path, spec)
    states = found.episodes.transitions().state
    return Checked(
        path=str(path),
        digest=found.digest,
        episodes=found.info.episodes,
        transitions=found.info.transitions,
        outside=excesses(spec, states),
    )


def merge(paths: Sequence[Path], out: Path, task: str | Path | TaskSpec) -> Dataset:
    """Join datasets of one task; behaviours of one name become one.

    Raises:
        InputError: fewer than two.
        DatasetError: as in `load_dataset` and `write_dataset`.
    """
    if len(paths) < 2:
        raise InputError(f"{len(paths)} dataset to merge; give two or more")
    spec = load_task(task)
    parts = [load_dataset(path, spec) for path in paths]
    twice = {part.digest for part in parts}
    if len(twice) < len(parts):
        raise DatasetError(
            "one dataset stands twice among those to merge; its episodes would count double, so leave one out"
        )
    names = list(dict.fromkeys(name for part in parts for name in part.info.behaviours))
    batch = concatenate([part.episodes for part in parts])
    who = [names.index(part.info.behaviours[index]) for part in parts for index in part.info.behaviour_of]
    joined = replace(batch, behaviour=np.asarray(who, np.int64))
    return write_dataset(out, spec, joined, seed=parts[0].info.seed, behaviours=names)


def bring_in(
    file: Path, out: Path, task: str | Path | TaskSpec, *, format: str, mapping: Path | None = None
) -> tuple[Dataset, tuple[str, ...]]:
    """Import foreign data.

    Args:
        file: the data.
        out: the new dataset's folder.
        task: what it belongs to.
        format: `epymarl`, `minari` or `npz`.
        mapping: names of the arrays, for `npz`; our own names, where the file has them, if None. For `epymarl` it replaces EPyMARL's names.

    Returns:
        The dataset, and what had to be assumed.

    Raises:
        InputError, ConfigError, DatasetError, MissingExtra: naming the array, the episode and what to do.
    """
    spec = load_task(task)
    if format not in FORMATS:
        raise InputError(f"there is no format {format!r}; choose one of {', '.join(FORMATS)}")
    found = _read(file, spec, format, None if mapping is None else load_mapping(mapping))
    return write_dataset(out, spec, found.episodes, seed=0, behaviours=[f"{format}:{file.name}"]), found.assumed


def _read(file: Path, task: TaskSpec, format: str, mapping: Mapping | None) -> Imported:
    if format == "minari":
        if mapping is not None:
            raise InputError("a Minari file names its arrays itself; leave --map out")
        return read_minari(file, task)
    return read_npz(file, mapping or (EPYMARL if format == "epymarl" else None), task)


def _spread(values: np.ndarray[tuple[int, ...], np.dtype[np.int64 | np.float64]]) -> tuple[float, float, float]:
    low, mean, high = float(values.min()), float(values.mean()), float(values.max())
    return round(low, 6), round(mean, 6), round(high, 6)
