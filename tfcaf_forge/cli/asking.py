"""The options that say which model is asked, and what of them is to be given again. Imports nothing heavy until one is given."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import announce
from tfcaf_forge.errors import InputError

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.outcome import Brake
    from tfcaf_forge.proposals.named import Wanted
    from tfcaf_forge.proposals.session import Models
    from tfcaf_forge.proposals.transcript import Recording

_MODEL, _BUDGET = "A model writes", "What it may cost"


def _option(*names: str, help: str, panel: str = _MODEL, **more: Any) -> Any:  # noqa: ANN401 - typer's own
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


ModelOption = Annotated[
    str | None,
    _option("--model", help="Who writes: PROVIDER/NAME (ollama/qwen3-coder, openai/…), or recorded/lbf-8x8 to try it."),
]
EvaluatorOption = Annotated[
    str | None, _option("--evaluator-model", help="Who reviews; the same model if not given, `none` for nobody.")
]
FallbackOption = Annotated[
    list[str] | None,
    _option("--fallback", help="Asked where the model fails; NAME or NAME@URL, may stand several times."),
]
ApiBaseOption = Annotated[str, _option("--api-base", help="The endpoint's URL; a local one needs no key.")]
KeyOption = Annotated[str, _option("--api-key-env", help="The environment variable that holds the key.")]
StrategyOption = Annotated[
    str, _option("--strategy", help="qllm (lines of thought) or population (score and novelty).")
]
TemperatureOption = Annotated[float, _option("--temperature", help="0 to 2.")]
AnswerTokensOption = Annotated[int, _option("--answer-tokens", help="Most tokens of one answer.")]
RepairsOption = Annotated[
    int, _option("--repairs", min=0, max=5, help="How often an answer without a function is asked for again.")
]
ConcurrencyOption = Annotated[int, _option("--concurrency", min=1, max=64, help="Calls in flight at once.")]
TimeoutOption = Annotated[float, _option("--timeout", min=1.0, help="Seconds for one call.")]
StreamOption = Annotated[bool, _option("--stream/--no-stream", help="Take answers piece by piece.")]
LocalOption = Annotated[bool, _option("--local-only", help="Refuse every endpoint that is not this machine.")]
AllowOption = Annotated[
    list[str] | None, _option("--allow-host", help="With --local-only: also this host; may stand several times.")
]
UsdOption = Annotated[
    float | None, _option("--max-usd", min=0.0, help="Dollars, calls in flight included.", panel=_BUDGET)
]
TokensOption = Annotated[
    int | None, _option("--max-tokens", min=1, help="Tokens of questions and answers.", panel=_BUDGET)
]
CallsOption = Annotated[int | None, _option("--max-calls", min=1, help="Calls, failed ones included.", panel=_BUDGET)]
MinutesOption = Annotated[
    float | None, _option("--max-minutes", min=0.01, help="Minutes, over all sessions of a run.", panel=_BUDGET)
]

_BESIDE_TRANSCRIPT = frozenset({"transcript", "out", "as_json", "replay", "mutants", "jobs", "executor", "local_only"})
"""Options that hold beside `--transcript`; that only this machine is asked holds there of itself."""
_USUAL = {"--concurrency": 4, "--timeout": 180.0}


def unpinned(wanted: Wanted) -> list[str]:
    """The options that decide no result, so that a run's records do not hold them: to be given again on resuming."""
    words = ["--local-only"] if wanted.local_only else []
    words += [word for host in wanted.allowed for word in ("--allow-host", host)]
    words += ["--api-key-env", wanted.api_key_env] if wanted.api_key_env else []
    words += [] if wanted.stream else ["--no-stream"]
    for name, value in (("--concurrency", wanted.limits.concurrency), ("--timeout", wanted.limits.timeout_s)):
        words += [name, f"{value:g}"] if value != _USUAL[name] else []
    budget = {name: getattr(wanted.budget, name) for name in ("usd", "tokens", "calls", "minutes")}
    return words + [
        word for name, value in budget.items() if value is not None for word in (f"--max-{name}", str(value))
    ]


def recalled(run: Path) -> tuple[Models, Recording]:
    """The models of a recorded run, whose answers are given again; nothing is asked.

    Raises:
        StoreError, InputError: there is no such run, or it asked no model.
    """
    import msgspec

    from tfcaf_forge.proposals.asker import Limits
    from tfcaf_forge.proposals.asking import Asking, asking_from
    from tfcaf_forge.proposals.ledger import Budget
    from tfcaf_forge.proposals.model import Recalled
    from tfcaf_forge.proposals.redact import Redactor
    from tfcaf_forge.proposals.session import Models
    from tfcaf_forge.proposals.transcript import Recording

    recording = Recording(run)
    asking = msgspec.convert(asking_from(recording.settings), Asking)
    writers = [(asking.model, asking.endpoint), *asking.fallbacks]
    models = Models(
        asking=asking,
        writers=tuple(Recalled(name, endpoint) for name, endpoint in writers),
        reviewer=Recalled(asking.evaluator, asking.evaluator_endpoint) if asking.evaluator else None,
        budget=Budget(),
        limits=Limits(),
        redactor=Redactor(os.environ),
        recording=recording,
    )
    return models, recording


def check_options(model: str | None, transcript: Path | None, given: Mapping[str, object]) -> None:
    """Refuse options of a model where there is none, rather than ignore them.

    Raises:
        InputError: names the first one.
    """
    if model is not None and transcript is not None:
        raise InputError("--transcript gives a recorded run's answers again and asks nobody; leave --model out")
    if model is None and transcript is None:
        for name, value in given.items():
            if value:
                raise InputError(f"{name} is about a model; name one with --model, or leave it out")


def check_beside_transcript(context: typer.Context) -> None:
    """Refuse options beside `--transcript` that would be ignored, since the recorded run has settled them.

    Raises:
        InputError: names the first one.
    """
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if option.name not in _BESIDE_TRANSCRIPT and source is not None and source.name == "COMMANDLINE":
            name = "/".join((max(option.opts, key=len), *option.secondary_opts))
            raise InputError(
                f"--transcript repeats a run with what it recorded, so {name} would be ignored; leave {name} out"
            )


@contextmanager
def ctrl_c(brake: Brake) -> Generator[None]:
    """Ctrl-C once ends the run in order; twice stops it where it is."""

    def pressed(number: int, frame: object) -> None:
        if brake.pulled:
            logging.getLogger("asyncio").disabled = True  # that tasks end in their middle is what was asked for
            raise KeyboardInterrupt  # `main` says how to go on
        brake.pull()  # before a word is said: the second press may come while it is
        announce("finishing what is in flight, then saving; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
