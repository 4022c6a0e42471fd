"""The figures that the ranking computes for every function, on datasets of several sizes; kept as data."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.ranking.fitted import FittedConfig, fit_all
from tfcaf_forge.ranking.measure import explained
from tfcaf_forge.ranking.rank import Ranker
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import load_dataset
from validity.functions import Function

SEED = 1000


def compute(
    task: TaskSpec, functions: Sequence[Function], episodes: int, repeat: int, *, fitted: bool, out: Path
) -> None:
    """Figures of all functions on one dataset of the default behaviours."""
    if out.exists():
        return
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        collect(task, Path(place) / "data", episodes=episodes, seed=SEED + repeat)
        data = load_dataset(Path(place) / "data", task)
        ranker = Ranker(data, task, SEED)
        found: dict[str, dict[str, float]] = {}
        for function in functions:
            found[function.name] = {
                **ranker.gains(function.graph),
                "code length": float(len(function.source)) or 60.0,
                "graph size": float(len(function.graph.nodes)),
            }
        if fitted:
            whole = np.ones((1, episodes))
            config = FittedConfig(steps=500)
            for function, one in zip(
                functions, fit_all([f.graph for f in functions], data, task, ranker.bench, SEED, config), strict=True
            ):
                for name in ("td", "value", "advantage"):
                    found[function.name][f"fitted {name}"] = float(explained(getattr(one, name), whole)[0])
    record = {
        "task": task.name, "task_digest": task.digest, "episodes": episodes, "repeat": repeat, "dataset": data.digest,
        "behaviours": data.info.behaviours, "cpu_s": round(time.process_time() - begun, 1), "figures": found,
    }  # fmt: skip
    out.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=0) + b"\n")
    print(out.name, record["cpu_s"], "s", flush=True)
