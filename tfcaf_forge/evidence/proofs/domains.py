"""The abstract value: for each element an interval of float32 numbers, a NaN flag and an integrality flag.

`lo` and `hi` are float64 arrays that hold float32 numbers or infinities. The interval is one over the extended
reals: `hi == inf` says that the element may be +inf, so there are no separate flags for infinities.

Why outward rounding is sound. Write RN for rounding to the nearest float32 and R64 for the same in float64.
For x in [a, b], RN is monotone, so RN(x) lies in [RN(a), RN(b)]. Bounds are computed in float64 and then moved to
the next float32 below or above. If a float32 f lay strictly between R64(a) and the exact a, then R64 would not be
monotone; so `below(R64(a)) <= RN(a)`, and the same above. Hence one directed rounding covers every correctly
rounded operation (+, -, *, /, sqrt). Others get a stated margin first (`loosen`).

Subnormals: a processor may flush results and arguments below 2^-126 to zero, or not. `outward` adds 0 to every
interval that ends among the subnormals, so both behaviours lie inside. Zero stands for both signs: whatever
divides by an interval with 0 in it may give either infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Mask = NDArray[np.bool_]
Flags = NDArray[np.bool_] | np.bool_ | bool
Move = Callable[[NDArray[Any]], NDArray[Any]]

INF = math.inf
FMAX = float(np.finfo(np.float32).max)
FMIN = float(np.finfo(np.float32).tiny)
EPS = 2.0**-23
"""Distance from 1 to the next float32."""
UNIT = 2.0**-24
"""Largest relative error of one correctly rounded float32 operation."""
EXACT = 2.0**24
"""Integers up to here are float32 numbers."""
INT_SAFE = 2.0**53
INT_TOP = 2.0**63
_NEG, _POS = np.float32(-INF), np.float32(INF)


@dataclass(slots=True)
class Val:
    """An abstract tensor.

    Attributes:
        lo, hi: bounds of every element that is not NaN.
        nan: whether an element may be NaN.
        whole: whether every finite value of the element is an integer.
    """

    lo: Reals
    hi: Reals
    nan: Mask
    whole: Mask

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes; the batch dimension holds the cells."""
        return self.lo.shape

    @property
    def hazard(self) -> Mask:
        """Elements that may be NaN or infinite."""
        return self.nan | (self.lo == -INF) | (self.hi == INF)

    @property
    def zero(self) -> Mask:
        """Elements that may be zero."""
        return (self.lo <= 0.0) & (self.hi >= 0.0)

    @property
    def size(self) -> Reals:
        """Largest magnitude of each element."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi))

    @property
    def exact(self) -> bool:
        """Whether every element is one known number."""
        return bool(((self.lo == self.hi) & ~self.nan).all())

    def moved(self, move: Move) -> Val:
        """The same elements elsewhere: `move` is a change of shape, a selection, a permutation."""
        return Val(move(self.lo), move(self.hi), move(self.nan), move(self.whole))


def below(x: Reals) -> Reals:
    """The largest float32 <= x."""
    near = x.astype(np.float32)
    back = near.astype(np.float64)
    over = back > x
    return np.where(over, np.nextafter(near, _NEG), near).astype(np.float64) if over.any() else back


def above(x: Reals) -> Reals:
    """The smallest float32 >= x."""
    near = x.astype(np.float32)
    back = near.astype(np.float64)
    under = back < x
    return np.where(under, np.nextafter(near, _POS), near).astype(np.float64) if under.any() else back


def make(lo: Reals, hi: Reals, nan: Flags, whole: Flags = False) -> Val:
    """A float32 value from bounds in float64: rounded outward, with 0 where subnormals are."""
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    lo = below(np.where(np.isnan(lo), -INF, lo))
    hi = above(np.where(np.isnan(hi), INF, hi))
    lo = np.where((lo > 0.0) & (lo < FMIN), 0.0, lo)
    hi = np.where((hi < 0.0) & (hi > -FMIN), 0.0, hi)
    return raw(lo, hi, nan, whole)


def make_int(lo: Reals, hi: Reals) -> Val:
    """An int64 value; from 2^53 on nothing is known of it: float64 may have rounded it, and it may wrap."""
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    wraps = ~((lo > -INT_SAFE) & (hi < INT_SAFE))
    return raw(np.where(wraps, -INT_TOP, lo), np.where(wraps, INT_TOP, hi), False, True)


def raw(lo: Reals, hi: Reals, nan: Flags, whole: Flags) -> Val:
    """A value whose bounds need no rounding."""
    shape = lo.shape if lo.shape == hi.shape else np.broadcast_shapes(lo.shape, hi.shape)
    fill = np.broadcast_to
    lo = lo if lo.shape == shape else fill(lo, shape)
    hi = hi if hi.shape == shape else fill(hi, shape)
    return Val(lo, hi, fill(np.asarray(nan, np.bool_), shape), fill(np.asarray(whole, np.bool_), shape))


def constant(values: Reals) -> Val:
    """Known numbers, as torch stores them: the nearest float32, wherever between its neighbours that is."""
    x = np.asarray(values, np.float64)
    return make(x, x, np.isnan(x), np.floor(x) == x)


def known(shape: tuple[int, ...], value: float) -> Val:
    """One number everywhere."""
    return constant(np.full(shape, value))


def top(shape: tuple[int, ...], dtype: str = "float") -> Val:
    """Nothing is known."""
    if dtype == "bool":
        return raw(np.zeros(shape), np.ones(shape), False, True)
    if dtype == "int":
        return raw(np.full(shape, -INT_TOP), np.full(shape, INT_TOP), False, True)
    return raw(np.full(shape, -INF), np.full(shape, INF), True, False)


def truth(can_fail: Flags, can_hold: Flags) -> Val:
    """A bool tensor from the elements that may be False and those that may be True."""
    return raw(np.asarray(np.logical_not(can_fail), np.float64), np.asarray(can_hold, np.float64), False, True)


def as_float(value: Val, dtype: str) -> Val:
    """A tensor of the given element type as float32."""
    return value if dtype == "float" else make(value.lo, value.hi, value.nan, True)


def cast(value: Val, source: str, target: str) -> Val:
    """A tensor of one element type in another: to int by truncation (undefined beyond 2^63), to bool by `!= 0`."""
    if source == target:
        return value
    if target == "float":
        return as_float(value, source)
    if target == "bool":
        return truth(value.zero, ~((value.lo == 0) & (value.hi == 0) & ~value.nan))
    if source == "bool":
        return value
    lost = value.nan | ~(value.size < INT_SAFE)
    return choose(lost, lost, top(value.shape, "int"), raw(np.trunc(value.lo), np.trunc(value.hi), False, True))


def expand(value: Val, shape: tuple[int, ...]) -> Val:
    """Broadcast."""
    return value if value.shape == shape else value.moved(lambda a: np.broadcast_to(a, shape))


def hull(a: Val, b: Val) -> Val:
    """What may be either."""
    return raw(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi), a.nan | b.nan, a.whole & b.whole)


def choose(must: Mask, may: Mask, a: Val, b: Val) -> Val:
    """`a` where it must be, `b` where it may not, either elsewhere."""
    lo = np.where(must, a.lo, np.where(may, np.minimum(a.lo, b.lo), b.lo))
    hi = np.where(must, a.hi, np.where(may, np.maximum(a.hi, b.hi), b.hi))
    nan = (may & a.nan) | (~must & b.nan)
    return raw(lo, hi, nan, (a.whole | ~may) & (b.whole | must))


def meet(value: Val, lo: Reals | float, hi: Reals | float) -> Val:
    """A value that is also known to lie in [lo, hi]; a contradiction (a branch never taken) leaves one point."""
    low = np.maximum(value.lo, lo)
    high = np.minimum(value.hi, hi)
    empty = low > high
    return raw(np.where(empty, value.lo, low), np.where(empty, value.hi, high), value.nan, value.whole)


def loosen(value: Val, ulps: float) -> Val:
    """Widen by `ulps` float32 units of the larger bound; the sign of a bound is kept (ulps * 2^-23 < 1)."""
    if ulps <= 0:
        return value
    part = ulps * EPS
    lo = np.where(np.isinf(value.lo), value.lo, value.lo - np.abs(value.lo) * part)
    hi = np.where(np.isinf(value.hi), value.hi, value.hi + np.abs(value.hi) * part)
    return make(lo, hi, value.nan, False)
