"""The report's data about candidates: each with its fate, the results matrix, counterexamples, lineage."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tfcaf_forge.records.base import digest_bytes, to_builtins
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.ranking import Score
from tfcaf_forge.records.verdict import Counterexample, Evidence, Verdict
from tfcaf_forge.reports import terminal, words
from tfcaf_forge.reports.audit import waiver_text
from tfcaf_forge.reports.counterexamples import blamed_line, inputs_text
from tfcaf_forge.reports.facts import RunRecords
from tfcaf_forge.reports.text import clip

SOURCE_LIMIT = 200_000
"""Characters of a source text that the report keeps; the store has all of it."""
NOTE_LIMIT = 20_000
_DEEPEST = 40


def candidate(records: RunRecords, proposal: Proposal) -> dict[str, Any]:
    """Everything known about one candidate; `row` holds the terminal's cells."""
    number = proposal.id
    rejection, evidence = records.rejections.get(number), records.evidence.get(number)
    traced, score = records.traced.get(number), score_of(records, number)
    duplicate = records.duplicates.get(number)
    row = terminal.candidate_row(
        proposal,
        rejection=rejection,
        duplicate=duplicate,
        same=sameness(records, number),
        evidence=evidence,
        score=score,
        task=records.task,
        digits=words.digits_for(records.ranking),
    )
    return {
        "id": number,
        "parent": proposal.parent,
        "round": proposal.round,
        "index": proposal.index,
        "coder": proposal.coder,
        "verdict": row["verdict"],
        "winner": number == records.winner,
        "row": row,
        "columns": {column: _column(column, evidence) for column in terminal.PROPERTY_COLUMNS},
        "rejection": None if rejection is None else to_builtins(rejection),
        "duplicate_of": duplicate,
        "verdicts": [verdict_data(v, records, number) for v in (evidence.verdicts if evidence else ())],
        "trials": None
        if evidence is None
        else {"profile": evidence.profile, "seed": evidence.seed, "seconds": evidence.seconds},
        "score": None if score is None else to_builtins(score),
        "source": clip(proposal.source, SOURCE_LIMIT),
        "source_characters": len(proposal.source),
        "marked_lines": _marked_lines(records, number),
        "note": clip(proposal.note, NOTE_LIMIT),
        "parameters": dict(proposal.parameters),
        "proposal_digest": proposal.digest,
        "source_digest": digest_bytes(proposal.source.encode("utf-8", "surrogatepass")),
        "graph_digest": None if traced is None else traced.graph_digest,
        "operations": None if traced is None else len(traced.graph.nodes),
        "sandbox_seconds": None if traced is None else traced.seconds,
    }


def sameness(records: RunRecords, number: int) -> str:
    """In what a duplicate is the same as what it repeats: `source` (it has no graph of its own), `graph` or `behaviour`."""
    mine, other = (records.traced.get(n or 0) for n in (number, records.duplicates.get(number)))
    if mine is None:
        return "source"
    return "graph" if other is not None and other.graph_digest == mine.graph_digest else "behaviour"


def verdict_data(verdict: Verdict, records: RunRecords, number: int) -> dict[str, Any]:
    """One verdict, its status also in the report's words."""
    found = verdict.counterexample
    return {
        "property": verdict.property_id,
        "status": verdict.status,
        "text": words.status_text(verdict.status, verdict.trials),
        "required": verdict.required,
        "trials": verdict.trials,
        "detail": verdict.detail,
        "waiver": waiver_text(records, verdict.property_id) if number == records.winner else "",
        "seconds": verdict.seconds,
        "counterexample": None if found is None else counterexample(found, verdict, records, number),
    }


def counterexample(found: Counterexample, verdict: Verdict, records: RunRecords, number: int) -> dict[str, Any]:
    """A counterexample in named fields, with the command that repeats it."""
    source = next((p.source for p in records.proposals if p.id == number), "")
    file = records.files.get(number, f"candidate-{number}.py")
    reference = records.task_reference or records.task.name
    return {
        "candidate": number,
        "property": verdict.property_id,
        "required": verdict.required,
        "inputs": inputs_text(found, records.task),
        "observed": found.observed,
        "fields": dict(found.fields),
        "state": found.state,
        "local_q": found.local_q,
        "line": found.line,
        "blamed": blamed_line(found, source),
        "case": found.case,
        "stand_in": number not in records.files and not records.run_path,
        "command": words.repeat_command(
            file,
            reference,
            verdict.property_id,
            found.case,
            run=records.run_path if number not in records.files else "",
            candidate=number,
        ),
    }


def counterexamples(records: RunRecords) -> list[dict[str, Any]]:
    """Every counterexample of the run, in the order of candidates."""
    return [
        counterexample(verdict.counterexample, verdict, records, proposal.id)
        for proposal in records.proposals
        if (evidence := records.evidence.get(proposal.id)) is not None
        for verdict in evidence.verdicts
        if verdict.counterexample is not None
    ]


def matrix(records: RunRecords) -> dict[str, Any]:
    """Statuses by candidate and property; a property that was not examined has None."""
    examined = [(p.id, records.evidence[p.id]) for p in records.proposals if p.id in records.evidence]
    required = {v.property_id: v.required for _, evidence in examined for v in evidence.verdicts}
    order = sorted(required, key=lambda name: not required[name])
    rows = [
        {
            "candidate": number,
            "verdict": words.fate(duplicate=records.duplicates.get(number), evidence=evidence),
            "winner": number == records.winner,
            "cells": [
                None
                if (verdict := evidence.of(name)) is None
                else {"status": verdict.status, "text": words.status_text(verdict.status, verdict.trials)}
                for name in order
            ],
        }
        for number, evidence in examined
    ]
    return {"properties": [{"id": name, "required": required[name]} for name in order], "rows": rows}


def fates(records: RunRecords) -> list[dict[str, Any]]:
    """How many candidates met each fate, in the order of `FATE_MEANING`; fates that no one met are left out."""
    counts = Counter(
        words.fate(records.rejections.get(p.id), records.duplicates.get(p.id), records.evidence.get(p.id))
        for p in records.proposals
    )
    return [
        {"fate": name, "count": counts[name], "meaning": meaning}
        for name, meaning in words.FATE_MEANING.items()
        if counts[name]
    ]


def lineage(records: RunRecords) -> list[dict[str, Any]]:
    """The candidates as a tree by parent, flattened depth first, each with its depth.

    A parent that is unknown, or not older than its child, is no parent here; no chain is drawn deeper than 40.
    """
    known = {p.id for p in records.proposals}
    children: dict[int | None, list[Proposal]] = {}
    for proposal in records.proposals:
        older = proposal.parent is not None and proposal.parent in known and proposal.parent < proposal.id
        children.setdefault(proposal.parent if older else None, []).append(proposal)
    rows: list[dict[str, Any]] = []
    waiting = [(proposal, 0) for proposal in reversed(children.get(None, []))]
    while waiting:
        proposal, depth = waiting.pop()
        rows.append({"id": proposal.id, "depth": depth, "round": proposal.round, "coder": proposal.coder})
        waiting += [(child, min(depth + 1, _DEEPEST)) for child in reversed(children.get(proposal.id, []))]
    return rows


def score_of(records: RunRecords, number: int) -> Score | None:
    """A candidate's line of the ranking."""
    scores = records.ranking.scores if records.ranking else ()
    return next((score for score in scores if score.candidate == number), None)


def _column(column: str, evidence: Evidence | None) -> dict[str, str] | None:
    """A property column's status with its trials: the fewest, where it sums up several properties."""
    verdicts = terminal.column_verdicts(column, evidence)
    found = words.worst(verdicts)
    if found is None:
        return None
    trials = min((v.trials for v in verdicts if v.status == found.status), default=0)
    return {"status": found.status, "text": words.status_text(found.status, trials)}


def _marked_lines(records: RunRecords, number: int) -> dict[int, str]:
    """Source lines to point at, each with the reason."""
    marked: dict[int, str] = {}
    rejection, evidence = records.rejections.get(number), records.evidence.get(number)
    if rejection is not None and rejection.where is not None and rejection.where.line is not None:
        marked[rejection.where.line] = f"rejected here ({rejection.code})"
    for verdict in evidence.verdicts if evidence else ():
        if verdict.counterexample is not None and verdict.counterexample.line is not None:
            marked.setdefault(verdict.counterexample.line, f"{verdict.property_id} fails here, by the trace's word")
    return marked
