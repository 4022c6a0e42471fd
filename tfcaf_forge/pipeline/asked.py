"""What a run that asks models adds to the others: its report, and the list of what left the machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import InputError, StoreError
from tfcaf_forge.pipeline.command import Given, given_of, next_command
from tfcaf_forge.pipeline.export import manifest_of
from tfcaf_forge.pipeline.report import HTML, JSON, REPLAY, graph_text, run_records
from tfcaf_forge.proposals.transcript import departures
from tfcaf_forge.records.base import canonical_json
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.replay.dataset import DatasetInfo, read_info
from tfcaf_forge.reports.facts import KernelFile
from tfcaf_forge.reports.render import to_html, to_json
from tfcaf_forge.reports.view import view
from tfcaf_forge.store import Store

DEPARTURES = "departures.json"


def write_departures(store: Store) -> int:
    """Write down, as a file of the run, exactly what left this machine; returns how many calls did."""
    left = departures(store)
    listed = {
        "schema": 1,
        "note": "Every call that left this machine. The texts stand in run.db under `asked`, by the call's number.",
        "calls": left,
    }
    store.write_file(DEPARTURES, msgspec.json.format(canonical_json(listed), indent=2) + b"\n")
    return len(left)


def write_model_report(store: Store, ranking: Ranking, kernel: KernelFile | None) -> Path:
    """The report of a run that asked models, whether it came to its end or not."""
    records = run_records(store)
    if records.ranking is None and kernel is not None and ranking.winner is not None:
        records = dataclasses.replace(
            records,
            ranking=ranking,
            manifest=manifest_of(store, ranking.winner),
            kernel=kernel,
            graph_text=graph_text(records.traced[ranking.winner], records.task),
            next_command=next_command(records.task.name, Path(kernel.path), given_of(store)),
        )
    data = view(records)
    store.write_file(JSON, to_json(data))
    return store.write_file(HTML, to_html(data).encode("utf-8"))


def recorded_task(run: Path) -> TaskSpec:
    """The task that a recorded run was about.

    Raises:
        StoreError: there is no run, or it is damaged.
    """
    with Store(run, write=False) as store:
        task = store.read("task", TaskSpec)
    if task is None:
        raise StoreError(f"{run} holds no task; the run was killed before it began")
    return task


def recorded_given(run: Path) -> Given:
    """How a recorded run was begun; errors as in `recorded_task`."""
    with Store(run, write=False) as store:
        return given_of(store)


def recorded_data(run: Path, replay: Path | None) -> Path | None:
    """The dataset that a recorded run's answers are to be ranked on again; None where the run played its own.

    Args:
        run: the recorded run.
        replay: the dataset that was given now; None for where the run has it, or was given it.

    Raises:
        InputError: it is not there, or other data; says what to give.
        DatasetError, StoreError: what is there is no dataset, or no run.
    """
    with Store(run, write=False) as store:
        settings: dict[str, Any] = store.read("settings", dict[str, Any]) or {}
        info, words = store.read("dataset", DatasetInfo), given_of(store).words
    pinned = str(settings.get("replay", ""))
    if replay is not None:
        _require_same(run, replay, pinned or ("" if info is None else info.digest))
        return replay
    if not pinned:
        return None
    places = [run / REPLAY, *_replay_of(words)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        where = " nor ".join(map(str, places))
        raise InputError(f"{run} was ranked on a dataset that is not at {where}; give it with --replay DIR")
    _require_same(run, found, pinned)
    return found


def _replay_of(words: Sequence[str]) -> list[Path]:
    """What `--replay` was among the words that began a run."""
    return [Path(value) for name, value in pairwise(words) if name == "--replay"]


def _require_same(run: Path, replay: Path, recorded: str) -> None:
    """Refuse other data than a run was ranked on, as far as it recorded that."""
    found = read_info(replay).digest
    if recorded and found != recorded:
        raise InputError(
            f"{replay} is other data (digest {found[:12]}…) than {run} was ranked on ({recorded[:12]}…); "
            "give that dataset with --replay DIR"
        )


def recorded_outcome(run: Path) -> str:
    """The digest of a recorded run's winning graph; empty if it has none."""
    with Store(run, write=False) as store:
        ranking = store.read("ranking", Ranking)
        if ranking is None or ranking.winner is None:
            return ""
        traced = store.read("traced", Traced, ranking.winner)
    return "" if traced is None else traced.graph_digest
