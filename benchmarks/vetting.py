"""Vetting: how long `forge vet` takes, what share is proved, and how many deliberate faults are noticed.

    python benchmarks/vetting.py                       # everything; some minutes
    python benchmarks/vetting.py time proofs           # only these parts: time, audit, proofs, mutation
    python benchmarks/vetting.py mutation --replay DIR # with the ranking on replayed episodes

Times are wall-clock on one thread. `warm` is the second and later calls in one process with an open sandbox: what each
further candidate of a run costs; the processor time beside it is this process' own. `cold` is a new process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tfcaf_forge.evidence.own import load_own
from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.pipeline.adequacy import adequacy
from tfcaf_forge.pipeline.tasks import load_task, task_names
from tfcaf_forge.pipeline.vet import Examiner, vet
from tfcaf_forge.proposals.base import Attempt
from tfcaf_forge.proposals.files import proposal_from_file
from tfcaf_forge.proposals.offline import OfflineCoder
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.dataset import load_dataset
from tfcaf_forge.sandbox.sandbox import Sandbox

ROOT = Path(__file__).resolve().parent.parent
GOOD = sorted((ROOT / "tests" / "quality" / "good").glob("*.py"))
PROVABLE = ("monotone", "finite", "batch-independent")
REFERENCES = ("nearest_food", "adjacency_bonus", "guarded_share", "safe_masked_softmax", "three_agents_ranked")
FROM_CODER, ROUND = 40, 8


def task_of(path: Path) -> TaskSpec:
    return load_task(path.read_text().splitlines()[0].removeprefix("# task: "))


def times(sandbox: Sandbox, profile: str, target: float, files: list[Path]) -> None:
    """One whole `vet` call a file, after one that warms up."""
    spent: list[float] = []
    cpu: list[float] = []
    for path in files:
        task = task_of(path)
        vet(path, task, profile=profile, sandbox=sandbox) if not spent else None
        start, busy = time.perf_counter(), time.process_time()
        found = vet(path, task, profile=profile, sandbox=sandbox)
        spent.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
        assert found.accepted, path
    print(
        f"vet, {profile} profile, warm   median {statistics.median(spent):.2f} s   max {max(spent):.2f} s   "
        f"(processor {statistics.median(cpu):.2f} s, {max(cpu):.2f} s)   {len(spent)} functions   target ≤ {target:g} s"
    )


def cold() -> None:
    path = GOOD[0].parent / "nearest_food.py"
    command = [sys.executable, "-m", "tfcaf_forge", "vet", str(path), "--fresh"]
    spent: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        spent.append(time.perf_counter() - start)
    print(f"vet, fast profile, cold   median {statistics.median(spent):.2f} s   (a new process and a new sandbox)")


def proofs(sandbox: Sandbox) -> None:
    """The share that is proved of functions that should be, and what it costs."""
    print(f"\n{'functions':34} {'count':>5}  {'  '.join(f'{p:>17}' for p in PROVABLE)}  {'median':>8} {'max':>8}")
    groups = [("tests/quality/good", _good(sandbox))]
    groups += [(f"offline coder, {name}", _coder(sandbox, load_task(name))) for name in task_names()]
    every: list[tuple[list[bool], float]] = []
    for name, graphs in groups:
        rows = [_proved(graph, task) for graph, task in graphs]
        every += rows
        _print_row(name, rows)
    _print_row("all", every)


def _print_row(name: str, rows: list[tuple[list[bool], float]]) -> None:
    shares = [sum(held[k] for held, _ in rows) / max(len(rows), 1) for k in range(len(PROVABLE))]
    seconds = [spent for _, spent in rows] or [0.0]
    cells = "  ".join(f"{share:>16.1%} " for share in shares)
    print(f"{name:34} {len(rows):>5}  {cells}  {statistics.median(seconds):>6.3f} s {max(seconds):>6.3f} s")


def _proved(graph: OpGraph, task: TaskSpec) -> tuple[list[bool], float]:
    types = verify(graph)
    start = time.perf_counter()
    found = prove(graph, types, task)
    spent = time.perf_counter() - start
    return [name in found and found[name].status == "PROVED" for name in PROVABLE], spent


def _good(sandbox: Sandbox) -> Iterator[tuple[OpGraph, TaskSpec]]:
    for path in GOOD:
        task = task_of(path)
        yield traced(sandbox, task, path), task


def _coder(sandbox: Sandbox, task: TaskSpec) -> Iterator[tuple[OpGraph, TaskSpec]]:
    """What the offline coder proposes in five rounds when nothing was ranked."""
    coder, history, examiner = OfflineCoder(seed=0), list[Attempt](), Examiner(task, sandbox)
    for number in range(FROM_CODER):
        turn, index = divmod(number, ROUND)
        proposal = coder.propose(task, id=number + 1, round=turn, index=index, history=history)
        found = examiner.trace(proposal)
        history.append(Attempt(proposal=proposal, rejection=found if isinstance(found, Rejection) else None))
        if not isinstance(found, Rejection):
            yield found.graph, task


def traced(sandbox: Sandbox, task: TaskSpec, path: Path) -> OpGraph:
    proposal = proposal_from_file(path)
    assert not isinstance(proposal, Rejection), proposal
    found = Examiner(task, sandbox).trace(proposal)
    assert not isinstance(found, Rejection), found
    return found.graph


def mutation(sandbox: Sandbox, replay: list[Path], most: int) -> None:
    """Who notices deliberate faults in five reference functions; survivors are listed."""
    print(
        f"\n{'reference':24} {'mutants':>7}  {'score':>7}  {'refuted':>7}  {'noticed':>7}  {'same':>4}  {'invalid':>7}  seconds"
    )
    killed = judged = 0
    for name in REFERENCES:
        path = GOOD[0].parent / f"{name}.py"
        task = task_of(path)
        own = load_own(ROOT / "examples" / "properties" / f"{task.name.replace('-', '_')}.py")
        dataset = next((load_dataset(folder, task) for folder in replay if _task_in(folder) == task.name), None)
        score = adequacy(traced(sandbox, task, path), task, properties=own, dataset=dataset, most=most)
        killed, judged = killed + score.killed, judged + len(score.judged)
        print(
            f"{name:24} {len(score.judged):>7}  {score.share:>7.1%}  {score.refuted_share:>7.1%}  "
            f"{score.noticed_share:>7.1%}  {score.equivalent:>4}  {score.invalid:>7}  {score.seconds:.0f}"
        )
        print(f"{'':24} by {', '.join(f'{way} {count}' for way, count in score.by_way.items())}")
        for mutant in score.survivors:
            print(f"{'':24} survived, line {mutant.line}: {mutant.change}; {mutant.why}")
    print(f"{'all':24} {judged:>7}  {killed / judged:>7.1%}   target ≥ 90 %")


def _task_in(folder: Path) -> str:
    return json.loads((folder / "dataset.json").read_text())["task"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["time", "audit", "proofs", "mutation"])
    parser.add_argument(
        "--replay", type=Path, action="append", default=[], help="a dataset, for the task that it is of"
    )
    parser.add_argument("--most", type=int, default=60, help="faults a reference function")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with Sandbox() as sandbox:
        if "time" in given.parts:
            times(sandbox, "fast", 1.0, GOOD)
            cold()
        if "audit" in given.parts:
            times(sandbox, "audit", 10.0, [GOOD[0].parent / f"{name}.py" for name in REFERENCES])
        if "proofs" in given.parts:
            proofs(sandbox)
        if "mutation" in given.parts:
            mutation(sandbox, given.replay, given.most)


if __name__ == "__main__":
    main()
