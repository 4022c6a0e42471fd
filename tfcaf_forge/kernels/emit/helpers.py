"""Helper functions of the code that is emitted for NumPy and JAX; a file that needs one carries its source.

They are written for any module with NumPy's interface, here called `xp`, and never write to an array in place.
`NUMPY_ONLY` and `JAX_ONLY` hold the sources of those that differ, JAX's among them whose gradients have to be torch's.
"""

# ruff: noqa: ANN001, ANN202
# pyright: basic

from __future__ import annotations

import numpy as xp

NUMPY_ONLY = {
    "_write": '''
def _write(x, key, value):
    """A copy of x with x[key] = value."""
    made = np.array(x)
    made[key] = value
    return made
''',
    "_erf": '''
def _erf(x):
    """The error function, which NumPy lacks."""
    import math

    return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)
''',
    "_detach": '''
def _detach(x):
    """NumPy has no gradients."""
    return x
''',
}
JAX_ONLY = {
    "_write": '''
def _write(x, key, value):
    """A copy of x with x[key] = value."""
    return x.at[key].set(value)
''',
    "_erf": '''
def _erf(x):
    """The error function."""
    return jax.scipy.special.erf(x)
''',
    "_detach": '''
def _detach(x):
    """No gradient passes."""
    return jax.lax.stop_gradient(x)
''',
    "_abs": '''
def _abs(x):
    """The magnitude; no gradient passes at 0."""
    return jnp.where(x == 0, 0, jnp.abs(x))
''',
    "_at_least": '''
def _at_least(x, low):
    """The larger one; the gradient passes to x where they are equal."""
    return jnp.where((x < low) | jnp.isnan(low), low, x)
''',
    "_at_most": '''
def _at_most(x, high):
    """The smaller one; the gradient passes to x where they are equal."""
    return jnp.where((x > high) | jnp.isnan(high), high, x)
''',
    "_hardtanh": '''
def _hardtanh(x, low, high):
    """x between two bounds; no gradient passes on a bound."""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))
''',
    "_fmax": '''
def _fmax(a, b):
    """The larger one, or the one that is a number; the gradient passes to a where they are equal."""
    return jnp.where((a >= b) | jnp.isnan(b), a, b)
''',
    "_fmin": '''
def _fmin(a, b):
    """The smaller one, or the one that is a number; the gradient passes to a where they are equal."""
    return jnp.where((a <= b) | jnp.isnan(b), a, b)
''',
    "_atan2": '''
def _atan2(a, b):
    """The angle of (b, a); no gradient passes at the origin."""
    origin = (a == 0) & (b == 0)
    away = jnp.arctan2(jnp.where(origin, 1, a), jnp.where(origin, 1, b))
    return jnp.where(origin, jax.lax.stop_gradient(jnp.arctan2(a, b)), away)
''',
    "_power": '''
def _power(a, b):
    """a to the power b; no gradient passes to the exponent where a is 0 and the power is finite."""
    zero = (a == 0) & (b >= 0)
    grows = zero & (b > 0)
    still = jnp.power(jnp.where(grows, a, 1), jax.lax.stop_gradient(jnp.where(grows, b, 1)))
    return jnp.where(zero, still, jnp.power(jnp.where(zero, 1, a), b))
''',
    "_root": '''
def _root(x):
    """The square root; no gradient passes at 0."""
    zero = x == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, x)))
''',
    "_norm": '''
def _norm(x, order, axis, keepdims):
    """The vector norm of an order; no gradient passes where it is 0, and none to an element that is 0."""
    size = jnp.where(x == 0, 0, jnp.abs(x))
    if order == 2:
        total = jnp.sum(x * x, axis=axis, keepdims=keepdims)
        return jnp.where(total == 0, 0, jnp.sqrt(jnp.where(total == 0, 1, total)))
    if order == 1:
        return jnp.sum(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return jnp.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    if order == float("inf"):
        return jnp.max(size, axis=axis, keepdims=keepdims)
    if order == float("-inf"):
        return jnp.min(size, axis=axis, keepdims=keepdims)
    if order < 0:
        return jnp.sum(size**order, axis=axis, keepdims=keepdims) ** (1.0 / order)
    nothing = x == 0
    raised = jnp.where(nothing, 0, jnp.where(nothing, 1, size) ** order)
    total = jnp.sum(raised, axis=axis, keepdims=keepdims)
    return jnp.where(total == 0, 0, jnp.where(total == 0, 1, total) ** (1.0 / order))
''',
}
NEEDS = {"_scatter": ("_write",), "_norm": (), "_topk": ("_sort",), "_gelu": ("_erf",)}
"""Helpers that other helpers call."""


def _write(x, key, value):
    made = xp.array(x)
    made[key] = value
    return made


def _erf(x):
    import math

    return xp.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)


def _sign(x):
    """-1, 0 or 1; 0 for NaN."""
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _softmax(x, axis):
    """exp(x) over its sum, without overflow."""
    raised = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return raised / xp.sum(raised, axis=axis, keepdims=True)


def _log_softmax(x, axis):
    """The logarithm of softmax, without overflow."""
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _logsumexp(x, axis, keepdims):
    """log(sum(exp(x))), without overflow."""
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isinf(top), xp.zeros_like(top), top)
    made = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return made if keepdims else xp.squeeze(made, axis=axis)


def _softplus(x, beta, threshold):
    """log(1 + exp(beta x)) / beta, and x where beta x is above the threshold."""
    scaled = x * beta
    return xp.where(scaled > threshold, x, xp.log1p(xp.exp(xp.where(scaled > threshold, threshold, scaled))) / beta)


def _gelu(x):
    """x times the normal distribution's share below x."""
    return x * 0.5 * (1.0 + _erf(x * 0.7071067811865476))


def _var(x, axis, correction, keepdims):
    """Variance with a correction of the number of elements."""
    count = 1
    for a in axis:
        count *= x.shape[a]
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    total = xp.sum(centred * centred, axis=axis, keepdims=keepdims)
    return total / xp.full((), max(count - correction, 0), x.dtype)


def _norm(x, order, axis, keepdims):
    """The vector norm of an order."""
    size = xp.abs(x)
    if order == 2:
        return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))
    if order == 1:
        return xp.sum(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return xp.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    if order == float("inf"):
        return xp.max(size, axis=axis, keepdims=keepdims)
    if order == float("-inf"):
        return xp.min(size, axis=axis, keepdims=keepdims)
    return xp.sum(size**order, axis=axis, keepdims=keepdims) ** (1.0 / order)


def _largest(x, axis, keepdims):
    """The largest element along an axis, and where it stands."""
    at = xp.argmax(x, axis=axis, keepdims=True)
    best = xp.take_along_axis(x, at, axis=axis)
    return (best, at) if keepdims else (xp.squeeze(best, axis=axis), xp.squeeze(at, axis=axis))


def _smallest(x, axis, keepdims):
    """The smallest element along an axis, and where it stands."""
    at = xp.argmin(x, axis=axis, keepdims=True)
    best = xp.take_along_axis(x, at, axis=axis)
    return (best, at) if keepdims else (xp.squeeze(best, axis=axis), xp.squeeze(at, axis=axis))


def _sort(x, axis, descending):
    """Sorted along an axis, and where each element stood; NaN counts as the largest."""
    nan = x != x
    if descending:
        key = -x if x.dtype != bool else ~x
        at = xp.argsort(xp.where(nan, -float("inf"), key) if x.dtype.kind == "f" else key, axis=axis, stable=True)
    else:
        at = xp.argsort(x, axis=axis, stable=True)
    return xp.take_along_axis(x, at, axis=axis), at


def _topk(x, k, axis, largest):
    """The k largest or smallest, in order, and where they stood."""
    values, at = _sort(x, axis, largest)
    first = (slice(None),) * axis + (slice(0, k),)
    return values[first], at[first]


def _split(x, sizes, axis):
    """Consecutive parts along an axis."""
    parts, start = [], 0
    for size in sizes:
        parts.append(x[(slice(None),) * axis + (slice(start, start + size),)])
        start += size
    return tuple(parts)


def _pad(x, pad, value):
    """Grown by a constant (a negative width cuts off), from the last axis on: (left, right, left, right, ...)."""
    keys, widths = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        left, right, axis = pad[2 * i], pad[2 * i + 1], x.ndim - 1 - i
        keys[axis] = slice(max(-left, 0), x.shape[axis] - max(-right, 0))
        widths[axis] = (max(left, 0), max(right, 0))
    return xp.pad(x[tuple(keys)], widths, constant_values=value)


def _gather(x, axis, index):
    """x[..., index[...], ...] along an axis; the index may be smaller than x in the other axes."""
    keys = tuple(slice(None) if a == axis else slice(0, size) for a, size in enumerate(index.shape))
    return xp.take_along_axis(x[keys], index, axis=axis)


def _scatter(x, axis, index, value):
    """A copy of x with value put at index along an axis."""
    grid = list(xp.indices(index.shape))
    grid[axis] = index
    part = value[tuple(slice(0, size) for size in index.shape)] if hasattr(value, "shape") and value.shape else value
    return _write(x, tuple(grid), part)
