"""The pipeline: the only place where the stages meet. One function a verb of the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfcaf_forge.pipeline.export import export
    from tfcaf_forge.pipeline.ranked import collect, rank
    from tfcaf_forge.pipeline.report import report
    from tfcaf_forge.pipeline.synthesize import Synthesis, synthesize
    from tfcaf_forge.pipeline.tasks import load_task, task_names
    from tfcaf_forge.pipeline.trained import train
    from tfcaf_forge.pipeline.vet import Vetted, vet

__all__ = [
    "Synthesis",
    "Vetted",
    "collect",
    "export",
    "load_task",
    "rank",
    "report",
    "synthesize",
    "task_names",
    "train",
    "vet",
]

_HOME = {
    "Synthesis": "synthesize",
    "Vetted": "vet",
    "collect": "ranked",
    "export": "export",
    "load_task": "tasks",
    "rank": "ranked",
    "report": "report",
    "synthesize": "synthesize",
    "task_names": "tasks",
    "train": "trained",
    "vet": "vet",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - module attributes
    """Load a verb's module, and torch with it, only when the verb is asked for."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
