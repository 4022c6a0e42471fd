"""`forge synthesize`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli import asking
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
    print_facts,
    print_json,
    stdout,
)
from tfcaf_forge.cli.spreading import ExecutorOption, opened
from tfcaf_forge.cli.synthesize_output import Show
from tfcaf_forge.cli.training import JobsOption

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.executor import Executor
    from tfcaf_forge.pipeline.synthesize import Synthesis
    from tfcaf_forge.proposals.session import Models
    from tfcaf_forge.records.task_spec import TaskSpec

EPILOG = """Examples:

forge synthesize --task lbf-8x8-2p-2f-coop

forge synthesize --task my-plant.toml --replay logged/ --rounds 5 --candidates 8 --profile search

forge synthesize --jobs 4     (or --executor ray: the candidates of a round side by side; no record changes)

forge synthesize --model recorded/lbf-8x8     (answers written by hand for this project: no key, no network)

forge synthesize --model ollama/qwen3-coder --max-tokens 200000 --local-only

forge synthesize --model openai/NAME --max-usd 2 --dry-run

forge synthesize --transcript runs/lbf-8x8-2p-2f-coop-recorded-lbf-8x8-0

The same command again resumes a run that was stopped or killed; with a model, Ctrl-C once finishes and saves."""
_OFFLINE_CANDIDATES, _MODEL_CANDIDATES, _MUTANTS = 6, 3, 24


def synthesize(
    context: typer.Context,
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
    mutants: Annotated[
        int, typer.Option("--mutants", min=0, help="Deliberate faults in the winner, to see how many are noticed.")
    ] = _MUTANTS,
    jobs: JobsOption = 1,
    executor: ExecutorOption = "local",
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
        "--local-only": local_only, "--allow-host": allow_host, "--dry-run": dry_run, "--max-usd": max_usd,
        "--max-tokens": max_tokens, "--max-calls": max_calls, "--max-minutes": max_minutes,
    }  # fmt: skip
    asking.check_options(model, transcript, given)
    if transcript is not None:
        asking.check_beside_transcript(context)
        with opened(executor, jobs) as workers:
            raise typer.Exit(_again(transcript, out, replay, as_json=as_json, mutants=mutants, executor=workers))
    models, words = None, _words(replay, mutants)
    if model is not None:
        from tfcaf_forge.pipeline.tasks import load_task
        from tfcaf_forge.proposals.asker import Limits
        from tfcaf_forge.proposals.ledger import Budget
        from tfcaf_forge.proposals.named import Wanted, models_of

        spec = load_task(task)
        wanted = Wanted(
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
            limits=Limits(concurrency=concurrency, timeout_s=timeout),
            stream=stream,
            local_only=local_only,
            allowed=tuple(allow_host or ()),
            budget=Budget(usd=max_usd, tokens=max_tokens, calls=max_calls, minutes=max_minutes),
            dry=dry_run,
        )
        models = models_of(wanted, spec, os.environ)
        words += asking.unpinned(wanted)
        if dry_run:
            _dry_run(models, spec, rounds, candidates or _MODEL_CANDIDATES, as_json=as_json)
            raise typer.Exit(PASSED)
    from tfcaf_forge.pipeline.command import Given

    with opened(executor, jobs) as workers:
        result = _run(
            task,
            models,
            as_json=as_json,
            given=Given(task=task, words=tuple(words)),
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
            mutants=mutants,
            executor=workers,
        )
    raise typer.Exit(PASSED if result.winner is not None else REFUSED)


def _run(
    task: str | TaskSpec, models: Models | None, *, as_json: bool, **settings: Any  # noqa: ANN401
) -> Synthesis:  # fmt: skip
    from tfcaf_forge.pipeline.synthesize import Brake
    from tfcaf_forge.pipeline.synthesize import synthesize as run

    show, brake = Show(as_json=as_json), Brake()
    try:
        if models is None:
            result = run(task, notify=show.event, **settings)
        else:
            with asking.ctrl_c(brake):
                result = run(task, models=models, notify=show.event, brake=brake, **settings)
    finally:
        show.close()
    show.end(result)
    return result


def _words(replay: Path | None, mutants: int) -> list[str]:
    """What the settings of a run do not say, so that its command can be repeated."""
    words = [] if replay is None else ["--replay", str(replay)]
    return words if mutants == _MUTANTS else [*words, "--mutants", str(mutants)]


def _again(
    run: Path, out: Path | None, replay: Path | None, *, as_json: bool, mutants: int, executor: Executor | None
) -> int:
    """A recorded run once more, offline; says whether it came to the same winner."""
    from tfcaf_forge.errors import InputError
    from tfcaf_forge.pipeline.asked import recorded_data, recorded_given, recorded_outcome, recorded_task
    from tfcaf_forge.pipeline.command import Given

    folder = out or run.with_name(f"{run.name}-again")
    if folder.resolve() == run.resolve():
        raise InputError(f"--out {folder} is the recorded run itself; give another folder")
    models, recording = asking.recalled(run)
    kept = ("seed", "rounds", "candidates", "episodes", "profile", "backend", "limits")
    settings: dict[str, Any] = {name: recording.settings[name] for name in kept}
    settings["require"] = tuple(recording.settings.get("require", ()))
    settings |= {"replay": recorded_data(run, replay), "mutants": mutants, "executor": executor}
    given = Given(task=recorded_given(run).task, words=tuple(_words(replay, mutants)), transcript=str(run))
    result = _run(recorded_task(run), models, as_json=as_json, given=given, out=folder, **settings)
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

    models.asking.check()
    prompts, bound = first_prompts(models, task, candidates), estimate(models, task, rounds, candidates)
    if as_json:
        print_json({"schema": 1, "prompts": prompts, "estimate": bound})
        return
    out = stdout()
    out.print(f"--- system ---\n{prompts[0][0].content}", markup=False)
    for number, messages in enumerate(prompts, 1):
        out.print(f"--- round 1, candidate {number} ---\n{messages[-1].content}", markup=False)
    usd = _no_price(models) if bound.usd is None else f"${bound.usd:.4f}"
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


def _no_price(models: Models) -> str:
    """What stands in for dollars where nobody knows a price: the tokens that bound the run, or that a bound is needed."""
    tokens = models.budget.tokens
    bounded = "--max-tokens is needed" if tokens is None else f"it ends at {tokens:,} tokens (--max-tokens)"
    return f"unknown: no price is known, so {bounded}"
