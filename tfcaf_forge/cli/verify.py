"""`forge verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tfcaf_forge.cli.output import PASSED, REFUSED, Columns, JsonOption, print_json, stdout

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.verify_bundle import Check

WIDTHS = {"check": 15, "result": 8, "what": 4}
EPILOG = """Examples:

forge verify run.forge.zip --key key.pem.pub

forge verify run.forge.zip --key key.pem.pub --full --replay runs/lbf-8x8-2p-2f-coop-0/replay

Exit code 0: nothing was refused. 1: something was. 2: the command itself was wrong."""


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle made by `forge bundle`.")],
    key: Annotated[Path | None, typer.Option("--key", help="The public key (PEM) that must have signed it.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Repeat all trials, too.")] = False,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="The run's replay data, with --full only. [default: the bundle's]")
    ] = None,
    other_release: Annotated[
        bool, typer.Option("--other-release", help="Leave reports that another release wrote unchecked, do not refuse.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle offline: signature, digests, graphs, kernel, proofs, counterexamples. Runs no candidate's code."""
    from tfcaf_forge.pipeline.verify_bundle import Asked
    from tfcaf_forge.pipeline.verify_bundle import verify as run

    asked = Asked(path=bundle, key=key, full=full, replay=replay, other_release=other_release)
    if as_json:
        found = run(asked)
        print_json({"schema": 1, "ok": found.ok, "bundle": str(bundle), "checks": found.checks})
    else:
        table = Columns(stdout(), WIDTHS)
        table.header()
        found = run(asked, lambda check: _print(table, check))
        said = ("verified", "green") if found.ok else ("REFUSED", "bold red")
        signed = any(c.name == "signature" and c.result == "passed" for c in found.checks)
        more = "" if signed or not found.ok else ", but by whom it was made is not known"
        if any(c.name == "report" and c.result == "not done" for c in found.checks) and found.ok:
            more += "; its reports were not checked, so do not read them"
        stdout().print(Text.assemble("\n", said, f"  {bundle}{more}"))
    raise typer.Exit(PASSED if found.ok else REFUSED)


def _print(table: Columns, check: Check) -> None:
    table.row({"check": check.name, "result": check.result, "what": check.text})
