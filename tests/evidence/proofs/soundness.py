"""Run a graph on concrete inputs and on the boxes around them: whatever happened must have been foreseen.

As a program this is the large run that a night has time for, about 0.06 s a graph:

    python -m tests.evidence.proofs.soundness 20000 20260101
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter

import numpy as np
import torch

from tfcaf_forge.evidence.proofs import prove
from tfcaf_forge.evidence.proofs.domains import Val
from tfcaf_forge.evidence.proofs.forward import interpret
from tfcaf_forge.evidence.proofs.gradients import credit, smooth_values
from tfcaf_forge.evidence.proofs.order import ways
from tfcaf_forge.evidence.proofs.rows import first_crossing, kept
from tfcaf_forge.evidence.proofs.site import Run, firsts
from tfcaf_forge.graph.interpret import Program
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.records.task_spec import TaskSpec

from .random_graphs import points_in, random_box, random_graph, random_task, states_of


class UnsoundError(AssertionError):
    """A concrete value outside its abstract value."""


def check_operation(op: str, seed: int) -> bool:
    """One graph that ends in an operation, on a few boxes; False where the seed gave none."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, size=int(rng.integers(0, 5)), op=op)
    if graph is None:
        return False
    cells, tame = int(rng.integers(1, 4)), rng.random() < 0.6
    q = random_box(rng, (cells, graph.n_agents), tame=tame)
    s = random_box(rng, (cells, graph.state_size), tame=tame)
    passes = abstract(graph, verify(graph), q, s)
    if passes is None:
        return False
    run, found = passes
    for flush in (False, True):
        torch.set_flush_denormal(flush)
        for _ in range(3):
            check(graph, run, found, points_in(rng, q), points_in(rng, s))
            check_ways(graph, run, points_in(rng, q), points_in(rng, q), points_in(rng, s))
    torch.set_flush_denormal(False)
    return True


def check_graph(seed: int, *, batches: int = 3, budget_s: float = 0.1) -> dict[str, bool] | None:
    """One random graph for a random task: prove what can be proved, then try to refute it on random batches.

    Returns:
        Which properties were proved; None where the seed gave no graph.
    """
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, size=int(rng.integers(2, 12)))
    if graph is None:
        return None
    task = random_task(rng)
    proofs = prove(graph, verify(graph), task, budget_s=budget_s)
    for flush in (False, True):
        torch.set_flush_denormal(flush)
        for _ in range(batches):
            check_proofs(graph, task, proofs, rng)
    torch.set_flush_denormal(False)
    return {name: proof.status == "PROVED" for name, proof in proofs.items()}


def abstract(graph: OpGraph, types, local_q: Val, state: Val) -> tuple[Run, Val] | None:
    """The forward and the backward pass, or None where rows may meet."""
    if first_crossing(graph, types) is not None:
        return None
    with np.errstate(all="ignore"):
        keep = kept(graph)
        run = interpret(graph, types, local_q, state, keep=keep, same=firsts(graph))
        found = credit(run, smooth_values(graph, keep), time.thread_time() + 60)
    return run, found.value


def check(graph: OpGraph, run: Run, found: Val, local_q: np.ndarray, state: np.ndarray) -> None:
    """Compare every value and the credit with a real run in float32."""
    q = torch.from_numpy(local_q).requires_grad_(True)
    try:
        values = Program(graph).values(q, torch.from_numpy(state))
    except (RuntimeError, IndexError) as fault:
        if not run.broken.any():
            raise UnsoundError(f"raised {fault}, unforeseen") from None
        return
    for value, outs in enumerate(run.values):
        for out, known in enumerate(outs):
            text = f"value {value}.{out} ({graph.nodes[value - 2].op if value > 1 else 'input'})"
            inside(known, values[value][out].detach(), text)
    end = values[graph.output.id][graph.output.out]
    if end.requires_grad:
        try:
            (gradient,) = torch.autograd.grad(end.sum(), q, allow_unused=True)
        except RuntimeError as fault:
            if not (found.hazard.any() or run.broken.any()):
                raise UnsoundError(f"gradient raised {fault}, unforeseen") from None
            return
        inside(found, torch.zeros_like(q) if gradient is None else gradient, "credit")


def check_ways(graph: OpGraph, run: Run, one: np.ndarray, other: np.ndarray, state: np.ndarray) -> None:
    """What is said to rise (or to fall) with the local Q-values does so to the last bit."""
    ends = [torch.from_numpy(end(one, other)) for end in (np.minimum, np.maximum)]
    try:
        low, high = (Program(graph).values(end, torch.from_numpy(state)) for end in ends)
    except (RuntimeError, IndexError):
        return
    for value, way in enumerate(ways(run)):
        if not run.values[value]:
            continue
        before, after = low[value][0].double(), high[value][0].double()
        text = f"value {value} ({graph.nodes[value - 2].op if value > 1 else 'input'})"
        if way.up.all() and bool((after < before).any()):
            raise UnsoundError(f"{text} falls, but is said to rise")
        if way.down.all() and bool((after > before).any()):
            raise UnsoundError(f"{text} rises, but is said to fall")


def check_proofs(graph: OpGraph, task: TaskSpec, proofs, rng: np.random.Generator, *, rows: int = 12) -> None:
    """Hold every PROVED property of a graph against one random batch."""
    holds = {name for name, proof in proofs.items() if proof.status == "PROVED"}
    state = states_of(rng, task, rows)
    local_q = _local_q(rng, task, rows)
    try:
        out, credit_of = run_real(graph, local_q, state)
    except (RuntimeError, IndexError) as fault:
        if holds & {"finite", "finite-gradient", "monotone", "batch-independent"}:
            raise UnsoundError(f"raised {fault}, but {sorted(holds)} are PROVED") from None
        return
    if "finite" in holds and not np.isfinite(out).all():
        raise UnsoundError(f"finite is PROVED, but Q_tot = {out.ravel()}")
    if "finite-gradient" in holds and not np.isfinite(credit_of).all():
        raise UnsoundError(f"finite-gradient is PROVED, but credit = {credit_of}")
    if "monotone" in holds and not (credit_of >= 0).all():
        raise UnsoundError(f"monotone is PROVED, but credit = {credit_of.min()}")
    if "bounded-credit" in holds:
        bound = float(proofs["bounded-credit"].detail.split("<= ")[1].split(";")[0])
        if np.abs(credit_of).max(initial=0.0) > bound:
            raise UnsoundError(f"credit up to {np.abs(credit_of).max()}, but <= {bound} is PROVED")
    if "monotone" in holds:
        _check_rising(graph, task, local_q, state, out, rng)
    if "batch-independent" in holds:
        _check_rows(graph, local_q, state, out)
    if "irrelevant-fields" in holds:
        other = states_of(rng, task, rows)
        loose = [slot.index for slot in task.layout if slot.irrelevant]
        other[:, [k for k in range(task.state_size) if k not in loose]] = state[
            :, [k for k in range(task.state_size) if k not in loose]
        ]
        again, _ = run_real(graph, local_q, other)
        if not np.array_equal(out, again, equal_nan=True):
            raise UnsoundError("irrelevant-fields is PROVED, but Q_tot changes with one")
    if "credit-sum" in holds:
        total = float(proofs["credit-sum"].detail.split("sum to ")[1].split(",")[0])
        found = credit_of.astype(np.float64).sum(axis=1)
        if not np.allclose(found, total, rtol=1e-4, atol=1e-4 * np.abs(credit_of).sum(axis=1).max()):
            raise UnsoundError(f"credit-sum {total} is PROVED, but the credits sum to {found}")


def run_real(graph: OpGraph, local_q: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Q_tot and credit by torch."""
    q = torch.from_numpy(local_q.copy()).requires_grad_(True)
    end = Program(graph)(q, torch.from_numpy(state))
    if not end.requires_grad:
        return end.numpy(), np.zeros_like(local_q)
    try:
        (gradient,) = torch.autograd.grad(end.sum(), q, allow_unused=True)
    except RuntimeError:
        return end.detach().numpy(), np.full_like(local_q, np.nan)
    return end.detach().numpy(), np.zeros_like(local_q) if gradient is None else (gradient + 0).numpy()


def _local_q(rng: np.random.Generator, task: TaskSpec, rows: int) -> np.ndarray:
    low, high = task.credit.entering
    q = rng.uniform(low, high, (rows, task.n_agents))
    special = rng.choice(np.array([low, high, 0.0, -0.0, 1.0, 1e-45, -1e-8, 1e-8]), size=q.shape)
    q = np.where(rng.random(q.shape) < 0.4, special, q)
    if rng.random() < 0.3:
        q[:, 1:] = q[:, :1]  # ties
    return np.clip(q, low, high).astype(np.float32)


def _check_rising(graph, task: TaskSpec, local_q, state, out, rng) -> None:
    """A larger local Q-value never gives a smaller Q_tot, but for rounding."""
    agent = int(rng.integers(task.n_agents))
    higher = local_q.copy()
    higher[:, agent] = np.minimum(higher[:, agent] + rng.uniform(0, 5, len(higher)), task.credit.entering[1])
    higher = np.maximum(higher, local_q).astype(np.float32)
    after, _ = run_real(graph, higher, state)
    slack = 1e-5 * (1 + np.abs(out) + np.abs(after))
    known = np.isfinite(out) & np.isfinite(after)
    if (known & (after < out - slack)).any():
        raise UnsoundError(f"monotone is PROVED, but Q_tot falls from {out.ravel()} to {after.ravel()}")


def _check_rows(graph, local_q, state, out) -> None:
    """Each row alone, and all rows in another order, give the same."""
    order = np.arange(len(out))[::-1].copy()
    turned, _ = run_real(graph, local_q[order], state[order])
    alone = np.concatenate([run_real(graph, local_q[k : k + 1], state[k : k + 1])[0] for k in range(3)])
    for a, b in ((turned[order], out), (alone, out[:3])):
        if not np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True) and not _wild(a, b):
            raise UnsoundError(f"batch-independent is PROVED, but {a.ravel()} is not {b.ravel()}")


def _wild(a: np.ndarray, b: np.ndarray) -> bool:
    """Results so large that rounding alone separates them."""
    return bool((~np.isfinite(a) | ~np.isfinite(b) | (np.abs(a) > 1e6)).any())


def inside(known: Val, actual: torch.Tensor, text: str) -> None:
    x = actual.double().numpy()
    if x.shape != known.shape:
        raise UnsoundError(f"{text}: shape {x.shape}, expected {known.shape}")
    nan = np.isnan(x)
    if (nan & ~known.nan).any():
        raise UnsoundError(f"{text}: NaN, unforeseen")
    bad = ~nan & ~((x >= known.lo) & (x <= known.hi))
    if bad.any():
        at = tuple(np.argwhere(bad)[0])
        raise UnsoundError(f"{text}{list(at)}: {x[at]!r} outside [{known.lo[at]!r}, {known.hi[at]!r}]")
    broken = ~nan & np.isfinite(x) & known.whole & (x != np.floor(x))
    if broken.any():
        raise UnsoundError(f"{text}: {x[broken][0]!r} is no integer")


def search(graphs: int, seed: int) -> tuple[int, Counter[str]]:
    """Random graphs x random inputs from one seed on: the false proofs, each printed, and how often what was proved."""
    proved: Counter[str] = Counter()
    false, done, started = 0, 0, time.perf_counter()
    while done < graphs:
        seed += 1
        try:
            holds = check_graph(seed, batches=1)
        except Exception as fault:  # a prover that stumbles is a finding, too
            false, done = false + 1, done + 1
            print(f"FALSE seed {seed}: {type(fault).__name__}: {fault}", flush=True)
            continue
        done += holds is not None
        proved.update(name for name, yes in (holds or {}).items() if yes)
        if holds is not None and done % 1000 == 0:
            print(f"{done} graphs, {false} false proofs, {time.perf_counter() - started:.0f} s", flush=True)
    return false, proved


def main() -> int:
    """The nightly-sized run; exit code 1 where anything was proved falsely."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graphs", type=int, help="how many random graphs; 2 batches of 12 rows each")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="where to start; a night takes its date")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    np.seterr(all="ignore")
    false, proved = search(asked.graphs, asked.seed)
    print(f"{asked.graphs} graphs from seed {asked.seed}: {false} false proofs; proved: {dict(proved)}")
    return int(false > 0)


if __name__ == "__main__":
    sys.exit(main())
