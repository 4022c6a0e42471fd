"""Subject: a verified graph, bound to its task, with the readings that every property needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.domain import Domain, domain_of
from tfcaf_forge.evidence.proofs.rows import first_crossing
from tfcaf_forge.evidence.proofs.unfold import unfold
from tfcaf_forge.evidence.spread import QuietProgram
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.batch import Types
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.records.task_spec import TaskSpec

FAULTS = (RuntimeError, IndexError, ValueError, TypeError, OverflowError, AssertionError, ZeroDivisionError)
"""What torch operations raise on inputs that they refuse."""

Doubles = NDArray[np.float64]


class RunFault(Exception):  # noqa: N818 - a finding about the graph, never an error of this package
    """An operation of the graph refused its inputs while running: a violation of the contract."""


@dataclass(frozen=True)
class Reading:
    """What the graph gives on a case, as float64 copies of its float32 values.

    Attributes:
        q_tot: [B].
        credit: ∂(Σ_b q_tot_b)/∂local_q, [B, N].
    """

    q_tot: Doubles
    credit: Doubles


class Subject:
    """What is examined.

    Args:
        graph: a graph that `verify` has accepted.
        task: the task that it is for.
        types: what `verify` returned; derived anew where it is not given.
    """

    def __init__(self, graph: OpGraph, task: TaskSpec, types: Types | None = None) -> None:
        """Bind the graph to torch."""
        self.graph = graph
        self.task = task
        self.types: Types = verify(graph) if types is None else types
        self.program = QuietProgram(graph)
        self._last: tuple[Case, Reading | RunFault] | None = None

    @cached_property
    def affine(self) -> bool:
        """Whether Q_tot is affine in the local Q-values for every state."""
        return is_affine(self.graph)

    @cached_property
    def row_wise(self) -> bool:
        """Whether row i of Q_tot is proved to be a function of row i of the inputs, however many rows there are."""
        return first_crossing(*unfold(self.graph, self.types)) is None

    @cached_property
    def digest(self) -> str:
        """The graph's digest."""
        return codec.digest(self.graph)

    @property
    def domain(self) -> Domain:
        """The task's declared domain."""
        return domain_of(self.task)

    def q_tot(self, local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """The graph's output, [B, 1] if it keeps its contract.

        Raises:
            RunFault: an operation refused its inputs.
        """
        with torch.no_grad():
            return self._run(local_q, state)

    def q_tot_and_credit(self, local_q: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The output, and the gradient of its sum in local_q, [B, N].

        Raises:
            RunFault: an operation refused its inputs, forward or backward.
        """
        with torch.enable_grad():
            q = local_q.detach().clone().requires_grad_(True)
            out = self._run(q, state)
            if not out.requires_grad:
                return out, torch.zeros_like(q)
            try:
                (credit,) = torch.autograd.grad(out.sum(), q, allow_unused=True, materialize_grads=True)
            except FAULTS as fault:
                raise RunFault(_first_line(fault)) from None
        return out.detach(), credit

    def credit(self, local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """∂(Σ_b q_tot_b)/∂local_q, [B, N]; errors as in `q_tot_and_credit`."""
        return self.q_tot_and_credit(local_q, state)[1]

    def values(self, case: Case, dtype: torch.dtype = torch.float32) -> Doubles:
        """Q_tot of a case computed in `dtype`, [B]; errors as in `at`."""
        out = self.q_tot(torch.from_numpy(case.local_q).to(dtype), torch.from_numpy(case.state).to(dtype))
        return _checked(out, case.rows, dtype)

    def at(self, case: Case) -> Reading:
        """The reading of a case; the last one is kept, for the properties that share a case.

        Raises:
            RunFault: an operation refused its inputs, or the output is not [B, 1].
        """
        if self._last is None or self._last[0] is not case:
            self._last = (case, self._read(case))
        found = self._last[1]
        if isinstance(found, RunFault):
            raise found
        return found

    def credit_of(self, case: Case) -> Doubles:
        """The credit of a case that no other property shares, [B, N]; errors as in `at`."""
        return self.reading(case).credit

    def reading(self, case: Case) -> Reading:
        """The reading of a case that no other property shares; errors as in `at`."""
        out, credit = self.q_tot_and_credit(torch.from_numpy(case.local_q), torch.from_numpy(case.state))
        return Reading(_checked(out, case.rows, torch.float32), credit.double().numpy())

    def _read(self, case: Case) -> Reading | RunFault:
        try:
            return self.reading(case)
        except RunFault as fault:
            return fault

    def _run(self, local_q: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        try:
            return self.program(local_q, state)
        except FAULTS as fault:
            raise RunFault(_first_line(fault)) from None


def _checked(out: torch.Tensor, rows: int, dtype: torch.dtype) -> Doubles:
    if out.dtype is not dtype:
        raise RunFault(f"the output is {out.dtype} where the inputs are {dtype}; it must follow them")
    if tuple(out.shape) != (rows, 1):
        raise RunFault(f"the output is {list(out.shape)} for {rows} rows; it must be [{rows}, 1]")
    return out.double().numpy()[:, 0]


def _first_line(fault: BaseException) -> str:
    text = str(fault).strip() or type(fault).__name__
    return text.splitlines()[0][:200]
