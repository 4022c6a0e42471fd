"""`forge train`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfcaf_forge.cli.output import (
    REFUSED,
    JsonOption,
    SeedOption,
    TaskOption,
    Ticker,
    print_facts,
    print_json,
    seconds_text,
    stdout,
)

if TYPE_CHECKING:
    from tfcaf_forge.training.result import TrainingResult, TrainProgress

EPILOG = """Examples:

forge train --task lbf-8x8-2p-2f-coop --mixer runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors --steps 200000

forge train --task lbf-8x8-2p-2f-coop --mixer qmix --config train.toml --seed 3

The same command again resumes. Interrupt once to save and stop."""


def train(
    mixer: Annotated[str, typer.Option("--mixer", "-m", help="vdn, qmix, or the path of a kernel.")],
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Environment steps.")] = 200_000,
    seed: SeedOption = 0,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (.toml); unknown keys are errors.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder. [default: runs/train/TASK-MIXER-SEED]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train parameter-sharing recurrent Q-learners with a mixer."""
    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.pipeline.trained import train as run
    from tfcaf_forge.training.config import load_config

    spec = load_task(task)
    folder = out or Path("runs") / "train" / f"{spec.name}-{_label(mixer)}-{seed}"
    show = _Show()
    result = run(
        spec,
        mixer,
        folder,
        steps=steps,
        seed=seed,
        config=None if config is None else load_config(config),
        progress=show.progress,
        should_stop=_Stop().asked,
    )
    show.end()
    if as_json:
        print_json(result)
    else:
        _print(result)
    raise typer.Exit(0 if result.status == "finished" else REFUSED)


def _label(mixer: str) -> str:
    """A mixer's name in a folder's name; a kernel is named by its own folder."""
    path = Path(mixer)
    return mixer if path.suffix != ".safetensors" else f"{path.parent.name or path.stem}"


class _Stop:
    """The first interrupt or termination asks the run to save and stop; the second ends it."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def asked(self) -> bool:
        return self._asked

    def _ask(self, number: int, frame: Any) -> None:  # noqa: ANN401 - the signal module's own type
        del number, frame
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


class _Show:
    def __init__(self) -> None:
        self._ticker = Ticker()
        self._evaluated = -1

    def progress(self, now: TrainProgress) -> None:
        best = "-" if now.evaluation is None else f"{now.evaluation.mean:.3f}"
        self._ticker.show(
            f"{now.steps:>9,} of {now.total:,} steps   return {best} greedy, {now.train_return:.3f} exploring   "
            f"epsilon {now.epsilon:.2f}   {now.steps_per_second:,.0f} steps/s   {seconds_text(now.seconds_left)} left"
        )

    def end(self) -> None:
        self._ticker.clear()


def _print(result: TrainingResult) -> None:
    last = result.evaluations[-1]
    facts = {
        "task": result.task,
        "mixer": result.mixer,
        "return": f"{last.mean:.3f} ± {last.std:.3f} over {last.episodes} greedy episodes after {last.steps:,} steps",
        "speed": f"{result.steps_per_second:,.0f} environment steps/s, training included; {seconds_text(result.seconds)} in all",
        "folder": f"{result.folder}   (result.json, TensorBoard event files, checkpoint)",
    }
    if result.status == "stopped":
        facts["stopped"] = f"after {result.steps:,} steps; repeat the same command to go on"
    print_facts(stdout(), facts)
