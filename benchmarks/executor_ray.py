"""Forty candidates on a Ray cluster of two nodes, one of which is killed midway, next to the same run on this machine.

    pip install 'tfcaf-forge[ray]'
    python -m benchmarks.executor_ray --out benchmarks/data/executor-ray.json

Both nodes are `ray.cluster_utils.Cluster`'s on this machine, with one core each, so a speed-up says what this machine has to give.
Exit code 1: another winner, or a record that is missing, differs or stands there twice.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

import tfcaf_forge as forge
from tests.pipeline.struck_run import Mixed
from tests.pipeline.timeless import records
from tfcaf_forge.integrations.ray_cluster import RayCluster
from tfcaf_forge.pipeline.executor import Executor, LocalPool
from tfcaf_forge.pipeline.outcome import Judged
from tfcaf_forge.pipeline.ranked import collect
from tfcaf_forge.proposals.base import Coder
from tfcaf_forge.proposals.offline import OfflineCoder

ROUNDS, EACH = 2, 20
FATES = ("rejection", "duplicate", "evidence")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="lbf-8x8-2p-2f-coop")
    parser.add_argument(
        "--mixed", action="store_true", help="the functions of tests/pipeline/struck_run.py, most of them refused"
    )
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--kill-after", type=int, default=8, help="candidates that are judged when the node is killed")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = compare(
            Path(place), given.task, given.episodes, given.kill_after, Mixed() if given.mixed else OfflineCoder(seed=0)
        )
    text = json.dumps(found, indent=1)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n")
    return 0 if found["same_winner"] and found["same_records"] and found["one_fate_each"] else 1


def compare(place: Path, task: str, episodes: int, kill_after: int, coder: Coder) -> dict[str, Any]:
    collect(task, place / "replay", episodes=episodes)
    runs = {
        "one process": timed(task, coder, place, "alone", None),
        "two processes": timed(task, coder, place, "pool", LocalPool(2)),
    }
    cluster = Cluster(initialize_head=True, head_node_args={**ports(0), "num_cpus": 1, "include_dashboard": False})
    other = cluster.add_node(num_cpus=1, **ports(1))
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        runs["ray, two nodes"] = timed(task, coder, place, "ray", RayCluster())
        killed = Killer(kill_after, lambda: cluster.remove_node(other, allow_graceful=False))
        runs["ray, one of two nodes killed"] = timed(task, coder, place, "struck", RayCluster(), killed)
    finally:
        ray.shutdown()
        cluster.shutdown()
    alone = records(place / "alone")
    others = {name: records(place / name) for name in ("pool", "ray", "struck")}
    fates = Counter(number for kind, number in others["struck"] if kind in FATES)
    return {
        "what": f"{task}, {coder.name} coder, {ROUNDS} rounds of {EACH} candidates, {episodes} episodes, seed 0",
        "machine": f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores, ray {ray.__version__}",
        "seconds": {name: seconds for name, (_, seconds) in runs.items()},
        "winner": {name: winner for name, (winner, _) in runs.items()},
        "killed_after": killed.seen,
        "same_winner": len({winner for winner, _ in runs.values()}) == 1,
        "same_records": all(other == alone for other in others.values()),
        "one_fate_each": fates == Counter(range(1, ROUNDS * EACH + 1)),
    }


def ports(node: int) -> dict[str, int]:
    """Fixed ones: a node need not wait for its agents to find some, which takes them long on a busy machine."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    return {name: 21_000 + 10 * node + k for k, name in enumerate(names)}


class Killer:
    """Kills a node after so many candidates."""

    def __init__(self, after: int, kill: Callable[[], None]) -> None:
        self.after, self.kill, self.seen = after, kill, 0

    def __call__(self, event: object) -> None:
        if isinstance(event, Judged) and self.seen < self.after:
            self.seen += 1
            if self.seen == self.after:
                self.kill()


def timed(
    task: str,
    coder: Coder,
    place: Path,
    name: str,
    executor: Executor | None,
    notify: Callable[[object], None] | None = None,
) -> tuple[str, float]:
    """The winner's graph, and the seconds of the whole run."""
    start = time.perf_counter()
    run = forge.synthesize(
        task, coder=coder, out=place / name, rounds=ROUNDS, candidates=EACH, replay=place / "replay", mutants=0, executor=executor, notify=notify,
    )  # fmt: skip
    seconds = round(time.perf_counter() - start, 1)
    if executor is not None:
        executor.close()
    return run.winner_graph, seconds


if __name__ == "__main__":
    sys.exit(main())
