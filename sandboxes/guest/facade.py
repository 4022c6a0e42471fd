"""Facade: what `torch`, `F`, `math` and the builtins are for a candidate. Allow-lists; all else does not exist.

Each entry is a wrapper around the real function that checks its arguments first. None can read or write a file,
draw a random number, show uninitialised memory, write to its arguments, or reach a module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from guest import composed, names
from guest.checks import DTYPES, check_keywords, check_value
from guest.refusal import Refused

MAX_ELEMENTS = 4_000_000
"""Most elements of a tensor that a candidate makes from nothing."""


class Namespace:
    """A frozen bag of names: a module of the facade."""

    __slots__ = ("label", "names")

    def __init__(self, label: str, contents: Mapping[str, Any]) -> None:
        """Freeze the names under a label that errors use."""
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "names", MappingProxyType(dict(contents)))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse every write."""
        raise Refused("run", "attribute", "modules cannot be changed")


def wrap(name: str, call: Callable[..., Any], strings: tuple[str, ...] = ()) -> Callable[..., Any]:
    """A function of the facade: argument checks, then the real call.

    Args:
        name: how refusals call it.
        call: the real function.
        strings: keyword arguments that may be a string (the screen has checked its value).
    """

    def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - torch's functions take anything
        for arg in args:
            check_value(name, arg)
        return call(*args, **check_keywords(name, kwargs, strings))

    return called


OWN: dict[str, Callable[..., Any]] = {
    name: getattr(composed, name)
    for name in (
        "std", "var", "norm", "cdist", "roll", "hypot", "diagonal", "diag", "median", "logaddexp", "cosine_similarity",
        "lerp", "cross", "addcmul", "addcdiv", "prod", "count_nonzero", "isclose", "deg2rad", "rad2deg", "exp2",
        "logit", "trace", "column_stack", "addmm", "clone", "where",
    )
}  # fmt: skip
"""Operations composed of others: functions of `torch`, and methods where `names.METHODS` has them."""
_FACTORIES: dict[str, Callable[..., Any]] = {
    "tensor": composed.tensor, "as_tensor": composed.tensor, "full": composed.full, "eye": composed.eye,
    "arange": composed.arange, "linspace": composed.linspace, "zeros": composed.sized("torch.zeros", torch.zeros),
    "ones": composed.sized("torch.ones", torch.ones), "baddbmm": composed.addmm,
}  # fmt: skip
_OWN_FUNCTIONAL: dict[str, Callable[..., Any]] = {
    name: getattr(composed, name)
    for name in (
        "one_hot", "normalize", "logsigmoid", "cosine_similarity", "pairwise_distance", "hardsigmoid", "hardswish",
        "mish", "softmin", "linear", "layer_norm",
    )
}  # fmt: skip
STRINGS: dict[str, tuple[str, ...]] = {
    "div": ("rounding_mode",), "divide": ("rounding_mode",), "meshgrid": ("indexing",), "norm": ("p", "ord"), "pad": ("mode",),
}  # fmt: skip
"""Keywords that may be a string, by function; the screen has checked which strings."""


def torch_namespace() -> Namespace:
    """`torch` for a candidate."""
    functional = functional_namespace()
    return Namespace(
        "torch",
        {
            **{name: wrap(f"torch.{name}", getattr(torch, name), STRINGS.get(name, ())) for name in names.TORCH},
            **{
                name: wrap(f"torch.{name}", call, STRINGS.get(name, ())) for name, call in {**OWN, **_FACTORIES}.items()
            },
            "einsum": composed.einsum,
            **DTYPES,
            "pi": math.pi,
            "e": math.e,
            "inf": math.inf,
            "nn": Namespace("torch.nn", {"functional": functional}),
            "linalg": Namespace(
                "torch.linalg",
                {
                    "norm": wrap("torch.linalg.norm", composed.linalg_norm, ("ord",)),
                    "cross": wrap("torch.linalg.cross", composed.cross),
                    "vector_norm": wrap("torch.linalg.vector_norm", composed.vector_norm),
                },
            ),
            "special": Namespace("torch.special", {"expit": wrap("torch.special.expit", torch.sigmoid)}),
        },
    )


def functional_namespace() -> Namespace:
    """`torch.nn.functional` for a candidate."""
    module = torch.nn.functional
    return Namespace(
        "F",
        {
            **{name: wrap(f"F.{name}", getattr(module, name), STRINGS.get(name, ())) for name in names.FUNCTIONAL},
            **{name: wrap(f"F.{name}", call) for name, call in _OWN_FUNCTIONAL.items()},
        },
    )


def math_namespace() -> Namespace:
    """`math` for a candidate: functions of Python numbers."""

    def numeric(name: str) -> Callable[..., Any]:
        call = getattr(math, name)

        def called(*args: Any) -> Any:  # noqa: ANN401
            if any(type(arg) not in (int, float, bool) for arg in args):
                raise Refused("run", "argument", f"math.{name} takes Python numbers; use torch.{name} for tensors")
            return call(*args)

        return called

    return Namespace(
        "math", {**{name: numeric(name) for name in names.MATH}, "pi": math.pi, "e": math.e, "inf": math.inf}
    )
