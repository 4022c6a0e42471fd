from __future__ import annotations

import pytest
import torch

from tests.graph.examples import EXAMPLES, HALF, INTS, MASK, POSITIVE, STATE, N, Q, S, example
from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph import batch, interpret
from tfcaf_forge.graph.affine import Dependence, dependences, makes_float
from tfcaf_forge.graph.batch import Rows
from tfcaf_forge.graph.opgraph import BatchDim, Node, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE

OPS = sorted(TABLE)
QUIET = {"layout", "device", "pin_memory", "memory_format", "non_blocking", "implicit", "approximate", "sparse_grad"}


def inputs(rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, N, generator=generator), torch.randn(rows, S, generator=generator) * 2


def values_of(op: str, local_q: torch.Tensor, state: torch.Tensor) -> interpret.Values:
    return interpret.Program(example(op)).values(local_q, state)[-1]


def test_every_operation_has_an_example() -> None:
    assert sorted(EXAMPLES) == OPS


@pytest.mark.parametrize("op", [name for name in OPS if name != "const"])
def test_the_table_names_arguments_as_torch_does(op: str) -> None:
    packet, overload = TABLE[op].aten
    schema = getattr(getattr(torch.ops.aten, packet), overload)._schema
    names = [argument.name for argument in schema.arguments]
    kept = [param.name for param in TABLE[op].params]
    assert set(kept) <= set(names)
    assert set(names) - set(kept) <= QUIET


@pytest.mark.parametrize("op", OPS)
def test_derived_types_are_those_of_a_real_run(op: str) -> None:
    graph = example(op)
    types = interpret.infer(graph)[-1]
    for rows in (1, 4):
        made = values_of(op, *inputs(rows))
        assert len(made) == len(types)
        for tensor, kind in zip(made, types, strict=True):
            shape = tuple(s.factor * rows if isinstance(s, BatchDim) else s for s in kind.shape)
            assert tuple(tensor.shape) == shape
            assert {torch.float32: "float", torch.int64: "int", torch.bool: "bool"}[tensor.dtype] == kind.dtype


@pytest.mark.parametrize("op", OPS)
def test_row_rules_hold_in_a_real_run(op: str) -> None:
    """Where a rule says that rows keep apart, a row alone gives what it gives among others."""
    graph = example(op)
    fate = batch.fates(graph, interpret.infer(graph))[-1]
    local_q, state = inputs(5)
    whole = values_of(op, local_q, state)
    for row in range(5):
        alone = values_of(op, local_q[row : row + 1], state[row : row + 1])
        for all_rows, one in zip(whole, alone, strict=True):
            if isinstance(fate, Rows):
                torch.testing.assert_close(all_rows.narrow(fate.dim, row, 1), one, equal_nan=True)
            elif fate is batch.EVEN and all_rows.shape == one.shape:
                torch.testing.assert_close(all_rows, one, equal_nan=True)


@pytest.mark.parametrize("op", ["sum", "mean", "max", "argmin", "any", "all.dims", "std.correction"])
def test_reductions_over_the_batch_are_never_row_wise(op: str) -> None:
    graph = example(op)
    node = graph.nodes[-1]
    args = tuple((0, 1) if isinstance(arg, tuple) else arg for arg in node.args)
    mixed = type(graph)(N, S, (*graph.nodes[:-1], type(node)(op, args)), graph.output)
    assert batch.fates(mixed, interpret.infer(mixed))[-1] is batch.MIXED


@pytest.mark.parametrize("op", OPS)
def test_affine_rules_hold_in_a_real_run(op: str) -> None:
    """Where a rule says affine, f(x) + f(y) = f(x + y) + f(0), and `none` does not move with local_q."""
    graph = example(op)
    known = dependences(graph)[-1]
    if known is Dependence.OTHER:
        return
    (x, state), (y, _) = inputs(3, 1), inputs(3, 2)
    x, y = x.double(), y.double()
    made = [values_of(op, q, state.double())[0].double() for q in (x, y, x + y, torch.zeros_like(x))]
    if known is Dependence.NONE:
        torch.testing.assert_close(made[0], made[1], equal_nan=True)
    torch.testing.assert_close(made[0] + made[1], made[2] + made[3], equal_nan=True)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("swaps", [{}, {Q: INTS}, {STATE: MASK}, {POSITIVE: MASK, Q: INTS, HALF: INTS}])
def test_what_is_taken_for_a_float_without_torch_is_one(op: str, swaps: dict[Ref, Ref]) -> None:
    """The example with integers and truth values in place of floats, where torch takes them."""
    graph = example(op)
    last = graph.nodes[-1].with_refs({ref: swaps.get(ref, ref) for ref in graph.nodes[-1].refs()})
    swapped = type(graph)(N, S, (*graph.nodes[:-1], last), graph.output)
    try:
        kind = interpret.infer(swapped)[-1][0]
    except GraphError:
        return
    if makes_float(swapped)[-1]:
        assert kind.dtype == "float"
    elif not swaps:
        assert kind.dtype != "float"


INTO_INTEGERS = {
    "copy": Node("copy", (INTS, Q)),
    "select_scatter": Node("select_scatter", (INTS, Ref(9), 1, 0)),
    "slice_scatter": Node("slice_scatter", (INTS, Q, 1, 0, 3, 1)),
    "copy of truth": Node("copy", (Ref(11), Q)),
    "masked_fill": Node("masked_fill.Tensor", (INTS, Ref(11), Ref(10))),
    "sum": Node("sum.dim_IntList", (Q, (1,), True, "int")),
    "cumsum": Node("cumsum", (Q, 1, "int")),
    "cast": Node("_to_copy", (Q, "int")),
}


@pytest.mark.parametrize("name", INTO_INTEGERS)
def test_integers_made_of_local_q_depend_on_it_in_steps(name: str) -> None:
    before = (
        *example("neg").nodes[:-1],
        Node("select.int", (Q, 1, 0)),
        Node("sum", (Q, None)),
        Node("gt.Scalar", (Q, 0)),
    )
    graph = OpGraph(N, S, (*before, INTO_INTEGERS[name]), Ref(len(before) + 2))
    assert interpret.infer(graph)[-1][0].dtype != "float"
    assert dependences(graph)[-1] is Dependence.OTHER


def test_a_write_into_a_tensor_of_floats_stays_affine() -> None:
    nodes = (
        Node("zeros", ((BatchDim(1), N), None)),
        Node("copy", (Ref(2), Q)),
        Node("slice_scatter", (Ref(3), Q, 1, 0, 3, 1)),
    )
    assert dependences(OpGraph(N, S, nodes, Ref(4)))[-1] is Dependence.AFFINE


@pytest.mark.parametrize("op", OPS)
def test_float_operations_follow_their_inputs_type(op: str) -> None:
    local_q, state = inputs(3)
    for narrow, wide in zip(
        values_of(op, local_q, state), values_of(op, local_q.double(), state.double()), strict=True
    ):
        assert wide.dtype == (torch.float64 if narrow.dtype is torch.float32 else narrow.dtype)
        assert wide.shape == narrow.shape
