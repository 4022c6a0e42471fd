"""Synthesize as a library call: a model by its name, and everything else as `pipeline.synthesize` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline import synthesize as pipeline
from tfcaf_forge.pipeline.outcome import Synthesis
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.proposals.asker import Limits
from tfcaf_forge.proposals.asking import Asking
from tfcaf_forge.proposals.ledger import Budget
from tfcaf_forge.proposals.model import Model
from tfcaf_forge.proposals.session import Models
from tfcaf_forge.records.task_spec import TaskSpec


def synthesize(
    task: str | Path | TaskSpec,
    *,
    model: str | None = None,
    budget: Budget | None = None,
    api_base: str = "",
    api_key_env: str = "",
    environment: Mapping[str, str] | None = None,
    **settings: Any,  # noqa: ANN401 - those of `pipeline.synthesize.synthesize`
) -> Synthesis:
    """Propose, vet and rank functions for a task, and export the best: `synthesize(task, model=…).kernel`.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        model: who writes, such as `recorded/lbf-8x8`, `ollama/qwen3-coder` or `openai/NAME`; the offline search if
            None. The same model reviews.
        budget: what the model may cost; needed where its price is unknown.
        api_base: the endpoint's URL.
        api_key_env: the variable of `environment` that holds the key.
        environment: where keys are looked up, such as `os.environ`; the library reads none by itself.
        settings: `coder`, `models`, `out`, `seed`, `rounds`, `candidates`, `episodes`, `replay`, `profile`, `backend`,
            `limits`, `require`, `notify`, `brake`, as in `pipeline.synthesize.synthesize`.

    Returns:
        How the run ended; its `kernel` is a torch module.

    Raises:
        InputError: a model is given twice.
        ModelError, MissingExtra: the model cannot be asked.
        ForgeError: as in `pipeline.synthesize.synthesize`.
    """
    if model is None:
        return pipeline.synthesize(task, **settings)
    if settings.get("models") is not None or settings.get("coder") is not None:
        raise InputError(f"model={model!r} is given beside `models` or `coder`; leave one of them out")
    spec = load_task(task)
    settings["models"] = _models(model, spec, budget or Budget(), api_base, api_key_env, environment or {}, settings)
    settings.setdefault("candidates", 3)
    return pipeline.synthesize(spec, **settings)


def _models(
    name: str,
    task: TaskSpec,
    budget: Budget,
    api_base: str,
    api_key_env: str,
    environment: Mapping[str, str],
    settings: Mapping[str, Any],
) -> Models:
    """One model that writes and reviews."""
    from tfcaf_forge.proposals.prompts import prompts_digest
    from tfcaf_forge.proposals.redact import Redactor

    named = environment.get(api_key_env, "")
    redactor = Redactor(environment, [named] if named else [])
    model = _model(name, task, api_base, api_key_env, environment, redactor)
    asking = Asking(
        model=model.name,
        endpoint=model.endpoint,
        evaluator=model.name,
        evaluator_endpoint=model.endpoint,
        seed=int(settings.get("seed", 0)),
        prompts=prompts_digest(),
    )
    return Models(asking=asking, writers=(model,), reviewer=model, budget=budget, limits=Limits(), redactor=redactor)


def _model(
    name: str, task: TaskSpec, api_base: str, api_key_env: str, environment: Mapping[str, str], redactor: Any  # noqa: ANN401
) -> Model:  # fmt: skip
    if name.startswith("recorded/"):
        from tfcaf_forge.proposals.recorded import RecordedModel

        return RecordedModel(name, task.name)
    from tfcaf_forge.proposals.litellm_client import LitellmModel

    return LitellmModel(
        name, api_base=api_base, api_key_env=api_key_env, environment=environment, stream=True, redactor=redactor, ask=True
    )  # fmt: skip
