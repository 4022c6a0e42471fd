"""`forge collect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import JsonOption, SeedOption, TaskOption, Ticker, print_facts, print_json, stdout

EPILOG = """Examples:

forge collect --task lbf-8x8-2p-2f-coop --episodes 500 --out data/lbf

forge collect --task rware-tiny-2ag --episodes 20 --behaviour script@0.1 --out data/robots

forge collect --behaviour random --behaviour forager@0.1 --behaviour forager@0.5 --behaviour vdn:20000@0.2=2 --out data/mixed

A behaviour is random, script@EPSILON (the task's scripted team; forager in foraging), vdn:STEPS@EPSILON (trained first) or run:FOLDER@EPSILON (of `forge train`);
=2 doubles its share of the episodes. The dataset is a folder of NumPy arrays and a JSON description; nothing in it is pickled."""


def collect(
    out: Annotated[Path, typer.Option("--out", "-o", help="The dataset's folder; must not exist.")],
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="How many.")] = 500,
    seed: SeedOption = 0,
    behaviour: Annotated[
        list[str] | None, typer.Option("--behaviour", "-b", help="One of the mixture; may stand several times.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record real episodes to a replay dataset, by random and (where known) scripted behaviour."""
    from tfcaf_forge.pipeline.ranked import collect as run

    ticker = Ticker()
    made = run(
        task,
        out,
        episodes=episodes,
        seed=seed,
        behaviours=behaviour or (),
        progress=lambda done, total: ticker.show(f"{done} of {total} episodes"),
        tell=ticker.show,
    )
    ticker.clear()
    returns = made.episodes.returns
    facts = {
        "path": str(made.path),
        "digest": made.digest,
        "episodes": made.info.episodes,
        "transitions": made.info.transitions,
        "behaviours": ", ".join(made.info.behaviours),
        "mean_return": round(float(returns.mean()), 6),
    }
    if as_json:
        print_json({"schema": 1, **facts})
    else:
        print_facts(stdout(), {name.replace("_", " "): str(value) for name, value in facts.items()})
