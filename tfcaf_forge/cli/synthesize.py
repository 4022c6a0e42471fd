"""`forge synthesize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli import asking
from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    Columns,
    JsonOption,
    LimitsOption,
    ProfileOption,
    ReplayOption,
    RequireOption,
    SandboxOption,
    SeedOption,
    TaskOption,
    Ticker,
    print_facts,
    print_json,
    program,
    seconds_text,
    size_text,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.synthesize import Began, Calling, Collected, Event, Judged, Synthesis
    from tfcaf_forge.proposals.session import Models
    from tfcaf_forge.records.task_spec import TaskSpec

WIDTHS = {
    "id": 3, "parent": 6, "verdict": 9, "monotone": 8, "finite": 8, "rows": 8, "starved": 7, "score": 6, "95 %": 16, "what happened": 13,
}  # fmt: skip
EPILOG = """Examples:

forge synthesize --task lbf-8x8-2p-2f-coop

forge synthesize --task my-plant.toml --replay logged/ --rounds 5 --candidates 8 --profile search

forge synthesize --model recorded/lbf-8x8     (answers written by hand for this project: no key, no network)

forge synthesize --model ollama/qwen3-coder --max-tokens 200000 --local-only

forge synthesize --model openai/NAME --max-usd 2 --dry-run

forge synthesize --transcript runs/lbf-8x8-2p-2f-coop-recorded-lbf-8x8-0

The same command again resumes a run that was stopped or killed; with a model, Ctrl-C once finishes and saves."""
_OFFLINE_CANDIDATES, _MODEL_CANDIDATES = 6, 3


def synthesize(
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run's folder. [default: runs/TASK-SEED, or runs/TASK-MODEL-SEED]"),
    ] = None,
    seed: SeedOption = 0,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Rounds; later ones build on the best of earlier ones.")
    ] = 3,
    candidates: Annotated[
        int | None,
        typer.Option("--candidates", min=1, help="Proposals in each round. [default: 6, or 3 of a model]"),
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=10, help="Episodes to record for the ranking.")] = 500,
    replay: ReplayOption = None,
    profile: ProfileOption = "fast",
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    require_layers: RequireOption = None,
    as_json: JsonOption = False,
    model: asking.ModelOption = None,
    evaluator_model: asking.EvaluatorOption = None,
    fallback: asking.FallbackOption = None,
    api_base: asking.ApiBaseOption = "",
    api_key_env: asking.KeyOption = "",
    strategy: asking.StrategyOption = "qllm",
    temperature: asking.TemperatureOption = 0.8,
    answer_tokens: asking.AnswerTokensOption = 4096,
    repairs: asking.RepairsOption = 2,
    concurrency: asking.ConcurrencyOption = 4,
    timeout: asking.TimeoutOption = 180.0,
    stream: asking.StreamOption = True,
    local_only: asking.LocalOption = False,
    allow_host: asking.AllowOption = None,
    transcript: Annotated[
        Path | None,
        typer.Option(
            "--transcript", help="Give a recorded run's answers again, offline.", rich_help_panel="A model writes"
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the prompts and an estimate; ask nobody.", rich_help_panel="What it may cost"
        ),
    ] = False,
    max_usd: asking.UsdOption = None,
    max_tokens: asking.TokensOption = None,
    max_calls: asking.CallsOption = None,
    max_minutes: asking.MinutesOption = None,
) -> None:
    """Propose, vet and rank credit functions for a task; export the best as a kernel.

    Candidates come from the built-in offline search, an honest baseline that needs no model and no network, or from
    the model that --model names. Each runs only in the sandbox, and only its verified graph leaves it.
    """
    given = {
        "--evaluator-model": evaluator_model, "--fallback": fallback, "--api-base": api_base, "--api-key-env": api_key_env,
        "--local-only": local_only and transcript is None, "--allow-host": allow_host, "--dry-run": dry_run, "--max-usd": max_usd,
        "--max-tokens": max_tokens, "--max-calls": max_calls, "--max-minutes": max_minutes,
    }  # fmt: skip
    asking.check_options(model, transcript, given)
    if transcript is not None:
        raise typer.Exit(_again(transcript, out, as_json=as_json))
    models = None
    if model is not None:
        from tfcaf_forge.pipeline.tasks import load_task

        spec = load_task(task)
        wanted = asking.Wanted(
            model=model,
            evaluator=evaluator_model,
            fallbacks=tuple(fallback or ()),
            api_base=api_base,
            api_key_env=api_key_env,
            strategy=strategy,
            seed=seed,
            temperature=temperature,
            answer_tokens=answer_tokens,
            repairs=repairs,
            concurrency=concurrency,
            timeout=timeout,
            stream=stream,
            local_only=local_only,
            allowed=tuple(allow_host or ()),
            max_usd=max_usd,
            max_tokens=max_tokens,
            max_calls=max_calls,
            max_minutes=max_minutes,
            dry=dry_run,
        )
        models = asking.models_of(wanted, spec)
        if dry_run:
            _dry_run(models, spec, rounds, candidates or _MODEL_CANDIDATES, as_json=as_json)
            raise typer.Exit(PASSED)
    result = _run(
        task,
        models,
        as_json=as_json,
        out=out,
        seed=seed,
        rounds=rounds,
        candidates=candidates or (_OFFLINE_CANDIDATES if models is None else _MODEL_CANDIDATES),
        episodes=episodes,
        replay=replay,
        profile=profile,
        backend=sandbox,
        limits=limits,
        require=require_layers or (),
    )
    raise typer.Exit(PASSED if result.winner is not None else REFUSED)


def _run(task: str | Path | TaskSpec, models: Models | None, *, as_json: bool, **settings: Any) -> Synthesis:  # noqa: ANN401
    from tfcaf_forge.pipeline.synthesize import Brake
    from tfcaf_forge.pipeline.synthesize import synthesize as run

    show, brake = _Show(as_json=as_json), Brake()
    if models is None:
        result = run(task, notify=show.event, **settings)
    else:
        with asking.ctrl_c(brake):
            result = run(task, models=models, notify=show.event, brake=brake, **settings)
    show.end(result)
    return result


def _again(run: Path, out: Path | None, *, as_json: bool) -> int:
    """A recorded run once more, offline; says whether it came to the same winner."""
    from tfcaf_forge.errors import InputError
    from tfcaf_forge.pipeline.asked import recorded_outcome, recorded_task

    folder = out or run.with_name(f"{run.name}-again")
    if folder.resolve() == run.resolve():
        raise InputError(f"--out {folder} is the recorded run itself; give another folder")
    models, recording = asking.recalled(run)
    kept = ("seed", "rounds", "candidates", "episodes", "profile", "backend", "limits")
    settings: dict[str, Any] = {name: recording.settings[name] for name in kept}
    settings["require"] = tuple(recording.settings.get("require", ()))
    if recording.settings["replay"]:
        settings["replay"] = run / "replay"
    result = _run(recorded_task(run), models, as_json=as_json, out=folder, **settings)
    then = recorded_outcome(run)
    same = then == result.winner_graph
    if not as_json:
        now = result.winner_graph[:12] or "none"
        text = (
            f"the same winner, graph {now}…"
            if same
            else f"another winner: graph {now}…, recorded {then[:12] or 'none'}…"
        )
        print_facts(stdout(), {"transcript": f"{run}   {text}"})
    return PASSED if same else REFUSED


def _dry_run(models: Models, task: TaskSpec, rounds: int, candidates: int, *, as_json: bool) -> None:
    """What the first round would ask, and what a run may come to at most."""
    from tfcaf_forge.proposals.session import estimate, first_prompts

    prompts, bound = first_prompts(models, task, candidates), estimate(models, task, rounds, candidates)
    if as_json:
        print_json({"schema": 1, "prompts": prompts, "estimate": bound})
        return
    out = stdout()
    out.print(f"--- system ---\n{prompts[0][0].content}", markup=False)
    for number, messages in enumerate(prompts, 1):
        out.print(f"--- round 1, candidate {number} ---\n{messages[-1].content}", markup=False)
    usd = (
        "unknown: litellm has no price for it, so --max-tokens is needed" if bound.usd is None else f"${bound.usd:.4f}"
    )
    calls = f"{bound.least_calls} to {bound.most_calls} calls, retries of failed ones not counted"
    asked = ", ".join(f"{model.name} at {model.endpoint}" for model in models.writers)
    print_facts(
        out,
        {
            "model": asked,
            "at most": calls,
            "tokens": f"{bound.tokens:,}",
            "cost": usd,
            "asked": "nobody: this was a dry run",
        },
    )


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
        if kind == "Calling":
            self._ticker.show(_calling_text(event))  # pyright: ignore[reportArgumentType]
        elif kind == "Collecting":
            self._ticker.show(f"replay   {event.done} of {event.total} episodes")  # pyright: ignore[reportAttributeAccessIssue]
        else:
            self._ticker.clear()
            handlers[kind](event)  # pyright: ignore[reportArgumentType]

    def _began(self, event: Began) -> None:
        self._task, self._total = event.task, event.total
        layers = len(event.isolation.active) + len(event.isolation.missing)
        facts = {
            "task": f"{event.task.name}   {event.task.n_agents} agents, {event.task.state_size} state fields, monotonicity {event.task.credit.monotonicity}",
            "coder": _coder_text(event),
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
        if event.duplicate is not None and event.same != "graph":
            row["what happened"] = f"same {event.same} as candidate {event.duplicate}"
        self._rows.append(row)
        if not self._json:
            self._table.row(row)
        if len(self._rows) < self._total:
            self._ticker.show(f"candidate {len(self._rows) + 1} of {self._total}")

    def end(self, result: Synthesis) -> None:
        """The winner, its verdicts, the files, and what to do next."""
        self._ticker.clear()
        if self._json:
            print_json(_as_json(result, self._rows))
            return
        self._out.print()
        if result.winner is None or result.ranking is None:
            facts = {"winner": "none: no candidate was accepted", "report": result.report_path}
        else:
            facts = _ending(result, self._task.name)
        print_facts(self._out, {**facts, **_spent(result)})


def _coder_text(event: Began) -> str:
    asked = event.settings.asking
    if asked is None:
        return f"{event.settings.coder}, seed {event.settings.seed}   a search baseline; nothing leaves this machine"
    if asked.endpoint == "recorded":
        return f"{asked.model}, {asked.strategy}   answers written by hand for this project, by no model"
    return f"{asked.model} at {asked.endpoint}, {asked.strategy}, temperature {asked.temperature:g}, seed {asked.seed}"


def _calling_text(event: Calling) -> str:
    """`round 2 of 3   2 calls in flight   7 calls, 12,345 tokens, $0.0123 of $1   best 0.612   4 min left`."""
    spend, budget = event.spend, event.budget
    money = spend.money + (f" of ${budget.usd:g}" if budget.usd is not None else "")
    tokens = f"{spend.tokens_in + spend.tokens_out:,}" + (f" of {budget.tokens:,}" if budget.tokens is not None else "")
    calls = f"{spend.calls}" + (f" of {budget.calls}" if budget.calls is not None else "")
    parts = [f"round {event.round + 1} of {event.rounds}", f"{event.in_flight} calls in flight"]
    parts.append(f"{calls} calls, {tokens} tokens, {money}")
    if event.best is not None:
        parts.append(f"best {event.best:.3f}")
    if event.left_s != float("inf"):
        parts.append(f"{seconds_text(max(0.0, event.left_s))} left")
    return "   ".join(parts)


def _spent(result: Synthesis) -> dict[str, str]:
    """What asking models came to, and how to go on."""
    spend = result.spend
    if spend is None:
        return {}
    facts = {
        "spent": f"{spend.calls} calls, {spend.tokens_in:,} + {spend.tokens_out:,} tokens, {spend.money}, {seconds_text(spend.seconds)}"
    }
    if spend.lost:
        facts["spent"] += f"; {spend.lost} calls broke off and may have been billed as well"
    listed = f"; {Path(result.folder) / 'departures.json'} lists them" if result.departures else ""
    facts["left"] = f"{result.departures} calls left this machine{listed}"
    if result.advice is not None and result.advice.candidate is not None:
        facts["advice"] = f"the evaluator would choose candidate {result.advice.candidate}; the ranking decides"
    if result.reviewer_fault:
        facts["review"] = f"the evaluator was not heard: {result.reviewer_fault}"
    if result.stopped:
        facts |= {"stopped": f"{result.stopped}: {result.detail}", "resume": result.resume}
    return facts


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
        "next": f"{program()} train --task {task} --mixer {kernel}",
    }


def _as_json(result: Synthesis, rows: list[dict[str, str]]) -> dict[str, Any]:
    from tfcaf_forge.records.base import to_builtins

    return {"schema": 1, **to_builtins(result), "candidates": rows}
