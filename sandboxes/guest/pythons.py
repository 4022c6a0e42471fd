"""Python's builtins for a candidate: numbers, short lists, bounded loops. No text, no types, no reflection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from guest import budget, operators
from guest.refusal import Refused

MAX_LOOP = 4096
MAX_DIGITS = 30
"""Most digits to round to: for a whole number Python computes ten to that power first."""


def builtins() -> dict[str, Any]:
    """The builtins of a candidate."""
    return {
        "range": _range, "enumerate": _enumerate, "zip": _zip, "float": _number(float), "int": _number(int),
        "bool": _number(bool), "abs": _abs, "sum": _sum, "round": _round, "len": _len,
        "min": _extreme(min), "max": _extreme(max), "any": _quantifier(any), "all": _quantifier(all),
        "list": _list, "tuple": _tuple,
        "reversed": _reversed, "sorted": _sorted, "pow": _pow, "True": True, "False": False, "None": None,
    }  # fmt: skip


def _list(items: Any = ()) -> list[Any]:  # noqa: ANN401
    return list(plain(items))


def _tuple(items: Any = ()) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(plain(items))


def _reversed(items: Any) -> list[Any]:  # noqa: ANN401
    return list(reversed(plain(items)))


def _pow(base: Any, exponent: Any) -> Any:  # noqa: ANN401
    return operators.binary("**", base, exponent)


def _abs(value: Any) -> Any:  # noqa: ANN401
    if type(value) is not torch.Tensor and type(value) not in (int, float, bool):
        raise Refused("run", "argument", "abs() takes a tensor or a number")
    return abs(value)


def _sorted(items: Any, reverse: bool = False) -> list[Any]:  # noqa: ANN401
    return sorted(numbers("sorted()", items), reverse=reverse is True)


def _len(value: Any) -> int:  # noqa: ANN401
    return value.shape[0] if type(value) is torch.Tensor else len(plain(value))


def _sum(items: Any, start: Any = 0) -> Any:  # noqa: ANN401
    """A loop rather than the builtin, so that torch runs in a frame of ours."""
    total = start
    for item in plain(items):
        total = operators.binary("+", total, item)
    return total


def _round(value: Any, digits: int | None = None) -> Any:  # noqa: ANN401
    if type(value) not in (int, float):
        raise Refused("run", "argument", "round() takes a Python number; use torch.round for tensors")
    if digits is not None and not -MAX_DIGITS <= integer("round()", digits) <= MAX_DIGITS:
        raise Refused("run", "argument", f"round() to {digits} digits; at most {MAX_DIGITS}")
    return round(value, digits)


def _extreme(pick: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def extreme(*items: Any) -> Any:  # noqa: ANN401
        values = list(plain(items[0]) if len(items) == 1 else items)
        if any(type(value) is torch.Tensor for value in values):
            raise Refused(
                "trace",
                "data-dependent-branch",
                "min() and max() compare values; use torch.minimum, torch.maximum, .amin or .amax",
            )
        return pick(values)

    return extreme


def _quantifier(pick: Callable[[list[Any]], bool]) -> Callable[[Any], bool]:
    def quantifier(items: Any) -> bool:  # noqa: ANN401
        values = list(plain(items))
        if any(type(value) is torch.Tensor for value in values):
            raise Refused(
                "trace",
                "data-dependent-branch",
                "any() and all() test values; use torch.any(x, dim=1) or torch.all(x, dim=1)",
            )
        return pick(values)

    return quantifier


def _range(*args: int) -> range:
    if any(type(arg) is not int for arg in args):
        raise Refused("run", "argument", "range takes integers that do not depend on the data")
    if any(abs(arg) > budget.MAX_ITEMS for arg in args):
        raise Refused(
            "limit", "loop-limit", f"a range up to {max(map(abs, args)):.3g}; at most {MAX_LOOP} steps are allowed"
        )
    made = range(*args)
    if len(made) > MAX_LOOP:
        raise Refused("limit", "loop-limit", f"a loop of {len(made)} steps; at most {MAX_LOOP} are allowed")
    return made


def _enumerate(items: Any, start: int = 0) -> list[tuple[int, Any]]:  # noqa: ANN401
    return list(enumerate(plain(items), integer("enumerate", start)))


def _zip(*items: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    return list(zip(*(plain(item) for item in items), strict=False))


def plain(items: Any) -> Any:  # noqa: ANN401
    """The items themselves, if they are a plain sequence."""
    if type(items) not in (list, tuple, range, torch.Size):
        raise Refused("run", "iterate", "loop over range(n), a list or a tuple; take rows of a tensor with x[:, i]")
    budget.items(len(items))
    return items


def numbers(name: str, items: Any) -> list[Any]:  # noqa: ANN401
    """A sequence of Python numbers as a list."""
    values = list(plain(items))
    if any(type(value) not in (int, float, bool) for value in values):
        raise Refused("run", "argument", f"{name} works on lists of numbers; use torch.sort or torch.stack for tensors")
    return values


def integer(name: str, value: Any) -> int:  # noqa: ANN401
    """A Python integer, or a refusal."""
    if type(value) is not int:
        raise Refused("run", "argument", f"{name} takes an integer that does not depend on the data")
    return value


def _number(kind: type[float | int | bool]) -> Callable[[Any], Any]:
    def convert(value: Any = 0) -> Any:  # noqa: ANN401
        if type(value) is torch.Tensor:
            raise Refused(
                "trace",
                "data-dependent-branch",
                f"{kind.__name__}() of a tensor reads its value; keep it a tensor ({'x.float()' if kind is float else 'x.long()'})",
            )
        if type(value) not in (int, float, bool):
            raise Refused("run", "argument", f"{kind.__name__}() takes a number")
        return kind(value)

    return convert
