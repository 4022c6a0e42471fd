"""Does the ranking predict training? Functions, ground truth by real training, scores, and how well each predicts.

python benchmarks/ranking_validity.py functions [TASK…]
python benchmarks/ranking_validity.py train --seeds 3 [TASK…]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np
import torch
from validity import figures, functions, statistics, summary, training, worlds

from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.records.task_spec import TaskSpec

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
RULE = HERE.parent / "tfcaf_forge" / "ranking" / "rule.json"
FULL = 200
SIZES = {FULL: 1, 20: 2, 60: 1}
"""Episodes of the datasets, and how many of each size."""
CURVE = ("advantage", "returns", "contribution")
TASKS = ("importance-5", "chain-5", "lbf-5x5-2p-2f")


def task_of(name: str) -> TaskSpec:
    own = HERE / "validity" / "tasks" / f"{name}.toml"
    return load_task(own if own.exists() else name)


def make_functions(names: list[str], offline: int) -> None:
    DATA.mkdir(exist_ok=True)
    for name in names:
        found = list(functions.functions(task_of(name), offline=offline))
        kept = [f for f in found if isinstance(f, functions.Function)]
        functions.write(DATA / f"functions-{name}.json", kept)
        print(name, len(kept), "functions;", "; ".join(f for f in found if isinstance(f, str)))


def make_truth(names: list[str], seeds: int) -> None:
    for seed in range(seeds):  # so that what is finished when it is stopped is a whole seed of every task
        for name in names:
            known = functions.read(DATA / f"functions-{name}.json")
            training.train_all(task_of(name), known, [seed], DATA / f"runs-{name}.jsonl")


def make_figures(names: list[str], full: bool) -> None:
    for episodes, repeats in ({FULL: 1} if full else SIZES).items():
        for name in names:
            known = functions.read(DATA / f"functions-{name}.json")
            for repeat in range(repeats):
                out = DATA / f"figures-{name}-{episodes}-{repeat}.json"
                figures.compute(task_of(name), known, episodes, repeat, fitted=episodes == FULL, out=out)


def show(names: list[str], write_rule: bool) -> None:
    cases = [case for name in names if (case := summary.case_of(DATA, name, FULL)) is not None]
    print("task               score                              rho   regret   top 3")
    found: dict[str, dict[str, dict[str, float]]] = {}
    beyond: dict[str, dict[str, float]] = {}
    for case in cases:
        found[case.task] = summary.table(case, [other for other in cases if other is not case])
        for score, values in sorted(found[case.task].items(), key=lambda item: -item[1]["rho"]):
            print(
                f"{case.task:<18} {score:<32} {values['rho']:+.2f}  {100 * values['regret']:5.1f} %  {values['top3']:.2f}"
            )
        more = beyond[case.task] = summary.beyond(case, [other for other in cases if other is not case])
        print(
            f"{case.task:<18} {len(case.names)} functions, {more['seeds']} seeds; rank correlation of two seeds {more['reliability']:.2f}, "
            f"of the mean {more['reliability_of_mean']:.2f}: no score can be expected above {more['ceiling']:.2f}\n"
            f"{'':<18} regret with one training of the rule's first three {100 * more['regret_of_three_trained']:.1f} %; "
            f"{more['above_vdn_and_trained_better']} of the {more['above_vdn']} that it puts above equal weights trained better\n"
        )
    curve = few_data(names)
    record = {
        "tasks": found,
        "as_used": beyond,
        "few_data": curve,
        "truth": {c.task: dict(zip(c.names, c.runs.tolist(), strict=True)) for c in cases},
    }
    (DATA / "validity.json").write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    if write_rule:
        source = "benchmarks/ranking_validity.py show --write-rule; ridge on truth standardised by task, " + ", ".join(
            f"{c.task}: {len(c.names)} functions x {c.runs.shape[1]} seeds" for c in cases
        )
        RULE.write_bytes(msgspec.json.format(msgspec.json.encode(summary.rule_of(cases, source)), indent=1) + b"\n")


def few_data(names: list[str]) -> dict[str, dict[str, float]]:
    """Rank correlation by number of episodes, means over repeats and tasks."""
    curve: dict[str, dict[str, float]] = {}
    print("episodes   " + "   ".join(f"{name:>12}" for name in (*CURVE, "combined")))
    for episodes, repeats in sorted(SIZES.items()):
        rows: dict[str, list[float]] = {name: [] for name in (*CURVE, "combined")}
        for repeat in range(repeats):
            cases = [case for name in names if (case := summary.case_of(DATA, name, episodes, repeat)) is not None]
            for case in cases:
                others = [c for n in names if n != case.task and (c := summary.case_of(DATA, n, FULL)) is not None]
                scale = summary.scales(others)
                truth = case.runs.mean(axis=1)
                joined = summary.design(case, scale) @ summary.weights(others, scale)
                rows["combined"].append(statistics.spearman(joined, truth))
                for name in CURVE:
                    if name in case.figures:
                        rows[name].append(statistics.spearman(case.figures[name], truth))
        curve[str(episodes)] = {
            name: float(np.mean(values)) if values else float("nan") for name, values in rows.items()
        }
        print(f"{episodes:>8}   " + "   ".join(f"{curve[str(episodes)][name]:>12.2f}" for name in rows))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("functions", "train", "figures", "show"))
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--offline", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="figures: of the largest datasets only")
    parser.add_argument("--write-rule", action="store_true", help="put the fitted rule into the package")
    asked = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    worlds.register()
    if asked.what == "functions":
        make_functions(asked.tasks, asked.offline)
    elif asked.what == "train":
        make_truth(asked.tasks, asked.seeds)
    elif asked.what == "figures":
        make_figures(asked.tasks, asked.full)
    else:
        show(asked.tasks, asked.write_rule)


if __name__ == "__main__":
    main()
