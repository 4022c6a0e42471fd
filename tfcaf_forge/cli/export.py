"""`forge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, stdout

EPILOG = """Examples:

forge export runs/lbf-8x8-2p-2f-coop-0 -o kernel.safetensors

forge export runs/lbf-8x8-2p-2f-coop-0 --candidate 4 -o fourth.safetensors"""


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The kernel's file. [default: kernel-ID.safetensors]")
    ] = None,
    candidate: Annotated[
        int | None, typer.Option("--candidate", help="Id of an accepted candidate. [default: the winner]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write an accepted candidate of a run as a kernel: one .safetensors file without code."""
    from tfcaf_forge.pipeline.export import export as write

    made = write(run, out, candidate=candidate)
    if as_json:
        print_json(
            {
                "schema": 1,
                "path": made.path,
                "sha256": made.sha256,
                "candidate": made.candidate,
                "graph_digest": made.graph_digest,
            }
        )
    else:
        print_facts(
            stdout(),
            {"kernel": made.path, "candidate": str(made.candidate), "sha256": made.sha256, "graph": made.graph_digest},
        )
