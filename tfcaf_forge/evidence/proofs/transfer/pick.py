"""Rules for picking elements by index and placing them.

Where an index is not known exactly, the result is the hull of everything that it may point to. An index that may
be out of range makes the operation raise; that is noted in the run, and nothing is proved of such a cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.evidence.proofs.domains import INF, Mask, Val, choose, raw, top
from tfcaf_forge.evidence.proofs.site import Site
from tfcaf_forge.evidence.proofs.transfer.shape import slicer, taken
from tfcaf_forge.graph.opgraph import Ref

Out = tuple[Val, ...]
Array = NDArray[Any]
_MOST = 256
"""Longest dimension whose elements are told apart when an index is not known."""


def index(site: Site) -> Out:
    """`x[:, i, j]` with integer tensors in neighbouring places."""
    value = site.val("self")
    refs = cast(tuple[Ref | None, ...], site.arg("indices"))
    places = [at for at, ref in enumerate(refs) if ref is not None]
    kinds = [site.run.type_of(refs[at]) for at in places]  # type: ignore[arg-type]
    if any(kind.dtype != "int" for kind in kinds) or places != list(range(places[0], places[-1] + 1)):
        raise ValueError("an index of another kind: left without a rule")
    known: list[Val] = []
    for at, kind in zip(places, kinds, strict=True):
        i, size = site.at(cast(Ref, refs[at])), value.shape[at]
        site.run.fail(site.index, (i.lo < -size) | (i.hi > size - 1), kind)
        known.append(i)
    return (_indexed(value, places, known),)


def _indexed(value: Val, places: list[int], known: list[Val]) -> Val:
    """Exact where all indices are; else the hull over the first unknown one, with further ones blurred first."""
    keys = [_clean(i, value.shape[at]) for at, i in zip(places, known, strict=True)]
    unknown = [k for k, i in enumerate(known) if not i.exact]
    for k in unknown if len(unknown) > 1 or _too_long(value, places, unknown) else []:
        value, keys[k] = _blurred(value, places[k]), np.zeros_like(keys[k])
    if len(unknown) != 1 or value.shape[places[unknown[0]]] == 1:
        return value.moved(lambda x: x[_key(places, keys)])
    k = unknown[0]
    size = value.shape[places[k]]
    out: Val | None = None
    for j in range(size):
        keys[k] = np.full_like(keys[k], j)
        part = value.moved(lambda x: x[_key(places, keys)])
        may = _may_point(known[k], j, size)
        may = may.reshape(may.shape + (1,) * (len(value.shape) - places[-1] - 1))
        may = np.broadcast_to(may, part.shape)
        out = _gathered(out, part, may)
    return _settled(out, value)


def _too_long(value: Val, places: list[int], unknown: list[int]) -> bool:
    return bool(unknown) and value.shape[places[unknown[0]]] > _MOST


def _clean(i: Val, size: int) -> NDArray[np.int64]:
    """An index as an array; negative ones count from the end; nonsense (a raise was noted) becomes 0."""
    x = np.where((i.lo == i.hi) & (i.lo >= -size) & (i.lo < size), i.lo, 0.0).astype(np.int64)
    return np.where(x < 0, x + size, x)


def _key(places: list[int], keys: list[NDArray[np.int64]]) -> tuple[slice | NDArray[np.int64], ...]:
    return (slice(None),) * places[0] + tuple(keys)


def _blurred(value: Val, at: int) -> Val:
    """The hull along one dimension, kept with size 1."""
    return raw(
        value.lo.min(axis=at, keepdims=True, initial=INF),
        value.hi.max(axis=at, keepdims=True, initial=-INF),
        value.nan.any(axis=at, keepdims=True),
        value.whole.all(axis=at, keepdims=True),
    )


def _may_point(i: Val, j: int, size: int) -> Mask:
    """Whether an index may mean element j, counted from either end."""
    return ((i.lo <= j) & (j <= i.hi)) | ((i.lo <= j - size) & (j - size <= i.hi))


def _gathered(out: Val | None, part: Val, may: Mask) -> Val:
    """Add a candidate to a hull; elements with no candidate yet have lo > hi."""
    lo, hi = np.where(may, part.lo, INF), np.where(may, part.hi, -INF)
    nan, whole = part.nan & may, part.whole | ~may
    if out is None:
        return Val(lo, hi, nan, whole)
    return Val(np.minimum(out.lo, lo), np.maximum(out.hi, hi), out.nan | nan, out.whole & whole)


def _settled(out: Val | None, value: Val) -> Val:
    """A gathered hull; an element that no index reaches (the operation raises) is unknown."""
    if out is None:
        return value
    none = out.lo > out.hi
    return choose(none, none, top(out.shape), out) if none.any() else out


def gather(site: Site) -> Out:
    """out[i][j] = self[index[i][j]][j] along a dimension; index_select: one index for the whole dimension."""
    value, i = site.val("self"), site.val("index")
    if not value.shape or (not i.shape and site.op != "index_select"):
        raise ValueError("nothing to pick from, or a single index: left without a rule")
    at, size = site.axis(), value.shape[site.axis()]
    site.run.fail(site.index, (i.lo < 0) | (i.hi > size - 1), site.type("index"))
    if site.op == "index_select":
        if len(i.shape) > 1:
            raise ValueError("an index that is no vector, which meta tensors let pass")
        return (_indexed(value, [at], [i.moved(lambda x: x.reshape(-1))]),)
    value = value.moved(lambda x: x[_reach(i, at)])
    if i.exact:
        key = _clean(i, size)
        return (value.moved(lambda x: np.take_along_axis(x, key, axis=at)),)
    if size > _MOST:
        wide = _blurred(value, at)
        return (wide.moved(lambda x: np.broadcast_to(x, i.shape)),)
    out: Val | None = None
    for j in range(size):
        part = value.moved(lambda x, j=j: np.broadcast_to(np.take(x, [j], axis=at), i.shape))
        out = _gathered(out, part, (i.lo <= j) & (j <= i.hi))
    return (_settled(out, value),)


def _reach(i: Val, at: int) -> tuple[slice, ...]:
    """The part of `self` that an index tensor reaches: all of `at`, as far as the index goes elsewhere."""
    return tuple(slice(None) if k == at else slice(0, s) for k, s in enumerate(i.shape))


def scatter(site: Site) -> Out:
    """self with a number, or elements of src, written where the index points."""
    value, i = site.val("self"), site.val("index")
    if not value.shape or not i.shape:
        raise ValueError("a single number or index: left without a rule")
    at, size = site.axis(), value.shape[site.axis()]
    site.run.fail(site.index, (i.lo < 0) | (i.hi > size - 1), site.type("index"))
    if not site.has("value") and site.dtype_of("src") != site.dtype:
        raise ValueError("a source of another type, which meta tensors let pass")
    source = taken(site, "value" if site.has("value") else "src")
    if source.shape:
        source = _blurred(source.moved(lambda x: x[tuple(slice(0, s) for s in i.shape)]), at)
    must, may = written(i, value.shape, at)
    shape = tuple(1 if k == at else s for k, s in enumerate(value.shape))
    if source.shape:
        filled = np.zeros(shape, np.bool_)
        source = _padded(source, filled.shape)
    return (choose(must, may, source, value),)


def written(i: Val, shape: tuple[int, ...], at: int) -> tuple[Mask, Mask]:
    """Which elements along `at` an index surely, and possibly, points to."""
    must, may = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    inside = tuple(slice(0, s) if k != at else slice(None) for k, s in enumerate(i.shape))
    for j in range(shape[at]):
        place = tuple(slice(j, j + 1) if k == at else s for k, s in enumerate(inside))
        must[place] = ((i.lo == j) & (i.hi == j)).any(axis=at, keepdims=True)
        may[place] = ((i.lo <= j) & (j <= i.hi)).any(axis=at, keepdims=True)
    return must, may


def _padded(value: Val, shape: tuple[int, ...]) -> Val:
    """Grow to a shape with arbitrary elements (they are never read)."""
    widths = [(0, t - s) for s, t in zip(value.shape, shape, strict=True)]
    return value.moved(lambda x: np.pad(x, widths, mode="edge") if x.size else np.zeros(shape, x.dtype))


def placed(site: Site) -> Out:
    """select_scatter and slice_scatter: self with a slice replaced."""
    value, src = site.val("self"), taken(site, "src")
    if site.op == "select_scatter":
        at, chosen = site.axis(), site.int("index")
        if not -value.shape[at] <= chosen < value.shape[at]:
            raise ValueError("an index out of range, which meta tensors let pass")
        key: tuple[Any, ...] = (slice(None),) * at + (chosen % value.shape[at],)
    else:
        key = slicer(site)
    if value.lo[key].shape != src.shape:
        raise ValueError("a source of another shape, which meta tensors let pass")

    def write(x: Array, y: Array) -> Array:
        out = np.array(x)
        out[key] = y
        return out

    return (
        Val(write(value.lo, src.lo), write(value.hi, src.hi), write(value.nan, src.nan), write(value.whole, src.whole)),
    )


RULES: dict[str, Callable[[Site], Out]] = {
    "index.Tensor": index,
    "gather": gather,
    "index_select": gather,
    "scatter.value": scatter,
    "scatter.src": scatter,
    "select_scatter": placed,
    "slice_scatter": placed,
}
