"""Show: one candidate of a run, and where runs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tfcaf_forge.errors import InputError, StoreError
from tfcaf_forge.pipeline.command import given_of
from tfcaf_forge.pipeline.facts import facts_of
from tfcaf_forge.pipeline.report import KERNEL, begun, graph_text, records_with
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.reports import candidates
from tfcaf_forge.reports.facts import RunRecords
from tfcaf_forge.reports.view import plain
from tfcaf_forge.store import Store, runs_in

RUNS = Path("runs")


def newest(folder: Path = RUNS) -> Path:
    """The run of a folder that was written to last.

    Raises:
        StoreError: there is none.
    """
    found = sorted(runs_in(folder), key=lambda run: (run / "run.db").stat().st_mtime)
    if not found:
        raise StoreError(f"there is no run in {folder}; name one with --run, or make one with `forge synthesize`")
    return found[-1]


def records_of(run: Path) -> RunRecords:
    """A run's records, without measuring anything anew.

    Raises:
        StoreError: there is no run, or it is damaged.
    """
    with Store(run, write=False) as store:
        task, settings = begun(store)
        return records_with(store, facts_of(run, task, settings, run / KERNEL, given_of(store)), {}, b"")


def proposal_of(records: RunRecords, number: int) -> Proposal:
    """A candidate's proposal.

    Raises:
        InputError: the run has no such candidate.
    """
    found = next((p for p in records.proposals if p.id == number), None)
    if found is None:
        known = ", ".join(str(p.id) for p in records.proposals) or "none"
        raise InputError(f"{records.name} has no candidate {number}; it has {known}")
    return found


def show(run: Path, number: int) -> dict[str, Any]:
    """Everything that is known about one candidate, as in the JSON report, with its graph as text.

    Raises:
        StoreError, InputError: there is no such run or candidate.
    """
    records = records_of(run)
    found = candidates.candidate(records, proposal_of(records, number))
    return plain({"schema": 1, "run": records.name, **found, "graph": graph_of(records, number)})


def graph_of(records: RunRecords, number: int) -> str:
    """A candidate's graph as text; empty where it has none."""
    traced: Traced | None = records.traced.get(number)
    return "" if traced is None else graph_text(traced, records.task)


def write_out(run: Path, number: int, folder: Path) -> list[Path]:
    """Write a candidate's source, and each of its counterexamples as a case, so that `forge vet` can repeat them.

    Raises:
        StoreError, InputError: there is no such run or candidate, or a file cannot be written.
    """
    records = records_of(run)
    proposal, evidence = proposal_of(records, number), records.evidence.get(number)
    made = {f"candidate-{number}.py": proposal.source.encode("utf-8", "surrogatepass")}
    for verdict in evidence.verdicts if evidence else ():
        found = verdict.counterexample
        if found is not None:
            made[f"{found.case}.json"] = msgspec.json.encode({"local_q": found.local_q, "state": found.state})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in made.items():
            (folder / name).write_bytes(body)
    except OSError as fault:
        raise InputError(f"cannot write to {folder}: {fault.strerror}; give another folder") from None
    return [folder / name for name in made]
