"""What ranking costs: the closed forms and the fitted rung, over a decade of candidates and a decade of episodes.

    OMP_NUM_THREADS=1 python benchmarks/ranking_cost.py

Processor seconds of one thread (`time.process_time`), so that a busy machine matters little. Slopes are of log cost on log size: 1 is linear.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from validity import functions

from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.ranking.fitted import FittedConfig, fit_all
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.replay.dataset import load_dataset

HERE = Path(__file__).resolve().parent
TASK = "lbf-8x8-2p-2f-coop"
CANDIDATES, EPISODES = (2, 6, 20), (50, 160, 500)


def timed(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    task = load_task(TASK)
    known = functions.read(HERE / "data" / "functions-lbf-5x5-2p-2f.json")[1:21]  # the same state layout
    graphs = [f.graph for f in known]
    found: dict[str, dict[str, float]] = {"closed forms": {}, "fitted": {}}
    with tempfile.TemporaryDirectory() as place:
        for episodes in EPISODES:
            path = Path(place) / str(episodes)
            collect(task, path, episodes=episodes, seed=0)
            data = load_dataset(path, task)
            for count in CANDIDATES if episodes == EPISODES[-1] else CANDIDATES[-1:]:
                ranker: list[Ranker] = []
                prepare = timed(lambda d=data, r=ranker: r.append(Ranker(d, task, 0)))
                closed = timed(lambda c=count, r=ranker: score_all(r[0], graphs[:c]))
                fitted = timed(
                    lambda c=count, d=data, r=ranker: fit_all(graphs[:c], d, task, r[0].bench, 0, FittedConfig())
                )
                name = f"{count} candidates, {episodes} episodes"
                found["closed forms"][name], found["fitted"][name] = prepare + closed, fitted
                print(
                    f"{name:<32} prepare {prepare:6.2f} s   closed forms {closed:6.2f} s   fitted {fitted:6.2f} s",
                    flush=True,
                )
    last = f"{CANDIDATES[-1]} candidates, {EPISODES[-1]} episodes"
    for rung, costs in found.items():
        by_count = [costs[f"{c} candidates, {EPISODES[-1]} episodes"] for c in CANDIDATES]
        by_length = [costs[f"{CANDIDATES[-1]} candidates, {e} episodes"] for e in EPISODES]
        print(
            f"{rung:<13} slope in candidates {slope(CANDIDATES, by_count):.2f}, in episodes {slope(EPISODES, by_length):.2f}; {costs[last]:.1f} s for {last}"
        )
    (HERE / "data" / "ranking-cost.json").write_text(json.dumps(found, indent=1) + "\n")


def score_all(ranker: Ranker, graphs: list[OpGraph]) -> None:
    for number, graph in enumerate(graphs, 1):
        ranker.score(number, graph)


def slope(sizes: tuple[int, ...], costs: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


if __name__ == "__main__":
    main()
