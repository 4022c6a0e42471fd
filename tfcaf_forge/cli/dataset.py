"""`forge dataset info | check | merge | import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli.output import PASSED, REFUSED, JsonOption, TaskOption, print_facts, print_json, size_text, stdout

app = typer.Typer(
    no_args_is_help=True, help="Replay datasets: what they hold, whether they keep to their task, and how to make them."
)

PathArgument = Annotated[Path, typer.Argument(help="A dataset's folder.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="The new dataset's folder; must not exist.")]


@app.command(epilog="Example: forge dataset info data/lbf")
def info(path: PathArgument, as_json: JsonOption = False) -> None:
    """What a dataset holds; every byte is verified."""
    from tfcaf_forge.pipeline.datasets import describe

    found = describe(path)
    if as_json:
        print_json(found)
        return
    lines = {
        "path": f"{found.path}   {size_text(found.bytes)}",
        "digest": found.digest,
        "task": f"{found.task}   TaskSpec {found.task_digest[:12]}…",
        "episodes": f"{found.episodes:,}   {found.transitions:,} transitions, seed {found.seed}",
        "length": f"{found.lengths[0]:g} to {found.lengths[2]:g}, {found.lengths[1]:.1f} on average",
        "return": f"{found.returns[0]:g} to {found.returns[2]:g}, {found.returns[1]:.3f} on average",
        "ends": f"{100 * found.terminated:.1f} % by the environment's rules, the rest by the time limit",
        "masks": f"{100 * found.masked:.1f} % of the actions were not available",
        "rewards": "of the team and of each agent" if found.has_agent_reward else "of the team only",
    }
    for name, (count, mean) in found.behaviours.items():
        lines[f"by {name}"] = f"{count:,} episodes, mean return {mean:.3f}"
    print_facts(stdout(), lines)


@app.command(
    epilog="Example: forge dataset check data/lbf --task lbf-8x8-2p-2f-coop\n\nExit code 1: a state field leaves its declared range."
)
def check(path: PathArgument, task: TaskOption = "lbf-8x8-2p-2f-coop", as_json: JsonOption = False) -> None:
    """Verify a dataset and hold every state against the ranges that the task declares."""
    from tfcaf_forge.pipeline.datasets import check as run

    found = run(path, task)
    if as_json:
        print_json(found)
    else:
        lines = {
            "path": found.path,
            "digest": found.digest,
            "episodes": f"{found.episodes:,}",
            "states": f"{found.transitions:,}",
        }
        for number, one in enumerate(found.outside, 1):
            lines[f"outside {number}"] = str(one)
        lines["ranges"] = (
            "correct them in the task file, or leave these episodes out"
            if found.outside
            else "every state lies within the declared ranges"
        )
        print_facts(stdout(), lines)
    raise typer.Exit(REFUSED if found.outside else PASSED)


@app.command(epilog="Example: forge dataset merge data/a data/b --task lbf-8x8-2p-2f-coop --out data/both")
def merge(
    paths: Annotated[list[Path], typer.Argument(help="Two or more datasets of one task.")],
    out: OutOption,
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    as_json: JsonOption = False,
) -> None:
    """Join datasets of one task; behaviours of one name become one."""
    from tfcaf_forge.pipeline.datasets import merge as run

    made = run(paths, out, task)
    facts = {
        "path": str(made.path),
        "digest": made.digest,
        "episodes": made.info.episodes,
        "transitions": made.info.transitions,
    }
    if as_json:
        print_json({"schema": 1, **facts})
    else:
        print_facts(stdout(), {name: str(value) for name, value in facts.items()})


@app.command(
    "import",
    epilog="""Examples:

forge dataset import episodes.npz --format epymarl --task lbf-8x8-2p-2f-coop --out data/epymarl

forge dataset import plant.npz --map plant.map.toml --task plant.toml --out data/plant

docs/datasets.md describes the fields and the mapping.""",
)
def bring_in(
    file: Annotated[Path, typer.Argument(help="A .npz file, or Minari's main_data.hdf5.")],
    out: OutOption,
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    format: Annotated[str, typer.Option("--format", help="epymarl, minari or npz.")] = "npz",
    mapping: Annotated[Path | None, typer.Option("--map", help="Which array is what (.toml).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn foreign data into a dataset; what had to be assumed is said."""
    from tfcaf_forge.pipeline.datasets import bring_in as run

    made, assumed = run(file, out, task, format=format, mapping=mapping)
    facts = {
        "path": str(made.path),
        "digest": made.digest,
        "episodes": made.info.episodes,
        "transitions": made.info.transitions,
    }
    if as_json:
        print_json({"schema": 1, **facts, "assumed": assumed})
        return
    lines = {name: str(value) for name, value in facts.items()}
    for number, sentence in enumerate(assumed, 1):
        lines[f"assumed {number}"] = sentence
    print_facts(stdout(), lines)
