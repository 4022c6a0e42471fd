"""`forge stability`."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from tfcaf_forge.cli import asking
from tfcaf_forge.cli.output import (
    PASSED,
    REFUSED,
    JsonOption,
    LimitsOption,
    ProfileOption,
    ReplayOption,
    SandboxOption,
    SeedOption,
    TaskOption,
)
from tfcaf_forge.cli.stability_output import Show

EPILOG = """Examples:

forge stability --task lbf-8x8-2p-2f-coop --model recorded/lbf-8x8 --samples 6

forge stability --model ollama/qwen3-coder --model openai/NAME@http://127.0.0.1:8000/v1 --samples 20 --max-tokens 300000

The offline coder is always among those compared. The same command again resumes."""


def stability(
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    model: Annotated[
        list[str] | None, typer.Option("--model", help="PROVIDER/NAME or NAME@URL; may stand several times.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", "-n", min=1, help="First proposals from each.")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the samples. [default: runs/stability-TASK-SEED]")
    ] = None,
    seed: SeedOption = 0,
    episodes: Annotated[int, typer.Option("--episodes", min=10, help="Episodes to record for the scores.")] = 500,
    replay: ReplayOption = None,
    profile: ProfileOption = "fast",
    sandbox: SandboxOption = "local",
    limits: LimitsOption = "default",
    as_json: JsonOption = False,
    api_base: asking.ApiBaseOption = "",
    api_key_env: asking.KeyOption = "",
    temperature: asking.TemperatureOption = 0.8,
    answer_tokens: asking.AnswerTokensOption = 4096,
    repairs: asking.RepairsOption = 0,
    concurrency: asking.ConcurrencyOption = 4,
    timeout: asking.TimeoutOption = 180.0,
    stream: asking.StreamOption = True,
    local_only: asking.LocalOption = False,
    allow_host: asking.AllowOption = None,
    max_usd: asking.UsdOption = None,
    max_tokens: asking.TokensOption = None,
    max_calls: asking.CallsOption = None,
    max_minutes: asking.MinutesOption = None,
) -> None:
    """Measure how reliably models write functions that hold, next to the offline coder. Budgets are for each model."""
    from tfcaf_forge.pipeline.outcome import Brake
    from tfcaf_forge.pipeline.stability import stability as run
    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.proposals.asker import Limits
    from tfcaf_forge.proposals.ledger import Budget
    from tfcaf_forge.proposals.named import Wanted, models_of, name_and_url

    spec = load_task(task)

    def wanted(name: str) -> Wanted:
        plain, url = name_and_url(name)
        return Wanted(
            model=plain, evaluator="none", fallbacks=(), api_base=url or api_base, api_key_env=api_key_env, strategy="qllm", seed=seed,
            temperature=temperature, answer_tokens=answer_tokens, repairs=repairs, stream=stream,
            local_only=local_only, allowed=tuple(allow_host or ()), limits=Limits(concurrency=concurrency, timeout_s=timeout),
            budget=Budget(usd=max_usd, tokens=max_tokens, calls=max_calls, minutes=max_minutes),
        )  # fmt: skip

    models = [models_of(wanted(name), spec, os.environ) for name in model or ()]
    show, brake = Show(samples, as_json=as_json), Brake()
    if models:
        show.first()
    with closing(show), asking.ctrl_c(brake):
        found = run(
            spec, models, samples=samples, out=out, seed=seed, episodes=episodes, replay=replay, profile=profile, backend=sandbox,
            limits=limits, notify=show.event, begin=show.begin, progress=show.episodes, brake=brake,
        )  # fmt: skip
    show.end(found)
    raise typer.Exit(PASSED if any(line.accepted.value > 0 for line in found.coders) else REFUSED)
