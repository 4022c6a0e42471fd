"""Foreign data: files of other programs become EpisodeBatches, and what does not fit is said by array and episode."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.errors import DatasetError, MissingExtra
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.replay.mapping import Mapping, own_names

Array = NDArray[Any]
Arrays = dict[str, Array]
Assume = Callable[[str], None]
"""Told what is assumed about one episode."""
_STEPWISE = ("actions", "reward", "agent_reward", "terminated", "truncated", "valid")
_AHEAD = ("obs", "state", "available")  # these also say what is seen after the last step


@dataclass(frozen=True, eq=False)
class Imported:
    """Episodes from a foreign file, and what had to be assumed about them, a sentence each."""

    episodes: EpisodeBatch
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class _Assumed:
    """Counts of what was assumed, by sentence."""

    counts: dict[str, int] = field(default_factory=dict[str, int])

    def __call__(self, what: str) -> None:
        """Once more."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def notes(self, episodes: int) -> tuple[str, ...]:
        """A sentence each."""
        return tuple(f"{count} of {episodes} episodes: {what}" for what, count in self.counts.items())


def read_npz(path: Path, mapping: Mapping | None, task: TaskSpec) -> Imported:
    """Episodes from a `.npz` file (never unpickled) by a mapping; without one, by our own names where the file has them.

    Our own `agent_reward` that is 0 throughout says that nobody gave it.

    Raises:
        DatasetError: naming the array, the episode, and what to do.
    """
    arrays = _opened(path)
    if mapping is None:
        if "agent_reward" in arrays and not np.any(arrays["agent_reward"]):
            del arrays["agent_reward"]
        mapping = own_names(arrays)
    return assemble(arrays, mapping, task, str(path))


def read_minari(path: Path, task: TaskSpec) -> Imported:
    """Episodes from Minari's HDF5 file: a group an episode, with observations [T+1, N, O] and actions [T, N].

    Minari has no global state: it is read from `infos/state` [T+1, S]; `infos/available` [T+1, N, A] if it is there.

    Raises:
        MissingExtra: h5py is not installed.
        DatasetError: naming the episode and the array.
    """
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtra("h5py", "minari") from None
    try:
        with h5py.File(path, "r") as file:
            names = [str(name) for name in file]
            groups = sorted((n for n in names if n.startswith("episode_")), key=_number)
            parts = [_minari_episode(file[name], name) for name in groups]
    except OSError as fault:
        raise DatasetError(
            f"{path} is no HDF5 file ({str(fault).splitlines()[0]}); give Minari's main_data.hdf5"
        ) from None
    if not parts:
        raise DatasetError(f"{path} holds no episode; give Minari's main_data.hdf5")
    return _joined(parts, Mapping(), task, str(path), _Assumed())


def assemble(arrays: Arrays, mapping: Mapping, task: TaskSpec, where: str) -> Imported:
    """Episodes from named arrays; errors as in `read_npz`."""
    named = _renamed(arrays, mapping, where)
    assumed = _Assumed()
    parts = _by_row(named, where) if mapping.layout == "steps" else _by_episode(named, where, assumed)
    return _joined(parts, mapping, task, where, assumed)


def _opened(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, zipfile.BadZipFile) as fault:
        raise DatasetError(f"{path} cannot be read ({fault}); give a .npz file") from None
    except ValueError as fault:
        raise DatasetError(
            f"{path} holds an array of Python objects, which only unpickling could read ({fault}); save episodes of "
            'unequal length one row a step, and use layout = "steps"'
        ) from None


def _renamed(arrays: Arrays, mapping: Mapping, where: str) -> Arrays:
    named: Arrays = {}
    names = mapping.arrays
    for ours in ("obs", "state", "actions", "reward", *_AHEAD, *_STEPWISE, "length", "filled", "episode"):
        theirs = getattr(names, ours)
        if theirs is None:
            continue
        if theirs not in arrays:
            raise DatasetError(
                f"{where}: there is no array {theirs!r} for {ours}; it holds {', '.join(sorted(arrays))}: "
                f"name the right one as {ours} under [arrays] of the mapping"
            )
        named[ours] = np.asarray(arrays[theirs])
    lead = 1 + (mapping.layout == "episodes")
    for name, dims in {"reward": 0, "terminated": 0, "truncated": 0, "valid": 0, "filled": 0, "actions": 1}.items():
        array = named.get(name)
        if array is not None and array.ndim == lead + dims + 1 and array.shape[-1] == 1:
            named[name] = array[..., 0]  # EPyMARL keeps a last dimension of 1
    return named


def _by_row(named: Arrays, where: str) -> list[Arrays]:
    """Layout "steps": rows of one episode stand together, in order."""
    episode = named.pop("episode")
    named.pop("length", None)
    named.pop("filled", None)
    for name, array in named.items():
        if len(array) != len(episode):
            raise DatasetError(
                f"{where}: {name} has {len(array)} rows, episode has {len(episode)}; every array needs one row a step"
            )
    starts = np.flatnonzero(np.r_[True, episode[1:] != episode[:-1]])
    labels = episode[starts]
    if len(np.unique(labels)) != len(labels):
        twice = next(label for label in labels if (labels == label).sum() > 1)
        raise DatasetError(f"{where}: the rows of episode {twice} do not stand together; sort the rows by episode")
    ends = np.r_[starts[1:], len(episode)]
    return [{name: array[a:b] for name, array in named.items()} for a, b in zip(starts, ends, strict=True)]


def _by_episode(named: Arrays, where: str, assume: Assume) -> list[Arrays]:
    """Layout "episodes": padded to one length, which `length`, `valid`, `filled` or the ends cut."""
    n_episodes = len(named["reward"])
    for name, array in named.items():
        if len(array) != n_episodes:
            raise DatasetError(
                f"{where}: {name} has {len(array)} episodes, reward has {n_episodes}; every array needs all of them"
            )
    lengths = _lengths(named, where, assume)
    parts: list[Arrays] = []
    for e, length in enumerate(lengths):
        part: Arrays = {}
        for name, array in named.items():
            if name in ("length", "valid", "filled"):
                continue
            part[name] = array[e][: length + (name in _AHEAD)]
        parts.append(part)
    return parts


def _lengths(named: Arrays, where: str, assume: Assume) -> list[int]:
    if "length" in named:
        found = named["length"].astype(np.int64).tolist()
    elif "valid" in named:
        found = _prefixes(named["valid"], "valid", where).tolist()
    elif "filled" in named:
        found = _filled_lengths(named, where, assume).tolist()
    else:
        marks = [named[name].astype(bool) for name in ("terminated", "truncated") if name in named]
        ended = np.logical_or.reduce(marks) if marks else np.zeros(named["reward"].shape, bool)
        found = np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, named["reward"].shape[1]).tolist()
    for e, length in enumerate(found):
        if not 1 <= length <= named["reward"].shape[1]:
            raise DatasetError(
                f"{where}: episode {e} has {length} steps of the {named['reward'].shape[1]} that reward holds; "
                "correct the array that says how long it is, or leave the episode out"
            )
    return found


def _prefixes(marks: Array, name: str, where: str) -> Array:
    """How many rows of each episode are marked, [E]; they stand at its beginning."""
    marked = marks.astype(bool)
    gaps = (~marked[:, :-1] & marked[:, 1:]).any(axis=1)
    if gaps.any():
        raise DatasetError(
            f"{where}: {name} has a real step after a padded one in episode {int(gaps.argmax())}; "
            "pad at the end of an episode only"
        )
    return marked.sum(axis=1)


def _filled_lengths(named: Arrays, where: str, assume: Assume) -> Array:
    """Steps of each episode by `filled`, [E]: without the row after the last, which EPyMARL's runners mark as well.

    Others mark steps alone. The ends tell: of an episode of n marked rows a runner terminates row n - 2, never row n - 1.
    """
    rows = _prefixes(named["filled"], "filled", where)
    before, last = _terminated_at(named, rows - 2), _terminated_at(named, rows - 1)
    if before.any() and last.any():
        raise DatasetError(
            f"{where}: episode {int(before.argmax())} ends one row before its last filled row, as EPyMARL's runners write it, and episode "
            f"{int(last.argmax())} in that row; name an array of the steps alone as valid under [arrays] of a mapping"
        )
    if last.any() or named["obs"].shape[:2] > named["filled"].shape[:2]:
        for _ in rows:
            assume("filled marks steps alone, though EPyMARL's runners mark the row after the last as well")
        return rows
    if not before.any():
        for _ in rows:
            assume(
                "no end tells what filled marks, so its last row counts as the one after the last step, as EPyMARL's runners write it"
            )
    return np.maximum(rows - 1, 0)


def _terminated_at(named: Arrays, row: Array) -> Array:
    """Whether each episode is terminated in its row of the given number, [E]; False where there is no such row."""
    terminated = named["terminated"].astype(bool) if "terminated" in named else np.zeros(named["reward"].shape, bool)
    inside = (row >= 0) & (row < len(terminated.T))
    return inside & terminated[np.arange(len(row)), np.where(inside, row, 0)]


def _number(name: str) -> int:
    return int(name.split("_")[1])


def _minari_episode(group: Any, name: str) -> Arrays:  # noqa: ANN401 - h5py is untyped
    wanted = {
        "obs": "observations", "actions": "actions", "reward": "rewards", "terminated": "terminations",
        "truncated": "truncations", "state": "infos/state",
    }  # fmt: skip
    part: Arrays = {}
    for ours, theirs in wanted.items():
        if theirs not in group or not hasattr(group[theirs], "shape"):
            raise DatasetError(
                f"{name}: there is no array {theirs} for {ours}; a joint dataset needs observations [T+1, N, O], "
                "actions [T, N] and infos/state [T+1, S]"
            )
        part[ours] = np.asarray(group[theirs])
    if "infos/available" in group:
        part["available"] = np.asarray(group["infos/available"])
    return part


def _joined(parts: list[Arrays], mapping: Mapping, task: TaskSpec, where: str, assumed: _Assumed) -> Imported:
    """One batch from single episodes, padded to the longest."""
    episodes = [_closed(part, mapping, task, f"{where}: episode {e}", assumed) for e, part in enumerate(parts)]
    kept = [part for part in episodes if len(part["reward"])]
    if not kept:
        raise DatasetError(f"{where}: no episode has a step that can be used; give at least one of two rows")
    horizon = max(len(part["reward"]) for part in kept)
    stacked = {name: np.stack([_padded(part[name], name, horizon) for part in kept]) for name in kept[0]}
    has = "agent_reward" in stacked
    if not has:
        stacked["agent_reward"] = np.zeros((*stacked["reward"].shape, task.n_agents), np.float32)
    batch = EpisodeBatch(**stacked, has_agent_reward=has).check()
    return Imported(batch, assumed.notes(len(parts)))


def _closed(part: Arrays, mapping: Mapping, task: TaskSpec, where: str, assume: Assume) -> Arrays:
    """One episode with checked shapes, types and an end."""
    length = len(part["reward"])
    _check_ends(part, where)
    if "available" not in part:
        shape = (len(part["obs"]), task.n_agents, len(task.actions))
        part["available"] = np.ones(shape, bool)
        assume("no mask of available actions, so every action counts as available")
    ended = _ended(part, mapping, task, length, assume)
    part = {name: part[name] for name in (*_AHEAD, "actions", "reward", "agent_reward") if name in part} | ended
    _check_shapes(part, task, length, where)
    if len(part["obs"]) == length:
        part = _without_last(part, assume)
    return _typed(part, where)


def _check_ends(part: Arrays, where: str) -> None:
    """Nothing may follow an end."""
    for name in ("terminated", "truncated"):
        early: list[int] = np.flatnonzero(part[name][:-1]).tolist() if name in part else []
        if early:
            raise DatasetError(
                f"{where}: it is {name} in step {early[0]}, and {len(part[name]) - 1 - early[0]} of its steps follow; end it there, and give what "
                "follows as an episode of its own; an array that marks the row after the last step as well is filled, not valid, under [arrays]"
            )


def _ended(part: Arrays, mapping: Mapping, task: TaskSpec, length: int, assume: Assume) -> Arrays:
    last = {name: bool(part[name][length - 1]) if name in part else False for name in ("terminated", "truncated")}
    if last["truncated"]:
        last["terminated"] = False
    elif last["terminated"] and mapping.ends.at_limit == "truncated" and length >= task.episode_limit:
        last = {"terminated": False, "truncated": True}
        assume("terminated on the last allowed step, read as the time limit")
    elif not any(last.values()):
        last[mapping.ends.unmarked] = True
        assume(f"no end is marked, so it counts as {mapping.ends.unmarked}")
    made = {name: np.zeros(length, bool) for name in last}
    for name, value in last.items():
        made[name][-1] = value
    return {**made, "valid": np.ones(length, bool)}


def _check_shapes(part: Arrays, task: TaskSpec, length: int, where: str) -> None:
    n, a, s = task.n_agents, len(task.actions), task.state_size
    wanted: dict[str, tuple[int | None, ...]] = {
        "obs": (n, None), "state": (s,), "available": (n, a), "actions": (n,), "reward": (), "agent_reward": (n,),
    }  # fmt: skip
    for name, shape in wanted.items():
        if name not in part:
            continue
        found = part[name].shape
        fits = len(found) == len(shape) + 1 and all(b is None or a == b for a, b in zip(found[1:], shape, strict=True))
        rows = {length, length + 1} if name in _AHEAD else {length}
        if not fits or found[0] not in rows:
            want = ", ".join("any" if size is None else str(size) for size in shape)
            raise DatasetError(
                f"{where}: {name} has shape {found}; for {length} steps of the task {task.name} it must be "
                f"[{' or '.join(str(r) for r in sorted(rows))}{', ' if want else ''}{want}]; correct the mapping or the file"
            )
    if len({len(part[name]) for name in _AHEAD}) > 1:
        rows = ", ".join(f"{name} {len(part[name])}" for name in _AHEAD)
        raise DatasetError(
            f"{where}: {rows} rows; obs, state and available need the same number: give all or none the last row"
        )


def _without_last(part: Arrays, assume: Assume) -> Arrays:
    """What is seen after the last step was not recorded."""
    if part["terminated"][-1]:
        # Nothing is ever asked about what follows an end, so the row that closes it may repeat the last one.
        return {n: np.concatenate([a, a[-1:]]) if n in _AHEAD else a for n, a in part.items()}
    assume("nothing was recorded after the last step, so that step is left out and its sight closes the episode")
    cut = {n: a if n in _AHEAD else a[:-1].copy() for n, a in part.items()}
    if len(cut["reward"]):
        cut["truncated"][-1] = True
    return cut


def _typed(part: Arrays, where: str) -> Arrays:
    kinds = {"obs": "float32", "state": "float32", "reward": "float32", "agent_reward": "float32", "actions": "int64"}
    made: Arrays = {}
    for name, array in part.items():
        kind = np.dtype(kinds.get(name, "bool"))
        if array.dtype.kind not in "fiub":
            raise DatasetError(f"{where}: {name} holds {array.dtype}; it must be numbers")
        if kind.kind in "ib" and array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
            raise DatasetError(f"{where}: {name} holds fractions; it must be whole numbers")
        made[name] = array.astype(kind)
    return made


def _padded(array: Array, name: str, horizon: int) -> Array:
    rows = horizon + (name in _AHEAD) - len(array)
    filling = np.full((rows, *array.shape[1:]), name == "available", array.dtype)
    return np.concatenate([array, filling])
