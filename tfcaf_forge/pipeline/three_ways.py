"""Three ways: a function's own run in the sandbox, its graph, and its kernel's file, on the same inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tfcaf_forge.errors import KernelError
from tfcaf_forge.evidence.domain import sample_local_q, sample_states
from tfcaf_forge.evidence.subject import Subject
from tfcaf_forge.kernels.artifact import load_kernel
from tfcaf_forge.kernels.kernel import Kernel
from tfcaf_forge.pipeline.equivalent import far
from tfcaf_forge.records.base import digest_bytes
from tfcaf_forge.records.equivalence import Equivalence, Leg
from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.records.traced import Traced
from tfcaf_forge.sandbox.receive import ABSOLUTE, RELATIVE, Contract
from tfcaf_forge.sandbox.sandbox import Sandbox

Floats = npt.NDArray[np.float32]
Pair = tuple[torch.Tensor, torch.Tensor]
"""Q_tot [B, 1] and credit [B, N]."""

DRAWN = (1, 7, 248)
"""Rows of the drawn batches; the tracer saw other sizes."""
REPLAYED = 256


def three_ways(
    sandbox: Sandbox, proposal: Proposal, traced: Traced, task: TaskSpec, kernel: Path, states: Floats, *, seed: int = 0
) -> Equivalence:
    """Run a function in the sandbox once more and hold its own values against its graph's and its kernel's.

    Args:
        sandbox: where the function runs.
        proposal, traced: the function, and the graph that was taken from it.
        task: the task.
        kernel: the kernel's file.
        states: [M, S], replayed; some are among the inputs.
        seed: of the inputs.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x74687265]))
    inputs, replayed = _inputs(task, states, rng)
    about: dict[str, Any] = {
        "graph": traced.graph_digest, "kernel": digest_bytes(kernel.read_bytes()), "batches": tuple(len(q) for q, _ in inputs), "replayed": replayed,
    }  # fmt: skip
    outcome, said = sandbox.run(proposal, Contract(n_agents=task.n_agents, state_size=task.state_size), inputs)
    if isinstance(outcome, Rejection):
        return Equivalence(**about, fault=f"the source was refused when it ran again: {outcome}")
    if outcome.graph_digest != traced.graph_digest:
        return Equivalence(**about, fault="the source gave another graph when it ran again")
    try:
        loaded = load_kernel(kernel)
    except KernelError as fault:
        return Equivalence(**about, fault=str(fault))
    subject, scale = Subject(traced.graph, task), task.credit.q_scale
    results: dict[str, list[Pair]] = {
        "source": [(torch.from_numpy(value), torch.from_numpy(credit)) for value, credit in said],
        "graph": [subject.q_tot_and_credit(torch.from_numpy(q), torch.from_numpy(s)) for q, s in inputs],
        "kernel": [_of_kernel(loaded, torch.from_numpy(q), torch.from_numpy(s), scale) for q, s in inputs],
    }
    legs = (_leg("source", "graph", results), _leg("graph", "kernel", results), _leg("source", "kernel", results))
    return Equivalence(**about, legs=legs)


def _inputs(task: TaskSpec, states: Floats, rng: np.random.Generator) -> tuple[list[tuple[Floats, Floats]], int]:
    """Batches of drawn and of replayed states with drawn local Q-values, and how many states are replayed."""
    inputs = [(sample_local_q(task, rows, rng), sample_states(task, rows, rng)) for rows in DRAWN]
    picked = states[rng.choice(len(states), min(REPLAYED, len(states)), replace=False)].astype(np.float32)
    if len(picked):
        inputs.append((sample_local_q(task, len(picked), rng), np.ascontiguousarray(picked)))
    return inputs, len(picked)


def _of_kernel(kernel: Kernel, scaled_q: torch.Tensor, state: torch.Tensor, scale: float) -> Pair:
    """The kernel's value and credit, the credit in the terms of the graph, which is given scaled local Q-values."""
    leaf = (scaled_q / scale).requires_grad_(True)
    made = kernel(leaf, state)
    (slope,) = torch.autograd.grad(made.sum(), leaf, allow_unused=True, materialize_grads=True) if made.requires_grad else (torch.zeros_like(leaf),)  # fmt: skip
    return made.detach(), slope / scale


def _leg(one: str, other: str, results: dict[str, list[Pair]]) -> Leg:
    pairs = list(zip(results[one], results[other], strict=True))
    values, credits = (max(far(a[part], b[part]) for a, b in pairs) for part in (0, 1))
    close = all(torch.allclose(x, y, RELATIVE, ABSOLUTE, equal_nan=True) for a, b in pairs for x, y in zip(a, b, strict=True))  # fmt: skip
    return Leg(
        one=one,
        other=other,
        values=values if np.isfinite(values) else None,
        credits=credits if np.isfinite(credits) else None,
        bound=f"{RELATIVE:g} of the value and {ABSOLUTE:g}",
        agree=close,
    )
