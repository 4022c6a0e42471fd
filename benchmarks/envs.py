"""Environment steps a second, next to the packages that people use: acting at random, one process, one thread.

    OMP_NUM_THREADS=1 python benchmarks/envs.py [--copies 8 32 256] [--seconds 2] [--json]

Both step whole episodes by the same precomputed actions; every copy is reset when all have ended. The original is stepped as
its users do, one environment after the other, and its speed does not depend on their number, so one line stands for it.
Runs alternate; the median of five is shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import gymnasium
import lbforaging  # noqa: F401 - importing it registers the ids
import numpy as np

from tfcaf_forge.training.envs.foraging import ForagingBatch

FORAGING = ["Foraging-2s-8x8-2p-2f-coop-v3", "Foraging-2s-10x10-3p-3f-v3", "Foraging-2s-15x15-4p-3f-v3"]
REPEATS = 5


def arrays_run(env_id: str, copies: int, seconds: float) -> Callable[[], float]:
    env = ForagingBatch(env_id, copies)
    actions = np.random.default_rng(0).integers(0, 6, (env.episode_limit, copies, env.n_agents))
    seeds = iter(range(10**9))

    def run() -> float:
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            step = env.reset(next(seeds))
            for t in range(env.episode_limit):
                before, step = step, env.step(actions[t])
                steps += copies - int(before.ended.sum())
        return steps / (time.perf_counter() - begun)

    return run


def original_run(env_id: str, seconds: float) -> Callable[[], float]:
    env = gymnasium.make(env_id, disable_env_checker=True).unwrapped
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 6, (1000, env.n_agents)).tolist()
    env.reset(seed=0)

    def run() -> float:
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            env.reset()
            done = False
            while not done:
                _, _, done, _, _ = env.step(actions[steps % 1000])
                steps += 1
        return steps / (time.perf_counter() - begun)

    return run


def measure(env_id: str, copies: list[int], seconds: float) -> dict[str, float]:
    """Medians of alternating runs; key 0 is the original."""
    runs = {"original": original_run(env_id, seconds)}
    runs |= {str(b): arrays_run(env_id, b, seconds) for b in copies}
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, run in runs.items():
            found[name].append(run())
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, nargs="+", default=[8, 32, 256])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {env_id: measure(env_id, options.copies, options.seconds) for env_id in FORAGING}
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for env_id, speeds in found.items():
        base = speeds["original"]
        print(f"{env_id:32} lbforaging {base:10,.0f} steps/s")
        for b in options.copies:
            print(f"{'':32} arrays, {b:4} copies {speeds[str(b)]:12,.0f} steps/s   {speeds[str(b)] / base:6.1f} x")


if __name__ == "__main__":
    main()
