"""`forge sandbox doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    LimitsOption,
    SandboxOption,
    print_facts,
    print_json,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.sandbox.doctor import Diagnosis, Layer

_EPILOG = """Examples:

forge sandbox doctor

forge sandbox doctor --sandbox docker --limits strict --json

Exit code 0: every layer of the backend holds. 1: one does not. 2: the sandbox does not start."""
WIDTHS = {"layer": 18, "holds": 8, "tried": 5, "stops": 4}


def register(app: typer.Typer) -> None:
    """Add the verb to `forge sandbox`."""
    app.command(epilog=_EPILOG)(doctor)


def doctor(sandbox: SandboxOption = "local", limits: LimitsOption = "default", as_json: JsonOption = False) -> None:
    """Try every layer of the sandbox on this machine, and say what holds, what does not and how to get it."""
    from tfcaf_forge.sandbox.doctor import diagnose
    from tfcaf_forge.sandbox.profile import load_profile

    found = diagnose(sandbox, load_profile(limits))
    if as_json:
        print_json(found)
    else:
        _print(found)
    raise typer.Exit(PASSED if found.holds else REFUSED)


def _print(found: Diagnosis) -> None:
    out = stdout()
    table = Columns(out, WIDTHS, right=("tried",))
    table.header()
    for layer in found.layers:
        table.row(_row(layer))
    out.print()
    holding = sum(layer.holds for layer in found.layers)
    facts = {"sandbox": f"{found.backend}   {holding} of {len(found.layers)} layers hold"}
    for layer in found.layers:
        if not layer.holds:
            facts[layer.layer] = layer.remedy
    facts["next"] = "forge vet mine.py --limits strict" if found.holds else "forge sandbox doctor --sandbox docker"
    print_facts(out, facts)


def _row(layer: Layer) -> dict[str, str]:
    return {
        "layer": layer.layer,
        "holds": "holds" if layer.holds else "MISSING",
        "tried": str(len(layer.attempts)) if layer.attempts else "-",
        "stops": layer.stops,
    }
