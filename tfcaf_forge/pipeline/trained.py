"""Train: agents on a task, with a mixer by name or a kernel's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.records.task_spec import TaskSpec

if TYPE_CHECKING:
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.mixers import Mixer
    from tfcaf_forge.training.result import TrainingResult, TrainProgress

MIXERS = ("vdn", "qmix", "qplex")


def train(
    task: str | Path | TaskSpec,
    mixer: str | Path,
    out: Path,
    *,
    steps: int = 200_000,
    seed: int = 0,
    config: TrainConfig | None = None,
    resume: bool = True,
    progress: Callable[[TrainProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train parameter-sharing agents by Q-learning with a mixer.

    Args:
        task: a bundled task's name, a path, or a TaskSpec.
        mixer: `vdn`, `qmix`, `qplex`, or the path of a kernel.
        out: the training run's folder; continued if it holds a run with the same settings.
        steps: environment steps.
        seed: of everything.
        config: settings; the defaults if None.
        resume: continue a run that stands in `out`.
        progress: called after every rollout.
        should_stop: asked before every rollout; a stopped run can be resumed.

    Raises:
        TaskError, ConfigError, InputError, KernelError, MissingExtra: what was given is wrong.
        StoreError: `out` holds a run with other settings.
        TrainingDiverged: the loss is not finite any more.
    """
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.trainer import train as run

    spec = load_task(task)
    settings = config or TrainConfig()
    made = make_mixer(mixer, spec, settings, seed)
    return run(
        spec, made, settings, seed=seed, steps=steps, folder=out, resume=resume, progress=progress, should_stop=should_stop
    )  # fmt: skip


def make_mixer(mixer: str | Path, task: TaskSpec, config: TrainConfig, seed: int) -> Mixer:
    """A mixer by name, or a kernel from its file.

    Raises:
        InputError: there is no such mixer.
        KernelError: the kernel's file was changed, or it is for another task.
    """
    from tfcaf_forge.kernels.artifact import load_kernel
    from tfcaf_forge.training.mixers import QMIX, QPLEX, VDN, KernelMixer

    name = str(mixer)
    if name == "vdn":
        return VDN()
    if name == "qmix":
        return QMIX(task, embed=config.qmix_embed, hypernet=config.qmix_hypernet, seed=seed)
    if name == "qplex":
        return QPLEX(task, embed=config.qmix_embed, hypernet=config.qmix_hypernet, heads=config.qplex_heads, seed=seed)
    path = Path(mixer)
    if not path.exists() and path.suffix != ".safetensors":
        raise InputError(
            f"there is no mixer {name!r}; choose {', '.join(MIXERS)}, or give the path of a kernel.safetensors"
        )
    kernel = load_kernel(path)
    if kernel.manifest.task_digest != task.digest:
        raise InputError(
            f"{path} was made for the task {kernel.manifest.task}"
            f"{' with another TaskSpec' if kernel.manifest.task == task.name else ''}, not for {task.name}; synthesize one for it"
        )
    return KernelMixer(kernel, task, name=f"kernel:{kernel.manifest.graph_digest[:8]}")
