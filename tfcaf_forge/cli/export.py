"""`forge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tfcaf_forge.cli.output import JsonOption, print_facts, print_json, stdout

EPILOG = """Examples:

forge export runs/lbf-8x8-2p-2f-coop-0 -o kernel.safetensors

forge export runs/lbf-8x8-2p-2f-coop-0 --candidate 4 -o fourth.safetensors

forge export runs/lbf-8x8-2p-2f-coop-0 --format onnx -o kernel.onnx

forge export kernel.safetensors --format jax --task my-plant.toml"""


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder; with --format also a kernel's file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file. [default: kernel-ID.safetensors]")] = None,
    candidate: Annotated[
        int | None, typer.Option("--candidate", help="Id of an accepted candidate. [default: the winner]")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format", "-f", help="safetensors (the kernel), torch-export, onnx, python (torch code), numpy or jax."
        ),
    ] = "safetensors",
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="The TaskSpec of a kernel's file, if it is not a bundled one.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Inputs on which another format is compared.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Write an accepted candidate of a run as a kernel, one .safetensors file without code; or in another format.

    Another format is made from the verified graph and held against the kernel on random and corner inputs of the task;
    if they differ by more than 1e-5, relative to the larger of 1 and Q_tot, nothing is left behind.
    """
    made = _kernel(run, out, candidate) if format == "safetensors" else _other(run, out, candidate, format, task, rows)
    if as_json:
        print_json({"schema": 1, **made})
        return
    print_facts(stdout(), _facts(made))


def _kernel(run: Path, out: Path | None, candidate: int | None) -> dict[str, Any]:
    from tfcaf_forge.pipeline.export import export as write

    made = write(run, out, candidate=candidate)
    return {name: getattr(made, name) for name in ("path", "sha256", "candidate", "graph_digest")}


def _other(
    run: Path, out: Path | None, candidate: int | None, kind: str, task: str | None, rows: int
) -> dict[str, Any]:
    from tfcaf_forge.pipeline.export_as import export_as
    from tfcaf_forge.records.base import to_builtins

    made = export_as(run, kind, out, candidate=candidate, task=task, rows=rows)  # pyright: ignore[reportArgumentType]
    return to_builtins(made)


def _facts(made: dict[str, Any]) -> dict[str, str]:
    if "format" not in made:
        return {
            "kernel": made["path"],
            "candidate": str(made["candidate"]),
            "sha256": made["sha256"],
            "graph": made["graph_digest"],
        }
    agreement = (
        f"{made['rows']:,} inputs, {made['same_rows']:,} with the same bits; at most {made['max_ulp']} units in the last "
        f"place, {made['max_error']:.1e} relative"
    )
    return {
        "file": f"{made['path']}   {made['format']}",
        "agrees": agreement,
        "sha256": made["sha256"],
        "graph": made["graph_digest"],
    }
