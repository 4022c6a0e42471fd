"""Kernels built by hand, for tests."""

from __future__ import annotations

import numpy as np
import torch

from tfcaf_forge.graph import codec
from tfcaf_forge.graph.affine import is_affine
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.interpret import Program
from tfcaf_forge.graph.opgraph import Data, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.bound import Bound
from tfcaf_forge.kernels.lower import lower
from tfcaf_forge.records.manifest import Manifest, VerdictSummary


def build(*nodes: Node) -> OpGraph:
    """A canonical graph of 2 agents and 3 state fields, whose last node is the output."""
    graph = OpGraph(2, 3, nodes, Ref(len(nodes) + 1))
    return canonical(graph, verify(graph))[0]


def affine_graph() -> OpGraph:
    """q . softmax(state[:2]) + state[2], with a constant in it."""
    return build(
        Node("slice.Tensor", (Ref(1), 1, 0, 2, 1)),
        Node("const", (Data("float", (2,), (1.0, 1.0)),)),
        Node("mul.Tensor", (Ref(2), Ref(3))),
        Node("_softmax", (Ref(4), -1, False)),
        Node("mul.Tensor", (Ref(0), Ref(5))),
        Node("sum.dim_IntList", (Ref(6), (1,), True, None)),
        Node("slice.Tensor", (Ref(1), 1, 2, 3, 1)),
        Node("add.Tensor", (Ref(7), Ref(8), 1)),
    )


def product_graph() -> OpGraph:
    """q_0 q_1: not affine."""
    return build(Node("prod.dim_int", (Ref(0), 1, True, None)))


def manifest_for(graph: OpGraph, *, q_scale: float = 1.0) -> Manifest:
    """A manifest with one verdict."""
    return Manifest(
        task="hand",
        task_digest="0" * 64,
        n_agents=graph.n_agents,
        state_size=graph.state_size,
        layout=tuple(f"field[{i}]" for i in range(graph.state_size)),
        q_scale=q_scale,
        monotonicity="required",
        affine=is_affine(graph),
        graph_digest=codec.digest(graph),
        source_digest="1" * 64,
        coder="hand",
        evidence_digest="2" * 64,
        verdicts=(VerdictSummary(property_id="monotone", status="TESTED", required=True, trials=7),),
        isolation=("process",),
        forge_version="0",
        torch_version="0",
    )


def values_and_credit(program, local_q: np.ndarray, state: np.ndarray, dtype=torch.float32):
    """Q_tot and its gradient in local_q."""
    q = torch.from_numpy(local_q.copy()).to(dtype).requires_grad_(True)
    end = program(q, torch.from_numpy(state.copy()).to(dtype))
    if not end.requires_grad:
        return end.numpy(), np.zeros_like(local_q)
    (credit,) = torch.autograd.grad(end.sum(), q, allow_unused=True)
    return end.detach().numpy(), np.zeros_like(local_q) if credit is None else credit.numpy()


def assert_same(graph: OpGraph, local_q: np.ndarray, state: np.ndarray, dtype=torch.float32) -> None:
    """A lowered graph against the interpreter's run of the graph itself: values to the bit."""
    want, credit = values_and_credit(Program(graph), local_q, state, dtype)
    found, again = values_and_credit(Bound(lower(graph)), local_q, state, dtype)
    np.testing.assert_array_equal(found, want, strict=True)
    np.testing.assert_allclose(again, credit, rtol=1e-5, atol=1e-6, equal_nan=True)
