"""Runs: what is in a folder of runs, at a glance."""

from __future__ import annotations

from pathlib import Path

from tfcaf_forge.errors import ForgeError
from tfcaf_forge.pipeline.show import records_of
from tfcaf_forge.records.base import Plain
from tfcaf_forge.reports import words
from tfcaf_forge.reports.candidates import fates
from tfcaf_forge.store import runs_in


class RunLine(Plain, frozen=True, kw_only=True):
    """One run.

    Attributes:
        status: `finished`, `unfinished`, or `damaged`.
        detail: how many candidates met which fate, or what is wrong.
    """

    name: str
    status: str
    task: str = ""
    started: str = ""
    candidates: int = 0
    winner: int | None = None
    predicted: str = ""
    detail: str = ""


def runs(folder: Path) -> list[RunLine]:
    """The runs directly below a folder, by name; a damaged one is a line, too."""
    return [_line(path) for path in runs_in(folder)]


def _line(path: Path) -> RunLine:
    try:
        records = records_of(path)
    except ForgeError as fault:
        return RunLine(name=path.name, status="damaged", detail=str(fault))
    score = None if records.ranking is None else words.winning(records.ranking)
    return RunLine(
        name=path.name,
        status="finished" if records.finished else "unfinished",
        task=records.task.name,
        started=words.utc(records.started) or "",
        candidates=len(records.proposals),
        winner=records.winner,
        predicted=""
        if score is None or score.predicted is None
        else f"{words.signed_text(score.predicted)} {words.interval_text(score.predicted)}",
        detail=", ".join(f"{item['count']} {item['fate']}" for item in fates(records)),
    )
