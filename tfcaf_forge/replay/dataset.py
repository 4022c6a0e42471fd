"""A replay dataset on disk: a folder with `dataset.json` and one `.npy` an array. No pickle anywhere.

The folder is complete or absent: it is written beside its place and renamed. Every array's SHA-256 stands
in `dataset.json`, so damage is found when it is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import DatasetError
from tfcaf_forge.folders import writing
from tfcaf_forge.records.base import Plain, Record, digest_of, from_json, to_builtins
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import ARRAYS, EpisodeBatch

DESCRIPTION = "dataset.json"


class ArrayInfo(Plain, frozen=True, kw_only=True):
    """One array file: what it holds, and the SHA-256 of its bytes."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


class DatasetInfo(Record, frozen=True, kw_only=True):
    """What `dataset.json` says.

    Attributes:
        task, task_digest: name and digest of the TaskSpec that the episodes were collected for.
        seed: what the collection was seeded with.
        behaviours: names of the behaviour policies.
        behaviour_of: for every episode the index of its behaviour, [E].
        episodes, transitions: number of episodes and of real steps.
        has_agent_reward: whether the environment gave a reward for each agent.
        arrays: by name.
    """

    task: str
    task_digest: str
    seed: int
    behaviours: tuple[str, ...]
    behaviour_of: tuple[int, ...]
    episodes: int
    transitions: int
    has_agent_reward: bool
    arrays: dict[str, ArrayInfo]

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the dataset's content, its arrays included."""
        return digest_of(self)


@dataclass(frozen=True, eq=False)
class Dataset:
    """An opened dataset; the arrays of `episodes` are read-only memory maps."""

    path: Path
    info: DatasetInfo
    episodes: EpisodeBatch

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the content."""
        return self.info.digest


def write_dataset(
    path: Path, task: TaskSpec, episodes: EpisodeBatch, *, seed: int, behaviours: Sequence[str] = ("unknown",)
) -> Dataset:
    """Write episodes to a new folder, all or nothing, and open it.

    Args:
        path: the folder; must not exist.
        task: what the episodes belong to.
        episodes: checked before anything is written.
        seed: what the collection was seeded with.
        behaviours: names that `episodes.behaviour` indexes.

    Raises:
        DatasetError: the folder exists or cannot be made, or the episodes are faulty or of another task.
    """
    absent(path)
    _check_fits(str(path), task, episodes)
    episodes.check()
    who = _behaviour_of(episodes, behaviours)
    with writing(path, DatasetError):
        _write_folder(path, task, episodes, seed, behaviours, who)
    return load_dataset(path, task)


def _write_folder(
    path: Path, task: TaskSpec, episodes: EpisodeBatch, seed: int, behaviours: Sequence[str], who: tuple[int, ...]
) -> None:
    """Write the dataset beside its place, then put it there."""
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        arrays = {name: _write_array(folder, name, array) for name, array in episodes.arrays().items()}
        info = DatasetInfo(
            task=task.name,
            task_digest=task.digest,
            seed=seed,
            behaviours=tuple(behaviours),
            behaviour_of=who,
            episodes=episodes.n_episodes,
            transitions=episodes.n_transitions,
            has_agent_reward=episodes.has_agent_reward,
            arrays=arrays,
        )
        _write_synced(folder / DESCRIPTION, _readable_json(info))
        folder.chmod(0o755)  # mkdtemp makes it private
        _rename(folder, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def absent(path: Path) -> None:
    """Refuse a folder that is there already or cannot be made, before an hour of collecting has gone into it.

    Raises:
        DatasetError: it is, or cannot.
    """
    with contextlib.suppress(OSError):  # it is said below
        if path.exists():
            raise DatasetError(f"{path} exists; choose another name, or remove it first")
    with writing(path, DatasetError):
        pass


def load_dataset(path: Path, task: TaskSpec | None = None) -> Dataset:
    """Open a dataset and verify every byte of it.

    Args:
        path: the folder.
        task: if given, the dataset must have been collected for exactly this TaskSpec.

    Raises:
        DatasetError: there is none, it is damaged, or it belongs to another task.
    """
    info = read_info(path)
    if task is not None and info.task_digest != task.digest:
        changed = " with other contents (its TaskSpec was edited since)" if info.task == task.name else ""
        raise DatasetError(
            f"{path} was collected for the task {info.task}{changed}, not for {task.name}; "
            f"collect again: forge collect --task {task.name}"
        )
    if set(info.arrays) != set(ARRAYS):
        raise _damaged(path, f"{DESCRIPTION} names other arrays than this version reads")
    arrays = {name: _open_array(path, name, info.arrays[name]) for name in ARRAYS}
    episodes = EpisodeBatch(**arrays, has_agent_reward=info.has_agent_reward)
    if (episodes.n_episodes, episodes.n_transitions) != (info.episodes, info.transitions):
        raise _damaged(path, f"{DESCRIPTION} counts other episodes than the arrays hold")
    if task is not None:
        _check_fits(str(path), task, episodes)
    return Dataset(path=path, info=info, episodes=episodes.check())


def read_info(path: Path) -> DatasetInfo:
    """Read `dataset.json` alone, without opening or verifying the arrays.

    Raises:
        DatasetError: it is missing or cannot be read.
    """
    try:
        text = (path / DESCRIPTION).read_bytes()
    except OSError as fault:
        raise DatasetError(
            f"{path} is no replay dataset ({DESCRIPTION}: {fault.strerror}); make one with: forge collect --task NAME"
        ) from None
    return from_json(text, DatasetInfo, what=str(path / DESCRIPTION), error=DatasetError)


def _check_fits(where: str, task: TaskSpec, episodes: EpisodeBatch) -> None:
    """Sizes of the episodes against the TaskSpec's."""
    sizes = {
        "agents": (task.n_agents, episodes.n_agents),
        "actions": (len(task.actions), episodes.n_actions),
        "state fields": (task.state_size, episodes.state_size),
    }
    for what, (declared, found) in sizes.items():
        if declared != found:
            raise DatasetError(
                f"{where}: {found} {what}, the task {task.name} declares {declared}; use the task they came from"
            )


def _behaviour_of(episodes: EpisodeBatch, behaviours: Sequence[str]) -> tuple[int, ...]:
    who = [] if episodes.behaviour is None else [int(index) for index in episodes.behaviour]
    if any(not 0 <= index < len(behaviours) for index in who):
        raise DatasetError(f"behaviour: an index beyond the {len(behaviours)} named behaviours; name every behaviour")
    return tuple(who)


def _write_array(folder: Path, name: str, array: NDArray[Any]) -> ArrayInfo:
    file = folder / f"{name}.npy"
    with file.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return ArrayInfo(file=file.name, dtype=str(array.dtype), shape=array.shape, sha256=_sha256(file))


def _open_array(path: Path, name: str, info: ArrayInfo) -> NDArray[Any]:
    # The name on disk is ours, never the description's: a description may not point outside its folder.
    file = path / f"{name}.npy"
    try:
        found = _sha256(file)
    except OSError as fault:
        raise _damaged(path, f"{file.name}: {fault.strerror}") from None
    if info.file != file.name or found != info.sha256:
        raise _damaged(path, f"{file.name} was changed after it was written")
    try:
        # Nothing to map in an empty array, and mmap refuses it.
        mode = None if 0 in info.shape else "r"
        array: NDArray[Any] = np.load(file, mmap_mode=mode, allow_pickle=False)
    except (ValueError, OSError) as fault:
        raise _damaged(path, f"{file.name}: {fault}") from None
    if str(array.dtype) != info.dtype or array.shape != info.shape:
        raise _damaged(path, f"{file.name}: {array.dtype} {array.shape}, {DESCRIPTION} says {info.dtype} {info.shape}")
    return array


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damaged(path: Path, what: str) -> DatasetError:
    return DatasetError(f"{path} is damaged: {what}; restore it, or collect again: forge collect")


def _readable_json(info: DatasetInfo) -> bytes:
    return msgspec.json.format(msgspec.json.encode(to_builtins(info)), indent=1) + b"\n"


def _write_synced(file: Path, data: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _rename(folder: Path, path: Path) -> None:
    """Put the finished folder in its place; another one that came first wins."""
    try:
        folder.rename(path)
    except OSError:
        raise DatasetError(f"{path} appeared while it was being written; choose another name") from None
