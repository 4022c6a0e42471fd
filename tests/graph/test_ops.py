from __future__ import annotations

import pytest
import torch

from tests.graph.examples import EXAMPLES, N, S, example
from tfcaf_forge.graph import batch, interpret
from tfcaf_forge.graph.affine import Dependence, dependences
from tfcaf_forge.graph.batch import Rows
from tfcaf_forge.graph.opgraph import BatchDim
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
def test_float_operations_follow_their_inputs_type(op: str) -> None:
    local_q, state = inputs(3)
    for narrow, wide in zip(
        values_of(op, local_q, state), values_of(op, local_q.double(), state.double()), strict=True
    ):
        assert wide.dtype == (torch.float64 if narrow.dtype is torch.float32 else narrow.dtype)
        assert wide.shape == narrow.shape
