"""Gradients of pointwise operations, by the formulas of torch's derivatives.yaml.

A derivative that torch computes in one fused kernel is a short product here; 8 units of slack cover the other order
of its roundings.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs import arith
from tfcaf_forge.evidence.proofs.backward.site import Back, BackRule, Parts
from tfcaf_forge.evidence.proofs.domains import (
    INF,
    Mask,
    Val,
    choose,
    constant,
    hull,
    known,
    loosen,
    make,
    raw,
    top,
)
from tfcaf_forge.evidence.proofs.transfer.arithmetic import power
from tfcaf_forge.evidence.proofs.transfer.curves import cosh, sigmoid, sinh
from tfcaf_forge.evidence.proofs.transfer.unary import sign, tame

_FUSED = 8.0


def number(x: float) -> Val:
    """A number as float32."""
    return constant(np.asarray(x))


def masked(g: Val, must: Mask, may: Mask) -> Val:
    """g where a mask surely is, 0 where it is not, either elsewhere: autograd selects, it does not multiply."""
    return choose(must, may, g, known(g.shape, 0.0))


def added(back: Back) -> Parts:
    """d(a + c b)."""
    scaled = _times_alpha(back, back.g) if back.wants("other") else back.g
    return back.to("self", back.g) + back.to("other", scaled)


def subtracted(back: Back) -> Parts:
    """d(a - c b)."""
    return back.to("self", back.g) + back.to("other", _times_alpha(back, arith.neg(back.g)))


def reverse_subtracted(back: Back) -> Parts:
    """d(b - c a)."""
    return back.to("self", _times_alpha(back, arith.neg(back.g)))


def _times_alpha(back: Back, g: Val) -> Val:
    alpha = back.site.num("alpha")
    return g if alpha == 1.0 else arith.mul(g, number(alpha))


def multiplied(back: Back) -> Parts:
    """d(a b)."""
    parts = Parts()
    if back.wants("self"):
        parts += back.to("self", arith.mul(back.g, back.site.flt("other")))
    if back.wants("other"):
        parts += back.to("other", arith.mul(back.g, back.site.flt("self")))
    return parts


def divided(back: Back) -> Parts:
    """d(a / b): g / b, and -g (a / b) / b."""
    parts, b = Parts(), back.site.flt("other")
    if back.wants("self"):
        parts += back.to("self", arith.div(back.g, b, 2.0))
    if back.wants("other"):
        quotient = arith.div(arith.div(back.site.flt("self"), b, 2.0), b, 2.0)
        parts += back.to("other", loosen(arith.mul(arith.neg(back.g), quotient), _FUSED))
    return parts


def negated(back: Back) -> Parts:
    """d(-a)."""
    return back.to("self", arith.neg(back.g))


def powered(back: Back) -> Parts:
    """d(a^e) = g e a^(e-1)."""
    e = back.site.num("exponent")
    if e == 0.0:
        return back.to("self", known(back.site.in_shape(), 0.0))
    slope = arith.mul(number(e), power(back.site.flt("self"), e - 1.0))
    return back.to("self", loosen(arith.mul(back.g, slope), _FUSED))


def base_powered(back: Back) -> Parts:
    """d(b^a) = g b^a log b, for b > 0; torch masks the case b = 0."""
    base = back.site.num("self")
    if base <= 0:
        return back.to("exponent", top(back.site.shape))
    return back.to("exponent", loosen(arith.mul(back.g, arith.mul(back.y, number(math.log(base)))), 16.0))


def larger(back: Back) -> Parts:
    """The gradient goes to the larger operand, in halves where they are equal."""
    return _to_winner(back, back.site.flt("self"), back.site.flt("other"))


def smaller(back: Back) -> Parts:
    """The gradient goes to the smaller operand."""
    return _to_winner(back, arith.neg(back.site.flt("self")), arith.neg(back.site.flt("other")))


def _to_winner(back: Back, a: Val, b: Val) -> Parts:
    nan = a.nan | b.nan
    a_must, a_may = (a.lo > b.hi) & ~nan, (a.hi >= b.lo) | nan
    b_must, b_may = (b.lo > a.hi) & ~nan, (b.hi >= a.lo) | nan
    return back.to("self", masked(back.g, a_must, a_may)) + back.to("other", masked(back.g, b_must, b_may))


def chosen(back: Back) -> Parts:
    """where: each branch gets the gradient where it was chosen, and 0 elsewhere."""
    c = back.site.val("condition")
    must, may = c.lo == 1.0, c.hi == 1.0
    return back.to("self", masked(back.g, must, may)) + back.to("other", masked(back.g, ~may, ~must))


def filled(back: Back) -> Parts:
    """masked_fill: 0 where the mask holds; the rest for the value, if it is a tensor."""
    m = back.site.val("mask")
    must, may = m.lo == 1.0, m.hi == 1.0
    return back.to("self", masked(back.g, ~may, ~must)) + back.to("value", masked(back.g, must, may))


def clamped(back: Back) -> Parts:
    """The gradient inside the bounds; at a bound, whatever torch does, it is g or 0."""
    site = back.site
    if site.in_shape() != site.shape:
        raise ValueError("autograd stumbles over bounds that are larger than what they bound")
    x = site.flt("self")
    must, may = ~x.nan, np.ones(x.shape, np.bool_)
    parts = Parts()
    for names, is_low in ((("min", "min_val"), True), (("max", "max_val"), False)):
        for name in names:
            if not site.has(name) or site.arg(name) is None:
                continue
            bound = site.flt(name)
            inside = (x.lo > bound.hi) if is_low else (x.hi < bound.lo)
            maybe = (x.hi >= bound.lo) if is_low else (x.lo <= bound.hi)
            must, may = must & inside & ~bound.nan, may & (maybe | bound.nan)
            if back.wants(name):
                parts += back.to(
                    name, masked(back.g, np.zeros(back.g.shape, np.bool_), np.ones(back.g.shape, np.bool_))
                )
    return parts + back.to("self", masked(back.g, must, may | x.nan))


def rectified(back: Back) -> Parts:
    """relu: the gradient above zero."""
    x = back.site.flt("self")
    return back.to("self", masked(back.g, (x.lo > 0) & ~x.nan, (x.hi > 0) | x.nan))


def leaking(back: Back) -> Parts:
    """leaky_relu: the slope below zero."""
    x, slope = back.site.flt("self"), back.site.num("negative_slope")
    low = arith.mul(back.g, number(slope))
    return back.to("self", choose((x.lo > 0) & ~x.nan, (x.hi > 0) | x.nan, back.g, low))


def to_number(back: Back) -> Parts:
    """nan_to_num: g times whether self is finite."""
    x = back.site.flt("self")
    return back.to("self", arith.mul(back.g, raw((~x.hazard).astype(np.float64), np.ones(x.shape), False, True)))


def magnitude(back: Back) -> Parts:
    """abs: g sgn(a)."""
    return back.to("self", arith.mul(back.g, sign(back.site.flt("self"))))


def passed(back: Back) -> Parts:
    """Remainders: the gradient passes to the dividend."""
    return back.to("self", back.g)


def flattened(back: Back) -> Parts:
    """Steps: zeros, whatever arrives."""
    return back.to("self", known(back.site.shape, 0.0))


def sloped(slope: Callable[[Val, Val], Val], ulps: float = _FUSED) -> BackRule:
    """g times a derivative that is a function of the argument and the result."""

    def rule(back: Back) -> Parts:
        if not back.wants("self"):
            return []
        return back.to("self", loosen(arith.mul(back.g, slope(back.site.flt("self"), back.y)), ulps))

    return rule


def over(divisor: Callable[[Val, Val], Val]) -> BackRule:
    """g divided by a function of the argument and the result."""

    def rule(back: Back) -> Parts:
        if not back.wants("self"):
            return []
        return back.to("self", loosen(arith.div(back.g, divisor(back.site.flt("self"), back.y)), _FUSED))

    return rule


def inverse_root(back: Back) -> Parts:
    """rsqrt: (-0.5 g) y^3, in this order, since half of a small g may be flushed to zero."""
    if not back.wants("self"):
        return []
    half = arith.mul(number(-0.5), back.g)
    return back.to("self", loosen(arith.mul(half, power(back.y, 3.0)), _FUSED))


def _one_minus(a: Val) -> Val:
    return arith.sub(number(1.0), a)


def _d_sigmoid(_: Val, y: Val) -> Val:
    return arith.mul(_one_minus(y), y)


def _d_tanh(_: Val, y: Val) -> Val:
    """1 - y^2; y^2 may round to more than it is, but not above 1."""
    return _one_minus(arith.square(y))


def _d_silu(x: Val, _: Val) -> Val:
    """s (1 + x (1 - s)): between -0.0999 and 1.0999 for every x."""
    s = sigmoid(x)
    out = arith.mul(s, arith.add(number(1.0), arith.mul(x, _one_minus(s))))
    return _narrow(out, x, -0.0999, 1.0999)


def _d_gelu(x: Val, _: Val) -> Val:
    """Phi(x) + x phi(x): between -0.1290 and 1.1290 for every x."""
    return _narrow(top(x.shape), x, -0.1291, 1.1291)


def _narrow(out: Val, x: Val, low: float, high: float) -> Val:
    wild = x.nan | ~(x.size < 1e18)
    return choose(wild, wild, top(x.shape), make(np.clip(out.lo, low, high), np.clip(out.hi, low, high), False))


def _d_erf(x: Val, _: Val) -> Val:
    bell = arith.exp(arith.neg(arith.square(x)))
    return loosen(arith.mul(number(2.0 / math.sqrt(math.pi)), bell), 4.0)


def _d_tan(_: Val, y: Val) -> Val:
    return arith.add(number(1.0), arith.square(y))


def _d_cosine(x: Val, _: Val) -> Val:
    """Sine and cosine have derivatives in [-1, 1]; NaN beyond the floats."""
    wild = x.nan | np.isinf(x.size)
    return raw(np.full(x.shape, -1.0), np.full(x.shape, 1.0), wild, False)


def softplus(back: Back) -> Parts:
    """g z / (z + 1) with z = e^(b x), or g beyond the threshold."""
    x = back.site.flt("self")
    beta, threshold = back.site.num("beta"), back.site.num("threshold")
    if beta <= 0 or threshold > 80.0 or not tame(beta, threshold):
        return back.to("self", top(back.site.shape))
    s = loosen(sigmoid(arith.mul(x, number(beta))), 32.0)
    inner = raw(s.lo, np.minimum(s.hi, 1.0), s.nan, False)
    far = np.where(x.hi * beta > threshold * 0.999, 1.0, inner.hi)
    return back.to("self", loosen(arith.mul(back.g, raw(inner.lo, far, inner.nan | (x.hi == INF), False)), _FUSED))


def elu(back: Back) -> Parts:
    """scale above zero; below it the derivative of the exponential."""
    alpha, scale, inner = (back.site.num(n) for n in ("alpha", "scale", "input_scale"))
    x = back.site.flt("self")
    if min(alpha, scale, inner) < 0 or not tame(alpha, scale, inner):
        return back.to("self", top(back.site.shape))
    low = arith.mul(number(inner * alpha * scale), arith.exp(arith.mul(arith.minimum(x, number(0.0)), number(inner))))
    slope = choose((x.lo > 0) & ~x.nan, (x.hi > 0) | x.nan, number(scale), hull(low, loosen(low, 16.0)))
    return back.to("self", loosen(arith.mul(back.g, slope), 16.0))


RULES: dict[str, BackRule] = {
    **dict.fromkeys(("floor", "ceil", "round", "trunc", "sign", "sgn"), flattened),
    "add.Tensor": added,
    "sub.Tensor": subtracted,
    "rsub.Scalar": reverse_subtracted,
    "mul.Tensor": multiplied,
    "div.Tensor": divided,
    "neg": negated,
    "pow.Tensor_Scalar": powered,
    "pow.Scalar": base_powered,
    "maximum": larger,
    "minimum": smaller,
    "where.self": chosen,
    "masked_fill.Scalar": filled,
    "masked_fill.Tensor": filled,
    **dict.fromkeys(("clamp", "clamp.Tensor", "clamp_min", "clamp_max", "hardtanh"), clamped),
    "relu": rectified,
    "leaky_relu": leaking,
    "nan_to_num": to_number,
    "abs": magnitude,
    "remainder.Scalar": passed,
    "fmod.Scalar": passed,
    "softplus": softplus,
    "elu": elu,
    "exp": sloped(lambda x, y: y),
    "expm1": sloped(lambda x, y: arith.add(y, number(1.0))),
    "sigmoid": sloped(_d_sigmoid),
    "tanh": sloped(_d_tanh),
    "silu": sloped(_d_silu, 64.0),
    "gelu": sloped(_d_gelu, 64.0),
    "erf": sloped(_d_erf),
    "sin": sloped(_d_cosine),
    "cos": sloped(_d_cosine),
    "tan": sloped(_d_tan),
    "sinh": sloped(lambda x, y: cosh(x)),
    "cosh": sloped(lambda x, y: sinh(x)),
    "reciprocal": sloped(lambda x, y: arith.neg(arith.square(y))),
    "rsqrt": inverse_root,
    "log": over(lambda x, y: x),
    "log1p": over(lambda x, y: arith.add(x, number(1.0))),
    "log2": over(lambda x, y: arith.mul(x, number(math.log(2.0)))),
    "log10": over(lambda x, y: arith.mul(x, number(math.log(10.0)))),
    "sqrt": over(lambda x, y: arith.mul(number(2.0), y)),
    "atan": over(lambda x, y: arith.add(arith.square(x), number(1.0))),
}
