"""What a run that asks models adds to the others: its command line, its report, and the list of what left the machine."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import StoreError
from tfcaf_forge.pipeline.export import manifest_of
from tfcaf_forge.pipeline.report import HTML, JSON, command_of, next_command, run_records
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.transcript import departures
from tfcaf_forge.records.base import canonical_json
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.reports.facts import KernelFile
from tfcaf_forge.reports.render import to_html, to_json
from tfcaf_forge.reports.view import view
from tfcaf_forge.store import Store

DEPARTURES = "departures.json"


def model_options(asking: Asking) -> list[str]:
    """The options of the command line that say how models are asked."""
    words = ["--model", asking.model]
    if "://" in asking.endpoint:
        words += ["--api-base", asking.endpoint]
    words += ["--evaluator-model", _named(asking.evaluator, asking.evaluator_endpoint) if asking.evaluator else "none"]
    for name, endpoint in asking.fallbacks:
        words += ["--fallback", _named(name, endpoint)]
    words += ["--strategy", asking.strategy, "--temperature", f"{asking.temperature:g}"]
    return [*words, "--answer-tokens", str(asking.answer_tokens), "--repairs", str(asking.repairs)]


def resume_command(settings: dict[str, Any], asking: Asking | None, folder: Path) -> str:
    """The command line that begins or resumes a run; budgets are left to be given anew."""
    text = command_of(settings, folder)
    return text if asking is None else f"{text} {shlex.join(model_options(asking))}"


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


def write_model_report(store: Store, ranking: Ranking, command: str, kernel: KernelFile | None) -> Path:
    """The report of a run that asked models, whether it came to its end or not."""
    records = dataclasses.replace(run_records(store), command=command)
    if records.ranking is None and kernel is not None and ranking.winner is not None:
        records = dataclasses.replace(
            records,
            ranking=ranking,
            manifest=manifest_of(store, ranking.winner),
            kernel=kernel,
            graph_text=_graph_text(store, ranking.winner, records.task.names),
            next_command=next_command(records.task, Path(kernel.path)),
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


def recorded_outcome(run: Path) -> str:
    """The digest of a recorded run's winning graph; empty if it has none."""
    with Store(run, write=False) as store:
        ranking = store.read("ranking", Ranking)
        if ranking is None or ranking.winner is None:
            return ""
        traced = store.read("traced", Traced, ranking.winner)
    return "" if traced is None else traced.graph_digest


def _graph_text(store: Store, winner: int, names: tuple[str, ...]) -> str:
    from tfcaf_forge.graph.printer import to_text
    from tfcaf_forge.graph.verify import verify

    traced = store.read("traced", Traced, winner)
    return "" if traced is None else to_text(traced.graph, verify(traced.graph), names)


def _named(name: str, endpoint: str) -> str:
    return f"{name}@{endpoint}" if "://" in endpoint else name
