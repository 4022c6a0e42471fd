"""Remedy: what a blamed operation does to a failing case, and what to write instead.

A sentence begins with what the line does (`divides by 0`), so that it reads on after `line 14: …`. A hint for people
and models, never evidence; empty where the cause is not one of the known ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.subject import FAULTS, Subject
from tfcaf_forge.graph.opgraph import Arg, Node, Ref, Special
from tfcaf_forge.graph.ops import TABLE

Given = Sequence[torch.Tensor | None]
"""The arguments of an operation: numbers as tensors without dimensions, None for what is no number."""

_LARGEST_EXP = 88.72
"""The natural logarithm of the largest float32."""
_DIVISOR = "add an epsilon to the divisor, or replace a divisor of 0 by 1 with torch.where"
_NEGATIVE = "map it to at least 0, as softmax, relu, abs, exp or clamp(min=0) do"


def remedy(subject: Subject, property_id: str, case: Case, blamed: Node) -> str:
    """One sentence without a full stop; empty where none fits."""
    try:
        values = subject.program.values(torch.from_numpy(case.local_q), torch.from_numpy(case.state))
        given = [_tensor(arg, values) for arg in blamed.args]
        return _SENTENCES.get(property_id, _none)(blamed, given)
    except FAULTS:
        return ""


def _tensor(arg: Arg, values: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor | None:
    if isinstance(arg, Ref):
        return values[arg.id][arg.out]
    if isinstance(arg, Special):
        return torch.tensor(float(arg.value))
    return torch.tensor(float(arg)) if isinstance(arg, int | float) else None


def _none(node: Node, given: Given) -> str:
    del node, given
    return ""


def _has(value: torch.Tensor | None, test: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    return value is not None and bool(test(value).any())


def _finite(node: Node, given: Given) -> str:
    """Why a value is nan or infinite although those that it is made from are not."""
    name, first = node.op.partition(".")[0], given[0]
    if name in ("div", "floor_divide", "remainder", "fmod") and _has(given[1], lambda v: v == 0):
        return f"divides by 0; {_DIVISOR}"
    if name in ("reciprocal", "rsqrt") and _has(first, lambda v: v == 0):
        return f"divides by 0; {_DIVISOR}"
    if name in ("log", "log2", "log10") and _has(first, lambda v: v <= 0):
        return "takes the logarithm of 0 or less; clamp its argument to a small positive number first"
    if name == "log1p" and _has(first, lambda v: v <= -1):
        return "takes log1p of -1 or less; clamp its argument above -1 first"
    if name in ("sqrt", "rsqrt") and _has(first, lambda v: v < 0):
        return "takes the square root of a negative number; clamp its argument to at least 0 first"
    if name == "pow":
        return _power(given)
    if name in ("exp", "expm1", "sinh", "cosh") and _has(first, lambda v: v > _LARGEST_EXP):
        largest = float(given[0].max()) if given[0] is not None else 0.0
        return f"takes exp of {largest:.4g}, and float32 ends at exp(88.7); use torch.softmax, or clamp the exponent"
    if name in ("_softmax", "_log_softmax", "logsumexp") and _has(first, torch.isinf):
        return "takes a softmax over nothing but -inf; mask with a large finite number such as -1e9"
    if name in ("std", "var"):
        return "takes the spread of a single value, which is nan; use correction=0, or another measure"
    return "overflows float32; bound the values that it is made from" if _has(first, lambda v: v.abs() > 1e18) else ""


def _power(given: Given) -> str:
    base, exponent = given[0], given[1]
    if _has(base, lambda v: v == 0) and _has(exponent, lambda v: v < 0):
        return f"divides by 0 (0 to a negative power); {_DIVISOR}"
    if _has(base, lambda v: v < 0) and _has(exponent, lambda v: v != v.round()):
        return "takes a fractional power of a negative number; clamp its argument to at least 0 first"
    return "overflows float32 as a power; bound base and exponent"


def _finite_gradient(node: Node, given: Given) -> str:
    """Why a gradient that is finite leaves an operation as one that is not."""
    name, first = node.op.partition(".")[0], given[0]
    if name in ("sqrt", "pow", "linalg_vector_norm", "std") and _has(first, lambda v: v == 0):
        return "has an infinite slope at 0; add an epsilon inside the root"
    if name in ("div", "reciprocal", "rsqrt") and _has(given[-1], lambda v: v == 0):
        return (
            "divides by 0, and torch.where does not stop the gradient of the branch that it does not take "
            "(0 · inf = nan); make the divisor itself safe, as in x / torch.where(d > 0, d, 1)"
        )
    if name.startswith("log") and _has(first, lambda v: v <= 0):
        return "has an infinite slope at 0; clamp the argument itself, since torch.where does not stop its gradient"
    return _finite(node, given)


def _negative(node: Node, given: Given) -> str:
    """Why a gradient changes its sign, or what is negative about a weight."""
    name = node.op.partition(".")[0]
    if name in ("_softmax", "_log_softmax"):
        return "takes a softmax of the local Q-values, which falls in some of them; weigh them by the state alone"
    if name == "mul" and any(value is not None and value.dim() == 0 and float(value) < 0 for value in given):
        return "multiplies by a negative number; use a positive one"
    if name in ("neg", "sub", "rsub", "sin", "cos"):
        return f"can be negative, and a negative weight turns the sign of a credit; {_NEGATIVE}"
    if name in ("add", "div", "mul", "mm", "bmm", "cat", "stack", "index", "where", "tanh", "sum", "slice", "select"):
        return f"makes a weight that is negative there; {_NEGATIVE}"
    return ""


def _mixing(node: Node, given: Given) -> str:
    del given
    rule = TABLE[node.op].batch
    if rule in ("reduce", "along"):
        return "reaches across the rows of the batch; dimension 0 is the batch, so give dim=1"
    if rule == "matmul":
        return "multiplies rows of the batch with each other; keep the batch a dimension of its own (torch.bmm)"
    return "lets rows of the batch meet; leave dimension 0, the batch, as it is"


_SENTENCES: dict[str, Callable[[Node, Given], str]] = {
    "finite": _finite,
    "finite-gradient": _finite_gradient,
    "monotone": _negative,
    "igm": _negative,
    "batch-independent": _mixing,
}
