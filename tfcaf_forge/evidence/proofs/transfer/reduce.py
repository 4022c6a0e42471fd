"""Rules for reductions, for operations along one dimension, and for products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import (
    EPS,
    INF,
    Mask,
    Reals,
    Val,
    as_float,
    cast,
    choose,
    constant,
    loosen,
    make,
    make_int,
    raw,
    top,
    truth,
)
from tfcaf_forge.evidence.proofs.site import Site

Out = tuple[Val, ...]
_FAR = 110.0
"""e^-110 is far below the least float32."""


def _of_float(rule: Callable[[Site], Out]) -> Callable[[Site], Out]:
    """Meta tensors let integers pass where the kernels refuse them: such a node is left without a rule."""

    def checked(site: Site) -> Out:
        if site.dtype != "float":
            raise ValueError(f"{site.op} of {site.dtype}")
        return rule(site)

    return checked


def _cast_self(site: Site) -> Val:
    """What is reduced, in the type of the result: torch casts every element before it adds or multiplies."""
    return cast(site.val("self"), site.dtype_of("self"), site.dtype)


def _folded(site: Site, fold: Callable[..., np.bool_ | Mask]) -> Val:
    """A reduction of truth values: a sum is True where any of them is, a product where all are."""
    a, axes, keep = _cast_self(site), site.axes(), site.keepdim
    must, may = (np.asarray(fold(end == 1.0, axis=axes, keepdims=keep), np.bool_) for end in (a.lo, a.hi))
    return truth(~must, may)


def total(site: Site) -> Out:
    """Sum over the named dimensions."""
    if site.dtype == "bool":
        return (_folded(site, np.any),)
    a, axes = _cast_self(site), site.axes()
    if site.dtype != "float":
        return (make_int(a.lo.sum(axis=axes, keepdims=site.keepdim), a.hi.sum(axis=axes, keepdims=site.keepdim)),)
    return (arith.total(a, axes, keepdims=site.keepdim),)


def mean(site: Site) -> Out:
    """Sum divided by the number of terms (or multiplied by its reciprocal: two more units)."""
    axes = site.axes()
    n = site.count(axes)
    summed = arith.total(site.flt("self"), axes, keepdims=site.keepdim)
    return (arith.div(summed, constant(np.asarray(float(n))), 0.0 if n == 1 else 2.0),)


def product(site: Site) -> Out:
    """Product along one dimension."""
    if site.dtype == "bool":
        return (_folded(site, np.all),)
    a, axes = _cast_self(site), site.axes()
    if site.dtype == "float":
        return (arith.product(a, axes, keepdims=site.keepdim),)
    lo, hi = np.ones_like(a.lo.sum(axis=axes)), np.ones_like(a.lo.sum(axis=axes))
    for k in range(site.count(axes)):
        low, high = np.take(a.lo, k, axes[0]), np.take(a.hi, k, axes[0])
        parts = [lo * low, lo * high, hi * low, hi * high]
        out = make_int(np.minimum.reduce(parts), np.maximum.reduce(parts))
        lo, hi = out.lo, out.hi
    shape = site.shape
    return (raw(lo.reshape(shape), hi.reshape(shape), False, True),)


def extreme(largest: bool) -> Callable[[Site], Out]:
    """Maximum or minimum; with its index where the operation returns one."""

    def rule(site: Site) -> Out:
        a, axes = site.val("self"), site.axes()
        f = np.max if largest else np.min
        keep = site.keepdim
        nan, whole = a.nan.any(axis=axes, keepdims=keep), a.whole.all(axis=axes, keepdims=keep)
        value = raw(
            np.asarray(f(a.lo, axis=axes, keepdims=keep)), np.asarray(f(a.hi, axis=axes, keepdims=keep)), nan, whole
        )
        if len(site.kinds) == 1:
            return (value,)
        n = site.count(axes)
        return value, raw(np.zeros(value.shape), np.full(value.shape, max(n - 1.0, 0.0)), False, True)

    return rule


def arg_extreme(site: Site) -> Out:
    """An index into the dimension (into all elements where none is named)."""
    if site.dtype_of("self") == "bool":
        raise ValueError("torch refuses argmax of bool")
    last = max(site.count(site.axes()) - 1.0, 0.0)
    return (raw(np.zeros(site.shape), np.full(site.shape, last), False, True),)


def quantifier(site: Site) -> Out:
    """any and all."""
    a, axes, keep = site.val("self"), site.axes(), site.keepdim
    must, may = ~a.zero, ~((a.lo == 0) & (a.hi == 0)) | a.nan
    fold = np.any if site.op.startswith("any") else np.all
    return (truth(~np.asarray(fold(must, axis=axes, keepdims=keep)), np.asarray(fold(may, axis=axes, keepdims=keep))),)


def variance(site: Site) -> Out:
    """Variance: at most (range/2)^2 n / (n - c) (Popoviciu); computed by squares, so never negative."""
    out = _variance(site)
    return (out,)


def deviation(site: Site) -> Out:
    """Standard deviation."""
    out = arith.sqrt(_variance(site))
    return (loosen(out, 2.0),)


def _variance(site: Site) -> Val:
    a, axes, keep = site.flt("self"), site.axes(), site.keepdim
    n = site.count(axes)
    c = 1.0 if site.arg("correction") is None else site.num("correction")
    nan = a.nan.any(axis=axes, keepdims=keep) | np.isinf(a.size).any(axis=axes, keepdims=keep)
    if n - c <= 0:
        return top(nan.shape)
    wide = a.hi.max(axis=axes, keepdims=keep) - a.lo.min(axis=axes, keepdims=keep)
    size = a.size.max(axis=axes, keepdims=keep)
    most = (wide / 2) ** 2 * n / (n - c)
    slack = 1e-3 * most + (size * n * EPS * 4) ** 2 * 4 + size * size * n * EPS * 4
    huge = size > 1e18
    return make(np.zeros(nan.shape), np.where(huge, INF, most + slack), nan | huge)


def norm(site: Site) -> Out:
    """The 1-, 2- or maximum norm; never negative. Squares that underflow may be lost: 1e-18 for each term."""
    a, axes, keep, p = arith.absolute(site.flt("self")), site.axes(), site.keepdim, site.num("ord")
    n = site.count(axes)
    if p == 1.0:
        return (arith.total(a, axes, keepdims=keep),)
    if p == INF:
        return (
            raw(
                a.lo.max(axis=axes, keepdims=keep),
                a.hi.max(axis=axes, keepdims=keep),
                a.nan.any(axes, keepdims=keep),
                False,
            ),
        )
    nan = a.nan.any(axis=axes, keepdims=keep)
    if p != 2.0:
        return (top(nan.shape),)
    lo = np.sqrt((a.lo * a.lo).sum(axis=axes, keepdims=keep))
    hi = np.sqrt((a.hi * a.hi).sum(axis=axes, keepdims=keep))
    overflow = (a.hi * a.hi).sum(axis=axes, keepdims=keep) > 3e38
    part = (n + 8.0) * EPS
    lo = np.maximum(np.where(np.isinf(lo), 1e18, lo) * (1.0 - part) - 1e-18 * n, 0.0)
    return (make(np.minimum(lo, 1e19), np.where(overflow, INF, hi * (1.0 + part) + 1e-18 * n * (hi > 0)), nan),)


def logsumexp(site: Site) -> Out:
    """log(sum exp): increasing in every term; the largest is taken out first, so nothing overflows."""
    if site.arg("dim") == ():
        raise ValueError("logsumexp over no dimension: the kernel refuses what meta tensors let pass")
    a, axes, keep = site.flt("self"), site.axes(), site.keepdim
    lo, hi = _log_sum(a.lo, axes), _log_sum(a.hi, axes)
    slack = (
        np.maximum(np.abs(lo), np.abs(hi)) * 8 + a.size.max(axis=axes, keepdims=True) * 4 + site.count(axes) + 16
    ) * EPS
    wild = np.isinf(a.size).any(axis=axes, keepdims=True)
    nan = a.nan.any(axis=axes, keepdims=True)
    out = make(np.where(wild, -INF, lo - slack), np.where(wild, INF, hi + slack), nan)
    return (out if keep else out.moved(lambda x: x.reshape(site.shape)),)


def _log_sum(x: Reals, axes: tuple[int, ...]) -> Reals:
    m = x.max(axis=axes, keepdims=True)
    m = np.where(np.isinf(m), 0.0, m)
    return np.asarray(m + np.log(np.exp(x - m).sum(axis=axes, keepdims=True)))


def softmax(site: Site) -> Out:
    """Softmax. The weight of i is least when x_i is least and all others are greatest, and the reverse.

    1 / weight = 1 + sum_j exp(x_j - x_i). Rounding: x_i - max errs by |x_i - max| u, which becomes a relative
    error of the exponential; the exponential itself, the sum of n terms and the quotient add n + 16 units.
    Differences beyond 110 underflow. A weight is a quotient of a nonnegative number and a sum that contains it:
    in [0, 1]. With +inf, or with nothing but -inf, it is NaN.
    """
    a, at = site.flt("self"), site.axis()
    return (softmax_of(a, at),)


def softmax_of(a: Val, at: int) -> Val:
    """Softmax along one dimension; see `softmax`."""
    low, high = _weights(a.lo, a.hi, at, 0.0), _weights(a.hi, a.lo, at, 1.0)
    spread = np.minimum(a.hi.max(axis=at, keepdims=True) - a.lo.min(axis=at, keepdims=True), _FAR)
    part = np.minimum((4.0 * np.where(np.isnan(spread), _FAR, spread) + a.shape[at] + 16.0) * EPS, 0.5)
    lo, hi = np.maximum(low * (1.0 - part) - 1e-36, 0.0), np.minimum(high * (1.0 + part) + 1e-36, 1.0)
    sick = (a.nan | (a.hi == INF)).any(axis=at, keepdims=True) | (a.lo == -INF).all(axis=at, keepdims=True)
    out = make(np.where(a.lo == -INF, 0.0, lo), hi, np.broadcast_to(sick, a.shape))
    if a.shape[at] == 1:
        return choose(~out.nan, ~out.nan, raw(np.ones(a.shape), np.ones(a.shape), out.nan, True), out)
    return out


def _weights(own: Reals, others: Reals, at: int, undefined: float) -> Reals:
    """1 / (1 + sum_{j != i} exp(others_j - own_i))."""
    n = own.shape[at]
    if own.size * n > 4_000_000:
        return np.full(own.shape, undefined)
    mine, rest = np.moveaxis(own, at, -1)[..., :, None], np.moveaxis(others, at, -1)[..., None, :]
    ratio = np.exp(rest - mine)
    ratio[..., np.arange(n), np.arange(n)] = 0.0
    out = 1.0 / (1.0 + ratio.sum(axis=-1))
    return np.moveaxis(np.where(np.isnan(out), undefined, out), -1, at)


def log_softmax(site: Site) -> Out:
    """log of softmax: x_i - max - log(sum exp(x_j - max)); at most 0."""
    a, at = site.flt("self"), site.axis()
    w = softmax_of(a, at)
    spread = a.hi.max(axis=at, keepdims=True) - a.lo.min(axis=at, keepdims=True)
    lo = a.lo - _log_sum(np.maximum(a.hi, a.lo), (at,))
    hi = a.hi - _log_sum(a.lo, (at,))
    slack = (spread * 8.0 + a.size * 4 + a.shape[at] + 16.0) * EPS
    wild = np.isinf(a.size).any(axis=at, keepdims=True) | ~np.isfinite(slack)
    low = np.where(wild, -INF, lo - slack)
    return (make(low, np.where(wild, 0.0, np.minimum(hi + slack, 0.0)), w.nan),)


def _no_bool(site: Site) -> None:
    """The kernels refuse running sums and products of bool, which meta tensors let pass."""
    if site.dtype == "bool":
        raise ValueError(f"{site.op} of bool")


def cumsum(site: Site) -> Out:
    """Running sums, each as a sum of its own terms."""
    _no_bool(site)
    a, at = _cast_self(site), site.axis()
    parts: list[Val] = []
    for k in range(a.shape[at] if a.shape else 0):
        part = a.moved(lambda x, k=k: np.take(x, range(k + 1), axis=at))
        if site.dtype == "float":
            parts.append(arith.total(part, (at,), keepdims=True))
        else:
            parts.append(make_int(part.lo.sum(axis=at, keepdims=True), part.hi.sum(axis=at, keepdims=True)))
    return (_joined(parts, at) if parts else a,)


def cumprod(site: Site) -> Out:
    """Running products."""
    _no_bool(site)
    a, at = _cast_self(site), site.axis()
    if site.dtype != "float" or not a.shape:
        return (top(a.shape, site.dtype),)
    parts = [
        arith.product(a.moved(lambda x, k=k: np.take(x, range(k + 1), axis=at)), (at,), keepdims=True)
        for k in range(a.shape[at])
    ]
    return (_joined(parts, at) if parts else a,)


def _joined(parts: list[Val], at: int) -> Val:
    return Val(
        np.concatenate([p.lo for p in parts], axis=at),
        np.concatenate([p.hi for p in parts], axis=at),
        np.concatenate([p.nan for p in parts], axis=at),
        np.concatenate([p.whole for p in parts], axis=at),
    )


def sort(site: Site) -> Out:
    """Order statistics and a permutation."""
    a = site.val("self")
    if not a.shape:
        return a, raw(np.zeros(()), np.zeros(()), False, True)
    at = site.axis()
    values = arith.order_statistics(a, at, descending=bool(site.arg("descending")))
    return values, raw(np.zeros(a.shape), np.full(a.shape, a.shape[at] - 1.0), False, True)


def topk(site: Site) -> Out:
    """The k largest (or smallest), sorted or, where that is not asked for, in any order."""
    a = site.val("self")
    if site.dtype == "bool":
        raise ValueError("torch refuses topk of bool")
    if not a.shape:
        return top((), site.dtype), top((), "int")
    at, k = site.axis(), site.int("k")
    full = arith.order_statistics(a, at, descending=bool(site.arg("largest")))
    values = full.moved(lambda x: np.take(x, range(k), axis=at))
    if not site.arg("sorted") and k > 0:
        shape = values.shape
        lo, hi = values.lo.min(axis=at, keepdims=True), values.hi.max(axis=at, keepdims=True)
        values = raw(np.broadcast_to(lo, shape), np.broadcast_to(hi, shape), values.nan, values.whole)
    return values, raw(np.zeros(values.shape), np.full(values.shape, a.shape[at] - 1.0), False, True)


def matmul(site: Site) -> Out:
    """mm, bmm, mv and dot: sums of products, fused or not."""
    name = site.node.op
    right = {"mm": "mat2", "bmm": "mat2", "mv": "vec", "dot": "tensor"}[name]
    a, b = site.val("self"), site.val(right)
    if site.dtype_of("self") != site.dtype_of(right) or site.dtype == "bool":
        raise ValueError(f"{name} of these element types: the kernels refuse it")
    if site.dtype != "float":
        return (top(site.shape, site.dtype),)
    a, b = as_float(a, site.dtype_of("self")), as_float(b, site.dtype_of(right))
    return (matrix_product(a, b, name),)


def matrix_product(a: Val, b: Val, name: str) -> Val:
    """The product of two abstract tensors, by the operation's name."""
    if name == "dot":
        return arith.total(arith.mul(a, b), (0,), extra=1)
    if name == "mv":
        return arith.total(arith.mul(a, b), (1,), extra=1)
    left = a.moved(lambda x: x[..., :, :, None])
    other = b.moved(lambda x: x[..., None, :, :])
    size = math.prod(np.broadcast_shapes(left.shape, other.shape))
    if size > 4_000_000:
        return top((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]))
    return arith.total(arith.mul(left, other), (len(left.shape) - 2,), extra=1)


RULES: dict[str, Callable[[Site], Out]] = {
    "sum": total,
    "sum.dim_IntList": total,
    "mean": _of_float(mean),
    "mean.dim": _of_float(mean),
    "prod.dim_int": product,
    **dict.fromkeys(("amax", "max.dim", "max"), extreme(True)),
    **dict.fromkeys(("amin", "min.dim", "min"), extreme(False)),
    "argmax": arg_extreme,
    "argmin": arg_extreme,
    **dict.fromkeys(("any", "any.dim", "any.dims", "all", "all.dim", "all.dims"), quantifier),
    "var.correction": _of_float(variance),
    "std.correction": _of_float(deviation),
    "linalg_vector_norm": _of_float(norm),
    "logsumexp": _of_float(logsumexp),
    "_softmax": _of_float(softmax),
    "_log_softmax": _of_float(log_softmax),
    "cumsum": cumsum,
    "cumprod": cumprod,
    "sort": sort,
    "topk": topk,
    **dict.fromkeys(("mm", "bmm", "mv", "dot"), matmul),
}
