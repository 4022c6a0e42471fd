"""Facade: what `torch`, `F`, `math` and the builtins are for a candidate. Allow-lists; all else does not exist.

Each entry is a wrapper around the real function that checks its arguments first. None can read or write a file,
draw a random number, show uninitialised memory, write to its arguments, or reach a module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from guest import operators
from guest.refusal import Refused

MAX_LOOP = 4096
MAX_ELEMENTS = 4_000_000
"""Most elements of a tensor that a candidate makes from nothing."""

DTYPES = {
    "float32": torch.float32, "float": torch.float32, "int64": torch.int64, "long": torch.int64, "bool": torch.bool,
}  # fmt: skip
_ALLOWED_DTYPES = frozenset(DTYPES.values())
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


class Namespace:
    """A frozen bag of names: a module of the facade."""

    __slots__ = ("label", "names")

    def __init__(self, label: str, names: Mapping[str, Any]) -> None:
        """Freeze the names under a label that errors use."""
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "names", MappingProxyType(dict(names)))

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


def check_value(name: str, value: Any, depth: int = 0) -> None:  # noqa: ANN401 - any value may be passed
    """Tensors, numbers, sizes, allowed element types, and short lists of them."""
    kind = type(value)
    if kind in _SCALARS or kind is torch.Tensor or kind is slice or value is Ellipsis or kind is torch.device:
        return
    if kind is torch.dtype:
        if value not in _ALLOWED_DTYPES:
            raise Refused(
                "run", "dtype", f"{name}: {value} is not allowed; use torch.float32, torch.int64 or torch.bool"
            )
        return
    if kind in (list, tuple, torch.Size, range) and depth < 4:
        for item in value:
            check_value(name, item, depth + 1)
        return
    raise Refused("run", "argument", f"{name} does not take a {kind.__name__} here; pass tensors and numbers")


def _tensor(data: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401 - nested lists of numbers
    """`torch.tensor` of numbers; of tensors it would read their values."""
    _check_numbers(data)
    return torch.tensor(data, dtype=dtype)


def _check_numbers(data: Any) -> None:  # noqa: ANN401
    if type(data) is torch.Tensor:
        raise Refused(
            "run",
            "data-dependent",
            "torch.tensor() of a tensor reads its values; use torch.stack, or the tensor itself",
        )
    if isinstance(data, list | tuple):
        for item in data:
            _check_numbers(item)


def _sized(name: str, call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A factory that takes sizes as one tuple or as several integers."""

    def made(*size: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        sizes = size[0] if len(size) == 1 and isinstance(size[0], list | tuple | torch.Size) else size
        _check_sizes(name, sizes)
        return call(tuple(sizes), **kwargs)

    return made


def _check_sizes(name: str, sizes: Iterable[Any]) -> None:
    if any(type(s) is not int for s in sizes):
        raise Refused("run", "argument", f"{name} takes sizes as integers")
    if math.prod(sizes) > MAX_ELEMENTS:
        raise Refused(
            "limit", "memory-limit", f"{name} of {math.prod(sizes)} elements; at most {MAX_ELEMENTS} are allowed"
        )


def _full(size: Any, fill_value: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401
    sizes = (size,) if isinstance(size, int) else size
    _check_sizes("torch.full", sizes)
    if type(fill_value) is torch.Tensor:
        raise Refused("run", "data-dependent", "torch.full with a tensor reads its value; use fill_value.expand(…)")
    return torch.full(tuple(sizes), fill_value, dtype=dtype)


def _eye(n: int, m: int | None = None, dtype: torch.dtype | None = None) -> torch.Tensor:
    _check_sizes("torch.eye", (n, m or n))
    return torch.eye(n, m if m is not None else n, dtype=dtype)


def _arange(*args: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401
    if any(type(a) not in (int, float) for a in args) or any(abs(a) > MAX_ELEMENTS for a in args):
        raise Refused("run", "argument", "torch.arange takes small numbers")
    return torch.arange(*args, dtype=dtype)


def _linspace(start: float, end: float, steps: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    _check_sizes("torch.linspace", (steps,))
    return torch.linspace(start, end, steps, dtype=dtype)


def _one_hot(tensor: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    """`one_hot` as a comparison: it needs no look at the values, so it can be traced."""
    if num_classes < 1:
        raise Refused("run", "data-dependent", "F.one_hot needs num_classes; without it the shape depends on the data")
    _check_sizes("F.one_hot", (num_classes,))
    return (tensor.unsqueeze(-1) == torch.arange(num_classes)).to(torch.int64)


def _clone(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clone()


def _normalize(input: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> torch.Tensor:
    return torch.nn.functional.normalize(input, p=p, dim=dim, eps=eps)


def _norm(input: torch.Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> torch.Tensor:  # noqa: ANN401
    order = 2 if p in ("fro", None) else p
    return torch.linalg.vector_norm(input, ord=order, dim=dim, keepdim=keepdim)


def _std(input: torch.Tensor, dim: Any = None, keepdim: bool = False, unbiased: bool = True) -> torch.Tensor:  # noqa: ANN401
    return torch.std(input, dim=dim, correction=int(unbiased), keepdim=keepdim)


def _var(input: torch.Tensor, dim: Any = None, keepdim: bool = False, unbiased: bool = True) -> torch.Tensor:  # noqa: ANN401
    return torch.var(input, dim=dim, correction=int(unbiased), keepdim=keepdim)


def _where(*args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
    if len(args) + len(kwargs) != 3:
        raise Refused(
            "run",
            "data-dependent",
            "torch.where needs three arguments (condition, a, b); with one its shape depends on the data",
        )
    return torch.where(*args, **kwargs)


_TORCH_PLAIN = [
    "abs",
    "absolute",
    "add",
    "sub",
    "subtract",
    "mul",
    "multiply",
    "div",
    "divide",
    "true_divide",
    "floor_divide",
    "neg",
    "negative",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "square",
    "reciprocal",
    "sigmoid",
    "tanh",
    "sinh",
    "cosh",
    "tan",
    "sin",
    "cos",
    "atan",
    "arctan",
    "atan2",
    "arctan2",
    "erf",
    "relu",
    "sign",
    "sgn",
    "floor",
    "ceil",
    "round",
    "trunc",
    "fmod",
    "remainder",
    "pow",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "clamp",
    "clip",
    "clamp_min",
    "clamp_max",
    "nan_to_num",
    "hypot",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_not",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_not",
    "isnan",
    "isinf",
    "isfinite",
    "isclose",
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "max",
    "min",
    "argmax",
    "argmin",
    "any",
    "all",
    "cumsum",
    "cumprod",
    "sort",
    "argsort",
    "topk",
    "logsumexp",
    "softmax",
    "log_softmax",
    "median",
    "matmul",
    "mm",
    "bmm",
    "mv",
    "dot",
    "outer",
    "cat",
    "concat",
    "concatenate",
    "stack",
    "hstack",
    "vstack",
    "unsqueeze",
    "squeeze",
    "reshape",
    "flatten",
    "permute",
    "transpose",
    "movedim",
    "swapaxes",
    "t",
    "flip",
    "roll",
    "repeat_interleave",
    "tile",
    "broadcast_to",
    "split",
    "chunk",
    "unbind",
    "narrow",
    "select",
    "gather",
    "index_select",
    "masked_fill",
    "take_along_dim",
    "diagonal",
    "tril",
    "triu",
    "zeros_like",
    "ones_like",
    "full_like",
    "diff",
    "cross",
    "lerp",
    "addcmul",
    "addcdiv",
    "logaddexp",
    "deg2rad",
    "rad2deg",
    "cdist",
    "count_nonzero",
    "select_scatter",
    "slice_scatter",
    "scatter",
    "meshgrid",
]
_STRINGS = {"div": ("rounding_mode",), "divide": ("rounding_mode",), "meshgrid": ("indexing",)}
_F_PLAIN = [
    "softmax",
    "log_softmax",
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "elu",
    "leaky_relu",
    "gelu",
    "silu",
    "hardtanh",
    "hardsigmoid",
    "relu6",
    "selu",
    "mish",
    "logsigmoid",
    "softsign",
    "tanhshrink",
    "pad",
    "cosine_similarity",
    "pairwise_distance",
    "normalize",
    "l1_loss",
    "mse_loss",
]
_MATH = [
    "sqrt",
    "exp",
    "log",
    "log2",
    "log10",
    "log1p",
    "expm1",
    "pow",
    "sin",
    "cos",
    "tan",
    "atan",
    "atan2",
    "tanh",
    "sinh",
    "cosh",
    "floor",
    "ceil",
    "fabs",
    "hypot",
    "degrees",
    "radians",
    "isnan",
    "isinf",
    "isfinite",
    "copysign",
    "gcd",
]


def _einsum(equation: str, *operands: Any) -> torch.Tensor:  # noqa: ANN401
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    for tensor in tensors:
        check_value("torch.einsum", tensor)
    return torch.einsum(equation, *tensors)


def torch_namespace() -> Namespace:
    """`torch` for a candidate."""
    plain = {name: wrap(f"torch.{name}", getattr(torch, name), _STRINGS.get(name, ())) for name in _TORCH_PLAIN}
    own = {
        "tensor": _tensor, "as_tensor": _tensor, "full": _full, "eye": _eye, "arange": _arange, "linspace": _linspace,
        "clone": _clone, "where": _where, "std": _std, "var": _var, "zeros": _sized("torch.zeros", torch.zeros),
        "ones": _sized("torch.ones", torch.ones),
    }  # fmt: skip
    functional = functional_namespace()
    names: dict[str, Any] = {
        **plain,
        **{name: wrap(f"torch.{name}", call) for name, call in own.items()},
        "norm": wrap("torch.norm", _norm, ("p",)),
        "einsum": _einsum,
        **DTYPES,
        "pi": math.pi,
        "e": math.e,
        "inf": math.inf,
        "nn": Namespace("torch.nn", {"functional": functional}),
        "linalg": Namespace(
            "torch.linalg",
            {"norm": wrap("torch.linalg.norm", _norm), "vector_norm": wrap("torch.linalg.vector_norm", _norm)},
        ),
        "special": Namespace("torch.special", {"expit": wrap("torch.special.expit", torch.sigmoid)}),
        "Tensor": None,
    }
    del names["Tensor"]
    return Namespace("torch", names)


def functional_namespace() -> Namespace:
    """`torch.nn.functional` for a candidate."""
    module = torch.nn.functional
    names = {name: wrap(f"F.{name}", getattr(module, name), ("mode",) if name == "pad" else ()) for name in _F_PLAIN}
    return Namespace(
        "F", {**names, "one_hot": wrap("F.one_hot", _one_hot), "normalize": wrap("F.normalize", _normalize)}
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

    return Namespace("math", {**{name: numeric(name) for name in _MATH}, "pi": math.pi, "e": math.e, "inf": math.inf})


def builtins() -> dict[str, Any]:
    """The builtins of a candidate."""
    return {
        "range": _range, "enumerate": _enumerate, "zip": _zip, "float": _number(float), "int": _number(int),
        "bool": _number(bool), "abs": _abs, "sum": _sum, "round": _round, "len": _len,
        "min": _extreme(min), "max": _extreme(max), "any": _quantifier(any), "all": _quantifier(all),
        "list": lambda items=(): list(plain(items)), "tuple": lambda items=(): tuple(plain(items)),
        "reversed": lambda items: list(reversed(plain(items))), "sorted": _sorted,
        "pow": lambda left, right: operators.binary("**", left, right), "True": True, "False": False, "None": None,
    }  # fmt: skip


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
    if any(abs(arg) > operators.MAX_ITEMS for arg in args):
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
    operators.check_length(len(items))
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
