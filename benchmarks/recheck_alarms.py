"""How often `forge recheck` alarms for nothing, and how often it notices a changed environment and names the field.

    OMP_NUM_THREADS=1 python benchmarks/recheck_alarms.py [--resamples 100] [--changed 20]

The whole of `forge recheck` runs on datasets on the disk: ranges, verdicts, score, drift. For false alarms, one pool of episodes of the
unchanged environment is split anew each time into a reference and new data. For detection, the new data is played in a changed
environment. Writes `data/recheck-alarms.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from validity import functions

from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.kernels.artifact import save_kernel
from tfcaf_forge.pipeline.drift import LEVEL, RULE, Recheck, recheck
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.records.base import Scalar
from tfcaf_forge.records.manifest import Manifest
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import write_dataset
from tfcaf_forge.replay.episode import EpisodeBatch
from tfcaf_forge.training.collect import collect
from tfcaf_forge.training.mixture import make_behaviour, parse_behaviour

HERE = Path(__file__).resolve().parent
TASK = "lbf-5x5-2p-2f"
FUNCTION = "inverse_distance_plus_one"
SIZES = ((100, 100), (200, 30))
"""Episodes of the reference and of the new data."""
Play = Callable[[int, int], EpisodeBatch]
"""(episodes, seed) -> new data."""


@dataclass(frozen=True)
class Change:
    """A changed environment: what is played in it, what recheck must decide at least, for which reason and of which fields, if named here."""

    play: Play
    decision: str
    code: str
    fields: tuple[str, ...]


def changed(task: TaskSpec) -> dict[str, Change]:
    """Changes by name, the plain ones first."""

    def optioned(**options: Scalar) -> TaskSpec:
        environment = msgspec.structs.replace(task.environment, options=task.environment.options | options)
        other = _relaid(task, int(options.get("max_num_food", 2)))
        return msgspec.structs.replace(other, environment=environment)

    def played(**options: Scalar) -> Play:
        return lambda episodes, seed: collect(optioned(**options), episodes, seed)

    def mostly(**options: Scalar) -> Play:
        """One episode in ten is of the changed environment."""

        def play(episodes: int, seed: int) -> EpisodeBatch:
            from tfcaf_forge.replay.episode import concatenate

            few = collect(optioned(**options), max(episodes // 10, 1), seed + 1)
            return concatenate([collect(task, episodes - few.n_episodes, seed), few])

        return play

    def by(behaviour: str) -> Play:
        one = make_behaviour(task, parse_behaviour(behaviour), 0, None)
        return lambda episodes, seed: collect(task, episodes, seed, behaviours=[one], shares=[1.0])

    def one_food(episodes: int, seed: int) -> EpisodeBatch:
        """Played with one food; the second's fields say that it is absent."""
        batch = collect(optioned(max_num_food=1), episodes, seed)

        def padded(array: np.ndarray, at: int) -> np.ndarray:
            absent = np.broadcast_to(np.array([-1, -1, 0], np.float32), (*array.shape[:-1], 3))
            return np.concatenate([array[..., :at], absent, array[..., at:]], axis=-1)

        return replace(batch, state=padded(batch.state, 9), obs=padded(batch.obs, 3))

    agents, foods = (tuple(f"{what}[{i}].level" for i in range(2)) for what in ("agents", "foods"))
    return {
        "agents of level 3": Change(played(max_player_level=3), "retire", "range", agents),
        "foods of level 2": Change(played(max_food_level=2), "retire", "range", foods),
        "agents of level 3 in one episode of ten": Change(mostly(max_player_level=3), "warn", "range", agents),
        "three foods": Change(played(max_num_food=3), "retire", "layout", ()),
        "one food, its fields gone": Change(played(max_num_food=1), "retire", "layout", ()),
        "one food, the other's fields absent": Change(
            one_food, "warn", "drift", ("foods[1].x", "foods[1].y", "foods[1].level")
        ),
        "agents of level 2 only": Change(played(min_player_level=2), "warn", "drift", agents),
        "other behaviour: forager@0.1": Change(by("forager@0.1"), "warn", "", ()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--changed", type=int, default=20, help="of each changed environment")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    task = load_task(HERE / "validity" / "tasks" / f"{TASK}.toml")
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place), task)
        same = {f"{old} + {new}": bench.same(asked.resamples, old, new) for old, new in SIZES}
        different = {name: bench.different(change, asked.changed) for name, change in changed(task).items()}
    record = {
        "task": TASK, "function": FUNCTION, "level": LEVEL, "rule": RULE, "torch": torch.__version__, "python": platform.python_version(),
        "same": same, "changed": different,
    }  # fmt: skip
    (HERE / "data" / "recheck-alarms.json").write_text(json.dumps(record, indent=1) + "\n")


class Bench:
    """A folder with the kernel and what is rechecked."""

    def __init__(self, place: Path, task: TaskSpec) -> None:
        self._place, self._task = place, task
        known = functions.read(HERE / "data" / f"functions-{TASK}.json")
        graph = next(f.graph for f in known if f.name == FUNCTION)
        manifest = Manifest(
            task=task.name, task_digest=task.digest, n_agents=task.n_agents, state_size=task.state_size, layout=task.names,
            q_scale=task.credit.q_scale, monotonicity=task.credit.monotonicity, affine=is_affine(graph),
            graph_digest=codec.digest(graph), source_digest="", coder="benchmark", evidence_digest="", verdicts=(),
            isolation=(), forge_version="", torch_version="",
        )  # fmt: skip
        save_kernel(place / "kernel.safetensors", graph, manifest)
        self._pool = collect(task, 5 * sum(SIZES[0]), 8)  # seed 7 was seen before the level of retirement was set
        self._made = 0

    def same(self, resamples: int, old: int, new: int) -> dict[str, object]:
        """Decisions on data of the unchanged environment."""
        rng = np.random.default_rng(old)
        begun, found = time.process_time(), list[Recheck]()
        for k in range(resamples):
            drawn = rng.permutation(self._pool.n_episodes)[: old + new]
            found.append(self._checked(self._pool.select(drawn[:old]), self._pool.select(drawn[old:]), k))
        reasons = Counter(f"{r.code} {r.field}".strip() for one in found for r in one.reasons)
        made = {
            "resamples": resamples, "decisions": Counter(one.decision for one in found), "reasons": reasons,
            "least_p": [min(d.p for d in one.drift) for one in found], "score_p": [one.shift_p for one in found],
            "below_equal_weights": sum(one.gain is not None and one.gain.high < 0 for one in found),
            "cpu_s_each": round((time.process_time() - begun) / resamples, 2),
        }  # fmt: skip
        print(f"{old} + {new} episodes of one environment: {dict(made['decisions'])}, {dict(reasons)}", flush=True)
        return made

    def different(self, change: Change, times: int) -> dict[str, object]:
        """Decisions on data of a changed one."""
        rng = np.random.default_rng(1)
        found, named = list[Recheck](), 0
        old, new = SIZES[0]
        for k in range(times):
            reference = self._pool.select(rng.permutation(self._pool.n_episodes)[:old])
            one = self._checked(reference, change.play(new, 1000 + k), k)
            found.append(one)
            grave = {"keep": 0, "warn": 1, "retire": 2}
            fits = [
                r
                for r in one.reasons
                if change.code in ("", r.code) and (not change.fields or r.field in change.fields)
            ]
            named += bool(fits) and grave[one.decision] >= grave[change.decision]
        decisions = Counter(one.decision for one in found)
        fields = Counter(f"{r.code} {r.field}".strip() for one in found for r in one.reasons)
        example = next((r.message for r in found[0].reasons if change.code in ("", r.code)), "")
        print(f"{change.decision:<7} {named} of {times} named   {dict(decisions)}   {example[:110]}", flush=True)
        return {
            "times": times, "wanted": change.decision, "noticed_and_named": named, "decisions": decisions, "reasons": fields,
            "example": example,
        }  # fmt: skip

    def _checked(self, old: EpisodeBatch, new: EpisodeBatch, seed: int) -> Recheck:
        self._made += 1
        folders = [self._place / f"{self._made}-{which}" for which in ("old", "new")]
        for folder, batch in zip(folders, (old, new), strict=True):
            task = self._task
            if batch.state_size != task.state_size:  # a dataset of a task with another layout
                task = _relaid(task, (batch.state_size - task.state_size) // 3 + 2)
            write_dataset(folder, task, batch, seed=0, behaviours=("first", "second"))
        return recheck(self._place / "kernel.safetensors", folders[1], task=self._task, reference=folders[0], seed=seed)


def _relaid(task: TaskSpec, foods: int) -> TaskSpec:
    """The TaskSpec with another number of foods."""
    if foods == 2:
        return task
    state = tuple(msgspec.structs.replace(b, count=foods) if b.name == "foods" else b for b in task.state)
    return msgspec.structs.replace(task, name=f"{task.name}-{foods}f", state=state)


if __name__ == "__main__":
    main()
