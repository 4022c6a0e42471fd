"""Kernel: a credit function's forward and forward + backward pass next to QMIX's mixer, its own source, and the limit.

    python benchmarks/kernel.py                          # three functions, B·T from 32 to 65,536
    python benchmarks/kernel.py --functions nearest_food --rows 1600 --compile
    python benchmarks/kernel.py --device cuda

What is compared, on the same states and local Q-values, in alternating rounds of one process on one thread:

    qmix       QMIX's mixer as PyMARL has it (embed 32, hypernetworks with a hidden layer of 64); its backward pass
               reaches its parameters and local_q, as training needs
    linear     the same with single-layer hypernetworks, as in the paper
    source     the function's own source, as torch runs it
    graph      the verified graph by the interpreter
    kernel     the kernel as it is loaded: lowered
    kept       the kernel with credit and bias kept with the transition, as the trainer does where Q_tot is affine:
               a weighted sum, bound by the memory that it reads

Times are medians in microseconds. `limit` is the time in which this machine moves as many bytes as `kept` has to read
and write, by a plain copy.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.graph.interpret import Program
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.bound import Lowered
from tfcaf_forge.kernels.lower import lower
from tfcaf_forge.pipeline.tasks import load_task
from tfcaf_forge.pipeline.vet import Examiner
from tfcaf_forge.proposals.files import proposal_from_file
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.sandbox.sandbox import Sandbox
from tfcaf_forge.training.mixers import QMIX

GOOD = Path(__file__).resolve().parent.parent / "tests" / "quality" / "good"
FUNCTIONS = ("nearest_food", "adjacency_bonus", "safe_masked_softmax")
ROWS = (32, 200, 1600, 8192, 65536)
ROUNDS, ROUND_S = 7, 0.02

Mix = Callable[[Tensor, Tensor], Tensor]


def loaded(sandbox: Sandbox, path: Path) -> tuple[TaskSpec, OpGraph, Mix]:
    """A good function's task, its graph out of the sandbox, and its source as a Python function (our own file)."""
    task = load_task(path.read_text().splitlines()[0].removeprefix("# task: "))
    proposal = proposal_from_file(path)
    assert not isinstance(proposal, Rejection), proposal
    found = Examiner(task, sandbox).trace(proposal)
    assert not isinstance(found, Rejection), found
    scope = {"torch": torch, "F": torch.nn.functional, "math": math}
    exec(compile(path.read_text(), path, "exec"), scope)  # a file of this repository, never a candidate's
    source = [v for v in scope.values() if isinstance(v, types.FunctionType)][-1]
    return task, found.graph, source


def passes(
    mix: Mix, q: Tensor, state: Tensor, wanted: list[Tensor]
) -> tuple[Callable[[], object], Callable[[], object]]:
    """One forward pass without gradients, and one forward and backward pass."""
    one = torch.ones(len(q), 1, device=q.device)

    def forward() -> Tensor:
        with torch.no_grad():
            return mix(q, state)

    def both() -> object:
        return torch.autograd.grad(mix(q, state), wanted, one)

    return forward, both


def medians(runs: dict[str, Callable[[], object]], sync: Callable[[], None]) -> dict[str, float]:
    """Median microseconds of each, in alternating rounds."""
    counts: dict[str, int] = {}
    for name, run in runs.items():
        run(), sync()
        start = time.perf_counter()
        run(), sync()
        counts[name] = max(3, int(ROUND_S / max(time.perf_counter() - start, 1e-6)))
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                run()
            sync()
            spent[name].append((time.perf_counter() - start) / counts[name] * 1e6)
    return {name: statistics.median(times) for name, times in spent.items()}


def rows_of(
    task: TaskSpec, graph: OpGraph, source: Mix, rows: int, device: torch.device, compiled: bool
) -> Iterator[tuple[str, dict[str, float]]]:
    """Medians of all ways to mix: of the forward pass, then of forward and backward."""
    rng = np.random.default_rng(0)
    q = torch.from_numpy(sample_local_q(task, rows, rng)).to(device).requires_grad_(True)
    state = torch.from_numpy(sample_states(task, rows, rng)).to(device)
    kernel = Lowered(graph)
    ways: dict[str, Mix] = {
        "qmix": QMIX(task).to(device),
        "linear": QMIX(task, hypernet=0).to(device),
        "source": source,
        "graph": Program(graph),
        "kernel": kernel,
    }
    if compiled:
        ways["compiled"] = torch.compile(kernel)
    (credit,) = torch.autograd.grad(kernel(q, state).sum(), q)
    bias = kernel(torch.zeros_like(q), state).detach()
    ways["kept"] = lambda q, state: (credit * q).sum(dim=-1, keepdim=True) + bias
    params = {name: list(mix.parameters()) if isinstance(mix, torch.nn.Module) else [] for name, mix in ways.items()}
    made = {name: passes(mix, q, state, [q, *params[name]]) for name, mix in ways.items()}
    sync = torch.cuda.synchronize if device.type == "cuda" else _nothing
    width = 2 * task.n_agents + 2
    flat, other = torch.empty(rows * width // 2, device=device), torch.empty(rows * width // 2, device=device)
    for at, name in enumerate(("forward", "forward + backward")):
        runs = {way: pair[at] for way, pair in made.items()}
        yield name, medians({**runs, "limit": lambda: other.copy_(flat)}, sync)


def _nothing() -> None:
    return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", nargs="+", default=FUNCTIONS, help="files of tests/quality/good, by name")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="B·T")
    parser.add_argument("--compile", action="store_true", help="the kernel through torch.compile, too")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    worst: dict[str, float] = {}
    with Sandbox() as sandbox:
        for name in given.functions:
            task, graph, source = loaded(sandbox, GOOD / f"{name}.py")
            verify(graph)
            print(f"\n{name}: {task.name}, {len(graph.nodes)} operations, {len(lower(graph).nodes)} when lowered")
            for rows in given.rows:
                for what, found in rows_of(task, graph, source, rows, torch.device(given.device), given.compile):
                    _print(rows, what, found)
                    share = found["qmix"] / found["kernel"]
                    worst[what] = min(worst.get(what, share), share)
                    if rows == 1600:
                        key = f"{what}, B·T = 1,600"
                        worst[key] = min(worst.get(key, share), share)
    print("\nleast speed-up over qmix   " + "   ".join(f"{what}: {share:.1f}x" for what, share in worst.items()))


def _print(rows: int, what: str, found: dict[str, float]) -> None:
    times = "  ".join(f"{name} {spent:9,.1f}" for name, spent in found.items())
    ratios = "  ".join(
        f"{other}/{own} {found[other] / found[own]:5.1f}"
        for other, own in (
            ("qmix", "kernel"),
            ("source", "kernel"),
            ("graph", "kernel"),
            ("qmix", "kept"),
            ("kept", "limit"),
        )
    )
    print(f"{rows:6,}  {what:18}  {times}\n{'':26}  {ratios}", flush=True)


if __name__ == "__main__":
    main()
