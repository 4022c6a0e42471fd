"""`forge stability`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    SandboxOption,
    SeedOption,
    TaskOption,
    Ticker,
    print_facts,
    print_json,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.outcome import Event
    from tfcaf_forge.pipeline.stability import Comparison, Sampling, Stability
    from tfcaf_forge.records.ranking import Interval

WIDTHS = {
    "coder": 28, "samples": 7, "valid": 15, "accepted": 15, "graphs": 8, "behaviours": 10, "mean score": 22, "spread": 6, "best": 6,
    "cost each": 9,
}  # fmt: skip
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

    spec = load_task(task)

    def wanted(name: str) -> asking.Wanted:
        plain, _, url = name.partition("@")
        return asking.Wanted(
            model=plain, evaluator="none", fallbacks=(), api_base=url or api_base, api_key_env=api_key_env, strategy="qllm", seed=seed,
            temperature=temperature, answer_tokens=answer_tokens, repairs=repairs, concurrency=concurrency, timeout=timeout,
            stream=stream, local_only=local_only, allowed=tuple(allow_host or ()), max_usd=max_usd, max_tokens=max_tokens,
            max_calls=max_calls, max_minutes=max_minutes,
        )  # fmt: skip

    models = [asking.models_of(wanted(name), spec) for name in model or ()]
    show, brake = _Show(), Brake()
    with asking.ctrl_c(brake):
        found = run(
            spec, models, samples=samples, out=out, seed=seed, episodes=episodes, replay=replay, profile=profile, backend=sandbox,
            limits=limits, notify=show.event, begin=show.begin, progress=show.episodes, brake=brake,
        )  # fmt: skip
    show.end()
    if as_json:
        print_json(found)
    else:
        _print(found)
    raise typer.Exit(PASSED if any(line.accepted.value > 0 for line in found.coders) else REFUSED)


class _Show:
    """Progress on stderr."""

    def __init__(self) -> None:
        self._ticker, self._coder, self._done = Ticker(), "", 0

    def begin(self, sampling: Sampling) -> None:
        """A coder's turn."""
        self._coder, self._done = f"coder {sampling.number} of {sampling.total}, {sampling.coder}", 0
        self._ticker.show(self._coder)

    def event(self, event: Event) -> None:
        """A call or a candidate."""
        kind = type(event).__name__
        self._done += kind == "Judged"
        what = (
            f"{getattr(event, 'in_flight', 0)} calls in flight" if kind == "Calling" else f"{self._done} samples judged"
        )
        self._ticker.show(f"{self._coder}   {what}")

    def episodes(self, done: int, total: int) -> None:
        """Episodes for the scores."""
        self._ticker.show(f"replay   {done} of {total} episodes")

    def end(self) -> None:
        """Wipe the line."""
        self._ticker.clear()


def _print(found: Comparison) -> None:
    from tfcaf_forge.pipeline.stability import failure_text

    out = stdout()
    print_facts(
        out,
        {
            "task": f"{found.task}   {found.wanted} first proposals each, without feedback",
            "score": f"explained variance of the returns; equal weights (VDN) reach {found.baseline:.3f}",
            "shares": "with 95 % Wilson intervals; graphs and behaviours: how many of the accepted samples differ",
            "mean": "of the accepted samples' scores, with Student's 95 % interval",
        },
    )
    out.print()
    table = Columns(out, WIDTHS, right=[name for name in WIDTHS if name != "coder"])
    table.header()
    for line in found.coders:
        table.row(_row(line))
    out.print()
    print_facts(out, {line.coder: f"failures: {failure_text(line.failures)}" for line in found.coders})
    for line in found.coders:
        if line.stopped:
            print_facts(out, {"stopped": f"{line.coder}: {line.stopped}; the same command resumes it"})


def _row(line: Stability) -> dict[str, str]:
    accepted = round(line.accepted.value * line.samples)
    return {
        "coder": line.coder,
        "samples": str(line.samples),
        "valid": _share(line.valid),
        "accepted": _share(line.accepted),
        "graphs": f"{line.graphs} of {accepted}",
        "behaviours": f"{line.behaviours} of {accepted}",
        "mean score": "-" if line.score is None else f"{line.score.value:.3f} {_range(line.score)}",
        "spread": "-" if line.spread is None else f"{line.spread:.3f}",
        "best": "-" if line.best is None else f"{line.best:.3f}",
        "cost each": _cost(line),
    }


def _cost(line: Stability) -> str:
    if line.calls == 0:
        return "-"
    if line.usd is None:
        return "unknown"
    return "-" if line.usd_per_accepted is None else f"${line.usd_per_accepted:.4f}"


def _share(share: Interval) -> str:
    """`67 % [30, 90]`."""
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def _range(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]"
