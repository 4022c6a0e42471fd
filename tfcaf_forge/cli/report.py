"""`forge report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, stdout
from tfcaf_forge.errors import InputError

EPILOG = """Examples:

forge report runs/lbf-8x8-2p-2f-coop-0 --open

forge report runs/lbf-8x8-2p-2f-coop-0 --format junit -o junit.xml

Formats: html, json, junit, sarif, in-toto, cyclonedx, markdown."""


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    form: Annotated[
        str, typer.Option("--format", help="html, json, junit, sarif, in-toto, cyclonedx or markdown.")
    ] = "html",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file. [default: in the run's folder]")] = None,
    look: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run's report anew: one self-contained HTML file, or the same facts for another program."""
    from tfcaf_forge.pipeline.report import report as write
    from tfcaf_forge.reports.formats import FORMATS

    if form not in FORMATS:
        raise InputError(f"there is no format {form!r}; choose one of {', '.join(FORMATS)}")
    path = write(run, form, out)
    facts = {"report": str(path)}
    if form == "html" and out is None:
        facts["json"] = str(path.with_suffix(".json"))
    if as_json:
        print_json({"schema": 1, **facts})
    else:
        print_facts(stdout(), facts)
    if look and not webbrowser.open(path.resolve().as_uri()):
        raise InputError(f"no browser could be started; open {path} by hand")
