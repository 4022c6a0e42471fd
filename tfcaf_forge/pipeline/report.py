"""Report: a run's records as one HTML file and one JSON file."""

from __future__ import annotations

import hashlib
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfcaf_forge.errors import StoreError
from tfcaf_forge.pipeline.environment import environment
from tfcaf_forge.pipeline.export import manifest_of
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Isolation, Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import DatasetInfo
from tfcaf_forge.reports.facts import KernelFile, RunRecords
from tfcaf_forge.reports.render import to_html, to_json
from tfcaf_forge.reports.view import view
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.store import Entry, Store

HTML, JSON = "report.html", "report.json"


def report(run: Path) -> Path:
    """Write a run's report anew; returns the path of the HTML file.

    Raises:
        StoreError: there is no run, it is damaged, or in use.
    """
    if not (run / "run.db").is_file():
        raise StoreError(f"there is no run in {run}; `forge synthesize --out {run}` makes one")
    with Store(run) as store:
        return write_report(store)


def write_report(store: Store) -> Path:
    """Write `report.html` and `report.json` into a run's folder; returns the path of the first."""
    data = view(run_records(store))
    store.write_file(JSON, to_json(data))
    return store.write_file(HTML, to_html(data).encode("utf-8"))


def run_records(store: Store) -> RunRecords:
    """Everything that a report is made from.

    Raises:
        StoreError: the run was killed before its first record.
    """
    task = store.read("task", TaskSpec)
    settings: dict[str, Any] | None = store.read("settings", dict[str, Any])
    if task is None or settings is None:
        raise StoreError(f"{store.folder} holds no records yet; repeat the command that began the run")
    ranking = store.read("ranking", Ranking)
    entries = store.entries()
    traced = store.read_all("traced", Traced)
    winner = None if ranking is None else ranking.winner
    proposals = store.read_all("proposal", Proposal)
    return RunRecords(
        name=store.folder.name,
        task=task,
        settings=settings,
        proposals=list(proposals.values()),
        rejections=store.read_all("rejection", Rejection),
        duplicates=store.read_all("duplicate", int),
        traced=traced,
        evidence=store.read_all("evidence", Evidence),
        ranking=ranking,
        manifest=None if winner is None else manifest_of(store, winner),
        kernel=_kernel_file(store.folder / "kernel.safetensors") if winner is not None else None,
        graph_text="" if winner is None else _graph_text(traced[winner], task),
        dataset=_dataset(store),
        isolation=store.read("isolation", Isolation),
        environment=environment(),
        started=_time(entries, None),
        finished=_time(entries, "ranking") if ranking is not None else None,
        command=command_of(settings, store.folder),
        next_command="" if winner is None else next_command(task, store.folder / "kernel.safetensors"),
        task_reference=task_reference(task),
        catalogue=_catalogue(task),
    )


def command_of(settings: dict[str, Any], folder: Path) -> str:
    """The command line that begins, resumes or repeats a run."""
    parts = ["forge", "synthesize", "--task", str(settings["task"]), "--seed", str(settings["seed"])]
    for name in ("rounds", "candidates", "episodes", "profile"):
        parts += [f"--{name}", str(settings[name])]
    parts += ["--sandbox", str(settings["backend"]), "--limits", str(settings["limits"]), "--out", str(folder)]
    return shlex.join(parts)


def next_command(task: TaskSpec, kernel: Path) -> str:
    """How to train with a kernel."""
    return shlex.join(["forge", "train", "--task", task_reference(task), "--mixer", str(kernel)])


def task_reference(task: TaskSpec) -> str:
    """What to give to `--task`: the name of a bundled task."""
    return task.name if task.name in bundled_tasks() else f"{task.name}.toml"


def _catalogue(task: TaskSpec) -> dict[str, dict[str, str]]:
    from tfcaf_forge.evidence.properties import catalogue

    return {
        p.id: {
            "title": p.title,
            "formula": p.formula,
            "tolerance": f"{p.tolerance:g}",
            "why": p.why,
            "hazard": p.hazard,
        }
        for p in catalogue(task)
    }


def _graph_text(traced: Traced, task: TaskSpec) -> str:
    from tfcaf_forge.graph.printer import to_text
    from tfcaf_forge.graph.verify import verify

    return to_text(traced.graph, verify(traced.graph), task.names)


def _kernel_file(path: Path) -> KernelFile | None:
    if not path.is_file():
        return None
    data = path.read_bytes()
    return KernelFile(path=str(path), size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _dataset(store: Store) -> dict[str, Any]:
    info = store.read("dataset", DatasetInfo)
    if info is None:
        return {}
    return {
        "digest": info.digest,
        "episodes": info.episodes,
        "transitions": info.transitions,
        "behaviours": ", ".join(info.behaviours),
        "seed": info.seed,
    }


def _time(entries: list[Entry], kind: str | None) -> datetime:
    """When the first record, or the first of a kind, was written."""
    at = next((entry.at for entry in entries if kind is None or entry.kind == kind), 0.0)
    return datetime.fromtimestamp(at, UTC)
