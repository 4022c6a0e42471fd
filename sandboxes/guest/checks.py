"""Checks: which arguments a candidate may pass to an operation."""

from __future__ import annotations

from typing import Any

import torch

from guest import budget
from guest.refusal import Refused

MAX_PARTS = 20_000
"""Most items of nested lists in one argument."""
DTYPES = {
    "float32": torch.float32, "float": torch.float32, "int64": torch.int64, "long": torch.int64,
    "int32": torch.int64, "int": torch.int64, "bool": torch.bool,
}  # fmt: skip
_ALLOWED_DTYPES = frozenset(DTYPES.values())
_SEQUENCES = (list, tuple, torch.Size, range)
_SCALARS = (bool, int, float, type(None))
_BANNED = {
    "out": "`out=` is not allowed; assign the result to a name",
    "inplace": "`inplace=` is not allowed; assign the result to a name",
    "requires_grad": "`requires_grad=` is not allowed; remove it",
    "memory_format": "`memory_format=` is not allowed; remove it",
    "layout": "`layout=` is not allowed; remove it",
    "pin_memory": "`pin_memory=` is not allowed; remove it",
    "generator": "`generator=` is not allowed; a credit function is deterministic",
}


def check_keywords(name: str, kwargs: dict[str, Any], strings: tuple[str, ...] = ()) -> dict[str, Any]:
    """Keyword arguments without `device` (there is one), or a refusal."""
    checked: dict[str, Any] = {}
    for key, value in kwargs.items():
        if key in _BANNED:
            if key == "requires_grad" and value is False:
                continue
            raise Refused("run", "keyword", _BANNED[key])
        if key == "device":
            continue
        if key in strings and type(value) is str:
            checked[key] = value
            continue
        check_value(name, value)
        checked[key] = value
    return checked


def check_value(name: str, value: Any) -> None:  # noqa: ANN401 - any value may be passed
    """Tensors, numbers, sizes, allowed element types, and short lists of them.

    Lists may hold each other many times over, so that their items are counted rather than believed to be few.
    """
    level, parts = [value], 0
    for _ in range(5):
        deeper: list[Any] = []
        for item in level:
            kind = type(item)
            if kind in _SEQUENCES:
                parts += len(item)
                budget.act(len(item) // 4)
                if parts > MAX_PARTS:
                    raise Refused("limit", "memory-limit", f"{name}: a list of more than {MAX_PARTS} items")
                deeper.extend(item)
            else:
                _check_item(name, item)
        if not deeper:
            return
        level = deeper
    raise Refused("run", "argument", f"{name} does not take lists that nest so deeply")


def _check_item(name: str, value: Any) -> None:  # noqa: ANN401
    kind = type(value)
    if kind in _SCALARS or kind is torch.Tensor or kind is slice or value is Ellipsis or kind is torch.device:
        return
    if kind is torch.dtype and value in _ALLOWED_DTYPES:
        return
    if kind is torch.dtype:
        raise Refused("run", "dtype", f"{name}: {value} is not allowed; use torch.float32, torch.int64 or torch.bool")
    raise Refused("run", "argument", f"{name} does not take a {kind.__name__} here; pass tensors and numbers")
