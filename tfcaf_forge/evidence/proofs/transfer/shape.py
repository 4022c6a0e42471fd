"""Rules for operations that only move, repeat or drop elements, and for tensors made from nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.evidence.proofs.domains import Move, Val, as_float, known, make, make_int, raw
from tfcaf_forge.evidence.proofs.domains import cast as cast_to
from tfcaf_forge.evidence.proofs.site import Site, plain
from tfcaf_forge.graph.opgraph import BatchDim, Data, Ref

Out = tuple[Val, ...]
Array = NDArray[Any]


def mover(site: Site) -> Callable[[Array], list[Array]]:
    """What a moving operation does to an array: a list of its outputs."""
    return _MOVERS[site.op](site)


def _one(make_move: Callable[[Site], Move]) -> Callable[[Site], Callable[[Array], list[Array]]]:
    def build(site: Site) -> Callable[[Array], list[Array]]:
        move = make_move(site)
        return lambda x: [move(x)]

    return build


def _view(site: Site) -> Move:
    shape = site.shape
    return lambda x: x.reshape(shape)


def _expand(site: Site) -> Move:
    shape = site.shape
    return lambda x: np.broadcast_to(x, shape if not site.replaced else np.broadcast_shapes(x.shape, shape))


def _repeat(site: Site) -> Move:
    times = [
        site.run.cells if isinstance(t, BatchDim) else int(cast(int, t))
        for t in cast(tuple[Any, ...], site.arg("repeats"))
    ]
    return lambda x: np.tile(x, times)


def _permute(site: Site) -> Move:
    rank = len(site.shape)
    dims = [d % max(rank, 1) for d in cast(tuple[int, ...], site.arg("dims"))]
    return lambda x: np.transpose(x, dims)


def _transpose(site: Site) -> Move:
    rank = len(site.in_shape())
    if rank < 2:
        return lambda x: x
    a, b = (0, 1) if site.op == "t" else (site.axis("dim0"), site.axis("dim1"))
    return lambda x: np.swapaxes(x, a, b)


def _flip(site: Site) -> Move:
    dims = site.axes("dims")
    return lambda x: np.flip(x, dims)


def _select(site: Site) -> Move:
    at, index = site.axis(), site.int("index")
    return lambda x: np.take(x, index, axis=at)


def slicer(site: Site) -> tuple[slice, ...]:
    """The slice that `slice.Tensor` and `slice_scatter` name; ends beyond the size are the size."""
    at, size = site.axis(), site.in_shape()[site.axis()]
    start, end = site.arg("start"), site.arg("end")
    first = 0 if start is None else int(cast(int, start))
    last = size if end is None else site.run.cells if isinstance(end, BatchDim) else int(plain(end))
    return (slice(None),) * at + (slice(first, last, site.int("step")),)


def _slice(site: Site) -> Move:
    key = slicer(site)
    return lambda x: x[key]


def _splits(site: Site) -> Callable[[Array], list[Array]]:
    at = site.axis()
    if site.op == "split.Tensor":
        step, size = site.int("split_size"), site.in_shape()[at]
        ends = list(range(step, size, step)) if step > 0 else []
    else:
        ends = list(np.cumsum(cast(tuple[int, ...], site.arg("split_sizes"))))[:-1]
    return lambda x: list(np.split(x, ends, axis=at))


def _unbind(site: Site) -> Callable[[Array], list[Array]]:
    at = site.axis()
    return lambda x: [np.take(x, i, axis=at) for i in range(x.shape[at])]


_MOVERS: dict[str, Callable[[Site], Callable[[Array], list[Array]]]] = {
    **dict.fromkeys(("view", "_unsafe_view", "unsqueeze", "squeeze", "squeeze.dim", "squeeze.dims"), _one(_view)),
    "expand": _one(_expand),
    "repeat": _one(_repeat),
    "permute": _one(_permute),
    "transpose.int": _one(_transpose),
    "t": _one(_transpose),
    "flip": _one(_flip),
    "select.int": _one(_select),
    "slice.Tensor": _one(_slice),
    "split.Tensor": _splits,
    "split_with_sizes": _splits,
    "unbind.int": _unbind,
}


def moving(site: Site) -> Out:
    """The same values elsewhere."""
    value, move = site.val("self"), mover(site)
    parts = [move(a) for a in (value.lo, value.hi, value.nan, value.whole)]
    return tuple(Val(*out) for out in zip(*parts, strict=True))


def join(site: Site) -> Out:
    """cat and stack: the operands side by side."""
    parts = [_typed(site, ref) for ref in cast(tuple[Ref, ...], site.arg("tensors"))]
    at = site.axis(rank=len(site.shape))
    if site.op == "cat":
        parts = [part for part in parts if part.shape != (0,) or len(site.shape) == 1]
    glue = np.concatenate if site.op == "cat" else np.stack
    return (
        Val(
            glue([p.lo for p in parts], axis=at),
            glue([p.hi for p in parts], axis=at),
            glue([p.nan for p in parts], axis=at),
            glue([p.whole for p in parts], axis=at),
        ),
    )


def _typed(site: Site, ref: Ref) -> Val:
    value = site.at(ref)
    return as_float(value, site.run.type_of(ref).dtype) if site.dtype == "float" else value


def pad(site: Site) -> Out:
    """A constant around self; a negative pad cuts."""
    value, fill = site.val("self"), taken(site, "value")
    rank = len(site.in_shape())
    pads = cast(tuple[int, ...], site.arg("pad"))
    widths, cuts = [(0, 0)] * rank, [slice(None)] * rank
    for i in range(len(pads) // 2):
        at, before, after = rank - 1 - i, pads[2 * i], pads[2 * i + 1]
        widths[at] = (max(before, 0), max(after, 0))
        cuts[at] = slice(max(-before, 0), value.shape[at] - max(-after, 0))
    key = tuple(cuts)

    def padded(x: Array, filler: Any) -> Array:  # noqa: ANN401 - a scalar of the array's type
        return np.pad(x[key], widths, constant_values=filler)

    whole = padded(value.whole, fill.whole[()])
    return (raw(padded(value.lo, fill.lo[()]), padded(value.hi, fill.hi[()]), padded(value.nan, fill.nan[()]), whole),)


def taken(site: Site, name: str) -> Val:
    """What is written into a tensor takes its element type; a number that no integer holds is refused."""
    if site.dtype == "float":
        return site.flt(name)
    finite(site, name)
    kind = site.dtype_of(name) if isinstance(site.arg(name), Ref) else "float"
    return cast_to(site.val(name), kind, site.dtype)


def copy(site: Site) -> Out:
    """src, in self's shape and element type."""
    shape = np.broadcast_shapes(site.val("src").shape, site.shape)
    src = taken(site, "src")
    return (src.moved(lambda x: np.broadcast_to(x, shape)),)


def triangle(site: Site) -> Out:
    """tril and triu: zero beyond a diagonal."""
    value, keep = site.val("self"), np.tril if site.op == "tril" else np.triu
    mask = keep(np.ones(value.shape[-2:], np.bool_), site.int("diagonal"))
    return (raw(np.where(mask, value.lo, 0.0), np.where(mask, value.hi, 0.0), value.nan & mask, value.whole | ~mask),)


def filled(site: Site) -> Out:
    """A tensor of one number."""
    packet = site.op.removeprefix("new_").removesuffix("_like")
    shape = site.shape
    if packet in ("zeros", "ones"):
        return (known(shape, 0.0 if packet == "zeros" else 1.0),)
    name = "s" if site.op == "scalar_tensor" else "fill_value"
    if site.dtype == "float":
        return (site.flt(name).moved(lambda x: np.broadcast_to(x, shape)),)
    finite(site, name)
    x = np.full(shape, site.num(name))
    if site.dtype == "bool":
        x = (x != 0).astype(np.float64)
    return (make_int(np.trunc(x), np.trunc(x)),)


def finite(site: Site, name: str) -> None:
    """A number beyond int64 cannot become an integer: torch refuses."""
    if not isinstance(site.arg(name), Ref) and not abs(site.num(name)) < 2.0**63:
        raise ValueError(f"{site.op} of {site.dtype} with {site.num(name)}")


def _unknown(site: Site) -> Val:
    from tfcaf_forge.evidence.proofs.domains import top

    return top(site.shape, site.dtype)


def const(site: Site) -> Out:
    """Constant data."""
    data = cast(Data, site.arg("data"))
    x = np.asarray([plain(cast(Any, v)) for v in data.values], np.float64).reshape(data.shape)
    if data.dtype == "float":
        near = x.astype(np.float32).astype(np.float64)
        return (make(near, near, False, np.floor(near) == near),)
    return (make_int(x, x),)


def eye(site: Site) -> Out:
    """Ones on the diagonal."""
    rows, columns = site.shape
    x = np.eye(rows, columns)
    return (raw(x, x, False, True),)


def arange(site: Site) -> Out:
    """start, start + step, …: exact for integers, within 4 units otherwise."""
    start = site.num("start") if site.has("start") else 0.0
    step = site.num("step") if site.has("step") else 1.0
    x = start + step * np.arange(site.shape[0], dtype=np.float64)
    if site.dtype != "float":
        plain_ints = all(isinstance(site.arg(n), int) for n in ("start", "step") if site.has(n))
        return (make_int(x, x) if plain_ints else _unknown(site),)
    return (_about(x, abs(start) + np.abs(x).max(initial=0.0)),)


def linspace(site: Site) -> Out:
    """From start to end in equal steps."""
    x = np.linspace(site.num("start"), site.num("end"), site.shape[0])
    if site.dtype != "float":
        return (_unknown(site),)
    return (_about(x, abs(site.num("start")) + abs(site.num("end"))),)


def _about(x: Array, size: float) -> Val:
    whole = bool((x == np.floor(x)).all()) and size < 2.0**23
    slack = 0.0 if whole else 4.0 * size * 2.0**-23
    return make(x - slack, x + slack, False, whole)


RULES: dict[str, Callable[[Site], Out]] = {
    **dict.fromkeys(_MOVERS, moving),
    "cat": join,
    "stack": join,
    "constant_pad_nd": pad,
    "copy": copy,
    "tril": triangle,
    "triu": triangle,
    **dict.fromkeys(("zeros", "ones", "full", "scalar_tensor", "zeros_like", "ones_like", "full_like"), filled),
    **dict.fromkeys(("new_zeros", "new_ones", "new_full"), filled),
    "const": const,
    "eye": eye,
    "eye.m": eye,
    "arange": arange,
    "arange.start": arange,
    "arange.start_step": arange,
    "linspace": linspace,
}
