"""`forge vet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli import cases
from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    JsonOption,
    LimitsOption,
    ProfileOption,
    ReplayOption,
    RequireOption,
    SandboxOption,
    SeedOption,
    TaskOption,
    print_json,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.vet import Vetted
    from tfcaf_forge.records.mutation import MutationScore
    from tfcaf_forge.records.task_spec import TaskSpec
    from tfcaf_forge.replay.dataset import Dataset

EPILOG = """Examples:

forge vet mine.py --task lbf-8x8-2p-2f-coop

forge vet mine.py --task lbf-8x8-2p-2f-coop --profile audit --json

forge vet mine.py --properties examples/properties/lbf_8x8_2p_2f_coop.py

forge vet mine.py --task lbf-8x8-2p-2f-coop --only finite --case 7c1e09ab

forge vet mine.py --mutation-score --replay replay/

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
    properties: Annotated[
        list[Path] | None,
        typer.Option(
            "--properties", help="Your own properties, a Python file that you trust; may stand several times."
        ),
    ] = None,
    replay: ReplayOption = None,
    observe: Annotated[
        Path | None, typer.Option("--observe", help="Keep a record of every case that is tried in this folder.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Try no counterexample of an earlier run first.")] = False,
    mutation_score: Annotated[
        bool, typer.Option("--mutation-score", help="Then break the accepted graph on purpose and count who notices.")
    ] = False,
    graph: Annotated[bool, typer.Option("--graph", help="Print the graph that left the sandbox.")] = False,
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    require_layers: RequireOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a function in the sandbox, take its graph out, prove and test it."""
    from tfcaf_forge.evidence.stored import CaseStore
    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.pipeline.vet import own_properties
    from tfcaf_forge.pipeline.vet import vet as run

    spec = load_task(task)
    store = CaseStore(cases.folder())
    own = own_properties(properties or ())
    dataset = None if replay is None else _dataset(replay, spec)
    found = run(
        file,
        spec,
        profile=profile,
        seed=seed,
        backend=sandbox,
        limits=limits,
        require=require_layers or (),
        states=None if dataset is None else dataset.episodes.transitions().state,
        only=only,
        cases=[store.find(name, spec) for name in case or ()],
        properties=own,
        stored=None if fresh else store.folder,
        observe=observe,
    )
    if fresh and found.evidence is not None:
        store.keep(spec, found.evidence)
    score = _mutated(found, spec, own, dataset, seed) if mutation_score and found.accepted else None
    if as_json:
        print_json(_as_json(found, score))
    else:
        _print(found, spec, file, task, properties or [], observe, score, graph=graph)
    raise typer.Exit(PASSED if found.accepted else REFUSED)


def _dataset(replay: Path, task: TaskSpec) -> Dataset:
    from tfcaf_forge.replay.dataset import load_dataset

    return load_dataset(replay, task)


def _mutated(found: Vetted, task: TaskSpec, own: Any, dataset: Dataset | None, seed: int) -> MutationScore:  # noqa: ANN401 - properties
    from tfcaf_forge.pipeline.adequacy import adequacy

    assert found.traced is not None  # noqa: S101 - what is accepted has a graph
    return adequacy(found.traced.graph, task, properties=own, dataset=dataset, seed=seed)


def _as_json(found: Vetted, score: MutationScore | None) -> dict[str, Any]:
    from tfcaf_forge.records.base import to_builtins

    more = {} if score is None else {"mutation_score": {"share": score.share, **to_builtins(score)}}
    return {"schema": 1, "accepted": found.accepted, **to_builtins(found), **more}


def _print(
    found: Vetted,
    task: TaskSpec,
    file: Path,
    name: str,
    own: list[Path],
    observe: Path | None,
    score: MutationScore | None,
    *,
    graph: bool,
) -> None:
    from tfcaf_forge.cli import vet_output

    out = stdout()
    if found.rejection is not None:
        vet_output.print_rejection(out, found)
        return
    vet_output.print_verdicts(out, found, task)
    if graph and found.traced is not None:
        from tfcaf_forge.graph.printer import to_text
        from tfcaf_forge.graph.verify import verify

        out.print(to_text(found.traced.graph, verify(found.traced.graph), task.names))
    vet_output.print_end(out, found, file, name, own, observe)
    if score is not None:
        vet_output.print_mutation_score(out, score)
