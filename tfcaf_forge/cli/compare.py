"""`forge compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import REFUSED, Columns, JsonOption, print_facts, print_json, stdout
from tfcaf_forge.cli.training import JobsOption, PresetOption, Runs, Stop, settings
from tfcaf_forge.errors import InputError

if TYPE_CHECKING:
    from tfcaf_forge.records.ranking import Interval
    from tfcaf_forge.training.comparison import Comparison, MixerRow

EPILOG = """Examples:

forge compare runs/train/*

forge compare --task lbf-8x8-2p-2f-coop --mixers vdn,qmix,qplex,runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors --seeds 0:5 --jobs 2

The table has the interquartile mean over seeds with its stratified bootstrap 95 % interval, and the probability that a run
with this mixer ends higher than one with the first. The same command again resumes what was stopped."""


def compare(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of training runs, or folders with such inside.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Train on this task, then compare.")] = None,
    mixers: Annotated[
        str, typer.Option("--mixers", help="vdn, qmix, qplex, paths of kernels; with commas.")
    ] = "vdn,qmix",
    seeds: Annotated[str, typer.Option("--seeds", help="3, 0:10 (0 to 9) or 0,4,7.")] = "0:5",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Environment steps of each run.")] = 200_000,
    jobs: JobsOption = 1,
    preset: PresetOption = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (.toml); unknown keys are errors.")] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Gets the plot, marl-eval's JSON, and the runs that are trained.")
    ] = Path("runs/compare"),
    as_json: JsonOption = False,
) -> None:
    """Compare training runs: mixers side by side, over seeds, with intervals."""
    from tfcaf_forge.pipeline import compare as stage
    from tfcaf_forge.pipeline.seeds import parse_seeds

    if not runs and task is None:
        raise InputError("nothing to compare; give folders of training runs, or --task to train first")
    work: list[Any] = []
    if task is not None:
        names = [name.strip() for name in mixers.split(",") if name.strip()]
        work = stage.plan_runs(task, names, parse_seeds(seeds), out, steps=steps, config=settings(preset, config))
    show = Runs(len(work))
    comparison, results = stage.compare(
        stage.load_results(runs) if runs else None,
        runs=work,
        jobs=jobs,
        progress=show.progress,
        should_stop=Stop().asked,
    )
    show.end()
    if comparison is None:
        done = sum(result.status == "finished" for result in results if result.folder in {str(job.out) for job in work})
        stdout().print(
            f"stopped  {done} of {len(work)} runs are finished, the others saved; repeat the same command to go on"
        )
        raise typer.Exit(REFUSED)
    written = stage.write_comparison(comparison, results, out)
    if as_json:
        print_json(comparison)
    else:
        _print(comparison, written)


def _print(comparison: Comparison, written: list[Path]) -> None:
    console = stdout()
    print_facts(
        console,
        {
            "task": ", ".join(comparison.tasks),
            "steps": f"{comparison.steps:,} environment steps, greedy evaluations between",
            "value": "interquartile mean over seeds, stratified bootstrap 95 % interval (Agarwal et al., 2021)",
        },
    )
    console.print()
    first = comparison.rows[0].mixer
    width = max(12, *(len(row.mixer) for row in comparison.rows))
    table = Columns(
        console,
        {"mixer": width, "seeds": 5, "return": 22, "over training": 22, f"P(> {first})": 22, "credit error": 12, "steps/s": 8},
        right=("seeds", "steps/s", "credit error"),
    )  # fmt: skip
    table.header()
    for row in comparison.rows:
        table.row(_cells(row, first))
    console.print()
    facts = {"written": ", ".join(str(path) for path in written)}
    if any(len(row.seeds) < 5 for row in comparison.rows):
        facts["note"] = "intervals over fewer than five seeds say little"
    print_facts(console, facts)


def _cells(row: MixerRow, first: str) -> dict[str, str]:
    return {
        "mixer": row.mixer,
        "seeds": str(len(row.seeds)),
        "return": _interval(row.final),
        "over training": _interval(row.auc),
        f"P(> {first})": "-" if row.over_first is None else _interval(row.over_first),
        "credit error": "-" if row.contribution_error is None else f"{row.contribution_error:.3f}",
        "steps/s": f"{row.steps_per_second:,.0f}",
    }


def _interval(value: Interval) -> str:
    return f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
