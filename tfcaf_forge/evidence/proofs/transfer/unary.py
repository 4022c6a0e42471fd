"""Rules for operations on one tensor, element by element; the functions of real numbers among them stand in `curves`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.domains import (
    FMAX,
    INF,
    INT_TOP,
    Reals,
    Val,
    cast,
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
from tfcaf_forge.evidence.proofs.transfer import curves
from tfcaf_forge.evidence.proofs.transfer.shape import finite
from tfcaf_forge.graph.opgraph import Ref

Out = tuple[Val, ...]


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
        return (hull(hull(curves.relu(a), sloped), known(a.shape, 0.0)),)
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
    """A change of element type."""
    return (cast(site.val("self"), site.dtype_of("self"), site.dtype),)


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


RULES = {
    **dict.fromkeys(("clone", "alias", "lift_fresh", "lift_fresh_copy", "detach"), _same),
    "_to_copy": to_copy,
    "neg": _negate,
    "abs": absolute,
    "exp": _float(arith.exp),
    "expm1": _float(lambda a: arith.increasing(a, np.expm1, 16.0, low=-1.0)),
    "log": _float(curves.log),
    "log1p": _float(curves.shifted_log),
    "log2": _float(lambda a: curves.log(a, np.log2)),
    "log10": _float(lambda a: curves.log(a, np.log10)),
    "sqrt": _float(arith.sqrt),
    "rsqrt": _float(curves.rsqrt),
    "reciprocal": _float(lambda a: loosen(arith.recip(a), 2.0)),
    "sigmoid": _float(curves.sigmoid),
    "tanh": _float(curves.tanh),
    "relu": _any(curves.relu),
    "sin": _float(lambda a: curves.wave(a, -math.pi / 2)),
    "cos": _float(lambda a: curves.wave(a, 0.0)),
    "tan": _float(curves.tan),
    "sinh": _float(curves.sinh),
    "cosh": _float(curves.cosh),
    "atan": _float(curves.atan),
    "erf": _float(lambda a: arith.increasing(a, curves.erf_of, 16.0, -1.0, 1.0)),
    "silu": _float(curves.silu),
    "gelu": _float(curves.gelu),
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
