"""Rules for arithmetic of two operands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import (
    EXACT,
    FMAX,
    FMIN,
    INF,
    INT_TOP,
    Mask,
    Reals,
    Val,
    choose,
    constant,
    hull,
    known,
    loosen,
    make,
    make_int,
    raw,
    top,
)
from tfcaf_forge.evidence.proofs.relations import at_least
from tfcaf_forge.evidence.proofs.site import Site
from tfcaf_forge.graph.opgraph import Ref, is_batch

Out = tuple[Val, ...]
Two = Callable[[Val, Val], Val]


def add(site: Site) -> Out:
    """self + alpha * other."""
    return (_linear(site, "self", "other", 1.0),)


def sub(site: Site) -> Out:
    """self - alpha * other; of one sign where the operands are known to be ordered."""
    return (_ordered(site, _linear(site, "self", "other", -1.0), "self", "other"),)


def rsub(site: Site) -> Out:
    """other - alpha * self."""
    return (_linear(site, "other", "self", -1.0),)


def mul(site: Site) -> Out:
    """self * other; a square where both are one value."""
    if site.dtype == "bool":
        return (
            raw(site.val("self").lo * site.val("other").lo, site.val("self").hi * site.val("other").hi, False, True),
        )
    if site.dtype == "int":
        a, b = site.val("self"), site.val("other")
        return (_int_corners(a, b, np.multiply),)
    if site.same("self", "other"):
        return (arith.square(site.flt("self")),)
    return (arith.mul(site.flt("self"), site.flt("other")),)


def div(site: Site) -> Out:
    """self / other; within [-1, 1] where other is known to be at least self, or its magnitude.

    Rounding is monotone and 1 is a float32, so 0 < b and a <= b imply fl(a / b) <= 1. A scalar divisor may be
    applied as a product with its reciprocal on some devices: two more units.
    """
    a, b = site.flt("self"), site.flt("other")
    left, right = site.arg("self"), site.arg("other")
    if not isinstance(left, Ref) or not isinstance(right, Ref) or not site.in_shape("other"):
        return (arith.div(a, b, 2.0),)
    out = arith.div(a, b)
    positive = b.lo > 0.0
    if not positive.any():
        return (out,)
    covered = spread(site, at_least(site.run, right, left))
    high = np.where(positive & covered, np.minimum(out.hi, 1.0), out.hi)
    return (_by_norm(site, raw(out.lo, high, out.nan, out.whole), a, b),)


def spread(site: Site, cells: Mask) -> Mask:
    """A mask over cells, shaped to broadcast over the output."""
    shape = site.kinds[0].shape
    batch = [i for i, size in enumerate(shape) if is_batch(size)]
    if not batch:
        return np.asarray(bool(cells.all()))
    return cells.reshape([-1 if i == batch[0] else 1 for i in range(len(shape))])


def _by_norm(site: Site, out: Val, a: Val, b: Val) -> Val:
    """|x| / (norm(x) + e) <= 1, and |x| / (sum|x| + e) <= 1.

    A computed norm may fall short of a component by its rounding (2 units and n additions: 1e-4 is ample up to
    1,000 components) and by underflow of squares below 1e-18, whose quotient by a divisor above 1e-15 is tiny.
    """
    from tfcaf_forge.evidence.proofs.relations import covers_magnitude

    fits = covers_magnitude(site.run, site.ref("other"), site.ref("self"))
    if fits is None:
        return out
    cells, slack = fits
    sure = spread(site, cells) & (b.lo > 1e-15)
    lo = np.where(sure, np.maximum(out.lo, -1.0 - slack), out.lo)
    hi = np.where(sure, np.minimum(out.hi, 1.0 + slack), out.hi)
    return make(lo, hi, out.nan, out.whole)


def div_mode(site: Site) -> Out:
    """Division rounded to an integer, or plain."""
    mode = site.arg("rounding_mode")
    if mode is None:
        return (_int_free_div(site),)
    return (_floored(site, np.floor if mode == "floor" else np.trunc),)


def floor_divide(site: Site) -> Out:
    """floor(self / other)."""
    return (_floored(site, np.floor),)


def _int_free_div(site: Site) -> Val:
    return arith.div(site.flt("self"), site.flt("other"), 2.0)


def _floored(site: Site, rounding: Callable[[Reals], Reals]) -> Val:
    """Rounded quotient; one unit of slack where the operands are not small integers, since torch corrects by fmod."""
    if site.dtype != "float":
        a, b = site.val("self"), site.val("other")
        _no_zero(site, b)
        out = _int_corners(a, b, lambda x, y: rounding(x / y))
        lost = np.broadcast_to(b.zero | (a.size > 2.0**50), out.shape)  # beyond, a float64 quotient may round up
        return raw(np.where(lost, -INT_TOP, out.lo), np.where(lost, INT_TOP, out.hi), False, True)
    a, b = site.flt("self"), site.flt("other")
    out = arith.div(a, b, 2.0)
    small = a.whole & b.whole & (a.size < EXACT) & (b.size < EXACT) & ~b.zero
    slack = np.where(small, 0.0, 1.0 + np.where(np.isinf(out.size), 0.0, out.size) * 2.0**-22)
    exact_lo, exact_hi = _quotients(a, b)
    lo = np.where(small, rounding(exact_lo), rounding(out.lo) - slack)
    hi = np.where(small, rounding(exact_hi), rounding(out.hi) + slack)
    nan = out.nan | np.isinf(a.size) | np.isinf(b.size)
    return make(lo, hi, nan, True)


def _quotients(a: Val, b: Val) -> tuple[Reals, Reals]:
    safe = np.where(b.zero, 1.0, b.lo), np.where(b.zero, 1.0, b.hi)
    parts = [x / y for x in (a.lo, a.hi) for y in safe]
    return np.minimum.reduce(parts), np.maximum.reduce(parts)


def remainder(site: Site) -> Out:
    """Remainder with the divisor's sign; below the divisor, or equal to it by rounding."""
    return (_remainder(site, floored=True),)


def fmod(site: Site) -> Out:
    """Remainder with the dividend's sign."""
    return (_remainder(site, floored=False),)


def _remainder(site: Site, *, floored: bool) -> Val:
    whole_type = site.dtype != "float"
    a = site.val("self") if whole_type else site.flt("self")
    b = site.val("other") if whole_type else site.flt("other")
    if whole_type:
        _no_zero(site, b)
    size, least = b.size, arith.smallest(b)
    nan = a.nan | b.nan | b.zero | np.isinf(a.size) | (a.size > least * FMAX * 0.5)  # a vector kernel divides first
    if floored:
        lo, hi = np.where(b.hi <= 0, -size, np.where(b.lo >= 0, 0.0, -size)), np.where(b.hi <= 0, 0.0, size)
    else:
        most = np.minimum(size, a.size)
        lo, hi = np.where(a.lo >= 0, 0.0, -most), np.where(a.hi <= 0, 0.0, most)
    stays = (a.size < least) & ((a.lo >= 0) & (b.lo > 0) | ((a.hi <= 0) & (b.hi < 0)) | (not floored))
    lo, hi = np.where(stays, a.lo, lo), np.where(stays, a.hi, hi)
    whole = a.whole & b.whole
    return make_int(lo, hi) if whole_type else make(lo, hi, nan, whole)


def _no_zero(site: Site, divisor: Val) -> None:
    """An integer division by zero raises."""
    zero = np.broadcast_to(divisor.zero, np.broadcast_shapes(divisor.shape, site.shape))
    if zero.shape == site.shape:
        site.run.fail(site.index, zero, site.kinds[0])
    elif zero.any():
        site.run.broken = np.ones_like(site.run.broken)
        site.run.broken_at = site.index if site.run.broken_at is None else site.run.broken_at


def pow_scalar(site: Site) -> Out:
    """self ^ number, with the special cases that torch has."""
    e = site.num("exponent")
    if site.dtype != "float":
        return (_int_power(site, e),)
    return (power(site.flt("self"), e),)


def power(a: Val, e: float) -> Val:
    """a ^ e for one number e; the kernels may take it as it is, or rounded to float32."""
    near = float(np.float32(e))
    return _power(a, e) if near == e else hull(_power(a, e), _power(a, near))


def _power(a: Val, e: float) -> Val:
    """torch computes 2, 3, 0.5, -0.5, -1 and -2 by products, square roots and quotients."""
    if e == 0.0:
        return known(a.shape, 1.0)
    if e == 1.0:
        return a
    if e == 2.0:
        return arith.square(a)
    if e == 0.5:
        return arith.sqrt(a)
    if e < 0.0:
        return loosen(arith.recip(power(a, -e)), 16.0) if e in (-0.5, -1.0, -2.0) else _general_power(a, e)
    return _general_power(a, e)


def _general_power(a: Val, e: float) -> Val:
    """Monotone pieces: for a >= 0 by corners; for integers e the parity gives the sign of negative powers."""
    if e != np.floor(e):
        out = _positive_power(raw(np.maximum(a.lo, 0.0), np.maximum(a.hi, 0.0), a.nan | (a.lo < 0), False), e)
        return choose(a.lo == -INF, a.lo == -INF, top(a.shape), out)
    size = _positive_power(arith.absolute(a), e)
    if e % 2 == 0:
        return size
    up = _positive_power(raw(np.maximum(a.lo, 0.0), np.maximum(a.hi, 0.0), a.nan, False), e)
    down = arith.neg(_positive_power(raw(np.maximum(-a.hi, 0.0), np.maximum(-a.lo, 0.0), a.nan, False), e))
    some = hull(up, down)
    if e < 0:
        some = choose(np.zeros_like(a.zero), a.zero, top(a.shape), some)
    return choose(a.lo > 0, a.hi > 0, up, choose(a.hi < 0, a.hi < 0, down, some))


def _positive_power(a: Val, e: float) -> Val:
    """a ^ e for a >= 0, within 16 units (the vector kernels promise 1); sure of no number where it may underflow."""
    ends = np.power(a.lo, e), np.power(a.hi, e)
    lo, hi = np.minimum(*ends), np.maximum(*ends)
    out = loosen(make(lo, hi, a.nan), 16.0)
    low = np.where(lo < 2 * FMIN, 0.0, np.maximum(out.lo, 0.0))
    return raw(low, np.where(hi > FMAX * 0.99, INF, out.hi), out.nan, a.whole & (e > 0))


def _int_power(site: Site, e: float) -> Val:
    a = site.val("self")
    if e < 0 or e != np.floor(e) or site.dtype == "bool":
        raise ValueError(f"torch refuses {site.dtype} to the power of {e}")
    ends = np.power(a.lo, e), np.power(a.hi, e)
    lo, hi = np.minimum(*ends), np.maximum(*ends)
    if e % 2 == 0:
        lo = np.where(a.zero, np.minimum(lo, 0.0), lo)
    return make_int(lo, hi)


def pow_tensor(site: Site) -> Out:
    """self ^ exponent elementwise: corners where self is positive, else unknown."""
    a, b = site.flt("self"), site.flt("exponent")
    return (_power_of(site, a, b),)


def pow_base(site: Site) -> Out:
    """number ^ exponent."""
    a, b = constant(np.asarray(site.num("self"))), site.flt("exponent")
    return (_power_of(site, a, b),)


def _power_of(site: Site, a: Val, b: Val) -> Val:
    """x^y is monotone in each of x > 0 and y, so its extremes are at the corners; integers may be refused."""
    if site.dtype != "float":
        raise ValueError(f"a power of {site.dtype}")
    shape = np.broadcast_shapes(a.shape, b.shape)
    ok = np.broadcast_to((a.lo >= FMIN) & ~np.isinf(a.size) & ~np.isinf(b.size), shape)
    base = np.where(a.lo > 0, a.lo, 1.0), np.where(a.hi > 0, a.hi, 1.0)
    parts = [np.broadcast_to(np.power(x, y), shape) for x in base for y in (b.lo, b.hi)]
    lo, hi = np.minimum.reduce(parts), np.maximum.reduce(parts)
    out = loosen(make(lo, hi, a.nan | b.nan), 16.0)
    low = np.where(lo < 2 * FMIN, 0.0, np.maximum(out.lo, 0.0))
    inner = raw(low, np.where(hi > FMAX * 0.99, INF, out.hi), out.nan, False)
    return choose(ok, ok, inner, top(shape))


def maximum(site: Site) -> Out:
    """The larger one."""
    return (_either(site, arith.maximum),)


def minimum(site: Site) -> Out:
    """The smaller one."""
    return (_either(site, arith.minimum),)


def fmax(site: Site) -> Out:
    """The larger one; a NaN loses."""
    return (_not_nan(site, arith.maximum),)


def fmin(site: Site) -> Out:
    """The smaller one; a NaN loses."""
    return (_not_nan(site, arith.minimum),)


def _not_nan(site: Site, f: Two) -> Val:
    a, b = (site.flt("self"), site.flt("other")) if site.dtype == "float" else (site.val("self"), site.val("other"))
    out = f(a, b)
    some = a.nan | b.nan
    wide = hull(hull(a, b), out)
    return choose(some, some, raw(wide.lo, wide.hi, a.nan & b.nan, wide.whole), out)


def atan2(site: Site) -> Out:
    """The angle: between -pi and pi, whatever the operands; of two subnormals that are flushed it is NaN."""
    a, b = site.flt("self"), site.flt("other")
    nan = a.nan | b.nan | (a.zero & b.zero) | (np.isinf(a.size) & np.isinf(b.size))
    bound = np.full(nan.shape, 3.1416)
    return (make(-bound, bound, nan),)


def _either(site: Site, f: Two) -> Val:
    if site.dtype == "float":
        return f(site.flt("self"), site.flt("other"))
    return f(site.val("self"), site.val("other"))


def _linear(site: Site, plus: str, scaled: str, sign: float) -> Val:
    """plus + sign * alpha * scaled, fused or not."""
    alpha = sign * site.num("alpha")
    if sign < 0 and "bool" in (site.dtype_of("self"), site.dtype_of("other")):
        raise ValueError("torch refuses subtraction of bool")
    if site.dtype == "bool":
        return top(np.broadcast_shapes(site.val(plus).shape, site.val(scaled).shape), "bool")
    if site.dtype == "int":
        a, b = site.val(plus), site.val(scaled)
        return make_int(a.lo + np.minimum(alpha * b.lo, alpha * b.hi), a.hi + np.maximum(alpha * b.lo, alpha * b.hi))
    a, b = site.flt(plus), site.flt(scaled)
    if alpha == -1.0:
        return arith.sub(a, b)
    return arith.add(a, b) if alpha == 1.0 else arith.add(a, arith.mul(b, constant(np.asarray(alpha))))


def _ordered(site: Site, out: Val, left: str, right: str) -> Val:
    """x - y >= 0 where x >= y: a difference of float32 numbers is zero only if they are equal, and keeps its sign."""
    a, b = site.arg(left), site.arg(right)
    if site.num("alpha") != 1.0 or not isinstance(a, Ref) or not isinstance(b, Ref):
        return out
    lo, hi = out.lo, out.hi
    if (lo < 0.0).any():
        lo = np.where(spread(site, at_least(site.run, a, b)), np.maximum(lo, 0.0), lo)
    if (hi > 0.0).any():
        hi = np.where(spread(site, at_least(site.run, b, a)), np.minimum(hi, 0.0), hi)
    return raw(lo, hi, out.nan, out.whole)


def _int_corners(a: Val, b: Val, f: Callable[[Reals, Reals], Reals]) -> Val:
    parts = [f(x, y) for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    parts = [np.where(np.isnan(p), 0.0, p) for p in parts]
    return make_int(np.minimum.reduce(parts), np.maximum.reduce(parts))


RULES = {
    "add.Tensor": add,
    "sub.Tensor": sub,
    "rsub.Scalar": rsub,
    "mul.Tensor": mul,
    "div.Tensor": div,
    "div.Tensor_mode": div_mode,
    "floor_divide": floor_divide,
    "remainder.Scalar": remainder,
    "remainder.Tensor": remainder,
    "fmod.Scalar": fmod,
    "fmod.Tensor": fmod,
    "pow.Tensor_Scalar": pow_scalar,
    "pow.Tensor_Tensor": pow_tensor,
    "pow.Scalar": pow_base,
    "maximum": maximum,
    "minimum": minimum,
    "fmax": fmax,
    "fmin": fmin,
    "atan2": atan2,
}
