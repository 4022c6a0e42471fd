"""Rules for functions of one number.

Margins: torch computes these by vector kernels (Sleef, errors of at most 1 unit, 3.5 for sine and cosine) or the
C library (at most 4 units). The margins below are at least twice that; `tests/evidence/proofs/test_margins.py`
measures them over the floats. Bounds such as tanh <= 1 are kept exactly: they are measured there, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import (
    FMAX,
    FMIN,
    INF,
    INT_TOP,
    Reals,
    Val,
    choose,
    constant,
    hull,
    known,
    loosen,
    make,
    raw,
    top,
    truth,
)
from tfcaf_forge.evidence.proofs.site import Site
from tfcaf_forge.evidence.proofs.transfer.shape import finite
from tfcaf_forge.graph.opgraph import Ref

Out = tuple[Val, ...]


def erf_of(x: Reals) -> Reals:
    """The error function in float64."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.float64)


def sigmoid_of(x: Reals) -> Reals:
    """1 / (1 + e^-x) in float64."""
    return 1.0 / (1.0 + np.exp(-x))


def sigmoid(a: Val) -> Val:
    """Sigmoid: every step of 1 / (1 + e^-x) keeps it in [0, 1]; beyond -87 e^-x may overflow and it may be 0."""
    out = arith.increasing(a, sigmoid_of, 16.0, 0.0, 1.0)
    return raw(np.where(a.lo < -87.0, 0.0, out.lo), out.hi, out.nan, False)


def tanh(a: Val) -> Val:
    """Hyperbolic tangent."""
    return arith.increasing(a, np.tanh, 16.0, -1.0, 1.0)


def log(a: Val, f: Callable[[Reals], Reals] = np.log, zero: float = 0.0) -> Val:
    """A logarithm that is -inf at `zero` and NaN below; it keeps its sign on either side of `zero + 1`."""
    out = arith.increasing(raw(np.maximum(a.lo, zero), np.maximum(a.hi, zero), a.nan | (a.lo < zero), False), f, 8.0)
    near = a.lo <= zero + FMIN
    lo = np.where(near, -INF, np.where(a.lo >= zero + 1.0, np.maximum(out.lo, 0.0), out.lo))
    hi = np.where(a.hi <= zero + 1.0, np.minimum(out.hi, 0.0), out.hi)
    return raw(lo, hi, out.nan, False)


def wave(a: Val, shift: float) -> Val:
    """cos(a + shift): extremes at the ends, or +-1 where the interval holds a multiple of pi; 1e-5 of slack."""
    lo, hi = a.lo + shift, a.hi + shift
    wild = ~(a.size < 1e4)
    lo, hi = np.where(wild, 0.0, lo), np.where(wild, 10.0, hi)
    ends = np.cos(lo), np.cos(hi)
    slack = 1e-5
    first = np.ceil((lo - slack) / np.pi)
    last = np.floor((hi + slack) / np.pi)
    several = last > first
    crosses = last >= first
    top_in = crosses & (several | (first % 2 == 0))
    low_in = crosses & (several | (first % 2 != 0))
    high = np.where(top_in, 1.0, np.minimum(np.maximum(*ends) + slack, 1.0))
    low = np.where(low_in, -1.0, np.maximum(np.minimum(*ends) - slack, -1.0))
    return make(low, high, a.nan | np.isinf(a.size))


def rsqrt(a: Val) -> Val:
    """1 / sqrt(a): two roundings, or an approximation corrected to 2 units."""
    out = loosen(arith.recip(arith.sqrt(a)), 4.0)
    return choose(a.lo > 0, a.lo > 0, out, top(a.shape))


def relu(a: Val) -> Val:
    """max(a, 0)."""
    return raw(np.maximum(a.lo, 0.0), np.maximum(a.hi, 0.0), a.nan, a.whole)


def silu(a: Val) -> Val:
    """x sigmoid(x): decreases to -0.27846 at -1.2785, then increases; 0 may come of 0 * -inf, a NaN."""
    return _dip(a, lambda x: np.where(x < -700.0, 0.0, x * sigmoid_of(np.maximum(x, -700.0))), -0.27847)


def gelu(a: Val) -> Val:
    """x Phi(x): decreases to -0.16997 at -0.7518, then increases."""
    return _dip(
        a, lambda x: np.where(x < -40.0, 0.0, x * 0.5 * (1.0 + erf_of(np.maximum(x, -40.0) / math.sqrt(2.0)))), -0.16998
    )


def _dip(a: Val, f: Callable[[Reals], Reals], least: float) -> Val:
    """Functions of that shape: bounded below by `least`, below zero for negative numbers, increasing above.

    Near the largest float, kernels may overflow, and an infinity may meet a zero on either side.
    """
    f_lo, f_hi = f(np.maximum(a.lo, 0.0)), f(np.maximum(a.hi, 0.0))
    out = loosen(make(f_lo, f_hi, a.nan | np.isinf(a.size)), 64.0)
    hi = np.where(a.hi > FMAX / 8, INF, np.maximum(out.hi, 0.0))
    return raw(np.where(a.lo < 0, least, np.maximum(out.lo, 0.0)), hi, out.nan, False)


def tan(a: Val) -> Val:
    """Tangent: increasing between its poles, unknown across one."""
    branch = np.floor((a.lo + np.pi / 2) / np.pi)
    inside = (np.floor((a.hi + np.pi / 2) / np.pi) == branch) & (a.size < 1e2)
    edge = np.minimum(a.lo + np.pi / 2 - branch * np.pi, (branch + 1) * np.pi - a.hi - np.pi / 2)
    ok = inside & (edge > 1e-3)
    lo, hi = np.tan(np.where(ok, a.lo, 0.0)), np.tan(np.where(ok, a.hi, 0.0))
    inner = loosen(make(lo - 1e-6 - np.abs(lo) * 1e-3, hi + 1e-6 + np.abs(hi) * 1e-3, a.nan), 16.0)
    return choose(ok, ok, inner, top(a.shape))


def tame(*numbers: float) -> bool:
    """Parameters that stay what they are in float32, alone and multiplied with each other."""
    return all(x == 0.0 or 1e-6 <= abs(x) <= 1e6 for x in numbers)


def softplus(site: Site) -> Out:
    """log(1 + e^(b x)) / b, or x beyond the threshold; never negative."""
    _only_float(site)
    beta, threshold = site.num("beta"), site.num("threshold")
    a = site.flt("self")
    if beta <= 0 or not tame(beta, threshold):
        return (top(a.shape),)

    def f(x: Reals) -> Reals:
        y = x * beta
        return np.where(y > threshold, x, (np.maximum(y, 0.0) + np.log1p(np.exp(-np.abs(y)))) / beta)

    out = arith.increasing(a, f, 32.0, 0.0)
    step = math.log1p(math.exp(-min(threshold, 700.0))) / beta if threshold > 0 else math.inf
    slack = np.where(np.isfinite(out.size), step, 0.0)  # the two pieces differ by this much at the threshold
    low = np.where(a.lo * beta < -80.0, 0.0, np.maximum(out.lo - slack, 0.0))
    return (make(low, out.hi + slack, out.nan),)


def elu(site: Site) -> Out:
    """scale * x above zero, scale * alpha * (e^(x * input_scale) - 1) below."""
    _only_float(site)
    a = site.flt("self")
    alpha, scale, inner = site.num("alpha"), site.num("scale"), site.num("input_scale")
    if min(alpha, scale, inner) < 0 or not tame(alpha, scale, inner):
        return (top(a.shape),)

    def f(x: Reals) -> Reals:
        return np.where(x > 0, scale * x, scale * alpha * np.expm1(np.minimum(x, 0.0) * inner))

    out = arith.increasing(a, f, 32.0)
    small = scale * alpha * 2.0**-22  # e^x - 1 by subtraction cancels
    lo = np.where(a.lo < 0, np.maximum(out.lo - small, -scale * alpha * 1.001), out.lo)
    hi = np.where(a.hi < 0, np.minimum(out.hi + small, 0.0), out.hi)
    return (make(lo, hi, out.nan),)


def leaky_relu(site: Site) -> Out:
    """x above zero, slope * x below."""
    _only_float(site)
    a, slope = site.flt("self"), site.num("negative_slope")
    sloped = arith.mul(a, constant(np.asarray(slope)))
    if slope < 0:
        return (hull(hull(relu(a), sloped), known(a.shape, 0.0)),)
    lo, hi = np.where(a.lo > 0, a.lo, sloped.lo), np.where(a.hi > 0, a.hi, sloped.hi)
    return (raw(lo, hi, a.nan | sloped.nan, False),)


def clamp(site: Site) -> Out:
    """min(max(x, min), max): the lower bound first, as torch does."""
    return (_clamped(site, "min", "max"),)


def hardtanh(site: Site) -> Out:
    """Clamp between two numbers."""
    return (_clamped(site, "min_val", "max_val"),)


def _clamped(site: Site, low: str, high: str) -> Val:
    out = _bound(site, "self")
    if site.has(low) and site.arg(low) is not None:
        out = arith.maximum(out, _bound(site, low))
    if site.has(high) and site.arg(high) is not None:
        out = arith.minimum(out, _bound(site, high))
    return out


def _bound(site: Site, name: str) -> Val:
    """An operand in the output's type; a number becomes an integer by truncation."""
    if site.dtype == "float":
        return site.flt(name)
    value = site.val(name)
    if isinstance(site.arg(name), Ref):
        return value
    finite(site, name)
    return raw(np.trunc(value.lo), np.trunc(value.hi), False, True)


def nan_to_num(site: Site) -> Out:
    """NaN, inf and -inf become numbers."""
    a = site.flt("self") if site.dtype == "float" else site.val("self")
    if site.dtype != "float":
        return (a,)
    nan, high, low = (
        constant(np.asarray(default if site.arg(name) is None else site.num(name)))
        for name, default in (("nan", 0.0), ("posinf", FMAX), ("neginf", -FMAX))
    )
    out = raw(np.clip(a.lo, -FMAX, FMAX), np.clip(a.hi, -FMAX, FMAX), False, a.whole)
    out = choose(np.zeros_like(a.nan), a.nan, nan, out)
    out = choose(np.zeros_like(a.nan), a.hi == INF, high, out)
    return (choose(np.zeros_like(a.nan), a.lo == -INF, low, out),)


def sign(a: Val) -> Val:
    """-1, 0 or 1; of NaN it is 0 or NaN."""
    lo, hi = np.sign(a.lo), np.sign(a.hi)
    return raw(np.where(a.nan, np.minimum(lo, 0), lo), np.where(a.nan, np.maximum(hi, 0), hi), a.nan, True)


def stepped(f: Callable[[Reals], Reals]) -> Callable[[Site], Out]:
    """Rounding to integers: exact, and increasing."""

    def rule(site: Site) -> Out:
        a = site.val("self")
        if site.dtype == "bool":
            raise ValueError(f"{site.op} of bool")
        return (raw(f(a.lo), f(a.hi), a.nan, True),)

    return rule


def logical_not(site: Site) -> Out:
    """True where self is zero."""
    a = site.val("self")
    return (truth(~((a.lo == 0) & (a.hi == 0) & ~a.nan), a.zero),)


def bitwise_not(site: Site) -> Out:
    """The complement: 1 - x of a bool, -x - 1 of an integer."""
    a = site.val("self")
    if site.dtype == "float":
        raise ValueError("torch refuses bit operations on float")
    off = 1.0 if site.dtype == "bool" else -1.0
    return (raw(off - a.hi, off - a.lo, False, True),)


def isnan(site: Site) -> Out:
    """Whether an element is NaN."""
    a = site.val("self")
    return (truth(np.ones_like(a.nan), a.nan),)


def isinf(site: Site) -> Out:
    """Whether an element is infinite."""
    a = site.val("self")
    return (truth(np.ones_like(a.nan), np.isinf(a.lo) | np.isinf(a.hi)),)


def to_copy(site: Site) -> Out:
    """A change of element type: to int by truncation (undefined beyond 2^63), to bool by comparison with zero."""
    a, source = site.val("self"), site.dtype_of("self")
    if site.dtype == source:
        return (a,)
    if site.dtype == "float":
        return (site.flt("self"),)
    if site.dtype == "bool":
        return (truth(a.zero, ~((a.lo == 0) & (a.hi == 0) & ~a.nan)),)
    if source == "bool":
        return (a,)
    lost = a.nan | ~(a.size < 2.0**53)
    unknown = top(a.shape, "int")
    return (choose(lost, lost, unknown, raw(np.trunc(a.lo), np.trunc(a.hi), False, True)),)


def _float(f: Callable[[Val], Val]) -> Callable[[Site], Out]:
    def rule(site: Site) -> Out:
        _only_float(site)
        return (f(site.flt("self")),)

    return rule


def _only_float(site: Site) -> None:
    """Meta tensors let integers pass where the kernels refuse them: such a node is left without a rule."""
    if site.dtype != "float":
        raise ValueError(f"{site.op} of {site.dtype}")


def _any(f: Callable[[Val], Val]) -> Callable[[Site], Out]:
    def rule(site: Site) -> Out:
        if site.dtype == "bool":
            raise ValueError(f"{site.op} of bool")
        return (f(site.val("self")),)

    return rule


def _unwrapped(site: Site, out: Val) -> Val:
    """The least integer has no opposite in 64 bits: -x and |x| of it are itself."""
    if site.dtype != "int":
        return out
    wraps = site.val("self").lo <= -INT_TOP
    return raw(np.where(wraps, -INT_TOP, out.lo), np.where(wraps, INT_TOP, out.hi), out.nan, True)


def absolute(site: Site) -> Out:
    """|x|."""
    if site.dtype == "bool":
        raise ValueError("torch refuses abs of bool")
    return (_unwrapped(site, arith.absolute(site.val("self"))),)


def _same(site: Site) -> Out:
    return (site.val("self"),)


def _sign(site: Site) -> Out:
    return (sign(site.val("self")),)


def _negate(site: Site) -> Out:
    return (_unwrapped(site, arith.neg(site.val("self"))),)


def _atan(a: Val) -> Val:
    return arith.increasing(a, np.arctan, 16.0, -1.5708, 1.5708)


def _shifted_log(a: Val) -> Val:
    """log(1 + x): it has the sign of x, is NaN below -1 and -inf at -1."""
    inner = raw(np.maximum(a.lo, -1.0), np.maximum(a.hi, -1.0), a.nan | (a.lo < -1.0), False)
    out = arith.increasing(inner, np.log1p, 16.0)
    return raw(np.where(a.lo <= -1.0, -INF, out.lo), out.hi, out.nan, False)


def sinh(a: Val) -> Val:
    """Hyperbolic sine; e^x overflows before its half does."""
    out = arith.increasing(a, np.sinh, 32.0)
    return raw(np.where(a.lo < -88.0, -INF, out.lo), np.where(a.hi > 88.0, INF, out.hi), out.nan, False)


def cosh(a: Val) -> Val:
    """Hyperbolic cosine: increasing in |x|; e^x overflows before its half does."""
    out = arith.increasing(arith.absolute(a), np.cosh, 32.0)
    return raw(out.lo, np.where(a.size > 88.0, INF, out.hi), out.nan, False)


RULES = {
    **dict.fromkeys(("clone", "alias", "lift_fresh", "lift_fresh_copy", "detach"), _same),
    "_to_copy": to_copy,
    "neg": _negate,
    "abs": absolute,
    "exp": _float(arith.exp),
    "expm1": _float(lambda a: arith.increasing(a, np.expm1, 16.0, low=-1.0)),
    "log": _float(log),
    "log1p": _float(_shifted_log),
    "log2": _float(lambda a: log(a, np.log2)),
    "log10": _float(lambda a: log(a, np.log10)),
    "sqrt": _float(arith.sqrt),
    "rsqrt": _float(rsqrt),
    "reciprocal": _float(lambda a: loosen(arith.recip(a), 2.0)),
    "sigmoid": _float(sigmoid),
    "tanh": _float(tanh),
    "relu": _any(relu),
    "sin": _float(lambda a: wave(a, -math.pi / 2)),
    "cos": _float(lambda a: wave(a, 0.0)),
    "tan": _float(tan),
    "sinh": _float(sinh),
    "cosh": _float(cosh),
    "atan": _float(_atan),
    "erf": _float(lambda a: arith.increasing(a, erf_of, 16.0, -1.0, 1.0)),
    "silu": _float(silu),
    "gelu": _float(gelu),
    "sign": _sign,
    "sgn": _sign,
    "floor": stepped(np.floor),
    "ceil": stepped(np.ceil),
    "round": stepped(np.round),
    "trunc": stepped(np.trunc),
    "logical_not": logical_not,
    "bitwise_not": bitwise_not,
    "isnan": isnan,
    "isinf": isinf,
    "softplus": softplus,
    "elu": elu,
    "leaky_relu": leaky_relu,
    "hardtanh": hardtanh,
    "nan_to_num": nan_to_num,
    "clamp": clamp,
    "clamp.Tensor": clamp,
    "clamp_min": clamp,
    "clamp_max": clamp,
}
