"""Synthesize as a library call: a model by its name, and everything else as `pipeline.synthesize` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline import synthesize as pipeline
from tfcaf_forge.pipeline.outcome import Synthesis
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.proposals.ledger import Budget
from tfcaf_forge.proposals.named import Wanted, models_of
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
        budget: what the model may cost; needed where its price is unknown and it is not on this machine.
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
    wanted = Wanted(
        model=model, budget=budget or Budget(), api_base=api_base, api_key_env=api_key_env, seed=settings.get("seed", 0)
    )
    settings["models"] = models_of(wanted, spec, environment or {})
    settings.setdefault("candidates", 3)
    return pipeline.synthesize(spec, **settings)
