"""`forge rank`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    LimitsOption,
    SandboxOption,
    SeedOption,
    TaskOption,
    print_facts,
    print_json,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.ranked import Ranked
    from tfcaf_forge.records.ranking import Score

WIDTHS = {"place": 5, "score": 6, "95 %": 16, "gain": 7, "gain 95 %": 18, "starved": 7, "file": 4}
EPILOG = """Examples:

forge rank mine.py runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors --replay data/lbf --task lbf-8x8-2p-2f-coop

Equal weights (VDN) always stand in the table. A gain whose interval includes 0 is no gain."""


def rank(
    files: Annotated[list[Path], typer.Argument(help="Kernels (.safetensors) or Python files.")],
    replay: Annotated[Path, typer.Option("--replay", help="A dataset made by `forge collect`.")],
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    seed: SeedOption = 0,
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Rank functions on replayed trajectories. Python files are vetted first."""
    from tfcaf_forge.pipeline.ranked import rank as run

    found = run(files, task, replay, seed=seed, backend=sandbox, limits=limits)
    if as_json:
        print_json(
            {
                "schema": 1,
                "names": {str(k): v for k, v in found.names.items()},
                "refused": found.refused,
                "ranking": found.ranking,
            }
        )
    else:
        _print(found)
    raise typer.Exit(REFUSED if found.refused else PASSED)


def _print(found: Ranked) -> None:
    out = stdout()
    ranking = found.ranking
    if ranking is not None:
        table = Columns(out, WIDTHS, right=("place", "score", "gain", "starved"))
        table.header()
        for place, score in enumerate(ranking.scores, 1):
            table.row(_row(str(place), score, found.names[score.candidate]))
        table.row(_row("-", ranking.baseline, "equal weights (VDN)"))
        out.print()
        print_facts(
            out,
            {"score": ranking.method, "replay": f"{ranking.episodes} episodes, {ranking.transitions:,} transitions"},
        )
    for file, reason in found.refused.items():
        print_facts(out, {"refused": f"{file}: {reason}"})


def _row(place: str, score: Score, name: str) -> dict[str, Any]:
    return {
        "place": place,
        "score": f"{score.score.value:.3f}",
        "95 %": f"[{score.score.low:.3f}, {score.score.high:.3f}]",
        "gain": f"{score.gain.value:+.3f}",
        "gain 95 %": f"[{score.gain.low:+.3f}, {score.gain.high:+.3f}]",
        "starved": f"{100 * score.starved:.1f} %",
        "file": name,
    }
