"""Curves: functions of one abstract number, as torch's kernels compute them.

Margins: torch computes these by vector kernels (Sleef, errors of at most 1 unit, 3.5 for sine and cosine) or the
C library (at most 4 units). The margins below are at least twice that; `tests/evidence/proofs/test_margins.py`
measures them over the floats. Bounds such as tanh <= 1 are kept exactly: they are measured there, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import FMAX, FMIN, INF, Reals, Val, choose, loosen, make, raw, top


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


def atan(a: Val) -> Val:
    """Arc tangent."""
    return arith.increasing(a, np.arctan, 16.0, -1.5708, 1.5708)


def shifted_log(a: Val) -> Val:
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
