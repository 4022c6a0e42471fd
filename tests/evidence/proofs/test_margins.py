"""The margins of the functions of one number, measured over float32 itself.

Each function is evaluated by torch on floats of every exponent (contiguous, so by the vector kernel, and strided,
so by the scalar one), and by its rule on the intervals that hold one such float each.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tfcaf_forge.evidence.proofs.domains import FMIN, Val, raw
from tfcaf_forge.evidence.proofs.forward import interpret
from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref, Type
from tfcaf_forge.graph.ops import TABLE

STRIDE = 40_009
"""Every so many floats, in the order of their bits; a prime."""
FUNCTIONS = [name for name, op in TABLE.items() if [p.kind for p in op.params] == ["t"] and op.batch == "pointwise"]
MORE = [
    *(("pow.Tensor_Scalar", e) for e in (2, 3, 0.5, -0.5, -1, -2, 1.5, 4, 5, -3, 0.3, 2.7)),
    *(("pow.Scalar", base) for base in (2, 0.5, 10, 1.0001)),
    ("softplus", 1, 20),
    ("softplus", 2, 20),
    ("softplus", 1, 5),
    ("elu", 1, 1, 1),
    ("leaky_relu", 0.01),
    ("remainder.Scalar", 3),
    ("fmod.Scalar", 0.7),
    ("div.Tensor", 3),
    ("div.Tensor", 0.1),
    ("floor_divide", 3),
]
BITWISE = {"bitwise_not"}


def floats(stride: int, start: int = 0) -> np.ndarray:
    """Finite float32 numbers of both signs, and the special ones."""
    bits = np.arange(start, 2**31, stride, dtype=np.int64).astype(np.uint32)
    both = np.concatenate([bits, bits | np.uint32(0x80000000)]).view(np.float32)
    special = np.array(
        [0.0, -0.0, 1.0, -1.0, 88.7, 88.8, -87.3, -104.0, 1e-8, 1e-45, FMIN, np.inf, -np.inf], np.float32
    )
    return np.concatenate([both[np.isfinite(both)], special])


def point_rule(node: Node, x: np.ndarray) -> Val:
    """The rule of one node over many points."""
    points = raw(x.astype(np.float64)[:, None], x.astype(np.float64)[:, None], False, False)
    graph = OpGraph(1, 1, (node,), Ref(2))
    kind = (Type("float", (x.shape[0], 1)),)
    out = (Type("bool", (x.shape[0], 1)),) if node.op in ("logical_not", "isnan", "isinf") else kind
    zero = np.where(np.abs(points.lo) < FMIN, 0.0, points.lo)  # what a state's box would hold
    wide = raw(np.minimum(points.lo, zero), np.maximum(points.hi, zero), False, False)
    with np.errstate(all="ignore"):
        run = interpret(graph, (kind, kind, out), wide, wide, keep=[True] * 3, same=[0, 1, 2])
    assert not run.lost
    return run.values[2][0]


def measure(op: str, args: tuple[float, ...], x: np.ndarray) -> None:
    """Hold torch against the rule, for every float in x."""
    names = [p.name for p in TABLE[op].params]
    base = op == "pow.Scalar"
    node = Node(op, (*args, Ref(0)) if base else (Ref(0), *args))
    bounds = point_rule(node, x)
    packet, overload = TABLE[op].aten
    call = getattr(getattr(torch.ops.aten, packet), overload)
    strided = torch.empty(len(x), 2)
    strided[:, 0] = torch.from_numpy(x)
    for tensor in (torch.from_numpy(x), strided[:, 0]):
        y = (call(*args, tensor) if base else call(tensor, *args)).double().numpy()
        nan = np.isnan(y)
        bad = np.where(nan, ~bounds.nan[:, 0], (y < bounds.lo[:, 0]) | (y > bounds.hi[:, 0]))
        worst = np.flatnonzero(bad)[:3]
        assert not bad.any(), [(names, x[k], y[k], bounds.lo[k, 0], bounds.hi[k, 0]) for k in worst]


@pytest.mark.parametrize("op", [name for name in FUNCTIONS if name not in BITWISE])
def test_a_function_of_one_number_stays_within_its_margin(op):
    measure(op, (), floats(STRIDE))


@pytest.mark.parametrize(("op", "args"), [(m[0], m[1:]) for m in MORE])
def test_a_function_with_parameters_stays_within_its_margin(op, args):
    measure(op, args, floats(STRIDE))


@pytest.mark.parametrize(
    ("op", "low", "high"), [("tanh", -1.0, 1.0), ("sigmoid", 0.0, 1.0), ("erf", -1.0, 1.0), ("sin", -1.0, 1.0)]
)
def test_bounds_that_are_kept_exactly_are_kept_by_torch(op, low, high):
    x = torch.from_numpy(floats(STRIDE, start=17))
    y = getattr(torch, op)(x)
    assert bool(((y >= low) & (y <= high) | y.isnan()).all())
