"""Learning curves of training runs, ours and EPyMARL's, in one plot: greedy return against steps and against seconds.

    python benchmarks/learning.py read --out benchmarks/data/learning-NAME.json RUN… [--epymarl FOLDER…]
    python benchmarks/learning.py draw benchmarks/data/learning-NAME.json… --out docs/figures

RUN is a folder of `forge train` or `forge compare`; FOLDER one of EPyMARL's `results/sacred/ALGORITHM/KEY/NUMBER`. `read` keeps
the numbers of the evaluations and nothing else. Seconds: ours of training, EPyMARL's with its evaluations.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

import msgspec

from tfcaf_forge.pipeline.compare import draw
from tfcaf_forge.records.base import Plain, from_json
from tfcaf_forge.training.comparison import compare_runs
from tfcaf_forge.training.config import TrainConfig
from tfcaf_forge.training.result import RESULT, Evaluation, TrainingResult

KEYS = {
    "lbforaging:Foraging-2s-8x8-2p-2f-coop-v3": "lbf-8x8-2p-2f-coop",
    "lbforaging:Foraging-5x5-2p-1f-coop-v3": "lbf-5x5-2p-1f-coop",
}


class Run(Plain, frozen=True, kw_only=True):
    """One training: the mean greedy return at each evaluation, and over how many episodes it is one."""

    task: str
    mixer: str
    seed: int
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    returns: tuple[float, ...]
    episodes: int


def of_ours(folder: Path) -> Run:
    found = from_json((folder / RESULT).read_bytes(), TrainingResult, what=str(folder))
    if found.status != "finished":
        sys.exit(f"{folder}: this run was stopped; repeat its command")
    return Run(
        task=found.task,
        mixer=found.mixer,
        seed=found.seed,
        steps=tuple(e.steps for e in found.evaluations),
        seconds=tuple(round(e.seconds, 2) for e in found.evaluations),
        returns=tuple(round(e.mean, 5) for e in found.evaluations),
        episodes=found.config.evaluation_episodes,
    )


def of_epymarl(folder: Path) -> Run:
    config = json.loads((folder / "config.json").read_text())
    curve = json.loads((folder / "metrics.json").read_text())["test_return_mean"]
    # Sacred's own step is the evaluation's number in some versions; the step it was made at stands beside the value.
    made_at = json.loads((folder / "info.json").read_text())["test_return_mean_T"]
    times = [datetime.fromisoformat(text) for text in curve["timestamps"]]
    return Run(
        task=KEYS[config["env_args"]["key"]],
        mixer=f"EPyMARL {config['name']}",
        seed=config["seed"],
        steps=tuple(made_at),
        seconds=tuple(round((time - times[0]).total_seconds(), 2) for time in times),
        returns=tuple(round(value, 5) for value in curve["values"]),
        episodes=config["test_nepisode"],
    )


def as_result(run: Run) -> TrainingResult:
    """What the comparison reads; nothing else of it is known."""
    evaluations = tuple(
        Evaluation(steps=step, seconds=second, mean=value, std=0.0, episodes=run.episodes)
        for step, second, value in zip(run.steps, run.seconds, run.returns, strict=True)
    )
    return TrainingResult(
        task=run.task, task_digest="", mixer=run.mixer, seed=run.seed, status="finished", steps=run.steps[-1], episodes=0,
        updates=0, evaluations=evaluations, final_return=run.returns[-1], seconds=run.seconds[-1], evaluation_seconds=0.0,
        steps_per_second=run.steps[-1] / run.seconds[-1], folder="", config=TrainConfig(),
    )  # fmt: skip


def read(asked: argparse.Namespace) -> None:
    folders = [path.parent for run in asked.runs for path in sorted(run.rglob(RESULT))]
    runs = [of_ours(folder) for folder in folders] + [of_epymarl(folder) for folder in asked.epymarl or ()]
    if not runs:
        sys.exit("no finished run in these folders")
    asked.out.write_bytes(msgspec.json.encode(runs).replace(b"},{", b"},\n{") + b"\n")


def draw_all(asked: argparse.Namespace) -> None:
    asked.out.mkdir(parents=True, exist_ok=True)
    for path in asked.data:
        runs = msgspec.json.decode(path.read_bytes(), type=tuple[Run, ...])
        compared = compare_runs([as_result(run) for run in runs])
        target = asked.out / f"{path.stem}.svg"
        target.write_text(draw(compared), encoding="utf-8")
        print(f"{target}: {compared.tasks[0]}, {compared.steps:,} steps")
        for row in compared.rows:
            final, auc = row.final, row.auc
            print(
                f"  {row.mixer:32} last {final.value:8.3f} [{final.low:.3f}, {final.high:.3f}]   mean over training "
                f"{auc.value:8.3f} [{auc.low:.3f}, {auc.high:.3f}]   {row.steps_per_second:8,.0f} steps/s   {len(row.seeds)} seeds"
            )


def main() -> None:
    """Read runs, or draw what was read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    reading = verbs.add_parser("read", help="keep the evaluations of runs in one file")
    reading.add_argument("runs", nargs="*", type=Path)
    reading.add_argument("--epymarl", nargs="*", type=Path)
    reading.add_argument("--out", type=Path, required=True)
    reading.set_defaults(call=read)
    drawing = verbs.add_parser("draw", help="draw files made by read, and print their ends")
    drawing.add_argument("data", nargs="+", type=Path)
    drawing.add_argument("--out", type=Path, required=True)
    drawing.set_defaults(call=draw_all)
    asked = parser.parse_args()
    asked.call(asked)


if __name__ == "__main__":
    main()
