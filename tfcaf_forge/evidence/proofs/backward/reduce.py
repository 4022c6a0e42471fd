"""Gradients of reductions, of operations along one dimension, and of products of matrices."""

from __future__ import annotations

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.backward.pointwise import masked, number
from tfcaf_forge.evidence.proofs.backward.site import Back, BackRule, Parts
from tfcaf_forge.evidence.proofs.domains import Val, choose, expand, known, loosen, raw, top
from tfcaf_forge.evidence.proofs.transfer.reduce import matrix_product
from tfcaf_forge.evidence.proofs.transfer.unary import sign


def spread(back: Back, value: Val) -> Val:
    """What a reduction made, in the shape that it reduced."""
    shape = back.site.in_shape()
    axes = back.site.axes()
    kept = tuple(1 if i in axes else s for i, s in enumerate(shape))
    return expand(value.moved(lambda x: x.reshape(kept)), shape)


def summed(back: Back) -> Parts:
    """Every term gets the gradient of the sum."""
    return back.to("self", spread(back, back.g)) if back.wants("self") else []


def averaged(back: Back) -> Parts:
    """Every term gets g / n."""
    if not back.wants("self"):
        return []
    n = float(back.site.count(back.site.axes()))
    return back.to("self", arith.div(spread(back, back.g), number(n), 2.0))


def extreme(back: Back) -> Parts:
    """The gradient goes to the greatest element; shared, or given to one of them, where several are equal.

    `max.dim` places it by its index; the others multiply it with a mask, so that an infinite gradient is NaN where
    the mask is 0.
    """
    if not back.wants("self"):
        return []
    x, g = back.site.flt("self"), spread(back, back.g)
    if back.site.op.startswith(("amin", "min")):
        x = arith.neg(x)
    axes = back.site.axes()
    best = x.lo.max(axis=axes, keepdims=True)
    nan = x.nan.any(axis=axes, keepdims=True)
    may = (x.hi >= best) | nan
    must = may & (may.sum(axis=axes, keepdims=True) == 1) & ~nan
    if back.site.op.endswith(".dim"):
        out = masked(g, must, may)
    else:
        out = arith.mul(g, raw(must.astype(np.float64), may.astype(np.float64), nan, False))
    return back.to("self", raw(out.lo, out.hi, out.nan | nan, False))


def norm(back: Back) -> Parts:
    """x g / |x| with 0 at 0, for the 2-norm; g sgn(x) for the 1-norm."""
    if not back.wants("self"):
        return []
    x, g, p = back.site.flt("self"), spread(back, back.g), back.site.num("ord")
    if p == 1.0:
        return back.to("self", arith.mul(g, sign(x)))
    if p != 2.0:
        return back.to("self", top(x.shape))
    size = spread(back, back.y)
    ratio = arith.div(g, size)
    zero = size.lo <= 0.0
    ratio = choose(~zero, np.ones(x.shape, np.bool_), ratio, known(x.shape, 0.0))
    return back.to("self", loosen(arith.mul(x, ratio), 8.0))


def logsumexp(back: Back) -> Parts:
    """g exp(x - y)."""
    if not back.wants("self"):
        return []
    weight = arith.exp(arith.sub(back.site.flt("self"), spread(back, back.y)))
    return back.to("self", loosen(arith.mul(spread(back, back.g), weight), 8.0))


def softmax(back: Back) -> Parts:
    """y (g - sum y g). The sum is a mean of g with weights y, so it lies between the least and greatest g.

    The weights sum to 1 within n + 32 units; so does the computed mean of g, relative to the largest |g|.
    """
    if not back.wants("self"):
        return []
    y, g, at = back.y, back.g, back.site.axis()
    inner = arith.total(arith.mul(y, g), (at,), keepdims=True, extra=1)
    slack = g.size.max(axis=at, keepdims=True) * (g.shape[at] + 32.0) * 2.0**-22
    slack = np.where(np.isfinite(slack), slack, np.inf)
    lo = np.maximum(inner.lo, g.lo.min(axis=at, keepdims=True) - slack)
    hi = np.minimum(inner.hi, g.hi.max(axis=at, keepdims=True) + slack)
    mean = raw(np.minimum(lo, hi), np.maximum(lo, hi), inner.nan, False)
    direct = arith.mul(arith.sub(g, mean), y)
    by_parts = arith.sub(arith.mul(g, y), arith.mul(y, mean))  # some kernels distribute the product
    wide = raw(np.minimum(direct.lo, by_parts.lo), np.maximum(direct.hi, by_parts.hi), direct.nan | by_parts.nan, False)
    return back.to("self", loosen(wide, 8.0))


def log_softmax(back: Back) -> Parts:
    """g - exp(y) sum g."""
    if not back.wants("self"):
        return []
    g, at = back.g, back.site.axis()
    return back.to("self", arith.sub(g, arith.mul(arith.exp(back.y), arith.total(g, (at,), keepdims=True))))


def cumsum(back: Back) -> Parts:
    """The running sum from the other end."""
    if not back.wants("self"):
        return []
    g = back.g
    if not g.shape:
        return back.to("self", g)
    at = back.site.axis()
    n = g.shape[at]
    parts = [
        arith.total(g.moved(lambda x, k=k: np.take(x, range(k, n), axis=at)), (at,), keepdims=True) for k in range(n)
    ]
    joined = Val(
        np.concatenate([p.lo for p in parts], axis=at),
        np.concatenate([p.hi for p in parts], axis=at),
        np.concatenate([p.nan for p in parts], axis=at),
        np.concatenate([p.whole for p in parts], axis=at),
    )
    part = joined.size.max(initial=0.0) * n * 2.0**-22  # torch may take it as a total less a running sum
    return back.to("self", raw(joined.lo - part, joined.hi + part, joined.nan, False))


def sorted_back(back: Back) -> Parts:
    """sort and topk: an element gets the gradient of the place where it went, or none."""
    if not back.wants("self"):
        return []
    shape, g = back.site.in_shape(), back.g
    if not shape:
        return back.to("self", g)
    at = back.site.axis()
    lo, hi = g.lo.min(axis=at, keepdims=True), g.hi.max(axis=at, keepdims=True)
    if back.site.op == "topk":
        lo, hi = np.minimum(lo, 0.0), np.maximum(hi, 0.0)
    nan = g.nan.any(axis=at, keepdims=True)
    return back.to("self", expand(raw(lo, hi, nan, False), shape))


def product(back: Back) -> Parts:
    """d(A B): g B^T and A^T g."""
    site, name = back.site, back.site.op
    right = {"mm": "mat2", "bmm": "mat2", "mv": "vec", "dot": "tensor"}[name]
    a, b, g, parts = site.flt("self"), site.flt(right), back.g, Parts()
    if name in ("mm", "bmm"):
        if back.wants("self"):
            parts += back.to("self", matrix_product(g, b.moved(lambda x: np.swapaxes(x, -1, -2)), name))
        if back.wants(right):
            parts += back.to(right, matrix_product(a.moved(lambda x: np.swapaxes(x, -1, -2)), g, name))
        return parts
    outer = g.moved(lambda x: x[..., None])
    if back.wants("self"):
        parts += back.to("self", expand(arith.mul(outer if name == "mv" else g, b), site.in_shape("self")))
    if back.wants(right):
        part = arith.mul(outer if name == "mv" else g, a)
        parts += back.to(right, arith.total(part, (0,), extra=1) if name == "mv" else part)
    return parts


RULES: dict[str, BackRule] = {
    "sum": summed,
    "sum.dim_IntList": summed,
    "mean": averaged,
    "mean.dim": averaged,
    **dict.fromkeys(("amax", "max.dim", "max", "amin", "min.dim", "min"), extreme),
    "linalg_vector_norm": norm,
    "logsumexp": logsumexp,
    "_softmax": softmax,
    "_log_softmax": log_softmax,
    "cumsum": cumsum,
    "sort": sorted_back,
    "topk": sorted_back,
    **dict.fromkeys(("mm", "bmm", "mv", "dot"), product),
}
