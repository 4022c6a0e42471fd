"""Gradients of picking and placing by index."""

from __future__ import annotations

from typing import cast

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.backward.pointwise import masked
from tfcaf_forge.evidence.proofs.backward.site import Back, BackRule, Parts
from tfcaf_forge.evidence.proofs.domains import Mask, Val, expand, raw, top
from tfcaf_forge.evidence.proofs.transfer.pick import written
from tfcaf_forge.graph.opgraph import Ref

_MOST = 256


def gathered(back: Back) -> Parts:
    """Element j gets the gradients of all places that read it."""
    if not back.wants("self"):
        return []
    site, i = back.site, back.site.val("index")
    shape = site.in_shape()
    if not shape or not i.shape or shape[site.axis()] > _MOST:
        return back.to("self", top(shape))
    at, g = site.axis(), back.g
    if site.op == "index_select":
        i = i.moved(lambda x: x.reshape([-1 if k == at else 1 for k in range(len(shape))]))
    parts = [_received(g, (i.lo <= j) & (j <= i.hi), (i.lo == j) & (i.hi == j), (at,), True) for j in range(shape[at])]
    joined = _side_by_side(parts, at)
    if joined.shape != shape:
        widths = [(0, t - s) for s, t in zip(joined.shape, shape, strict=True)]
        joined = joined.moved(lambda x: np.pad(x, widths))
    return back.to("self", joined)


def _received(g: Val, may: Mask, must: Mask, axes: tuple[int, ...], keepdims: bool) -> Val:
    may, must = np.broadcast_to(may, g.shape), np.broadcast_to(must, g.shape)
    return arith.total(masked(g, must, may), axes, keepdims=keepdims)


def _side_by_side(parts: list[Val], at: int) -> Val:
    return Val(
        np.concatenate([p.lo for p in parts], axis=at),
        np.concatenate([p.hi for p in parts], axis=at),
        np.concatenate([p.nan for p in parts], axis=at),
        np.concatenate([p.whole for p in parts], axis=at),
    )


def indexed(back: Back) -> Parts:
    """`x[:, i]` with one index tensor, and `x[arange(B), i]`; unknown for others."""
    if not back.wants("self"):
        return []
    site, shape = back.site, back.site.in_shape()
    refs = cast(tuple[Ref | None, ...], site.arg("indices"))
    places = [k for k, ref in enumerate(refs) if ref is not None]
    used = [site.at(cast(Ref, refs[k])) for k in places]
    if len(places) == 2 and _counts(used[0]) and len(used[1].shape) <= 1 and used[0].shape == (shape[places[0]],):
        return back.to("self", _by_row(back, used[1], places[1], shape))
    if len(places) != 1 or shape[places[0]] > _MOST:
        return back.to("self", top(shape))
    at, i, g = places[0], used[0], back.g
    rest = len(shape) - at - 1
    i = i.moved(lambda x: x.reshape(x.shape + (1,) * rest))
    axes = tuple(range(at, at + len(used[0].shape)))
    size, parts = shape[at], list[Val]()
    for j in range(size):
        must = ((i.lo == j) & (i.hi == j)) | ((i.lo == j - size) & (i.hi == j - size))
        may = ((i.lo <= j) & (j <= i.hi)) | ((i.lo <= j - size) & (j - size <= i.hi))
        part = _received(g, may, must, axes, False)
        parts.append(part.moved(lambda x: np.expand_dims(x, at)))
    return back.to("self", _side_by_side(parts, at))


def _counts(i: Val) -> bool:
    return i.exact and len(i.shape) == 1 and bool((i.lo == np.arange(i.shape[0])).all())


def _by_row(back: Back, i: Val, at: int, shape: tuple[int, ...]) -> Val:
    """x[arange(B), i]: row r gets the gradient at column i[r]."""
    rest = len(shape) - at - 1
    i = expand(i, (shape[at - 1],)).moved(lambda x: x.reshape(x.shape + (1,) * rest))
    size, parts = shape[at], list[Val]()
    if size > _MOST:
        return top(shape)
    for j in range(size):
        must = ((i.lo == j) & (i.hi == j)) | ((i.lo == j - size) & (i.hi == j - size))
        may = ((i.lo <= j) & (j <= i.hi)) | ((i.lo <= j - size) & (j - size <= i.hi))
        g = back.g
        part = masked(g, np.broadcast_to(must, g.shape), np.broadcast_to(may, g.shape))
        parts.append(part.moved(lambda x: np.expand_dims(x, at)))
    return _side_by_side(parts, at)


def scattered(back: Back) -> Parts:
    """self keeps its gradient where nothing was written; src gets that of the places it went to."""
    site, g = back.site, back.g
    i, shape = site.val("index"), site.in_shape()
    if not shape or not i.shape:
        return back.to("self", top(shape))
    at = site.axis()
    must, may = written(i, shape, at)
    parts = back.to("self", masked(g, ~may, ~must))
    if back.wants("src") and site.in_shape("src") != i.shape:
        parts += back.to("src", top(site.in_shape("src")))  # autograd itself stumbles over a larger source
    elif back.wants("src"):
        lo, hi = g.lo.min(axis=at, keepdims=True), g.hi.max(axis=at, keepdims=True)
        wide = raw(np.minimum(lo, 0.0), np.maximum(hi, 0.0), g.nan.any(axis=at, keepdims=True), False)
        inside = tuple(slice(0, s) if k != at else slice(None) for k, s in enumerate(site.in_shape("src")))
        source = site.in_shape("src")
        cut = (
            wide.moved(lambda x: x[inside]) if all(a <= b for a, b in zip(source, shape, strict=True)) else top(source)
        )
        parts += back.to("src", expand(cut, source))
    return parts


RULES: dict[str, BackRule] = {
    "gather": gathered,
    "index_select": gathered,
    "index.Tensor": indexed,
    "scatter.value": scattered,
    "scatter.src": scattered,
}
