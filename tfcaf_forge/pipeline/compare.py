"""Compare: training runs side by side, trained here if need be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfcaf_forge.errors import InputError, StoreError
from tfcaf_forge.pipeline.seeds import Job, train_many
from tfcaf_forge.pipeline.tasks import load_task

if TYPE_CHECKING:
    from tfcaf_forge.training.comparison import Comparison
    from tfcaf_forge.training.config import TrainConfig
    from tfcaf_forge.training.result import TrainingResult, TrainProgress

PLOT, MARL_EVAL = "curves.svg", "marl-eval.json"


def load_results(folders: Sequence[Path]) -> list[TrainingResult]:
    """The results of training runs.

    Args:
        folders: runs, or folders with runs somewhere inside.

    Raises:
        StoreError: a folder holds no result, or one that cannot be read.
    """
    from tfcaf_forge.records.base import from_json
    from tfcaf_forge.training.result import RESULT, TrainingResult

    results: list[TrainingResult] = []
    for folder in folders:
        found = sorted(folder.rglob(RESULT)) if folder.is_dir() else []
        if not found:
            raise StoreError(f"{folder} holds no training run ({RESULT}); make one with: forge train --out {folder}")
        for path in found:
            try:
                results.append(from_json(path.read_bytes(), TrainingResult, what=str(path)))
            except InputError as fault:
                raise StoreError(f"{fault}; train it again") from None
    return results


def plan_runs(
    task: str, mixers: Sequence[str], seeds: Sequence[int], out: Path, *, steps: int, config: TrainConfig
) -> list[Job]:
    """One run for each mixer and seed, in `out/TASK/MIXER/seed-K`.

    Raises:
        TaskError, InputError, KernelError: there is no such task or mixer, or a kernel is for another task.
    """
    from tfcaf_forge.pipeline.trained import make_mixer

    spec = load_task(task)
    names = [make_mixer(mixer, spec, config, 0).name for mixer in mixers]
    if len(set(names)) < len(names):
        raise InputError(f"a mixer twice among {', '.join(mixers)}; name each once")
    return [
        Job(
            task=spec,
            mixer=mixer,
            out=out / spec.name / name.replace(":", "-") / f"seed-{seed}",
            steps=steps,
            seed=seed,
            config=config,
        )
        for mixer, name in zip(mixers, names, strict=True)
        for seed in seeds
    ]


def compare(
    results: Sequence[TrainingResult] | None = None,
    *,
    runs: Sequence[Job] = (),
    jobs: int = 1,
    progress: Callable[[Job, TrainProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Comparison | None, list[TrainingResult]]:
    """Compare results, after training what is to be trained.

    Args:
        results: of runs that stand already.
        runs: to be trained first, or continued (`plan_runs`).
        jobs, progress, should_stop: as in `seeds.train_many`.

    Returns:
        The comparison and all results; no comparison if the training was stopped before its end.

    Raises:
        InputError: there is nothing to compare, or the runs do not match.
        RunsFailed: as in `seeds.train_many`.
    """
    from tfcaf_forge.training.comparison import compare_runs

    made = train_many(runs, jobs=jobs, progress=progress, should_stop=should_stop) if runs else []
    everything = [*(results or ()), *made]
    finished = sum(result.status == "finished" for result in made)
    return None if finished < len(runs) else compare_runs(everything), everything


def write_comparison(comparison: Comparison, results: Sequence[TrainingResult], out: Path) -> list[Path]:
    """Write the plot (where all runs are on one task) and marl-eval's JSON into a folder; returns what was written."""
    import msgspec

    from tfcaf_forge.training.comparison import marl_eval_json

    out.mkdir(parents=True, exist_ok=True)
    written = [out / MARL_EVAL]
    written[0].write_bytes(msgspec.json.format(msgspec.json.encode(marl_eval_json(results)), indent=1) + b"\n")
    if len(comparison.tasks) == 1:
        written.insert(0, out / PLOT)
        written[0].write_text(draw(comparison), encoding="utf-8")
    return written


def draw(comparison: Comparison) -> str:
    """The sample-efficiency curves against steps and against seconds, as SVG."""
    from tfcaf_forge.reports.curves import Line, Panel, svg

    panels: list[Panel] = []
    for what, axis in (("steps", "environment steps"), ("seconds", "seconds of training")):
        curves = [(row, row.by_steps if what == "steps" else row.by_seconds) for row in comparison.rows]
        lines = [
            Line(f"{row.mixer} ({len(row.seeds)} seeds)", c.x, c.value, c.low, c.high)
            for row, c in curves
            if c is not None
        ]
        panels.append(Panel(comparison.tasks[0], axis, lines))
    return svg(panels, note="interquartile mean over seeds; bands: stratified bootstrap 95 % intervals")
