"""The training run: collect, store, update, evaluate, checkpoint. One short loop around the parts.

Everything random comes from one seed: the k-th rollout and the evaluation at a step have their own streams, derived
from their number, so a resumed run continues exactly where the interrupted one would have gone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from tfcaf_forge.errors import EnvironmentFailed, InputError
from tfcaf_forge.folders import FolderLock
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.resources import keep_freed_memory
from tfcaf_forge.training.config import TrainConfig, check_config
from tfcaf_forge.training.learner import TrainingDiverged
from tfcaf_forge.training.mixers import Mixer
from tfcaf_forge.training.result import TrainingResult, TrainProgress
from tfcaf_forge.training.run import TrainingRun

__all__ = ["TrainingDiverged", "train"]


def train(
    task: TaskSpec,
    mixer: Mixer,
    config: TrainConfig,
    *,
    seed: int,
    steps: int,
    folder: Path,
    resume: bool = False,
    progress: Callable[[TrainProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train agents on a task with a mixer.

    Args:
        task: names the environment.
        mixer: joins the local Q-values; trained if it has parameters.
        config: settings.
        seed: determines everything but the times: on a CPU two runs are equal bit for bit.
        steps: environment steps; the run ends with the rollout that reaches them.
        folder: gets `checkpoint.pt`, `result.json` and TensorBoard's event files.
        resume: continue the run in `folder`, if there is one.
        progress: called after every rollout, and where a run is continued.
        should_stop: asked before every rollout; if it says so, the run is saved and returns with status `stopped`.

    Returns:
        The result, which is also in `result.json`.

    Raises:
        InputError: no steps, or a negative seed.
        ConfigError, TaskError, MissingExtra: settings or environment cannot be used.
        StoreError: the folder holds a run and `resume` is False, it was made with other settings, another process trains in
            it, or it cannot be written.
        EnvironmentFailed: an environment of another package failed; the run is saved as it was before that rollout.
        TrainingDiverged: the loss is not finite any more; the last checkpoint is kept.
    """
    if steps < 1 or seed < 0:
        raise InputError(f"{steps} steps with seed {seed}; train at least 1 step, with a seed of 0 or more")
    run = TrainingRun(task, mixer, check_config(config), seed=seed, folder=folder)
    keep_freed_memory()
    with FolderLock(folder), _torch_threads(config.threads):
        run.restore(resume=resume)
        if run.steps and progress is not None:
            progress(run.report(steps, None, None))
        with run.events():
            return _loop(run, steps, progress, should_stop)


def _loop(
    run: TrainingRun,
    steps: int,
    progress: Callable[[TrainProgress], None] | None,
    should_stop: Callable[[], bool] | None,
) -> TrainingResult:
    """Until there are so many steps, or somebody wants it to stop."""
    if not run.evaluations:
        run.evaluate()
    while run.steps < steps:
        if should_stop is not None and should_stop():
            run.save()
            return run.finish("stopped")
        try:
            episodes = run.collect()
        except EnvironmentFailed as fault:
            run.save()  # a rollout that failed has changed nothing
            raise EnvironmentFailed(f"{fault}; the same command goes on from {run.steps:,} steps") from None
        stats = run.learn(episodes.n_episodes)
        run.log(episodes, stats)
        if run.crossed(run.config.evaluation_interval, episodes):
            run.evaluate()
        if run.crossed(run.config.checkpoint_interval, episodes):
            run.save()
        if progress is not None:
            progress(run.report(steps, episodes, stats))
    if run.evaluations[-1].steps != run.steps:
        run.evaluate()
    run.save()
    return run.finish("finished")


@contextmanager
def _torch_threads(threads: int) -> Generator[None]:
    """So many torch threads inside, what it was after."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
