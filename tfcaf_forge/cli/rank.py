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
    Ticker,
    print_facts,
    print_json,
    stdout,
)
from tfcaf_forge.cli.spreading import ExecutorOption, opened
from tfcaf_forge.cli.training import JobsOption

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.ranked import Ranked
    from tfcaf_forge.records.ranking import Order, Ranking, Score

WIDTHS = {"place": 5, "predicted": 9, "95 %": 18, "score": 6, "gain": 7, "gain 95 %": 18, "starved": 7, "file": 4}
EPILOG = """Examples:

forge rank mine.py runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors --replay data/lbf --task lbf-8x8-2p-2f-coop

forge rank runs/*/kernel.safetensors --replay data/lbf --task lbf-8x8-2p-2f-coop --budget 10

The order is that in which training is predicted to go. `predicted` joins figures of the replay by a rule that was fitted to real
training on other tasks; equal weights (VDN) have 0. `=` marks what the data cannot tell from the first. An interval that includes 0
is no gain. A budget in minutes pays for longer fits of the better half and then for a short training of the first three."""


def rank(
    files: Annotated[list[Path], typer.Argument(help="Kernels (.safetensors) or Python files.")],
    replay: Annotated[Path, typer.Option("--replay", help="A dataset made by `forge collect`.")],
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    seed: SeedOption = 0,
    budget: Annotated[
        float, typer.Option("--budget", min=0.0, help="Minutes for longer fits and short trainings.")
    ] = 0.0,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Ask the environment what each agent contributed (Shapley values).")
    ] = False,
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    jobs: JobsOption = 1,
    executor: ExecutorOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Rank functions on replayed trajectories. Python files are vetted first."""
    from tfcaf_forge.pipeline.ranked import rank as run

    ticker = Ticker()
    with opened(executor, jobs) as workers:
        found = run(
            files,
            task,
            replay,
            seed=seed,
            minutes=budget,
            simulate=simulate,
            backend=sandbox,
            limits=limits,
            tell=ticker.show,
            executor=workers,
        )
    ticker.clear()
    if as_json:
        print_json(
            {
                "schema": 1,
                "names": {str(k): v for k, v in found.names.items()},
                "refused": found.refused,
                "ranking": found.ranking,
                "order": found.order,
            }
        )
    else:
        _print(found)
    raise typer.Exit(REFUSED if found.refused else PASSED)


def _print(found: Ranked) -> None:
    out = stdout()
    if found.ranking is not None and found.order is not None:
        _print_order(found, found.ranking, found.order)
    for file, reason in found.refused.items():
        print_facts(out, {"refused": f"{file}: {reason}"})


def _print_order(found: Ranked, ranking: Ranking, order: Order) -> None:
    out = stdout()
    scores = {score.candidate: score for score in ranking.scores}
    table = Columns(out, WIDTHS, right=("place", "predicted", "score", "gain", "starved"))
    table.header()
    for place, number in enumerate(order.ids, 1):
        table.row(_row(f"{'=' if number in order.tied else ''}{place}", scores[number], found.names[number]))
    table.row(_row("-", ranking.baseline, "equal weights (VDN)"))
    out.print()
    first = order.ids[0]
    facts = {
        "order": f"by {order.by}",
        "first": f"{found.names[first]}: "
        + (
            "better than equal weights"
            if order.better_than_baseline
            else "no better than equal weights, as far as this data shows"
        )
        + f"; it is the first in {100 * order.best_share.get(first, 0.0):.0f} % of the resamples",
        "ties": ", ".join(found.names[i] for i in order.tied) or "none: the first is apart from all others",
        "score": ranking.method,
        "replay": f"{ranking.episodes} episodes, {ranking.transitions:,} transitions",
    }
    if order.agreement is not None:
        facts["stability"] = f"Kendall's tau {order.agreement:.2f} between this order and that of a resample"
    for what, values in (("fitted", order.fitted), ("trained", order.trained)):
        if values:
            names = {0: "equal weights (VDN)"} | found.names
            facts[what] = ", ".join(
                f"{names[i]} {value:.3f}" for i, value in sorted(values.items(), key=lambda v: -v[1])
            )
    print_facts(out, facts)


def _row(place: str, score: Score, name: str) -> dict[str, Any]:
    known = score.decides
    return {
        "place": place,
        "predicted": f"{known.value:+.3f}",
        "95 %": f"[{known.low:+.3f}, {known.high:+.3f}]",
        "score": f"{score.score.value:.3f}",
        "gain": f"{score.gain.value:+.3f}",
        "gain 95 %": f"[{score.gain.low:+.3f}, {score.gain.high:+.3f}]",
        "starved": f"{100 * score.starved:.1f} %",
        "file": name,
    }
