"""Models by their names: what a user says about whom to ask, and the models that it comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tfcaf_forge.proposals.asker import Limits
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.ledger import Budget
from tfcaf_forge.proposals.model import Model
from tfcaf_forge.proposals.prompts import prompts_digest
from tfcaf_forge.proposals.recorded import PREFIX, RecordedModel
from tfcaf_forge.proposals.redact import Redactor
from tfcaf_forge.proposals.session import Models
from tfcaf_forge.records.task_spec import TaskSpec

_WITH_URL = re.compile(r"(?P<name>.+?)@(?P<url>[a-z][a-z0-9+.-]*://.*)", re.I | re.S)
LOCAL_TOKENS = 500_000
"""The token budget of a model on this machine where none is given: nobody bills it, yet nothing goes on for ever."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Whom to ask, and how.

    Attributes:
        model: who writes, `PROVIDER/NAME` or `recorded/NAME`.
        evaluator: who reviews; None for the same model, `none` for nobody.
        fallbacks: asked where the model fails, each `NAME` or `NAME@URL`.
        api_base: the endpoint's URL; empty for the provider's own.
        api_key_env: the variable that holds the key; empty for the provider's own.
        strategy, seed, temperature, answer_tokens, repairs: as in `Asking`.
        stream: take answers piece by piece.
        local_only, allowed: refuse every endpoint that is not this machine, nor one of these hosts.
        budget, limits: what it may cost, and how patient to be.
        dry: nobody will be asked, so no key is looked for.
    """

    model: str
    evaluator: str | None = None
    fallbacks: tuple[str, ...] = ()
    api_base: str = ""
    api_key_env: str = ""
    strategy: str = "qllm"
    seed: int = 0
    temperature: float = 0.8
    answer_tokens: int = 4096
    repairs: int = 2
    stream: bool = True
    local_only: bool = False
    allowed: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    dry: bool = False


def models_of(wanted: Wanted, task: TaskSpec, environment: Mapping[str, str]) -> Models:
    """The models as objects.

    Args:
        wanted: whom to ask.
        task: what functions are written for.
        environment: where keys are looked up; all secrets in it are kept out of prompts and records.

    Raises:
        ModelError, MissingExtra: a model cannot be asked; says what to change.
    """
    named = environment.get(wanted.api_key_env, "") if wanted.api_key_env else ""
    build = _Builder(wanted, task, environment, Redactor(environment, [named] if named else []))
    writer = build.model(wanted.model, wanted.api_base)
    fallbacks = tuple(build.other(name) for name in wanted.fallbacks)
    reviewer = build.reviewer(writer)
    return Models(
        asking=_asking(wanted, writer, reviewer, fallbacks),
        writers=(writer, *fallbacks),
        reviewer=reviewer,
        budget=_bounded(wanted.budget, [writer, *fallbacks, *([] if reviewer is None else [reviewer])]),
        limits=wanted.limits,
        redactor=build.redactor,
        local=wanted.allowed if wanted.local_only else None,
    )


def name_and_url(text: str) -> tuple[str, str]:
    """A model's name, and the URL of `NAME@URL`; empty for `NAME`, which may hold an `@` of its own."""
    found = _WITH_URL.fullmatch(text)
    return (text, "") if found is None else (found["name"], found["url"])


class _Builder:
    """Names to models."""

    def __init__(self, wanted: Wanted, task: TaskSpec, environment: Mapping[str, str], redactor: Redactor) -> None:
        self._wanted, self._task, self._environment, self.redactor = wanted, task, environment, redactor

    def model(self, name: str, api_base: str) -> Model:
        if name.startswith(PREFIX):
            return RecordedModel(name, self._task.name)
        from tfcaf_forge.proposals.litellm_client import LitellmModel

        return LitellmModel(
            name,
            api_base=api_base,
            api_key_env=self._wanted.api_key_env if api_base == self._wanted.api_base else "",
            environment=self._environment,
            stream=self._wanted.stream,
            redactor=self.redactor,
            ask=not self._wanted.dry,
        )

    def other(self, text: str) -> Model:
        """A further model: NAME@URL, or NAME at the first one's endpoint where the provider is the same."""
        name, url = name_and_url(text)
        same = name.partition("/")[0] == self._wanted.model.partition("/")[0]
        return self.model(name, url or (self._wanted.api_base if same else ""))

    def reviewer(self, writer: Model) -> Model | None:
        if self._wanted.evaluator is None or self._wanted.evaluator == self._wanted.model:
            return writer
        return None if self._wanted.evaluator == "none" else self.other(self._wanted.evaluator)


def _bounded(budget: Budget, asked: list[Model]) -> Budget:
    """The budget, with a bound on tokens where only models on this machine are asked and nobody knows a price.

    Not where dollars were to bound it, which they cannot: `Models.check` says so rather than let another bound stand in.
    """
    if (
        budget.tokens is not None
        or budget.usd is not None
        or any(model.leaves for model in asked)
        or all(model.price is not None for model in asked)
    ):
        return budget
    return Budget(tokens=LOCAL_TOKENS, calls=budget.calls, minutes=budget.minutes)


def _asking(wanted: Wanted, writer: Model, reviewer: Model | None, fallbacks: tuple[Model, ...]) -> Asking:
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
