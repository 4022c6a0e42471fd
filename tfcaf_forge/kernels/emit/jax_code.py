"""The emitter table for JAX: that of arrays, but for operations whose gradient would not be torch's.

NumPy's forms have torch's values, and at a kink, at equal values or where a factor overflows JAX's derivative of them is another one,
or NaN: `maximum` shares a tie, the square root of 0 has no derivative, and 1 / (1 + exp(200)) divides infinities.
"""

from __future__ import annotations

from tfcaf_forge.kernels.emit.array_axes import variance
from tfcaf_forge.kernels.emit.array_forms import array, form, helper, pair
from tfcaf_forge.kernels.emit.arrays import ARRAYS
from tfcaf_forge.kernels.emit.context import Emitter, Site


def _clamp(site: Site) -> str:
    """Upper bound last, as torch has it where the bounds cross; on a bound the gradient passes."""
    made = array(site)
    for name, function in (("min", "_at_least"), ("max", "_at_most")):
        if site.has(name) and site.arg(name) is not None:
            made = f"{site.use(function)}({made}, {site.cast(site.arg(name), site.kind)})"
    return made


def _pair_helper(name: str, right: str = "other") -> Emitter:
    """A helper of two arrays."""
    return lambda site: f"{site.use(name)}({pair('{a}, {b}', 'self', right)(site)})"


def _power(site: Site) -> str:
    """The power 0 is 1 everywhere; of 0 the derivative of the others' form is NaN."""
    return form("{xp}.ones_like({x})")(site) if site.arg("exponent") == 0 else ARRAYS["pow.Tensor_Scalar"](site)


JAX: dict[str, Emitter] = {
    **ARRAYS,
    "abs": helper("_abs"),
    "sigmoid": form("jax.nn.sigmoid({x})"),
    "silu": form("jax.nn.silu({x})"),
    "relu": form("jax.nn.relu({x})"),
    "hardtanh": helper("_hardtanh", "min_val", "max_val"),
    **dict.fromkeys(("clamp", "clamp.Tensor", "clamp_min", "clamp_max"), _clamp),
    "fmax": _pair_helper("_fmax"),
    "fmin": _pair_helper("_fmin"),
    "atan2": _pair_helper("_atan2"),
    "pow.Tensor_Scalar": _power,
    "pow.Tensor_Tensor": _pair_helper("_power", "exponent"),
    "std.correction": lambda site: f"{site.use('_root')}({variance(site)})",
}
"""The table by name."""
