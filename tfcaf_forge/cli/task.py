"""`forge task list | show | check | init`."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    SeedOption,
    print_facts,
    print_json,
    program,
    stdout,
)
from tfcaf_forge.errors import InputError
from tfcaf_forge.folders import writing
from tfcaf_forge.pipeline.tasks import load_task, task_names

if TYPE_CHECKING:
    from tfcaf_forge.records.task_spec import Slot, TaskSpec
    from tfcaf_forge.training.task_check import TaskCheck

app = typer.Typer(
    no_args_is_help=True, help="Tasks: what is bundled, what it declares, and whether its environment agrees."
)

TaskArgument = Annotated[str, typer.Argument(help="A bundled task's name, or the path of a TaskSpec (.toml).")]


@app.command("list", epilog="Example: forge task list --json")
def list_tasks(as_json: JsonOption = False) -> None:
    """The bundled tasks; `extra` is what `pip install 'tfcaf-forge[EXTRA]'` needs for a task's environment."""
    from tfcaf_forge.training.envs.make import extra_of

    tasks = [load_task(name) for name in task_names()]
    if as_json:
        print_json(
            {
                "schema": 1,
                "tasks": [
                    {
                        "name": t.name,
                        "title": t.title,
                        "agents": t.n_agents,
                        "state_size": t.state_size,
                        "extra": extra_of(t),
                    }
                    for t in tasks
                ],
            }
        )
        return
    table = Columns(
        stdout(),
        {"name": max(len(t.name) for t in tasks), "agents": 6, "state": 5, "extra": 5, "title": 5},
        right=("agents", "state"),
    )
    table.header()
    for t in tasks:
        table.row(
            {
                "name": t.name,
                "agents": str(t.n_agents),
                "state": str(t.state_size),
                "extra": extra_of(t) or "-",
                "title": t.title,
            }
        )


@app.command(epilog="Example: forge task show lbf-8x8-2p-2f-coop")
def show(task: TaskArgument, as_json: JsonOption = False) -> None:
    """What a task declares, field by field."""
    spec = load_task(task)
    if as_json:
        from tfcaf_forge.records.base import to_builtins

        print_json({**to_builtins(spec), "layout": to_builtins(spec.layout), "digest": spec.digest})
        return
    out = stdout()
    print_facts(out, _facts(spec))
    out.print()
    table = Columns(
        out, {"index": 5, "field": 16, "kind": 11, "range": 12, "absent": 6, "unit": 6, "meaning": 7}, right=("index",)
    )
    table.header()
    for slot in spec.layout:
        table.row(_slot_row(slot))


@app.command(epilog="Example: forge task check lbf-8x8-2p-2f-coop --steps 20000")
def check(
    task: TaskArgument,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Environment steps to play.")] = 20_000,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Run the real environment and name every field seen outside its declared range."""
    from tfcaf_forge.training.task_check import check_task

    found = check_task(load_task(task), steps=steps, seed=seed)
    if as_json:
        from tfcaf_forge.records.base import to_builtins

        print_json({"passed": found.passed, **to_builtins(found)})
    else:
        _print_check(found)
    raise typer.Exit(PASSED if found.passed else REFUSED)


INIT_EPILOG = """Examples:

forge task init pettingzoo:mpe2.simple_spread_v3 --option max_cycles=25 -o spread.toml

forge task init gymnasium:lbforaging:Foraging-6x6-2p-2f-v3 -o small.toml

forge task init vmas:navigation --option n_agents=3 -o navigation.toml

forge task init logged.npz -o mine.toml"""


@app.command(epilog=INIT_EPILOG)
def init(
    source: Annotated[
        str, typer.Argument(metavar="ENV", help="KIND:ID of an environment, or an .npz file of recorded episodes.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The TaskSpec to write; must not exist.")],
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="NAME=VALUE, an argument of the environment; may stand several times."),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Environment steps to watch, by random behaviour.")
    ] = 5_000,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Draft a TaskSpec: names, shapes and observed ranges; `# FILL` marks what only you know."""
    from tfcaf_forge.training.task_init import FILL, RECORDED, draft_task

    if out.exists():
        raise InputError(f"{out} exists; choose another name, or remove it first")
    text = draft_task(source, options=_options(option or []), steps=steps, seed=seed)
    with writing(out):
        out.write_text(text, encoding="utf-8")
    spec = load_task(out)
    if as_json:
        print_json(
            {
                "schema": 1,
                "path": str(out),
                "task": spec.name,
                "state_size": spec.state_size,
                "fill": text.count(FILL) - 1,
            }
        )
        return
    print_facts(
        stdout(),
        {
            "task": f"{out}   {spec.n_agents} agents, {len(spec.actions)} actions, {spec.state_size} state fields",
            "fill": f"{text.count(FILL) - 1} places marked {FILL}",
            **_next(source, out, recorded=spec.environment.kind == RECORDED),
        },
    )


def _next(source: str, out: Path, *, recorded: bool) -> dict[str, str]:
    """What holds the draft to account: its environment, or the episodes that it was drafted from."""
    if not recorded:
        return {"next": f"{program()} task check {quote(str(out))}"}
    return {
        "next": f"{program()} dataset import {quote(source)} --task {quote(str(out))} --out DATA",
        "then": f"{program()} dataset check DATA --task {quote(str(out))}",
    }


def _options(given: list[str]) -> dict[str, Any]:
    """`n=3` as a number, `shared=true` as true, anything else as text."""
    made: dict[str, Any] = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign:
            raise InputError(f"--option {item}: write NAME=VALUE")
        try:
            made[name] = json.loads(value)
        except ValueError:
            made[name] = value
        if not isinstance(made[name], bool | int | float | str):
            raise InputError(f"--option {item}: a number, a text, true or false")
    return made


def _facts(spec: TaskSpec) -> dict[str, str]:
    credit = spec.credit
    return {
        "task": f"{spec.name}   {spec.title}",
        "environment": f"{spec.environment.kind} {spec.environment.id}",
        "agents": f"{spec.n_agents}, actions {', '.join(spec.actions)}",
        "episode": f"at most {spec.episode_limit} steps, gamma {spec.gamma:g}",
        "credit": f"monotonicity {credit.monotonicity}, local Q in [{credit.q_low:g}, {credit.q_high:g}], multiplied by {credit.q_scale:g}",
        "digest": spec.digest,
    }


def _slot_row(slot: Slot) -> dict[str, str]:
    return {
        "index": str(slot.index),
        "field": slot.name,
        "kind": slot.kind,
        "range": f"{slot.low:g} … {slot.high:g}",
        "absent": "-" if slot.absent is None else f"{slot.absent:g}",
        "unit": slot.unit or "-",
        "meaning": slot.description + (" (irrelevant)" if slot.irrelevant else ""),
    }


def _print_check(found: TaskCheck) -> None:
    out = stdout()
    for size in found.sizes:
        print_facts(out, {"size": f"{size.what}: declared {size.declared}, the environment has {size.found}"})
    table = Columns(
        out, {"field": 16, "declared": 14, "seen": 14, "share": 6, "absent": 7, "fault": 5}, right=("share", "absent")
    )
    table.header()
    for field in found.fields:
        table.row(_field_row(field))
    out.print()
    verdict = "the environment agrees with the TaskSpec" if found.passed else "the environment contradicts the TaskSpec"
    print_facts(
        out,
        {
            "passed"
            if found.passed
            else "failed": f"{verdict}; {found.steps:,} steps, {found.episodes} episodes, seed {found.seed}"
        },
    )


def _field_row(field: Any) -> dict[str, str]:  # noqa: ANN401 - FieldCheck, whose module loads the environment
    seen = "never there" if field.seen_low is None else f"{field.seen_low:g} … {field.seen_high:g}"
    return {
        "field": field.name,
        "declared": f"{field.low:g} … {field.high:g}",
        "seen": seen,
        "share": f"{100 * field.share:.0f} %",
        "absent": f"{100 * field.absent:.0f} %",
        "fault": "; ".join(f"{fault.reason}: {fault.value:g} in step {fault.step}" for fault in field.faults) or "-",
    }
