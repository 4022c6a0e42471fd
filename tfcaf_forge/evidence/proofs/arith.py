"""Interval arithmetic on abstract float32 tensors, shared by the forward rules and the rules for gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs.domains import (
    EXACT,
    FMAX,
    FMIN,
    INF,
    UNIT,
    Mask,
    Reals,
    Val,
    known,
    loosen,
    make,
    raw,
)

Axes = tuple[int, ...]


def neg(a: Val) -> Val:
    """-a, exact."""
    return Val(-a.hi, -a.lo, a.nan, a.whole)


def add(a: Val, b: Val) -> Val:
    """a + b; inf + -inf is NaN."""
    clash = ((a.hi == INF) & (b.lo == -INF)) | ((a.lo == -INF) & (b.hi == INF))
    return make(a.lo + b.lo, a.hi + b.hi, a.nan | b.nan | clash, a.whole & b.whole)


def sub(a: Val, b: Val) -> Val:
    """a - b."""
    return add(a, neg(b))


def mul(a: Val, b: Val) -> Val:
    """a * b; 0 * inf is NaN, and counts as 0 in the bounds."""
    lo, hi = _corners(np.multiply, a, b)
    a_inf, b_inf = (a.lo == -INF) | (a.hi == INF), (b.lo == -INF) | (b.hi == INF)
    clash = (a.zero & b_inf) | (b.zero & a_inf)
    return make(lo, hi, a.nan | b.nan | clash, a.whole & b.whole)


def square(a: Val) -> Val:
    """a * a of one value by itself: never negative."""
    small, large = smallest(a), a.size
    return make(small * small, large * large, a.nan, a.whole)


def smallest(a: Val) -> Reals:
    """Smallest magnitude of each element."""
    return np.where(a.zero, 0.0, np.minimum(np.abs(a.lo), np.abs(a.hi)))


def div(a: Val, b: Val, ulps: float = 0.0) -> Val:
    """a / b; where b may be zero, of either sign, everything may come of it."""
    lo, hi = _corners(np.divide, a, b)
    zero = b.zero
    a_inf, b_inf = (a.lo == -INF) | (a.hi == INF), (b.lo == -INF) | (b.hi == INF)
    clash = (a_inf & b_inf) | (zero & a.zero)
    out = make(np.where(zero, -INF, lo), np.where(zero, INF, hi), a.nan | b.nan | clash)
    return loosen(out, ulps)


def absolute(a: Val) -> Val:
    """|a|, exact."""
    return Val(smallest(a), a.size, a.nan, a.whole)


def sqrt(a: Val) -> Val:
    """Square root, correctly rounded; NaN below zero."""
    return make(np.sqrt(np.maximum(a.lo, 0.0)), np.sqrt(np.maximum(a.hi, 0.0)), a.nan | (a.lo < 0.0))


def recip(a: Val) -> Val:
    """1 / a."""
    return div(known((), 1.0), a)


def maximum(a: Val, b: Val) -> Val:
    """Elementwise maximum; NaN wins."""
    return raw(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi), a.nan | b.nan, a.whole & b.whole)


def minimum(a: Val, b: Val) -> Val:
    """Elementwise minimum; NaN wins."""
    return raw(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi), a.nan | b.nan, a.whole & b.whole)


def increasing(a: Val, f: Callable[[Reals], Reals], ulps: float, low: float = -INF, high: float = INF) -> Val:
    """A function that increases and stays in [low, high] even as torch computes it, within `ulps` relative units."""
    out = loosen(raw(f(a.lo), f(a.hi), a.nan, False), ulps)
    return raw(np.clip(out.lo, low, high), np.clip(out.hi, low, high), out.nan, False)


def exp(a: Val) -> Val:
    """e^a. The vector kernels stay within 4 units; and on the right side of 1."""
    out = increasing(a, np.exp, 8.0, low=0.0)
    return raw(
        np.where(a.lo >= 0.0, np.maximum(out.lo, 1.0), out.lo),
        np.where(a.hi <= 0.0, np.minimum(out.hi, 1.0), out.hi),
        out.nan,
        False,
    )


def total(a: Val, axes: Axes, *, keepdims: bool = False, extra: int = 0) -> Val:
    """Sum over `axes` in any order of additions, fused or not.

    For a fixed order the computed sum is monotone in every term, because rounding is. So it lies between the
    computed sums of the lower and of the upper bounds; and a computed sum of k nonzero terms errs by at most
    g = (k-1)u / (1 - (k-1)u) times the sum of magnitudes (Higham, Accuracy and Stability, eq. 4.4). Integers
    below 2^24 in magnitude sum exactly, and a sum of nonnegative terms is at least each of them.

    Args:
        extra: further roundings per term (1 for the products of a dot product).
    """
    if not axes:
        return a
    nonzero = ((a.lo != 0.0) | (a.hi != 0.0)).sum(axis=axes, keepdims=keepdims)
    lo, lo_size = _sum(a.lo, axes, keepdims), _sum(np.abs(a.lo), axes, keepdims)
    hi, hi_size = _sum(a.hi, axes, keepdims), _sum(np.abs(a.hi), axes, keepdims)
    whole = a.whole.all(axis=axes, keepdims=keepdims)
    inexact = ~(whole & (np.maximum(lo_size, hi_size) < EXACT))
    count = np.maximum(nonzero - 1 + extra * (nonzero > 0), 0) * inexact
    part, flush = count * UNIT * 1.02, count * FMIN
    lo_out = np.where(np.isinf(lo_size), -INF, lo - lo_size * part - flush)
    hi_out = np.where(np.isinf(hi_size), INF, hi + hi_size * part + flush)
    up = _sum(np.maximum(a.hi, 0.0), axes, keepdims) * (1.0 + part) > FMAX
    down = _sum(np.maximum(-a.lo, 0.0), axes, keepdims) * (1.0 + part) > FMAX
    lo_out, hi_out = np.where(down, -INF, lo_out), np.where(up, INF, hi_out)
    least = a.lo.max(axis=axes, keepdims=keepdims, initial=-INF)
    most = a.hi.min(axis=axes, keepdims=keepdims, initial=INF)
    lo_out = np.where((a.lo >= 0.0).all(axis=axes, keepdims=keepdims), np.maximum(lo_out, np.maximum(least, 0)), lo_out)
    hi_out = np.where((a.hi <= 0.0).all(axis=axes, keepdims=keepdims), np.minimum(hi_out, np.minimum(most, 0)), hi_out)
    return make(lo_out, hi_out, a.nan.any(axis=axes, keepdims=keepdims) | (up & down), whole)


def sum_all(parts: list[Val]) -> Val:
    """Sum of a few values of one shape, in any order."""
    if len(parts) == 1:
        return parts[0]
    shape = np.broadcast_shapes(*(p.shape for p in parts))
    joined = Val(
        np.stack([np.broadcast_to(p.lo, shape) for p in parts]),
        np.stack([np.broadcast_to(p.hi, shape) for p in parts]),
        np.stack([np.broadcast_to(p.nan, shape) for p in parts]),
        np.stack([np.broadcast_to(p.whole, shape) for p in parts]),
    )
    return total(joined, (0,))


def sum_to(a: Val, shape: tuple[int, ...]) -> Val:
    """Undo a broadcast: what autograd does to the gradient of an operand that was expanded."""
    if a.shape == shape:
        return a
    lead = len(a.shape) - len(shape)
    if lead < 0 or any(t != 1 and s not in (1, t) for s, t in zip(a.shape[lead:], shape, strict=True)):
        raise ValueError(f"cannot sum {a.shape} to {shape}")
    axes = tuple(range(lead)) + tuple(
        lead + i for i, (s, t) in enumerate(zip(a.shape[lead:], shape, strict=True)) if t == 1 and s != 1
    )
    out = total(a, axes, keepdims=True)
    return out.moved(lambda x: np.broadcast_to(x.reshape(x.shape[lead:]), shape))


def order_statistics(a: Val, axis: int, *, descending: bool) -> Val:
    """The sorted values: the k-th smallest lies between the k-th smallest of each bound. A NaN sorts last and
    shifts all others, so where one may be, any element may stand anywhere.
    """
    nan = np.broadcast_to(a.nan.any(axis, keepdims=True), a.shape)
    lo = np.where(nan, a.lo.min(axis, keepdims=True, initial=INF), np.sort(a.lo, axis))
    hi = np.where(nan, a.hi.max(axis, keepdims=True, initial=-INF), np.sort(a.hi, axis))
    whole = np.broadcast_to(a.whole.all(axis, keepdims=True), a.shape)
    if descending:
        lo, hi = np.flip(lo, axis), np.flip(hi, axis)
    return raw(lo, hi, nan, whole)


def product(a: Val, axes: Axes, *, keepdims: bool) -> Val:
    """Product over `axes` in any order of multiplications; nothing is known if a part of it may overflow."""
    if not axes:
        return a
    count = math.prod(a.shape[x] for x in axes)
    moved = a.moved(lambda x: np.moveaxis(x, axes, range(len(axes))).reshape(count, *_rest(a.shape, axes)))
    large = np.prod(np.maximum(moved.size, 1.0), axis=0) * (1.0 + count * UNIT * 2) > FMAX
    tiny = np.prod(np.minimum(smallest(moved), 1.0), axis=0) < 2 * FMIN
    lo, hi = np.ones(moved.shape[1:]), np.ones(moved.shape[1:])
    for k in range(count):
        one = [lo * moved.lo[k], lo * moved.hi[k], hi * moved.lo[k], hi * moved.hi[k]]
        lo, hi = np.minimum.reduce(one), np.maximum.reduce(one)
    lo, hi = np.where(tiny, np.minimum(lo, 0.0), lo), np.where(tiny, np.maximum(hi, 0.0), hi)
    lo, hi = np.where(large, -INF, lo), np.where(large, INF, hi)
    out = loosen(make(lo, hi, moved.nan.any(0) | large), 2.0 * count)
    out = raw(out.lo, out.hi, out.nan, moved.whole.all(0))
    if keepdims:
        shape = tuple(1 if i in axes else s for i, s in enumerate(a.shape))
        out = out.moved(lambda x: x.reshape(shape))
    return out


def between(a: Val, low: float, high: float) -> Mask:
    """Elements that surely lie in [low, high]."""
    return (a.lo >= low) & (a.hi <= high) & ~a.nan


def _rest(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    return tuple(s for i, s in enumerate(shape) if i not in axes)


def _sum(x: Reals, axes: Axes, keepdims: bool) -> Reals:
    return np.asarray(x.sum(axis=axes, keepdims=keepdims), np.float64)


def _corners(f: Callable[[Reals, Reals], Reals], a: Val, b: Val) -> tuple[Reals, Reals]:
    """Least and greatest of f over the four corners; an undefined corner counts as 0."""
    parts = [f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)]
    parts = [np.where(np.isnan(p), 0.0, p) for p in parts]
    return np.minimum.reduce(parts), np.maximum.reduce(parts)
