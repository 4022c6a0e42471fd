"""`forge bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, size_text, stdout

EPILOG = """Examples:

forge bundle runs/lbf-8x8-2p-2f-coop-0 -o run.forge.zip

forge bundle runs/lbf-8x8-2p-2f-coop-0 -o run.forge.zip --with-replay"""


def bundle(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The bundle's file. [default: RUN.forge.zip]")] = None,
    replay: Annotated[
        bool, typer.Option("--with-replay", help="Put the replay data in, too, not only its digest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run as one file that anyone can verify: kernel, records, journal, reports, versions."""
    from tfcaf_forge.pipeline.bundle import bundle as write

    made = write(run, out or Path(f"{run.resolve().name}.forge.zip"), replay=replay)
    if as_json:
        print_json({"schema": 1, "path": made.path, "size": made.size, "sha256": made.sha256, "chain": made.chain})
        return
    facts = {"bundle": f"{made.path}   {made.files} files, {size_text(made.size)}", "sha256": made.sha256}
    print_facts(stdout(), {**facts, "journal": made.chain, "next": f"forge sign {made.path} --key KEY.pem"})
