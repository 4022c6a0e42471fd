"""`forge train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcaf_forge.cli.output import (
    REFUSED,
    Columns,
    JsonOption,
    SeedOption,
    TaskOption,
    Ticker,
    print_facts,
    print_json,
    program,
    seconds_text,
    stderr,
    stdout,
)
from tfcaf_forge.cli.spreading import ExecutorOption, opened
from tfcaf_forge.cli.training import JobsOption, PresetOption, Runs, Stop, settings
from tfcaf_forge.errors import InputError
from tfcaf_forge.pipeline.seeds import Job
from tfcaf_forge.records.base import to_builtins

if TYPE_CHECKING:
    from tfcaf_forge.records.task_spec import TaskSpec
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.result import TrainingResult, TrainProgress

EPILOG = """Examples:

forge train --task lbf-8x8-2p-2f-coop --mixer runs/lbf-8x8-2p-2f-coop-0/kernel.safetensors --steps 200000

forge train --task lbf-8x8-2p-2f-coop --mixer qmix --config train.toml --seeds 0:10 --jobs 2

forge train --mixer qmix --seeds 0:10 --executor ray     (a core of the cluster for each; folders come back to this machine)

forge train --task lbf-8x8-2p-2f-coop --preset epymarl-qmix

Presets: epymarl-vdn, epymarl-qmix, epymarl-vdn-rnn, epymarl-qmix-rnn, pymarl-qmix, paper, qplex; --config changes them further.

The same command again resumes. Interrupt once to save and stop."""


def train(
    mixer: Annotated[
        str | None,
        typer.Option("--mixer", "-m", help="vdn, qmix, qplex, or the path of a kernel. [default: the preset's]"),
    ] = None,
    task: TaskOption = "lbf-8x8-2p-2f-coop",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Environment steps.")] = 200_000,
    seed: SeedOption = 0,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Several runs: 0:10 (0 to 9) or 0,4,7; each in its own process.")
    ] = None,
    jobs: JobsOption = 1,
    executor: ExecutorOption = "local",
    preset: PresetOption = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (.toml); unknown keys are errors.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder. [default: runs/train/TASK-MIXER-SEED]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train parameter-sharing Q-learners with a mixer."""
    from tfcaf_forge.pipeline.seeds import parse_seeds
    from tfcaf_forge.pipeline.tasks import load_task
    from tfcaf_forge.training.presets import find_preset

    if mixer is None:
        if preset is None:
            raise InputError("no mixer; name one with --mixer vdn, qmix, qplex or a kernel's path, or give a --preset")
        mixer = find_preset(preset).mixer
    if preset is not None:
        stderr().print(find_preset(preset).about, style="dim")
    spec, chosen = load_task(task), settings(preset, config)
    stem = out or Path("runs") / "train" / f"{spec.name}-{_label(mixer)}"
    if seeds is None:
        folder = out or stem.with_name(f"{stem.name}-{seed}")
        result = _one(spec, mixer, folder, steps=steps, seed=seed, config=chosen)
        print_json(result) if as_json else _print(result)
        raise typer.Exit(0 if result.status == "finished" else REFUSED)
    numbers = parse_seeds(seeds)
    work = [
        Job(
            task=spec,
            mixer=mixer,
            out=stem / f"seed-{n}" if out else stem.with_name(f"{stem.name}-{n}"),
            steps=steps,
            seed=n,
            config=chosen,
        )
        for n in numbers
    ]
    results = _many(work, jobs, executor)
    print_json({"runs": [to_builtins(result) for result in results]}) if as_json else _print_many(results, len(work))
    raise typer.Exit(0 if len(results) == len(work) and all(r.status == "finished" for r in results) else REFUSED)


def _one(task: TaskSpec, mixer: str, folder: Path, *, steps: int, seed: int, config: TrainConfig) -> TrainingResult:
    from tfcaf_forge.pipeline.trained import train as run

    show = _Show()
    try:
        return run(
            task, mixer, folder, steps=steps, seed=seed, config=config, progress=show.progress, should_stop=Stop().asked
        )
    finally:
        show.end()


def _many(work: list[Job], jobs: int, executor: str) -> list[TrainingResult]:
    from tfcaf_forge.pipeline.seeds import train_many

    if executor != "local":
        return _elsewhere(work, executor)
    show = Runs(len(work))
    try:
        return train_many(work, jobs=jobs, progress=show.progress, should_stop=Stop().asked)
    finally:
        show.end()


def _elsewhere(work: list[Job], executor: str) -> list[TrainingResult]:
    from tfcaf_forge.pipeline.carried import train_on

    ticker, back = Ticker(), 0

    def done(job: Job) -> None:
        nonlocal back
        back += 1
        ticker.show(f"{back} of {len(work)} runs are back, the last of them {job.name}")

    try:
        with opened(executor, len(work)) as workers:
            assert workers is not None  # noqa: S101 - only in this process there is none
            return train_on(workers, work, done=done)
    finally:
        ticker.clear()


def _print_many(results: list[TrainingResult], asked: int) -> None:
    console = stdout()
    table = Columns(
        console, {"seed": 4, "return": 16, "steps": 10, "steps/s": 8, "folder": 1}, right=("seed", "steps", "steps/s")
    )
    table.header()
    for result in results:
        last = result.evaluations[-1]
        table.row(
            {
                "seed": str(result.seed),
                "return": f"{last.mean:.3f} ± {last.std:.3f}",
                "steps": f"{result.steps:,}",
                "steps/s": f"{result.steps_per_second:,.0f}",
                "folder": result.folder,
            }
        )
    unfinished = asked - sum(result.status == "finished" for result in results)
    if unfinished:
        print_facts(console, {"stopped": f"{unfinished} runs are not finished; repeat the same command to go on"})
    elif results:
        print_facts(console, {"next": f"{program()} compare {' '.join(result.folder for result in results)}"})


def _label(mixer: str) -> str:
    """A mixer's name in a folder's name; a kernel is named by its own folder."""
    path = Path(mixer)
    return mixer if path.suffix != ".safetensors" else f"{path.parent.name or path.stem}"


class _Show:
    def __init__(self) -> None:
        self._ticker = Ticker()
        self._evaluated = -1

    def progress(self, now: TrainProgress) -> None:
        if now.train_return is None:
            self._ticker.show(f"{now.steps:>9,} of {now.total:,} steps   from the checkpoint")
            return
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
