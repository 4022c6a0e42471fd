"""`forge recheck`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcaf_forge.cli.output import PASSED, REFUSED, JsonOption, SeedOption, print_facts, print_json, stdout

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.drift import Recheck
    from tfcaf_forge.records.ranking import Interval

EPILOG = """Examples:

forge recheck kernel.safetensors --replay data/this-week --reference data/accepted-on

forge recheck kernel.safetensors --replay data/this-week --task plant.toml --json

Exit code 0: keep. 1: warn or retire; the first line and `decision` in the JSON say which. 2: the command was wrong."""


def recheck(
    kernel: Annotated[Path, typer.Argument(help="The kernel in use (.safetensors).")],
    replay: Annotated[Path, typer.Option("--replay", help="The new dataset.")],
    reference: Annotated[
        Path | None,
        typer.Option("--reference", help="The dataset that the kernel was accepted on; with it, drift is tested."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="The kernel's task, if it is not a bundled one: its .toml file.")
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Hold a deployed kernel against new data: keep it, look at it, or take it out of service."""
    from tfcaf_forge.pipeline.drift import recheck as run

    found = run(kernel, replay, task=task, reference=reference, seed=seed)
    if as_json:
        print_json(found)
    else:
        _print(found)
    raise typer.Exit(PASSED if found.decision == "keep" else REFUSED)


def _print(found: Recheck) -> None:
    lines = {
        "decision": found.decision,
        "kernel": found.kernel,
        "data": f"{found.episodes:,} episodes, {found.transitions:,} transitions; task {found.task}",
    }
    for number, reason in enumerate(found.reasons, 1):
        lines[f"{reason.decision} {number}"] = reason.message
    if found.verdicts:
        lines["verdicts"] = ", ".join(f"{name} {status}" for name, status in found.verdicts.items())
    if found.gain is not None:
        lines["score"] = f"{_gain(found.gain)} explained beyond equal weights"
    if found.reference_gain is not None:
        lines["reference"] = _gain(found.reference_gain) + (
            "" if found.shift is None else f"; it moved by {found.shift:+.3f}, p = {found.shift_p:.3f}"
        )
    if found.drift:
        least = found.drift[0]
        lines["drift"] = f"{len(found.drift)} fields and credits tested; least likely {least.name}, p = {least.p:.3f}"
    lines["rule"] = found.rule
    print_facts(stdout(), lines)


def _gain(gain: Interval) -> str:
    return f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
