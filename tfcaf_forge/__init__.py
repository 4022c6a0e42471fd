"""tfcaf-forge: vetted credit assignment functions for cooperative reinforcement learning.

The verbs of the command line as functions. Importing the package loads neither torch nor hypothesis nor litellm; each
verb loads what it needs when it is called::

    import tfcaf_forge as forge

    run = forge.synthesize("lbf-8x8-2p-2f-coop", seed=0)
    kernel = run.kernel                       # a parameterless torch module
    credit = kernel.credit(state)             # [B, N], from the state alone

    forge.vet(source, "lbf-8x8-2p-2f-coop").accepted
    forge.load_kernel("kernel.safetensors")
    forge.check_kernel(kernel, mixer).require()  # for whoever writes a trainer
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfcaf_forge.version import VERSION

if TYPE_CHECKING:
    from tfcaf_forge.kernels.artifact import load_kernel as load_kernel
    from tfcaf_forge.kernels.conformance import check_kernel as check_kernel
    from tfcaf_forge.kernels.kernel import Kernel as Kernel
    from tfcaf_forge.pipeline.export import export as export
    from tfcaf_forge.pipeline.library import synthesize as synthesize
    from tfcaf_forge.pipeline.ranked import collect as collect
    from tfcaf_forge.pipeline.ranked import rank as rank
    from tfcaf_forge.pipeline.report import report as report
    from tfcaf_forge.pipeline.synthesize import Synthesis as Synthesis
    from tfcaf_forge.pipeline.tasks import load_task as load_task
    from tfcaf_forge.pipeline.tasks import task_names as task_names
    from tfcaf_forge.pipeline.trained import train as train
    from tfcaf_forge.pipeline.vet import Vetted as Vetted
    from tfcaf_forge.pipeline.vet import vet as vet

__version__ = VERSION

_HOME = {
    "Kernel": "tfcaf_forge.kernels.kernel",
    "check_kernel": "tfcaf_forge.kernels.conformance",
    "load_kernel": "tfcaf_forge.kernels.artifact",
    "Synthesis": "tfcaf_forge.pipeline.synthesize",
    "Vetted": "tfcaf_forge.pipeline.vet",
    "collect": "tfcaf_forge.pipeline.ranked",
    "export": "tfcaf_forge.pipeline.export",
    "load_task": "tfcaf_forge.pipeline.tasks",
    "rank": "tfcaf_forge.pipeline.ranked",
    "report": "tfcaf_forge.pipeline.report",
    "synthesize": "tfcaf_forge.pipeline.library",
    "task_names": "tfcaf_forge.pipeline.tasks",
    "train": "tfcaf_forge.pipeline.trained",
    "vet": "tfcaf_forge.pipeline.vet",
}

__all__ = ["__version__", *sorted(_HOME)]  # pyright: ignore[reportUnsupportedDunderAll] - resolved lazily below


def __getattr__(name: str) -> Any:  # noqa: ANN401 - module attributes
    """Load a verb's room only when the verb is asked for."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
