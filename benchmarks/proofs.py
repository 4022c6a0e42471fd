"""How much is proved, and how fast: the good functions of tests/quality and what the offline coder writes.

    python benchmarks/proofs.py [--offline 40] [--budget 0.5]

One line a function: operations, median time of three proofs, and for each property P (proved) or . (unknown).
The last lines are the shares, the median and the maximum.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.proofs import PROPERTIES, Proof, prove
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.proposals.offline import OfflineCoder
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.task_spec import TaskSpec, load_task
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.resources import bundled_tasks
from tfcaf_forge.sandbox.receive import Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

GOOD = Path(__file__).resolve().parent.parent / "tests" / "quality" / "good"
REQUIRED = ("monotone", "finite", "batch-independent")


def sources(offline: int) -> Iterator[tuple[str, str, TaskSpec]]:
    """Name, source and task of every function."""
    tasks = {name: load_task(path) for name, path in bundled_tasks().items()}
    for path in sorted(GOOD.glob("*.py")):
        text = path.read_text()
        header = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# ") and ": " in line)
        yield path.stem, text, tasks[header["task"]]
    names = sorted(tasks)
    for k in range(offline):
        task = tasks[names[k % len(names)]]
        proposal = OfflineCoder(seed=k).propose(task, id=1, round=0, index=k, history=[])
        yield f"offline {k} {task.name}", proposal.source, task


def timed(graph, types, task: TaskSpec, budget: float) -> tuple[dict[str, Proof], float]:
    """The proofs and the median time of three runs."""
    spent: list[float] = []
    proofs: dict[str, Proof] = {}
    for _ in range(3):
        started = time.perf_counter()
        proofs = prove(graph, types, task, budget_s=budget)
        spent.append(time.perf_counter() - started)
    return proofs, statistics.median(spent)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--offline", type=int, default=40, help="how many functions of the offline coder")
    parser.add_argument("--budget", type=float, default=0.5, help="seconds a function")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rng, times, proved, count = np.random.default_rng(0), [], dict.fromkeys(PROPERTIES, 0), 0
    print(f"{'function':44} {'ops':>4} {'ms':>7}  {' '.join(name[:8] for name in PROPERTIES)}")
    with Sandbox() as box:
        for name, source, task in sources(asked.offline):
            probes = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in (3, 8)]
            contract = Contract(n_agents=task.n_agents, state_size=task.state_size)
            traced = box.trace(Proposal(id=1, coder="bench", source=source), contract, probes)
            if not isinstance(traced, Traced):
                print(f"{name:44} refused: {traced.code}")
                continue
            types = verify(traced.graph)
            proofs, spent = timed(traced.graph, types, task, asked.budget)
            count += 1
            times.append(spent)
            for key, proof in proofs.items():
                proved[key] += proof.status == "PROVED"
            marks = " ".join(f"{'P' if p.status == 'PROVED' else '.':<8}" for p in proofs.values())
            print(f"{name:44} {len(traced.graph.nodes):4} {spent * 1e3:7.1f}  {marks}")
            for key in REQUIRED:
                if proofs[key].status != "PROVED":
                    print(f"    {key}: {proofs[key].detail}")
    print()
    for key, number in proved.items():
        print(f"{key:20} {number:4} of {count}  {number / count:7.1%}")
    print(f"{'time':20} median {statistics.median(times) * 1e3:.1f} ms, maximum {max(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
