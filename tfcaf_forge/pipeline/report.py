"""Report: a run's records as one HTML file, one JSON file, and the forms that other programs read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tfcaf_forge.errors import ForgeError, StoreError
from tfcaf_forge.pipeline.command import given_of
from tfcaf_forge.pipeline.export import manifest_of
from tfcaf_forge.pipeline.facts import Facts, facts_of
from tfcaf_forge.pipeline.layers import sessions, weakest
from tfcaf_forge.proposals.exchange import Answered, Asked
from tfcaf_forge.records.equivalence import Equivalence
from tfcaf_forge.records.mutation import MutationScore
from tfcaf_forge.records.observed import Observed
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Ranking
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.records.verdict import Evidence
from tfcaf_forge.replay.dataset import DatasetInfo
from tfcaf_forge.reports.facts import Call, KernelFile, LogLine, RunRecords
from tfcaf_forge.reports.formats import FORMATS
from tfcaf_forge.reports.render import to_html, to_json
from tfcaf_forge.reports.view import view
from tfcaf_forge.reports.waivers import FILE as WAIVERS
from tfcaf_forge.reports.waivers import parse as parse_waivers
from tfcaf_forge.store import Entry, Store, chained

__all__ = ["HTML", "JSON", "report", "run_records", "write_report"]

HTML, JSON = "report.html", "report.json"
KERNEL, REPLAY = "kernel.safetensors", "replay"


def report(run: Path, form: str = "html", out: Path | None = None) -> Path:
    """Write a run's report anew; returns the path of the file.

    Args:
        run: the run's folder.
        form: one of `reports.formats.FORMATS`; `html` also writes `report.json`.
        out: the file; its usual name in the run's folder if None.

    Raises:
        StoreError: there is no run, it is damaged, or in use.
        ConfigError: `waivers.toml` is faulty.
    """
    if not (run / "run.db").is_file():
        raise StoreError(f"there is no run in {run}; `forge synthesize --out {run}` makes one")
    if out is None and form == "html":
        with Store(run) as store:
            return write_report(store)
    name, make = FORMATS[form]
    with Store(run, write=out is None) as store:
        body = make(view(run_records(store)))
        return store.write_file(name, body) if out is None else _write(out, body)


def write_report(store: Store) -> Path:
    """Write `report.html` and `report.json` into a run's folder; returns the path of the first."""
    data = view(run_records(store))
    store.write_file(JSON, to_json(data))
    return store.write_file(HTML, to_html(data).encode("utf-8"))


def run_records(store: Store) -> RunRecords:
    """Everything that a report is made from, with the facts of this machine and this day.

    Raises:
        StoreError: the run was killed before its first record.
    """
    task, settings = begun(store)
    facts = facts_of(store.folder, task, settings, store.folder / KERNEL, given_of(store))
    return records_with(store, facts, measured_of(store), _waivers_in(store.folder))


def begun(store: Store) -> tuple[TaskSpec, dict[str, Any]]:
    """The task and the settings of a run; errors as in `run_records`."""
    task = store.read("task", TaskSpec)
    settings: dict[str, Any] | None = store.read("settings", dict[str, Any])
    if task is None or settings is None:
        raise StoreError(f"{store.folder} holds no records yet; repeat the command that began the run")
    return task, settings


def records_with(store: Store, facts: Facts, measured: Mapping[str, Any], waivers: bytes) -> RunRecords:
    """Everything that a report is made from: the same records, facts, measurements and waivers give the same report."""
    task, settings = begun(store)
    ranking = store.read("ranking", Ranking)
    entries = store.entries()
    traced = store.read_all("traced", Traced)
    winner = None if ranking is None else ranking.winner
    return RunRecords(
        name=facts.name,
        task=task,
        settings=settings,
        proposals=list(store.read_all("proposal", Proposal).values()),
        rejections=store.read_all("rejection", Rejection),
        duplicates=store.read_all("duplicate", int),
        traced=traced,
        evidence=store.read_all("evidence", Evidence),
        ranking=ranking,
        manifest=None if winner is None else manifest_of(store, winner),
        kernel=None if winner is None else _kernel_file(store.folder / KERNEL, facts.kernel_path),
        graph_text="" if winner is None or winner not in traced else graph_text(traced[winner], task),
        dataset=_dataset(store),
        isolation=weakest([*sessions(store), *(one.isolation for one in traced.values())]),
        environment=facts.environment,
        started=_time(entries, None),
        finished=_time(entries, "ranking") if ranking is not None else None,
        command=facts.command,
        next_command="" if winner is None else facts.next_command,
        task_reference=facts.task_reference,
        run_path=facts.run_path,
        catalogue=_catalogue(task),
        log=_log(entries),
        calls=_calls(store),
        measured=measured,
        mutation=None if winner is None else store.read("mutation", MutationScore, winner),
        equivalence=None if winner is None else store.read("equivalence", Equivalence, winner),
        observed=None if winner is None else store.read("observed", Observed, winner),
        waivers=parse_waivers(waivers),
        today=date.fromisoformat(facts.made),
    )


def measured_of(store: Store) -> dict[str, Any]:
    """What the winner does on the run's replayed states; empty without a winner or without its replay."""
    from tfcaf_forge.evidence.subject import Subject
    from tfcaf_forge.pipeline.equivalent import equivalence
    from tfcaf_forge.pipeline.measured import measured
    from tfcaf_forge.replay.dataset import load_dataset

    task, ranking = store.read("task", TaskSpec), store.read("ranking", Ranking)
    traced = None if ranking is None or ranking.winner is None else store.read("traced", Traced, ranking.winner)
    if task is None or traced is None:
        return {}
    subject = Subject(traced.graph, task)
    found: dict[str, Any] = {}
    if (store.folder / KERNEL).is_file():
        found["equivalence"] = equivalence(subject, store.folder / KERNEL)
    try:
        states = load_dataset(store.folder / REPLAY, task).episodes.transitions().state
    except ForgeError:
        return found
    return found | measured(subject, states)


def _waivers_in(folder: Path) -> bytes:
    path = folder / WAIVERS
    return path.read_bytes() if path.is_file() else b""


def _write(path: Path, body: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as fault:
        raise StoreError(f"cannot write {path}: {fault.strerror}; give another --out") from None
    return path


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


def graph_text(traced: Traced, task: TaskSpec) -> str:
    """A candidate's graph as text, with the task's field names."""
    from tfcaf_forge.graph.printer import to_text
    from tfcaf_forge.graph.verify import verify

    return to_text(traced.graph, verify(traced.graph), task.names)


def _kernel_file(path: Path, shown: str) -> KernelFile | None:
    if not path.is_file():
        return None
    data = path.read_bytes()
    return KernelFile(path=shown, size=len(data), sha256=hashlib.sha256(data).hexdigest())


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


def _log(entries: list[Entry]) -> list[LogLine]:
    return [
        LogLine(seq=e.seq, kind=e.kind, candidate=e.candidate, digest=e.digest, at=_moment(e.at), link=link)
        for e, link in zip(entries, chained(entries), strict=True)
    ]


def _calls(store: Store) -> list[Call]:
    answered = store.read_all("answered", Answered)
    return [_call(number, asked, answered.get(number)) for number, asked in store.read_all("asked", Asked).items()]


def _call(number: int, asked: Asked, answered: Answered | None) -> Call:
    question, reply = asked.question, None if answered is None else answered.reply
    return Call(
        number=number,
        purpose=question.slot.purpose,
        model=question.model,
        endpoint=question.endpoint,
        left=asked.left and asked.source == "model",
        key=asked.key,
        prompt="\n\n".join(f"[{message.role}]\n{message.content}" for message in question.messages),
        answer="" if reply is None else reply.text or reply.refusal,
        fault="no answer is recorded" if answered is None else str(answered.fault.message) if answered.fault else "",
        tokens_in=0 if answered is None else answered.tokens_in,
        tokens_out=0 if answered is None else answered.tokens_out,
        usd=None if answered is None else answered.usd,
        parameters=question.parameters,
    )


def _time(entries: list[Entry], kind: str | None) -> datetime:
    """When the first record, or the first of a kind, was written."""
    return _moment(next((entry.at for entry in entries if kind is None or entry.kind == kind), 0.0))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
