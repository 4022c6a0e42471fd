"""Diff: two candidates, or the winners of two runs: source, graph, verdicts, scores."""

from __future__ import annotations

import difflib
from itertools import islice
from pathlib import Path
from typing import Any

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.show import graph_of, proposal_of, records_of
from tfcaf_forge.reports import words
from tfcaf_forge.reports.audit import source_diff
from tfcaf_forge.reports.candidates import score_of
from tfcaf_forge.reports.facts import RunRecords


def diff(one: str, other: str, *, run: Path | None = None) -> dict[str, Any]:
    """How two candidates differ.

    Args:
        one, other: `5` (a candidate of `run`), a run's folder (its winner), or `FOLDER:5`.
        run: the run that bare numbers are about.

    Raises:
        StoreError, InputError: there is no such run or candidate.
    """
    (a, i), (b, j) = (_found(text, run) for text in (one, other))
    return {
        "schema": 1,
        "one": _name(a, i),
        "other": _name(b, j),
        "settings": _settings(a, b),
        "source": source_diff(proposal_of(a, i), proposal_of(b, j)),
        "graph": _graph(graph_of(a, i), graph_of(b, j)),
        "verdicts": _verdicts(a, i, b, j),
        "scores": _scores(a, i, b, j),
    }


def _found(text: str, run: Path | None) -> tuple[RunRecords, int]:
    if text.isdecimal():
        if run is None:
            raise InputError(f"candidate {text} of which run? name it with --run, or write FOLDER:{text}")
        return records_of(run), int(text)
    folder, colon, number = text.rpartition(":")
    if colon and number.isdecimal() and not Path(text).is_dir():
        return records_of(Path(folder)), int(number)
    records = records_of(Path(text))
    if records.winner is None:
        raise InputError(f"{text} has no winner; name a candidate as {text}:1")
    return records, records.winner


def _name(records: RunRecords, number: int) -> str:
    return f"{records.name}:{number}"


def _settings(a: RunRecords, b: RunRecords) -> list[dict[str, str]]:
    return [
        {"name": name, "one": str(a.settings.get(name)), "other": str(b.settings.get(name))}
        for name in sorted({*a.settings, *b.settings})
        if a.settings.get(name) != b.settings.get(name)
    ]


def _graph(one: str, other: str) -> list[dict[str, str]]:
    kinds = {" ": "same", "-": "gone", "+": "new", "@": "place"}
    lines = islice(difflib.unified_diff(one.splitlines(), other.splitlines(), n=1, lineterm=""), 2, None)
    return [{"kind": kinds[line[:1]], "text": line if line[:1] == "@" else line[1:]} for line in lines]


def _verdicts(a: RunRecords, i: int, b: RunRecords, j: int) -> list[dict[str, str]]:
    """The properties on which the two differ."""
    mine, theirs = a.evidence.get(i), b.evidence.get(j)
    names = [v.property_id for evidence in (mine, theirs) if evidence for v in evidence.verdicts]
    rows: list[dict[str, str]] = []
    for name in dict.fromkeys(names):
        pair = [evidence.of(name) if evidence else None for evidence in (mine, theirs)]
        said = [words.NONE if v is None else v.status for v in pair]
        if said[0] != said[1]:
            rows.append({"property": name, "one": said[0], "other": said[1]})
    return rows


def _scores(a: RunRecords, i: int, b: RunRecords, j: int) -> dict[str, Any]:
    def text(records: RunRecords, number: int) -> str:
        score, digits = score_of(records, number), words.digits_for(records.ranking)
        return words.NONE if score is None else f"{words.value_text(score.decides, digits)} {words.interval_text(score.decides, digits)}"  # fmt: skip

    same = a.ranking is not None and b.ranking is not None and a.ranking.dataset == b.ranking.dataset
    return {"one": text(a, i), "other": text(b, j), "same_data": same}
