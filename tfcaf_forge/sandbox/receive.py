"""Receive: from the bytes that a candidate's process wrote to a verified graph, or to a Rejection.

Nothing in the bytes is believed. The graph is checked against the op table, its shapes are derived anew, and it is
run on inputs that the host chose: where it disagrees with the candidate's own eager run, it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

import msgspec
import numpy as np

from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph import canonical, verify
from tfcaf_forge.graph.opgraph import BatchDim, OpGraph
from tfcaf_forge.records.base import Plain
from tfcaf_forge.records.rejection import Rejection, Stage, Where
from tfcaf_forge.sandbox.wire import FloatArray, WireError, decode, unpack

RELATIVE = 1e-4
ABSOLUTE = 1e-5
"""Tolerance of eager against graph: both are float32 sums of the same terms, in an order that torch may choose."""

LOST = "lost"
"""How a candidate ended under which the warm process itself ended, in each of two."""

_STAGES = get_args(Stage)
_MAX_TEXT = 400


class Contract(Plain, frozen=True, kw_only=True):
    """What the host asked for.

    Attributes:
        n_agents, state_size: N and S.
    """

    n_agents: int
    state_size: int


class Eager(Plain, frozen=True, kw_only=True):
    """What the guest says that the candidate itself computed on one probe."""

    q_tot: str
    credit: str


class _Traced(Plain, frozen=True, kw_only=True):
    status: str
    graph: OpGraph
    eager: tuple[Eager, ...]


class _Rejected(Plain, frozen=True, kw_only=True):
    status: str
    stage: str
    code: str
    message: str
    line: int | None


def receive(
    body: bytes, fate: str, contract: Contract, probes: Sequence[tuple[FloatArray, FloatArray]]
) -> OpGraph | Rejection:
    """Judge what came back from the sandbox.

    Args:
        body: the bytes that the candidate's process wrote.
        fate: how the process ended, as the warm process saw it: `answered`, `time-limit`, `died:SIGNAL`; or `LOST`.
        contract: N and S.
        probes: the inputs that were sent, ([B, N], [B, S]) each.

    Returns:
        The canonical graph, or why there is none.
    """
    if fate != "answered":
        return _ended(fate)
    try:
        message = decode(body)
        if message.get("status") == "rejected":
            return _rejection(msgspec.convert(message, _Rejected))
        traced = msgspec.convert(message, _Traced)
    except (WireError, ValueError, RecursionError) as fault:  # a ValidationError is a ValueError
        return _malformed(str(fault))
    if traced.status != "traced":
        return _malformed("its status is neither traced nor rejected")
    return _check(traced, contract, probes)


def answers(body: bytes, contract: Contract) -> list[tuple[FloatArray, FloatArray]]:
    """What the guest says that the candidate itself computed, ([B, 1], [B, N]) a probe.

    Only for bytes from which `receive` has taken a graph; it has held these numbers against the graph's own.
    """
    traced = msgspec.convert(decode(body), _Traced)
    return [(unpack(claim.q_tot, 1), unpack(claim.credit, contract.n_agents)) for claim in traced.eager]


def _malformed(text: str) -> Rejection:
    """What is wrong with the bytes; the text may quote them."""
    return Rejection(
        stage="receive", code="malformed", message=f"the sandbox's answer is malformed: {_printable(text, 200)}"
    )


def _check(traced: _Traced, contract: Contract, probes: Sequence[tuple[FloatArray, FloatArray]]) -> OpGraph | Rejection:
    graph = traced.graph
    if (graph.n_agents, graph.state_size) != (contract.n_agents, contract.state_size):
        return Rejection(
            stage="verify", code="contract", message="the graph is for another number of agents or state fields"
        )
    try:
        found = verify.verify(graph)
        clean, _ = canonical.canonical(graph, found)
    except GraphError as fault:
        return _refused(graph, fault)
    except Exception as fault:
        return Rejection(stage="verify", code="operation", message=f"the graph cannot be checked: {_first_line(fault)}")
    return _unfaithful(clean, traced.eager, probes) or clean


def _refused(graph: OpGraph, fault: GraphError) -> Rejection:
    """A graph that breaks a rule, at its source line where the guest named one."""
    text = _printable(str(fault), _MAX_TEXT)
    node = None if fault.node is None else graph.nodes[fault.node]
    if fault.code == "argument" and node is not None and any(isinstance(arg, BatchDim) for arg in node.args):
        text = (
            f"{_printable(node.op, 40)} computes with the number of rows; a row's result must not depend on the batch "
            "size: average over agents or fields (dim=1), never over rows"
        )
        return Rejection(stage="verify", code="batch-size", message=text, where=_where_of(graph, fault.node))
    return Rejection(stage="verify", code=fault.code, message=text, where=_where_of(graph, fault.node))


def _first_line(fault: BaseException) -> str:
    return _printable((str(fault).splitlines() or [type(fault).__name__])[0], 200)


def _unfaithful(
    graph: OpGraph, eager: Sequence[Eager], probes: Sequence[tuple[FloatArray, FloatArray]]
) -> Rejection | None:
    """Compare the graph with the candidate's own run, in value and in gradient."""
    from tfcaf_forge.graph import interpret

    if len(eager) != len(probes):
        return _malformed("it answers another number of probes")
    for number, (claim, (local_q, state)) in enumerate(zip(eager, probes, strict=True)):
        try:
            claimed = unpack(claim.q_tot, 1), unpack(claim.credit, local_q.shape[1])
        except WireError as fault:
            return _malformed(str(fault))
        try:
            computed = interpret.evaluate(graph, local_q, state)
        except Exception as fault:  # whatever torch raises for numbers that it does not like
            text = _first_line(fault)
            return Rejection(
                stage="faithfulness", code="run", message=f"the graph cannot be run on {len(state)} rows: {text}"
            )
        for what, said, made in zip(("Q_tot", "credit"), claimed, computed, strict=True):
            if not _agree(said, made):
                return _disagreement(what, number, len(state), said, made)
    return None


def _agree(said: FloatArray, made: FloatArray) -> bool:
    with np.errstate(all="ignore"):
        return said.shape == made.shape and np.allclose(said, made, RELATIVE, ABSOLUTE, equal_nan=True)


def _disagreement(what: str, number: int, rows: int, said: FloatArray, made: FloatArray) -> Rejection:
    apart = np.zeros(0, np.float32)
    if said.shape == made.shape:
        with np.errstate(all="ignore"):
            apart = np.abs(said.astype(np.float64) - made)
    worst = float(np.max(apart[np.isfinite(apart)], initial=0.0))
    how = f"by up to {worst:.3g}" if worst > ABSOLUTE else "in shape, NaN or infinity"
    return Rejection(
        stage="faithfulness",
        code="unfaithful",
        message=(
            f"{what} of the traced graph differs from the function's own {how} (probe {number}, {rows} rows); "
            "its result must depend on the inputs alone, not on the batch size or on how it is run"
        ),
    )


def _rejection(said: _Rejected) -> Rejection:
    """The guest's refusal, with its texts bounded and made printable."""
    stage = cast(Stage, said.stage) if said.stage in _STAGES else "run"
    line = said.line if said.line is not None and 0 < said.line < 100_000 else None
    where = Where(line=line) if line is not None else None
    return Rejection(
        stage=stage, code=_printable(said.code, 40), message=_printable(said.message, _MAX_TEXT), where=where
    )


def _ended(fate: str) -> Rejection:
    if fate == "time-limit":
        text = "it ran past its time limit and was killed; use fewer loop steps"
        return Rejection(stage="limit", code="time-limit", message=text)
    if fate == LOST:
        text = "the whole sandbox ended under it, twice, and starts without it: out of memory, or a forbidden operation"
        return Rejection(stage="limit", code="sandbox-lost", message=text)
    _, _, number = fate.partition(":")
    text = (
        f"its process ended without an answer (status {_printable(number, 8)}): out of memory, or a forbidden operation"
    )
    return Rejection(stage="limit", code="crash", message=text)


def _where_of(graph: OpGraph, node: int | None) -> Where | None:
    if node is None:
        return None
    line = graph.nodes[node].line
    return Where(node=node, line=line if line is not None and 0 < line < 100_000 else None)


def _printable(text: str, most: int) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:most]
