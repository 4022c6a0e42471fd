"""Operators between a candidate's values: arithmetic, comparison, in-place arithmetic, truth.

The real operators of Python make numbers of a million digits and lists that double in every step. Here integers
stay below 64 bits and lists below `budget.MAX_ITEMS`, whichever operator makes them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from guest import budget
from guest.refusal import Refused

MAX_BITS = 64

_Sequences = (list, tuple, torch.Size)
_NUMBERS = (bool, int, float)

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "+": operator.pos, "~": operator.invert}
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
}


def binary(op: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - any value may be computed with
    """`left op right`, between tensors, numbers and (for `+` and `*`) lists."""
    check_operands(op, left, right)
    return BINARY[op](left, right)


def inplace(op: str, left: Any, right: Any) -> Any:  # noqa: ANN401
    """`left op= right`: into the same memory for a tensor and a list, as Python does.

    A copy is the only write that reaches torch: its own in-place operations would load a symbolic algebra system.
    """
    made = binary(op, left, right)
    if type(left) is list and type(made) is list:
        left[:] = made
        return left
    if type(left) is not torch.Tensor:
        return made
    if made.is_floating_point() and not left.is_floating_point():
        raise Refused("run", "dtype", f"`{op}=` puts floats into whole numbers; write x = x {op} y")
    return left.copy_(made)


def check_operands(op: str, left: Any, right: Any) -> None:  # noqa: ANN401
    """Refuse what would make text, a huge integer or a huge list."""
    if type(left) is torch.Tensor or type(right) is torch.Tensor:
        _check_with_tensor(op, left, right)
        return
    for value in (left, right):
        _check_operand(op, value)
    if type(left) is int and type(right) is int and op == "**" and abs(left).bit_length() * right > MAX_BITS:
        raise Refused("limit", "number", f"a power of more than {MAX_BITS} bits; write it as a float: 2.0 ** n")
    if isinstance(left, _Sequences) or isinstance(right, _Sequences):
        _check_growth(op, left, right)


def unary(op: str, value: Any) -> Any:  # noqa: ANN401
    """`op value`."""
    if type(value) is not torch.Tensor:
        _check_operand(op, value)
    return _UNARY[op](value)


def compare(ops: tuple[str, ...], values: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """`a < b`, or a chain of comparisons of Python numbers."""
    if len(ops) == 1:
        return _pair(ops[0], *values)
    return all(truth(_pair(op, a, b)) for op, a, b in zip(ops, values[:-1], values[1:], strict=True))


def augment(op: str, container: Any, item: Any, value: Any) -> Any:  # noqa: ANN401
    """What `container[i] op= value` puts back: for a tensor in a list the same tensor, written to, as Python does."""
    if type(container) is list and type(item) is torch.Tensor:
        return inplace(op, item, value)
    return binary(op, item, value)


def truth(value: Any) -> bool:  # noqa: ANN401
    """Whether a Python value is true; a tensor has no truth that holds for every row."""
    if type(value) is torch.Tensor:
        raise Refused(
            "trace",
            "data-dependent-branch",
            "a branch on a tensor depends on the data; use torch.where(condition, a, b) for every row",
        )
    return bool(value)


def _pair(op: str, left: Any, right: Any) -> Any:  # noqa: ANN401
    if op in ("in", "not in"):
        return _contains(left, right) is (op == "in")
    if op not in ("is", "is not"):
        for value in (left, right):
            _check_comparable(value, left, right)
    return _COMPARE[op](left, right)


def _contains(item: Any, items: Any) -> bool:  # noqa: ANN401
    """`i in (0, 1)`: a number in a sequence of numbers."""
    if type(item) not in _NUMBERS or type(items) not in (*_Sequences, range):
        raise Refused("run", "compare", "`in` looks for a number in a list of numbers; compare tensors with == and |")
    budget.items(len(items))
    if any(type(value) not in _NUMBERS for value in items):
        raise Refused("run", "compare", "`in` looks for a number in a list of numbers; compare tensors with == and |")
    return item in items


def _check_comparable(value: Any, *pair: Any) -> None:  # noqa: ANN401
    """Lists compare item by item, and asking a tensor for its truth reads it."""
    if isinstance(value, _Sequences):
        budget.items(len(value))
    if isinstance(value, _Sequences) and (
        any(type(other) is torch.Tensor for other in pair) or any(type(item) not in _NUMBERS for item in value)
    ):
        raise Refused("run", "compare", "only lists of numbers can be compared; compare tensors one by one with ==")


def _check_operand(op: str, value: Any) -> None:  # noqa: ANN401
    kind = type(value)
    if kind is str:
        raise Refused("run", "string", "a credit function computes with numbers only")
    if kind is int and value.bit_length() > MAX_BITS:
        raise Refused("limit", "number", f"an integer of more than {MAX_BITS} bits; use a float")
    if kind not in _NUMBERS and kind not in _Sequences:
        raise Refused("run", "operand", f"`{op}` does not work with a {kind.__name__}; use tensors and numbers")


def _check_with_tensor(op: str, left: Any, right: Any) -> None:  # noqa: ANN401
    for value in (left, right):
        if type(value) is not torch.Tensor and type(value) not in _NUMBERS:
            raise Refused(
                "run",
                "operand",
                f"`{op}` between a tensor and a {type(value).__name__}; use torch.tensor or torch.stack",
            )
        if type(value) is int and value.bit_length() > MAX_BITS:
            raise Refused("limit", "number", f"an integer of more than {MAX_BITS} bits; use a float")


def _check_growth(op: str, left: Any, right: Any) -> None:  # noqa: ANN401
    """`[0.0] * n` and `a + b` with short lists."""
    size = 0
    if op == "+" and isinstance(left, _Sequences) and isinstance(right, _Sequences):
        size = len(left) + len(right)
    elif op == "*" and isinstance(left, _Sequences) and type(right) is int:
        size = len(left) * right
    elif op == "*" and isinstance(right, _Sequences) and type(left) is int:
        size = len(right) * left
    else:
        raise Refused("run", "operand", f"`{op}` does not work with lists here; use torch.tensor or torch.stack")
    budget.items(size)
