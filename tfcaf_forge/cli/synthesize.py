"""`forge synthesize`."""

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
    ProfileOption,
    ReplayOption,
    SandboxOption,
    SeedOption,
    TaskOption,
    Ticker,
    print_facts,
    print_json,
    size_text,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.synthesize import Began, Collected, Event, Judged, Synthesis

WIDTHS = {
    "id": 3, "parent": 6, "verdict": 9, "monotone": 8, "finite": 8, "rows": 8, "starved": 7, "score": 6, "95 %": 16, "what happened": 13,
}  # fmt: skip
EPILOG = """Examples:

forge synthesize --task lbf-8x8-2p-2f-coop

forge synthesize --task my-plant.toml --replay logged/ --rounds 5 --candidates 8 --profile search

The same command again resumes a run that was stopped or killed."""


def synthesize(
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The run's folder. [default: runs/TASK-SEED]")] = None,
    seed: SeedOption = 0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Rounds; later ones build on the best of earlier ones.")
    ] = 3,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Proposals in each round.")] = 6,
    episodes: Annotated[int, typer.Option("--episodes", min=10, help="Episodes to record for the ranking.")] = 500,
    replay: ReplayOption = None,
    profile: ProfileOption = "fast",
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Propose, vet and rank credit functions for a task; export the best as a kernel.

    Candidates come from the built-in offline search, an honest baseline that needs no model and no network. Each runs
    only in the sandbox, and only its verified graph leaves it.
    """
    from tfcaf_forge.pipeline.synthesize import synthesize as run

    show = _Show(as_json=as_json)
    result = run(
        task,
        out=out,
        seed=seed,
        rounds=rounds,
        candidates=candidates,
        episodes=episodes,
        replay=replay,
        profile=profile,
        backend=sandbox,
        limits=limits,
        notify=show.event,
    )
    show.end(result)
    raise typer.Exit(PASSED if result.winner is not None else REFUSED)


class _Show:
    """What a run looks like while it runs, and at its end."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._out = stdout()
        self._ticker = Ticker()
        self._table = Columns(self._out, WIDTHS, right=("id", "parent", "starved", "score"))
        self._rows: list[dict[str, str]] = []
        self._task: Any = None
        self._total = 0

    def event(self, event: Event) -> None:
        """Show one event."""
        kind = type(event).__name__
        handlers = {"Began": self._began, "Collected": self._collected, "Judged": self._judged}
        if kind == "Collecting":
            self._ticker.show(f"replay   {event.done} of {event.total} episodes")  # pyright: ignore[reportAttributeAccessIssue]
        else:
            self._ticker.clear()
            handlers[kind](event)  # pyright: ignore[reportArgumentType]

    def _began(self, event: Began) -> None:
        self._task, self._total = event.task, event.total
        layers = len(event.isolation.active) + len(event.isolation.missing)
        facts = {
            "task": f"{event.task.name}   {event.task.n_agents} agents, {event.task.state_size} state fields, monotonicity {event.task.credit.monotonicity}",
            "coder": f"{event.settings.coder}, seed {event.settings.seed}   a search baseline; nothing leaves this machine",
            "sandbox": f"{event.isolation.backend}   {len(event.isolation.active)} of {layers} layers active",
        }
        if event.finished:
            facts["resume"] = f"{event.finished} of {event.total} candidates are on the disk already"
        if not self._json:
            print_facts(self._out, facts)

    def _collected(self, event: Collected) -> None:
        info = event.dataset.info
        if not self._json:
            score = event.baseline.score
            facts = {
                "replay ": f"{info.episodes} episodes, {info.transitions:,} transitions by {', '.join(info.behaviours)}",
                "score  ": f"explained variance of the returns; equal weights (VDN) reach {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]",
            }
            print_facts(self._out, facts)
            self._out.print()
            self._table.header()
        self._ticker.show(f"candidate 1 of {self._total}")

    def _judged(self, event: Judged) -> None:
        from tfcaf_forge.reports.terminal import candidate_row

        row = candidate_row(
            event.proposal,
            rejection=event.rejection,
            duplicate=event.duplicate,
            evidence=event.evidence,
            score=event.score,
            task=self._task,
        )
        self._rows.append(row)
        if not self._json:
            self._table.row(row)
        self._ticker.show(f"candidate {len(self._rows) + 1} of {self._total}")

    def end(self, result: Synthesis) -> None:
        """The winner, its verdicts, the files, and what to do next."""
        self._ticker.clear()
        if self._json:
            print_json(_as_json(result, self._rows))
            return
        self._out.print()
        if result.winner is None or result.ranking is None:
            print_facts(self._out, {"winner": "none: no candidate was accepted", "report": result.report_path})
            return
        print_facts(self._out, _ending(result, self._task.name))


def _ending(result: Synthesis, task: str) -> dict[str, str]:
    ranking = result.ranking
    assert ranking is not None  # noqa: S101 - the caller has looked
    assert result.evidence is not None  # noqa: S101 - a winner has evidence
    best = ranking.scores[0]
    gain = f"{best.gain.value:+.3f} [{best.gain.low:+.3f}, {best.gain.high:+.3f}]"
    judged = "better than equal weights (VDN)" if ranking.better_than_baseline else "no better than equal weights (VDN)"
    verdicts = [
        f"{v.property_id} {v.status}{f' {v.trials}' if v.status == 'TESTED' and v.trials else ''}"
        for v in result.evidence.verdicts
        if v.required
    ]
    kernel = Path(result.kernel_path)
    return {
        "winner": f"candidate {result.winner}   {judged}, {ranking.baseline.score.value:.3f}, by {gain}",
        "verdicts": ", ".join(verdicts),
        "kernel": f"{kernel}   {size_text(kernel.stat().st_size)}, sha256 {result.kernel_sha256[:12]}…",
        "report": result.report_path,
        "next": f"forge train --task {task} --mixer {kernel}",
    }


def _as_json(result: Synthesis, rows: list[dict[str, str]]) -> dict[str, Any]:
    from tfcaf_forge.records.base import to_builtins

    return {"schema": 1, **to_builtins(result), "candidates": rows}
