"""How often `forge recheck` alarms for nothing: pairs of datasets drawn from one environment, 100 resamples.

    python benchmarks/recheck_alarms.py [--resamples 100] [--episodes 100]

One pool of episodes; a resample splits a random part of it into a reference and new data. Prints the share of resamples in which any field
or credit, the score, or either has p below the level of the rule.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from validity import functions

from tfcaf_forge.pipeline.drift import LEVEL, moved, score_shift
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.replay.dataset import Dataset, load_dataset

HERE = Path(__file__).resolve().parent
TASK = "lbf-5x5-2p-2f"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--episodes", type=int, default=100, help="of each of the two datasets")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    task = load_task(HERE / "validity" / "tasks" / f"{TASK}.toml")
    known = functions.read(HERE / "data" / f"functions-{TASK}.json")
    graph = next(f.graph for f in known if f.name == "inverse_distance_plus_one")
    rng = np.random.default_rng(0)
    fields, scores = [], []
    with tempfile.TemporaryDirectory() as place:
        collect(task, Path(place) / "pool", episodes=10 * asked.episodes, seed=7)
        pool = load_dataset(Path(place) / "pool", task)
        for k in range(asked.resamples):
            drawn = rng.permutation(pool.info.episodes)[: 2 * asked.episodes]
            old, new = (part_of(pool, drawn[i::2]) for i in range(2))
            fields.append(min(one.p for one in moved(graph, task, old, new, k)))
            scores.append(score_shift(graph, task, old, new, k)[1])
    alarms = {
        "field": float(np.mean([p < LEVEL for p in fields])),
        "score": float(np.mean([p < LEVEL for p in scores])),
        "any": float(np.mean([min(pair) < LEVEL for pair in zip(fields, scores, strict=True)])),
    }
    record = {"task": TASK, "resamples": asked.resamples, "episodes": asked.episodes, "level": LEVEL, "alarms": alarms,
              "p_fields": fields, "p_score": scores}  # fmt: skip
    (HERE / "data" / "recheck-alarms.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({key: record[key] for key in ("task", "resamples", "episodes", "level", "alarms")}, indent=1))


def part_of(pool: Dataset, episodes: np.ndarray) -> Dataset:
    from msgspec.structs import replace

    batch = pool.episodes.select(episodes)
    info = replace(pool.info, episodes=len(episodes), transitions=batch.n_transitions)
    return Dataset(pool.path, info, batch)


if __name__ == "__main__":
    main()
