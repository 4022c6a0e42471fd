"""`forge vet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli import cases
from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    LimitsOption,
    ProfileOption,
    ReplayOption,
    SandboxOption,
    SeedOption,
    TaskOption,
    print_facts,
    print_json,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.vet import Vetted
    from tfcaf_forge.records.task_spec import TaskSpec
    from tfcaf_forge.records.verdict import Verdict

WIDTHS = {"property": 18, "status": 8, "trials": 7, "required": 8, "what": 4}
EPILOG = """Examples:

forge vet mine.py --task lbf-8x8-2p-2f-coop

forge vet mine.py --task lbf-8x8-2p-2f-coop --profile audit --json

forge vet mine.py --task lbf-8x8-2p-2f-coop --only finite --case 7c1e09ab

Exit code 0: accepted. 1: rejected or refuted. 2: the command itself was wrong."""


def vet(
    file: Annotated[Path, typer.Argument(help="A Python file that holds one function of (local_q, state).")],
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    profile: ProfileOption = "fast",
    seed: SeedOption = 0,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Examine this property only; may stand several times.")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Try this counterexample first: its id, or a JSON file.")
    ] = None,
    replay: ReplayOption = None,
    graph: Annotated[bool, typer.Option("--graph", help="Print the graph that left the sandbox.")] = False,
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Run a function in the sandbox, take its graph out, prove and test it."""
    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.pipeline.vet import vet as run

    spec = load_task(task)
    found = run(
        file,
        spec,
        profile=profile,
        seed=seed,
        backend=sandbox,
        limits=limits,
        states=None if replay is None else _states(replay, spec),
        only=only,
        cases=[cases.find(name) for name in case or ()],
    )
    cases.keep(found)
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found, spec, file, task, graph=graph)
    raise typer.Exit(PASSED if found.accepted else REFUSED)


def _states(replay: Path, task: TaskSpec) -> Any:  # noqa: ANN401 - an array
    from tfcaf_forge.replay.dataset import load_dataset

    return load_dataset(replay, task).episodes.transitions().state


def _as_json(found: Vetted) -> dict[str, Any]:
    from tfcaf_forge.records.base import to_builtins

    return {"schema": 1, "accepted": found.accepted, **to_builtins(found)}


def _print(found: Vetted, task: TaskSpec, file: Path, name: str, *, graph: bool) -> None:
    from tfcaf_forge.reports.terminal import verdict_text

    out = stdout()
    if found.rejection is not None:
        print_facts(out, {"rejected": str(found.rejection), "code": f"{found.rejection.stage}/{found.rejection.code}"})
        return
    assert found.evidence is not None  # noqa: S101 - neither rejected nor examined cannot be
    assert found.traced is not None  # noqa: S101 - evidence is about a graph
    table = Columns(out, WIDTHS, right=("trials",))
    table.header()
    for verdict in found.evidence.verdicts:
        table.row(_row(verdict, verdict_text(verdict, task)))
    out.print()
    if graph:
        from tfcaf_forge.graph.printer import to_text
        from tfcaf_forge.graph.verify import verify

        out.print(to_text(found.traced.graph, verify(found.traced.graph), task.names))
    nodes = len(found.traced.graph.nodes)
    seconds = f"{found.traced.seconds:.2f} s in the sandbox, {found.evidence.seconds:.2f} s of proofs and trials"
    facts = {
        "accepted"
        if found.accepted
        else "refuted": f"graph {found.traced.graph_digest[:12]}…, {nodes} nodes, {seconds}",
        **_again(found, file, name),
    }
    print_facts(out, facts)


def _row(verdict: Verdict, text: str) -> dict[str, str]:
    return {
        "property": verdict.property_id,
        "status": verdict.status,
        "trials": f"{verdict.trials:,}" if verdict.trials else "-",
        "required": "yes" if verdict.required else "advisory",
        "what": text,
    }


def _again(found: Vetted, file: Path, name: str) -> dict[str, str]:
    """The command that repeats the first required counterexample."""
    for verdict in found.evidence.verdicts if found.evidence is not None else ():
        if verdict.required and verdict.counterexample is not None:
            case = verdict.counterexample.case
            return {"again": f"forge vet {file} --task {name} --only {verdict.property_id} --case {case}"}
    return {}
