"""The options that say which model is asked, and how they become objects. Imports nothing heavy until one is given."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.errors import InputError

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.outcome import Brake
    from tfcaf_forge.proposals.model import Model
    from tfcaf_forge.proposals.redact import Redactor
    from tfcaf_forge.proposals.session import Models
    from tfcaf_forge.proposals.transcript import Recording
    from tfcaf_forge.records.task_spec import TaskSpec

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

_USUAL = {"--concurrency": 4, "--timeout": 180.0}

LOCAL_TOKENS = 500_000
"""The token budget of a model on this machine where none is given: nobody bills it, yet nothing goes on for ever."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options as they were given."""

    model: str
    evaluator: str | None
    fallbacks: tuple[str, ...]
    api_base: str
    api_key_env: str
    strategy: str
    seed: int
    temperature: float
    answer_tokens: int
    repairs: int
    concurrency: int
    timeout: float
    stream: bool
    local_only: bool
    allowed: tuple[str, ...]
    max_usd: float | None
    max_tokens: int | None
    max_calls: int | None
    max_minutes: float | None
    dry: bool = False


def models_of(wanted: Wanted, task: TaskSpec) -> Models:
    """The models as objects.

    Raises:
        ModelError, MissingExtra, InputError: what was given is wrong.
    """
    from tfcaf_forge.proposals.asker import Limits
    from tfcaf_forge.proposals.ledger import Budget
    from tfcaf_forge.proposals.session import Models

    redactor = _redactor(wanted)
    build = _Builder(wanted, task, redactor)
    writer = build.model(wanted.model, wanted.api_base)
    fallbacks = tuple(build.other(name) for name in wanted.fallbacks)
    reviewer = build.reviewer(writer)
    asked = [writer, *fallbacks, *([] if reviewer is None else [reviewer])]
    tokens = wanted.max_tokens
    if tokens is None and not any(model.leaves for model in asked) and any(model.price is None for model in asked):
        tokens = LOCAL_TOKENS
    return Models(
        asking=_asking(wanted, writer, reviewer, fallbacks),
        writers=(writer, *fallbacks),
        reviewer=reviewer,
        budget=Budget(usd=wanted.max_usd, tokens=tokens, calls=wanted.max_calls, minutes=wanted.max_minutes),
        limits=Limits(concurrency=wanted.concurrency, timeout_s=wanted.timeout),
        redactor=redactor,
        local=wanted.allowed if wanted.local_only else None,
    )


def unpinned(wanted: Wanted) -> list[str]:
    """The options that decide no result, so that a run's records do not hold them: to be given again on resuming."""
    words = ["--local-only"] if wanted.local_only else []
    words += [word for host in wanted.allowed for word in ("--allow-host", host)]
    words += ["--api-key-env", wanted.api_key_env] if wanted.api_key_env else []
    words += [] if wanted.stream else ["--no-stream"]
    for name, value in (("--concurrency", wanted.concurrency), ("--timeout", wanted.timeout)):
        words += [name, f"{value:g}"] if value != _USUAL[name] else []
    budget = {
        "usd": wanted.max_usd,
        "tokens": wanted.max_tokens,
        "calls": wanted.max_calls,
        "minutes": wanted.max_minutes,
    }
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
        redactor=_redactor(None),
        recording=recording,
    )
    return models, recording


class _Builder:
    """Names to models."""

    def __init__(self, wanted: Wanted, task: TaskSpec, redactor: Redactor) -> None:
        self._wanted, self._task, self._redactor = wanted, task, redactor

    def model(self, name: str, api_base: str) -> Model:
        if name.startswith("recorded/"):
            from tfcaf_forge.proposals.recorded import RecordedModel

            return RecordedModel(name, self._task.name)
        from tfcaf_forge.proposals.litellm_client import LitellmModel

        return LitellmModel(
            name,
            api_base=api_base,
            api_key_env=self._wanted.api_key_env if api_base == self._wanted.api_base else "",
            environment=os.environ,
            stream=self._wanted.stream,
            redactor=self._redactor,
            ask=not self._wanted.dry,
        )

    def other(self, text: str) -> Model:
        """A further model: NAME@URL, or NAME at the first one's endpoint where the provider is the same."""
        name, _, url = text.partition("@")
        same = name.partition("/")[0] == self._wanted.model.partition("/")[0]
        return self.model(name, url or (self._wanted.api_base if same else ""))

    def reviewer(self, writer: Model) -> Model | None:
        if self._wanted.evaluator is None or self._wanted.evaluator == self._wanted.model:
            return writer
        return None if self._wanted.evaluator == "none" else self.other(self._wanted.evaluator)


def _asking(wanted: Wanted, writer: Model, reviewer: Model | None, fallbacks: tuple[Model, ...]) -> Any:  # noqa: ANN401
    from tfcaf_forge.proposals.asking import Asking
    from tfcaf_forge.proposals.prompts import prompts_digest

    return Asking(
        model=writer.name,
        endpoint=writer.endpoint,
        evaluator="" if reviewer is None else reviewer.name,
        evaluator_endpoint="" if reviewer is None else reviewer.endpoint,
        fallbacks=tuple((model.name, model.endpoint) for model in fallbacks),
        strategy=wanted.strategy,
        seed=wanted.seed,
        temperature=wanted.temperature,
        answer_tokens=wanted.answer_tokens,
        repairs=wanted.repairs,
        prompts=prompts_digest(),
    )


def _redactor(wanted: Wanted | None) -> Redactor:
    from tfcaf_forge.proposals.redact import Redactor

    named = os.environ.get(wanted.api_key_env, "") if wanted is not None and wanted.api_key_env else ""
    return Redactor(os.environ, [named] if named else [])


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


@contextmanager
def ctrl_c(brake: Brake) -> Generator[None]:
    """Ctrl-C once ends the run in order; twice stops it where it is."""

    def pressed(number: int, frame: object) -> None:
        if brake.pulled:
            raise KeyboardInterrupt  # `main` says how to go on
        sys.stderr.write("\nfinishing what is in flight, then saving; Ctrl-C again stops at once\n")
        brake.pull()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
