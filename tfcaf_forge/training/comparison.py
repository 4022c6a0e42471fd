"""Comparison: the curves and the final returns of training runs, mixer by mixer, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfcaf_forge.errors import InputError
from tfcaf_forge.records.base import Plain, Record
from tfcaf_forge.records.ranking import Interval
from tfcaf_forge.training.result import Evaluation, TrainingResult
from tfcaf_forge.training.statistics import Scores, at, bootstrap, improvement

POINTS = 50
"""Points of a curve."""


class Curve(Plain, frozen=True, kw_only=True):
    """IQM of the greedy return over the seeds, where the runs stood at each point.

    Attributes:
        x: environment steps, or seconds of training (evaluations not counted).
        value, low, high: with the 95 % interval at each.
    """

    x: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class MixerRow(Plain, frozen=True, kw_only=True):
    """What runs with one mixer came to.

    Attributes:
        mixer: its name.
        seeds: of its runs; intervals over fewer than five say little.
        final: IQM over seeds and tasks of each run's evaluation nearest to where the comparison ends: rollouts end with their
            episodes, so runs of one length are evaluated at steps a little apart.
        auc: IQM of the mean return over training: how soon it learned.
        over_first: probability of improvement over the first mixer; None for the first itself.
        contribution_error: mean of the last known ones up to there.
        steps_per_second: median.
        by_steps, by_seconds: sample-efficiency curves, where all runs are on one task.
    """

    mixer: str
    seeds: tuple[int, ...]
    final: Interval
    auc: Interval
    over_first: Interval | None
    contribution_error: float | None
    steps_per_second: float
    by_steps: Curve | None
    by_seconds: Curve | None


class Comparison(Record, frozen=True, kw_only=True):
    """Mixers side by side.

    Attributes:
        tasks: their names; each mixer was trained on all of them with the same seeds a task.
        steps: the shortest run's environment steps, up to which all are compared.
        rows: in the order in which the mixers were given.
    """

    tasks: tuple[str, ...]
    steps: int
    rows: tuple[MixerRow, ...]


def compare_runs(results: Sequence[TrainingResult], *, draws: int = 2000) -> Comparison:
    """Compare training runs.

    Intervals are stratified bootstraps over seeds, within tasks (`statistics`). Returns of different tasks are averaged as
    they are: compare tasks of one scale only.

    Args:
        results: runs of at least one mixer; every mixer on the same tasks, with equally many seeds on each.
        draws: bootstrap resamples.

    Raises:
        InputError: there are none, or the mixers' runs do not match.
    """
    groups = _grouped(results)
    tasks = tuple(dict.fromkeys(result.task for result in results))
    steps = min(result.evaluations[-1].steps for result in results)
    tables = {mixer: _table(mixer, runs, tasks, steps) for mixer, runs in groups.items()}
    first = next(iter(tables.values()))[0]
    rows = tuple(
        _row(mixer, groups[mixer], table, None if table[0] is first else first, steps, draws, alone=len(tasks) == 1)
        for mixer, table in tables.items()
    )
    return Comparison(tasks=tasks, steps=steps, rows=rows)


def marl_eval_json(results: Sequence[TrainingResult], environment: str = "tfcaf-forge") -> dict[str, Any]:
    """The runs in the JSON form that marl-eval reads (Gorsane et al., 2022): environment, task, mixer, seed, step.

    As BenchMARL does, `absolute_metrics` is the best evaluation of the run; no policy is kept to evaluate it again.
    """
    tree: dict[str, Any] = {}
    for result in results:
        run: dict[str, Any] = {
            f"step_{k}": {
                "step_count": evaluation.steps,
                "elapsed_time": evaluation.seconds,
                "mean_episode_return": [evaluation.mean],
            }
            for k, evaluation in enumerate(result.evaluations)
        }
        run["absolute_metrics"] = {"mean_episode_return": [max(e.mean for e in result.evaluations)]}
        tree.setdefault(result.task, {}).setdefault(result.mixer, {})[f"seed_{result.seed}"] = run
    return {environment: tree}


def _grouped(results: Sequence[TrainingResult]) -> dict[str, list[TrainingResult]]:
    groups: dict[str, list[TrainingResult]] = {}
    for result in results:
        if not result.evaluations:
            raise InputError(f"{result.folder} has no evaluation; train it further")
        groups.setdefault(result.mixer, []).append(result)
    if not groups:
        raise InputError("no training runs; give folders made by `forge train`")
    counts = {mixer: sorted((run.task, run.seed) for run in runs) for mixer, runs in groups.items()}
    shapes = {mixer: sorted(task for task, _ in pairs) for mixer, pairs in counts.items()}
    for mixer, pairs in counts.items():
        if len(set(pairs)) < len(pairs):
            raise InputError(f"{mixer}: a task and a seed twice; give each run once")
        if shapes[mixer] != next(iter(shapes.values())):
            raise InputError(
                f"{mixer} and {next(iter(shapes))} have other tasks or another number of seeds; train what is missing"
            )
    if len({len([t for t in shape if t == task]) for shape in shapes.values() for task in set(shape)}) != 1:
        raise InputError("tasks with different numbers of seeds; train equally many on each")
    return groups


def _table(mixer: str, runs: Sequence[TrainingResult], tasks: Sequence[str], steps: int) -> tuple[Scores, Scores]:
    """Final returns and mean returns, both [seeds, tasks]."""
    del mixer
    final, mean = [], []
    for task in tasks:
        mine = sorted((run for run in runs if run.task == task), key=lambda run: run.seed)
        curves = [_values(run, np.linspace(0.0, steps, POINTS), "steps", steps) for run in mine]
        final.append([curve[-1] for curve in curves])
        mean.append([curve.mean() for curve in curves])
    return np.array(final).T, np.array(mean).T


def _row(
    mixer: str,
    runs: Sequence[TrainingResult],
    table: tuple[Scores, Scores],
    first: Scores | None,
    steps: int,
    draws: int,
    *,
    alone: bool,
) -> MixerRow:
    errors = [e for run in runs if (e := _last_error(_up_to(run, steps))) is not None]
    return MixerRow(
        mixer=mixer,
        seeds=tuple(sorted({run.seed for run in runs})),
        final=bootstrap(table[0], draws=draws),
        auc=bootstrap(table[1], draws=draws),
        over_first=None if first is None else improvement(table[0], first, draws=draws),
        contribution_error=float(np.mean(errors)) if errors else None,
        steps_per_second=float(np.median([run.steps_per_second for run in runs])),
        by_steps=_curve(runs, steps, "steps", draws) if alone else None,
        by_seconds=_curve(runs, steps, "seconds", draws) if alone else None,
    )


def _last_error(evaluations: Sequence[Evaluation]) -> float | None:
    known = [e.contribution_error for e in evaluations if e.contribution_error is not None]
    return known[-1] if known else None


def _curve(runs: Sequence[TrainingResult], steps: int, over: str, draws: int) -> Curve:
    """One curve; over seconds it ends where the quickest run ended, since nobody knows what that one would have done."""
    ends = [steps if over == "steps" else _up_to(run, steps)[-1].seconds for run in runs]
    grid = np.linspace(0.0, min(ends), POINTS)
    values = np.stack([_values(run, grid, over, steps) for run in runs])  # [seeds, points]
    points = [bootstrap(values[:, k : k + 1], draws=draws) for k in range(POINTS)]
    return Curve(
        x=tuple(grid.tolist()),
        value=tuple(p.value for p in points),
        low=tuple(p.low for p in points),
        high=tuple(p.high for p in points),
    )


def _up_to(run: TrainingResult, steps: int) -> Sequence[Evaluation]:
    """A run's evaluations up to the one that is nearest to these steps."""
    distances = [abs(e.steps - steps) for e in run.evaluations]
    return run.evaluations[: distances.index(min(distances)) + 1]


def _values(run: TrainingResult, grid: Scores, over: str, steps: int) -> Scores:
    """A run's returns at points of its curve, which ends with the evaluation nearest to `steps`."""
    evaluations = _up_to(run, steps)
    places = np.array([min(e.steps, steps) if over == "steps" else e.seconds for e in evaluations], np.float64)
    places[0] = 0.0  # the evaluation before the first step
    return at(places, np.array([e.mean for e in evaluations]), grid)
