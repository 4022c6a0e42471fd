"""Emitted code against the interpreter: every operation, random graphs, and what an attacker might put into a name."""

from __future__ import annotations

import sys
from types import ModuleType

import msgspec
import numpy as np
import pytest
import torch

from tests.evidence.proofs.random_graphs import random_graph
from tests.graph.examples import N, S, example
from tests.kernels.build import affine_graph, manifest_for
from tfcaf_forge.graph import interpret
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref, Special
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.graph.verify import verify
from tfcaf_forge.kernels.emit.source import TABLES, Dialect, emit_source
from tfcaf_forge.kernels.kernel import Kernel

DIALECTS: tuple[Dialect, ...] = ("python", "numpy", "jax")


@pytest.fixture(scope="module", autouse=True)
def _double() -> None:
    """Doubles in JAX, so that a flipped comparison is a fault and not a rounding."""
    import jax

    jax.config.update("jax_enable_x64", True)


def load(source: str) -> ModuleType:
    module = ModuleType("emitted")
    exec(compile(source, "<emitted>", "exec"), module.__dict__)  # the code is ours, made from a verified graph
    return module


def run(graph: OpGraph, dialect: Dialect, local_q: np.ndarray, state: np.ndarray) -> np.ndarray:
    function = load(emit_source(graph, manifest_for(graph), dialect)).q_tot
    if dialect == "python":
        return function(torch.from_numpy(local_q), torch.from_numpy(state)).numpy()
    if dialect == "jax":
        import jax.numpy as jnp

        return np.asarray(function(jnp.asarray(local_q), jnp.asarray(state)))
    return function(local_q, state)


def reference(graph: OpGraph, local_q: np.ndarray, state: np.ndarray) -> np.ndarray:
    return interpret.run(graph, torch.from_numpy(local_q), torch.from_numpy(state)).numpy()


def closed(op: str) -> OpGraph | None:
    """The operation's example, with all that it makes added up to a Q_tot [B, 1]."""
    graph = example(op)
    types = interpret.infer(graph)
    nodes, last = list(graph.nodes), graph.output.id
    total: Ref | None = None

    def add(name: str, *args: object) -> Ref:
        nodes.append(Node(name, args))  # type: ignore[arg-type]
        return Ref(len(nodes) + 1)

    for out, kind in enumerate(types[last]):
        ref = Ref(last, out)
        if kind.dtype != "float":
            ref = add("_to_copy", ref, "float")
        dims = (
            tuple(range(1, len(kind.shape)))
            if kind.shape and not isinstance(kind.shape[0], int)
            else tuple(range(len(kind.shape)))
        )
        if dims:
            ref = add("sum.dim_IntList", add("mul.Tensor", ref, ref), dims, False, None)
        ref = (
            add("add.Tensor", add("select.int", Ref(1), 1, 0), ref, 1)
            if not kind.shape or isinstance(kind.shape[0], int)
            else ref
        )
        total = ref if total is None else add("add.Tensor", total, ref, 1)
    assert total is not None
    add("unsqueeze", total, 1)
    made = OpGraph(N, S, tuple(nodes), Ref(len(nodes) + 1))
    try:
        verify(made)
    except Exception:
        return None
    return made


def inputs(graph: OpGraph, seed: int, rows: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    local_q = rng.choice([0.0, 1.0, -1.0, 0.5, 3.0], (rows, graph.n_agents)) + rng.normal(
        size=(rows, graph.n_agents)
    ) * (rng.random((rows, 1)) < 0.7)
    whole = rng.integers(-1, 8, (rows, graph.state_size)).astype(float)
    state = np.where(rng.random(whole.shape) < 0.4, whole + rng.random(whole.shape), whole)
    return local_q, state


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_emitter_table_is_total_over_the_op_table(dialect: Dialect) -> None:
    assert sorted(TABLES[dialect]) == sorted(TABLE)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("op", sorted(TABLE))
def test_the_code_of_every_operation_computes_what_the_graph_does(op: str, dialect: Dialect) -> None:
    graph = closed(op)
    assert graph is not None
    for dtype in (np.float64,) if dialect == "jax" else (np.float32, np.float64):
        local_q, state = (x.astype(dtype) for x in inputs(graph, 0))
        found, wanted = run(graph, dialect, local_q, state), reference(graph, local_q, state)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5, equal_nan=True)


def settled(graph: OpGraph, local_q: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Rows where a change of the inputs in the tenth digit changes nothing: elsewhere a rounding decides."""
    base = reference(graph, local_q, state)
    keep = np.ones(len(base), bool)
    rng = np.random.default_rng(0)
    for _ in range(6):
        nudged = (x * (1.0 + 1e-9 * rng.choice([-1.0, 1.0], x.shape)) for x in (local_q, state))
        moved = reference(graph, *nudged)
        with np.errstate(all="ignore"):
            same = np.abs(moved - base) <= 1e-6 * (1.0 + np.abs(base))
        keep &= (same | (np.isnan(moved) & np.isnan(base)) | (moved == base))[:, 0]
    values = interpret.Program(graph).values(torch.from_numpy(local_q), torch.from_numpy(state))
    for node in graph.nodes:  # what becomes of an infinity as a whole number is not defined
        if node.op == "_to_copy" and node.args[1] == "int":
            (ref,) = node.refs()
            source = values[ref.id][ref.out].double()
            bad = ~(source.abs() < 2**31)
            if bad.any():
                return np.zeros(len(base), bool)
    return keep & (np.abs(np.nan_to_num(base)) < 1e30)[:, 0]


def disagreements(seed: int, count: int, dialect: Dialect, op: str | None = None) -> tuple[int, int, list[str]]:
    """Random graphs: how many were compared, how many rows of them, and where the code differs."""
    rng = np.random.default_rng(seed)
    compared, rows, faults = 0, 0, []
    for trial in range(count):
        graph = random_graph(rng, size=int(rng.integers(3, 14)), op=op)
        if graph is None:
            continue
        local_q, state = inputs(graph, trial)
        try:
            wanted = reference(graph, local_q, state)
        except (RuntimeError, IndexError):
            continue
        keep = settled(graph, local_q, state)
        try:
            found = run(graph, dialect, local_q, state)
        except Exception as fault:
            faults.append(
                f"{seed}/{trial}: {type(fault).__name__}: {fault}\n{emit_source(graph, manifest_for(graph), dialect)}"
            )
            continue
        compared, rows = compared + 1, rows + int(keep.sum())
        with np.errstate(all="ignore"):
            same = (
                (np.abs(found - wanted) <= 1e-5 * (1.0 + np.abs(wanted)))
                | (np.isnan(found) & np.isnan(wanted))
                | (found == wanted)
            )
        if not same[keep].all():
            row = int(np.flatnonzero(keep & ~same[:, 0])[0])
            faults.append(
                f"{seed}/{trial}: row {row}: {found[row]} != {wanted[row]}; q {local_q[row]}, state {state[row]}\n"
                + emit_source(graph, manifest_for(graph), dialect)
            )
    return compared, rows, faults


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_code_of_random_graphs_computes_what_they_do(dialect: Dialect) -> None:
    compared, rows, faults = disagreements(0, 8 if dialect == "jax" else 25, dialect)
    assert not faults, faults[0]
    assert compared > 3
    assert rows > 100


def test_a_name_cannot_leave_its_comment() -> None:
    graph = affine_graph()
    hostile = 'x\nraise SystemExit("out")\r"""\u2028raise SystemExit #'
    manifest = msgspec.structs.replace(
        manifest_for(graph), layout=(hostile, hostile, hostile), task=hostile, graph_digest=hostile
    )
    for dialect in DIALECTS:
        source = emit_source(graph, manifest, dialect)
        module = load(source)
        assert module.STATE_SIZE == 3
        assert source.count('"""') == 4 if dialect == "python" else source.count('"""') >= 4


def test_gradients_pass_through_jax_code_as_through_the_kernel() -> None:
    import jax
    import jax.numpy as jnp

    graph = affine_graph()
    kernel = Kernel(graph, manifest_for(graph, q_scale=2.0))
    local_q, state = inputs(graph, 3)
    function = load(emit_source(graph, kernel.manifest, "jax")).q_tot
    found = jax.jit(jax.grad(lambda q: function(q, jnp.asarray(state)).sum()))(jnp.asarray(local_q))
    np.testing.assert_allclose(np.asarray(found), kernel.credit(torch.from_numpy(state)).numpy(), rtol=1e-12)


def torch_gradients(graph: OpGraph, local_q: np.ndarray, state: np.ndarray) -> list[np.ndarray]:
    """The interpreter's, in local_q and in the state."""
    given = [torch.from_numpy(x.copy()).requires_grad_(True) for x in (local_q, state)]
    made = torch.autograd.grad(interpret.run(graph, *given).sum(), given, allow_unused=True)
    return [np.zeros(x.shape) if d is None else d.numpy() for x, d in zip(given, made, strict=True)]


def jax_gradients(graph: OpGraph, local_q: np.ndarray, state: np.ndarray) -> list[np.ndarray]:
    """Those of the emitted code."""
    import jax
    import jax.numpy as jnp

    function = load(emit_source(graph, manifest_for(graph), "jax")).q_tot
    both = jax.grad(lambda q, s: function(q, s).sum(), argnums=(0, 1))
    return [np.asarray(d) for d in both(jnp.asarray(local_q), jnp.asarray(state))]


KINKS: dict[str, tuple[object, ...]] = {
    "abs": (),
    "sigmoid": (),
    "silu": (),
    "relu": (),
    "clamp": (0.0, 1.0),
    "clamp_min": (0.0,),
    "clamp_max": (1.0,),
    "clamp.Tensor": (Ref(1), None),
    "hardtanh": (0.0, 1.0),
    "elu": (1.0, 1.0, 1.0),
    "leaky_relu": (0.1,),
    "softplus": (1.0, 20.0),
    "fmax": (Ref(1),),
    "fmin": (Ref(1),),
    "maximum": (Ref(1),),
    "atan2": (Ref(1),),
    "pow.Tensor_Tensor": (Ref(1),),
    **{f"pow.Tensor_Scalar {exponent}": (exponent,) for exponent in (0.0, 1, 1.5, 2.0, 3.0, 4.0)},
    "std.correction": ((1,), 1, True),
    "var.correction": ((1,), 1, True),
    **{f"linalg_vector_norm {order}": (order, (1,), True, None) for order in (2, 1, 3, 1.5, 0.5)},
    "linalg_vector_norm inf": (Special("inf"), (1,), True, None),
    "amax": ((1,), True),
    "prod.dim_int": (1, True, None),
}
"""Operations and what follows `self`; the state, as wide as local_q, is the other operand."""


@pytest.mark.parametrize("name", KINKS)
def test_gradients_of_jax_code_are_those_of_torch_at_kinks_and_ties_and_far_out(name: str) -> None:
    op = Node(name.split()[0], (Ref(0), *KINKS[name]))  # type: ignore[arg-type]
    graph = OpGraph(2, 2, (op, Node("sum.dim_IntList", (Ref(2), (1,), True, None))), Ref(3))
    verify(graph)
    local_q = np.array([[0.0, 0.0], [1.0, 1.0], [-800.0, 800.0], [0.0, 1.0], [20.0, -1.0], [2.0, 2.0]])
    state = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 2.0], [0.0, 0.5], [3.0, 2.0], [2.0, 2.0]])
    for found, wanted in zip(jax_gradients(graph, local_q, state), torch_gradients(graph, local_q, state), strict=True):
        known = np.isfinite(wanted)
        np.testing.assert_allclose(found[known], wanted[known], rtol=1e-9, atol=1e-12)


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    start, count = int(sys.argv[1]), int(sys.argv[2])
    for dialect in DIALECTS:
        compared, rows, faults = disagreements(start, count, dialect)
        print(dialect, compared, rows, len(faults))
        for fault in faults[: int(sys.argv[3])]:
            print(fault)
