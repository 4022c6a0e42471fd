"""`forge runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import Columns, JsonOption, print_json, stdout

EPILOG = """Examples:

forge runs

forge runs elsewhere/ --json"""
NONE = "-"


def runs(
    folder: Annotated[Path, typer.Argument(help="A folder of runs.")] = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """List the runs of a folder: task, status, winner, and how training with it is predicted to go."""
    from tfcaf_forge.pipeline.runs import runs as listed

    found = listed(folder)
    if as_json:
        print_json({"schema": 1, "runs": found})
        return
    if not found:
        stdout().print(f"no run in {folder}; `forge synthesize` makes one")
        return
    names, tasks = (max(4, *(len(text) for text in texts)) for texts in ([r.name for r in found], [r.task for r in found]))  # fmt: skip
    widths = {"run": names, "status": 10, "task": tasks, "started": 23, "winner": 6, "predicted": 24, "candidates": 10}
    table = Columns(stdout(), widths, right=("winner",))
    table.header()
    for run in found:
        winner = NONE if run.winner is None else str(run.winner)
        table.row({"run": run.name, "status": run.status, "task": run.task or NONE, "started": run.started or NONE, "winner": winner, "predicted": run.predicted or NONE, "candidates": run.detail})  # fmt: skip
