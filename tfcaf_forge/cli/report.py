"""`forge report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, stdout

EPILOG = """Examples:

forge report runs/lbf-8x8-2p-2f-coop-0"""


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    as_json: JsonOption = False,
) -> None:
    """Write a run's report anew: one self-contained HTML file, and the same facts as JSON."""
    from tfcaf_forge.pipeline.report import report as write

    path = write(run)
    facts = {"report": str(path), "json": str(path.with_suffix(".json"))}
    if as_json:
        print_json({"schema": 1, **facts})
    else:
        print_facts(stdout(), facts)
