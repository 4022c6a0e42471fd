"""Composed: operations that the facade builds from others, because torch's own looks at the data or has no graph form.

What torch calls `one_hot`, `roll`, `median`, `cdist` or `hypot` becomes a few operations of the op table, with the
same values. Factories check the sizes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from guest.checks import check_value
from guest.refusal import Refused

MAX_ELEMENTS = 4_000_000
"""Most elements of a tensor that a candidate makes from nothing."""


def tensor(data: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401 - nested lists of numbers
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


def sized(name: str, call: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A factory that takes sizes as one tuple or as several integers."""

    def made(*size: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        sizes = size[0] if len(size) == 1 and isinstance(size[0], list | tuple | torch.Size) else size
        check_sizes(name, sizes)
        return call(tuple(sizes), **kwargs)

    return made


def check_sizes(name: str, sizes: Iterable[Any]) -> None:
    """Refuse sizes that are no integers, or a tensor that is too large."""
    if any(type(s) is not int for s in sizes):
        raise Refused("run", "argument", f"{name} takes sizes as integers")
    if math.prod(sizes) > MAX_ELEMENTS:
        raise Refused(
            "limit", "memory-limit", f"{name} of {math.prod(sizes)} elements; at most {MAX_ELEMENTS} are allowed"
        )


def full(size: Any, fill_value: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401
    """`torch.full`."""
    sizes = (size,) if isinstance(size, int) else size
    check_sizes("torch.full", sizes)
    if type(fill_value) is torch.Tensor:
        raise Refused("run", "data-dependent", "torch.full with a tensor reads its value; use fill_value.expand(…)")
    return torch.full(tuple(sizes), fill_value, dtype=dtype)


def eye(n: int, m: int | None = None, dtype: torch.dtype | None = None) -> torch.Tensor:
    """`torch.eye`."""
    check_sizes("torch.eye", (n, m or n))
    return torch.eye(n, m if m is not None else n, dtype=dtype)


def arange(*args: Any, dtype: torch.dtype | None = None) -> torch.Tensor:  # noqa: ANN401
    """`torch.arange`."""
    if any(type(a) not in (int, float) for a in args) or any(abs(a) > MAX_ELEMENTS for a in args):
        raise Refused("run", "argument", "torch.arange takes small numbers")
    return torch.arange(*args, dtype=dtype)


def linspace(start: float, end: float, steps: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    """`torch.linspace`."""
    check_sizes("torch.linspace", (steps,))
    return torch.linspace(start, end, steps, dtype=dtype)


def one_hot(tensor: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    """`one_hot` as a comparison: it needs no look at the values, so it can be traced."""
    if num_classes < 1:
        raise Refused("run", "data-dependent", "F.one_hot needs num_classes; without it the shape depends on the data")
    check_sizes("F.one_hot", (num_classes,))
    return (tensor.unsqueeze(-1) == torch.arange(num_classes)).to(torch.int64)


def clone(tensor: torch.Tensor) -> torch.Tensor:
    """`torch.clone`."""
    return tensor.clone()


def std(
    input: torch.Tensor,
    dim: Any = None,  # noqa: ANN401
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> torch.Tensor:
    """`torch.std`."""
    return torch.std(input, dim=dim, correction=int(unbiased) if correction is None else correction, keepdim=keepdim)


def var(
    input: torch.Tensor,
    dim: Any = None,  # noqa: ANN401
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> torch.Tensor:
    """`torch.var`."""
    return torch.var(input, dim=dim, correction=int(unbiased) if correction is None else correction, keepdim=keepdim)


def where(*args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
    """`torch.where` with three arguments."""
    if len(args) + len(kwargs) != 3:
        raise Refused(
            "run",
            "data-dependent",
            "torch.where needs three arguments (condition, a, b); with one its shape depends on the data",
        )
    return torch.where(*args, **kwargs)


def einsum(equation: str, *operands: Any) -> torch.Tensor:  # noqa: ANN401
    """`torch.einsum`."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    for tensor in tensors:
        check_value("torch.einsum", tensor)
    return torch.einsum(equation, *tensors)


def norm(input: torch.Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> torch.Tensor:  # noqa: ANN401
    """`torch.norm`: of vectors."""
    return vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim)


def linalg_norm(input: torch.Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False) -> torch.Tensor:  # noqa: ANN401
    """`torch.linalg.norm`: of vectors, or of whole matrices where no order is given."""
    if ord is not None and ord != "fro" and isinstance(dim, list | tuple) and len(dim) > 1:
        raise Refused("run", "argument", "torch.linalg.norm: matrix norms are not allowed; give one dim")
    return vector_norm(input, 2 if ord in ("fro", None) else ord, dim, keepdim)


def vector_norm(input: torch.Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> torch.Tensor:  # noqa: ANN401
    """`torch.linalg.vector_norm`."""
    return torch.linalg.vector_norm(input, ord=ord, dim=dim, keepdim=keepdim)


def normalize(input: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> torch.Tensor:
    """`F.normalize`."""
    return input / vector_norm(input, p, dim, True).clamp_min(eps)


def cosine_similarity(x1: torch.Tensor, x2: torch.Tensor, dim: int = 1, eps: float = 1e-8) -> torch.Tensor:
    """`F.cosine_similarity`."""
    lengths = vector_norm(x1, 2, dim).clamp_min(eps) * vector_norm(x2, 2, dim).clamp_min(eps)
    return (x1 * x2).sum(dim) / lengths


def pairwise_distance(
    x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> torch.Tensor:
    """`F.pairwise_distance`."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def cdist(x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0) -> torch.Tensor:
    """`torch.cdist`: every row of one against every row of the other."""
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def hypot(input: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """`torch.hypot`."""
    return (input * input + other * other).sqrt()


def logsigmoid(input: torch.Tensor) -> torch.Tensor:
    """`F.logsigmoid`."""
    return -torch.nn.functional.softplus(-input)


def lerp(input: torch.Tensor, end: torch.Tensor, weight: Any) -> torch.Tensor:  # noqa: ANN401
    """`torch.lerp`."""
    return input + weight * (end - input)


def cross(input: torch.Tensor, other: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """`torch.cross` and `torch.linalg.cross`, along a dimension of three."""
    return roll(input, -1, dim) * roll(other, 1, dim) - roll(input, 1, dim) * roll(other, -1, dim)


def addcmul(input: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, value: float = 1.0) -> torch.Tensor:
    """`torch.addcmul`."""
    return input + value * tensor1 * tensor2


def addcdiv(input: torch.Tensor, tensor1: torch.Tensor, tensor2: torch.Tensor, value: float = 1.0) -> torch.Tensor:
    """`torch.addcdiv`."""
    return input + value * tensor1 / tensor2


def prod(input: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> torch.Tensor:
    """`torch.prod`."""
    return torch.prod(input.reshape(-1), 0) if dim is None else torch.prod(input, dim, keepdim)


def count_nonzero(input: torch.Tensor, dim: Any = None) -> torch.Tensor:  # noqa: ANN401
    """`torch.count_nonzero`."""
    return (input != 0).sum() if dim is None else (input != 0).sum(dim)


def isclose(input: torch.Tensor, other: torch.Tensor, rtol: float = 1e-5, atol: float = 1e-8) -> torch.Tensor:
    """`torch.isclose`."""
    return (input - other).abs() <= atol + rtol * other.abs()


def deg2rad(input: torch.Tensor) -> torch.Tensor:
    """`torch.deg2rad`."""
    return input * (math.pi / 180.0)


def rad2deg(input: torch.Tensor) -> torch.Tensor:
    """`torch.rad2deg`."""
    return input * (180.0 / math.pi)


def exp2(input: torch.Tensor) -> torch.Tensor:
    """`torch.exp2`."""
    return torch.pow(2.0, input)


def logit(input: torch.Tensor, eps: float | None = None) -> torch.Tensor:
    """`torch.logit`."""
    inside = input if eps is None else input.clamp(eps, 1.0 - eps)
    return torch.log(inside / (1.0 - inside))


def trace(input: torch.Tensor) -> torch.Tensor:
    """`torch.trace`."""
    return diagonal(input).sum()


def column_stack(tensors: Any) -> torch.Tensor:  # noqa: ANN401
    """`torch.column_stack`."""
    return torch.cat([part.reshape(part.shape[0], -1) for part in tensors], dim=1)


def addmm(input: torch.Tensor, mat1: torch.Tensor, mat2: torch.Tensor) -> torch.Tensor:
    """`torch.addmm` and `torch.baddbmm`."""
    return input + mat1 @ mat2


def hardsigmoid(input: torch.Tensor) -> torch.Tensor:
    """`F.hardsigmoid`."""
    return (input / 6.0 + 0.5).clamp(0.0, 1.0)


def hardswish(input: torch.Tensor) -> torch.Tensor:
    """`F.hardswish`."""
    return input * hardsigmoid(input)


def mish(input: torch.Tensor) -> torch.Tensor:
    """`F.mish`."""
    return input * torch.tanh(torch.nn.functional.softplus(input))


def softmin(input: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """`F.softmin`."""
    return torch.softmax(-input, dim)


def linear(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """`F.linear`."""
    made = input @ weight.t()
    return made if bias is None else made + bias


def layer_norm(
    input: torch.Tensor,
    normalized_shape: Any,  # noqa: ANN401
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """`F.layer_norm` over the last dimensions."""
    dims = list(range(-len(_as_tuple("F.layer_norm", normalized_shape)), 0))
    centred = input - input.mean(dims, keepdim=True)
    made = centred / (centred.square().mean(dims, keepdim=True) + eps).sqrt()
    made = made if weight is None else made * weight
    return made if bias is None else made + bias


def long(input: torch.Tensor) -> torch.Tensor:
    """`.int()`: integers have 64 bits here."""
    return input.long()


def logaddexp(input: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """`torch.logaddexp`."""
    top = torch.maximum(input, other)
    return top + torch.log1p(torch.exp(-(input - other).abs()))


def roll(input: torch.Tensor, shifts: Any, dims: Any = None) -> torch.Tensor:  # noqa: ANN401
    """`torch.roll`."""
    if dims is None:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    moves, axes = _as_tuple("torch.roll", shifts), _as_tuple("torch.roll", dims)
    if len(moves) != len(axes):
        raise Refused("run", "argument", "torch.roll: shifts and dims must be equally many")
    for shift, dim in zip(moves, axes, strict=True):
        size = input.shape[dim]
        cut = -shift % size if size else 0
        if cut:
            input = torch.cat([input.narrow(dim, cut, size - cut), input.narrow(dim, 0, cut)], dim)
    return input


def diagonal(input: torch.Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> torch.Tensor:
    """`torch.diagonal`, as a subscript."""
    moved = input.movedim((dim1, dim2), (-2, -1))
    rows, columns = moved.shape[-2:]
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    at = torch.arange(count)
    return moved[..., at + max(-offset, 0), at + max(offset, 0)]


def diag(input: torch.Tensor) -> torch.Tensor:
    """`torch.diag`: of a vector a matrix, of a matrix its diagonal."""
    return torch.eye(input.shape[0]) * input if input.dim() == 1 else diagonal(input)


def median(input: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> Any:  # noqa: ANN401
    """`torch.median`: the lower of the two middle values."""
    if dim is None:
        return median(input.reshape(-1), 0)[0]
    values, indices = torch.sort(input, dim)
    middle = (input.shape[dim] - 1) // 2
    if keepdim:
        return torch.return_types.median((values.narrow(dim, middle, 1), indices.narrow(dim, middle, 1)))
    return torch.return_types.median((values.select(dim, middle), indices.select(dim, middle)))


def _as_tuple(name: str, value: Any) -> tuple[int, ...]:  # noqa: ANN401
    items = tuple(value) if isinstance(value, list | tuple) else (value,)
    if any(type(item) is not int for item in items):
        raise Refused("run", "argument", f"{name} takes integers")
    return items
