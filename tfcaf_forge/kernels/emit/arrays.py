"""The emitter table for NumPy and JAX: one row for every operation of the op table.

torch promotes types by its own rules (an int64 tensor and a number with a fraction make a float32), and NumPy and JAX by
theirs. The types of all values are known, so operands are cast explicitly where the rules differ.
"""

from __future__ import annotations

from tfcaf_forge.graph.opgraph import Data, Ref
from tfcaf_forge.kernels.emit.array_axes import AXES
from tfcaf_forge.kernels.emit.array_forms import array, call, form, helper, pair, rounding
from tfcaf_forge.kernels.emit.context import Emitter, Site, data_text, sizes_text, text


def _compare(sign: str) -> Emitter:
    def emit(site: Site) -> str:
        left, right = site.arg("self"), site.arg("other")
        kind = site.common(left, right)
        return f"{site.cast(left, kind)} {sign} {site.cast(right, kind)}"

    return emit


def _logical(function: str) -> Emitter:
    return lambda site: (
        f"{site.xp}.{function}({site.cast(site.arg('self'), 'bool')}, {site.cast(site.arg('other'), 'bool')})"
    )


def _sum_like(sign: str) -> Emitter:
    """self ± alpha · other."""

    def emit(site: Site) -> str:
        left, right = site.cast(site.arg("self"), site.kind), site.cast(site.arg("other"), site.kind)
        return f"{left} {sign} {_scaled(site, right)}"

    return emit


def _scaled(site: Site, name: str) -> str:
    alpha = site.arg("alpha")
    return name if alpha == 1 else f"{text(alpha)} * {name}"


def _rsub(site: Site) -> str:
    return f"{text(site.arg('other'))} - {_scaled(site, array(site))}"


def _divided(site: Site) -> str:
    mode = site.arg("rounding_mode")
    if mode == "floor":
        return _floor_divide(site)
    quotient = pair("{a} / {b}")(site)
    return f"{site.xp}.trunc({quotient})" if mode == "trunc" else quotient


def _floor_divide(site: Site) -> str:
    return pair("{xp}.floor_divide({a}, {b})")(site)


_POWERS = {
    2: "{x} * {x}",
    3: "{x} * {x} * {x}",
    0.5: "{xp}.sqrt({x})",
    -0.5: "1 / {xp}.sqrt({x})",
    -1: "1 / {x}",
    -2: "1 / ({x} * {x})",
}


def _power(site: Site) -> str:
    exponent = site.arg("exponent")
    known = _POWERS.get(exponent) if isinstance(exponent, int | float) and site.kind == "float" else None
    return form(known)(site) if known else f"{site.xp}.power({array(site)}, {text(exponent)})"


def _power_scalar(site: Site) -> str:
    return f"{site.xp}.power({site.xp}.full((), {text(site.arg('self'))}, {site.dtype()}), {site.cast(site.arg('exponent'), site.kind)})"


def _clamp(site: Site) -> str:
    """Upper bound last, as torch has it where the bounds cross."""
    made = array(site)
    for name, function in (("min", "maximum"), ("max", "minimum")):
        if site.has(name) and site.arg(name) is not None:
            made = f"{site.xp}.{function}({made}, {site.cast(site.arg(name), site.kind)})"
    return made


def _hardtanh(site: Site) -> str:
    return f"{site.xp}.minimum({site.xp}.maximum({array(site)}, {site.plain('min_val')}), {site.plain('max_val')})"


def _elu(site: Site) -> str:
    x, xp = array(site), site.xp
    low = f"{site.plain('alpha')} * {site.plain('scale')} * {xp}.expm1({xp}.where({x} > 0, 0, {x}) * {site.plain('input_scale')})"
    return f"{xp}.where({x} > 0, {x} * {site.plain('scale')}, {low})"


def _nan_to_num(site: Site) -> str:
    if site.kind != "float":
        return array(site)
    values = {"nan": site.arg("nan") or 0.0, "posinf": site.arg("posinf"), "neginf": site.arg("neginf")}
    return f"{site.xp}.nan_to_num({array(site)}, {', '.join(f'{k}={text(v)}' for k, v in values.items())})"


def _where(site: Site) -> str:
    return f"{site.xp}.where({site.cast(site.arg('condition'), 'bool')}, {pair('{a}, {b}')(site)})"


def _masked_fill(site: Site) -> str:
    value = site.arg("value")
    filled = (
        site.cast(value, site.kind) if isinstance(value, Ref) else f"{site.xp}.full((), {text(value)}, {site.dtype()})"
    )
    return f"{site.xp}.where({site.plain('mask')}, {filled}, {array(site)})"


def _factory(value: str | None = None) -> Emitter:
    def emit(site: Site) -> str:
        name = "fill_value" if site.has("fill_value") else "s"
        filled = value if value is not None else text(site.arg(name))
        return f"{site.xp}.full({site.shape()}, {filled}, {site.dtype()})"

    return emit


def _const(site: Site) -> str:
    data = site.arg("data")
    assert isinstance(data, Data)  # noqa: S101 - `verify` has checked it
    if not data.values:
        return f"{site.xp}.zeros({sizes_text(data.shape)}, {site.dtype()})"
    if data.dtype == "float":
        return f"{site.xp}.array({data_text(data)}, {site.xp}.float32).astype(dtype)"
    return f"{site.xp}.array({data_text(data)}, {site.dtype()})"


def _eye(site: Site) -> str:
    columns = f", {site.plain('m')}" if site.has("m") else ""
    return f"{site.xp}.eye({site.plain('n')}{columns}, dtype={site.dtype()})"


def _arange(site: Site) -> str:
    parts = [site.plain(name) for name in ("start", "end", "step") if site.has(name)]
    return f"{site.xp}.arange({', '.join(parts)}).astype({site.dtype()})"


def _linspace(site: Site) -> str:
    return (
        f"{site.xp}.linspace({site.plain('start')}, {site.plain('end')}, {site.plain('steps')}).astype({site.dtype()})"
    )


def _copy(site: Site) -> str:
    return f"{site.xp}.broadcast_to({site.cast(site.arg('src'), site.kind)}, {site.shape()})"


def _same(site: Site) -> str:
    return array(site)


ARRAYS: dict[str, Emitter] = {
    "const": _const,
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _factory("0")),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _factory("1")),
    **dict.fromkeys(("full", "full_like", "new_full", "scalar_tensor"), _factory()),
    **dict.fromkeys(("eye", "eye.m"), _eye),
    **dict.fromkeys(("arange", "arange.start", "arange.start_step"), _arange),
    "linspace": _linspace,
    **dict.fromkeys(("clone", "alias", "lift_fresh", "lift_fresh_copy", "_to_copy"), _same),
    "detach": helper("_detach"),
    "copy": _copy,
    "neg": form("-{x}"),
    **{op: call(op) for op in ("abs", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "tan")},
    "rsqrt": form("1 / {xp}.sqrt({x})"),
    "reciprocal": form("1 / {x}"),
    "sigmoid": form("1 / (1 + {xp}.exp(-{x}))"),
    "silu": form("{x} / (1 + {xp}.exp(-{x}))"),
    "relu": form("{xp}.maximum({x}, 0)"),
    "atan": call("arctan"),
    "erf": helper("_erf"),
    **dict.fromkeys(("sign", "sgn"), lambda site: array(site) if site.kind == "bool" else helper("_sign")(site)),
    **{op: rounding(op) for op in ("floor", "ceil", "round", "trunc")},
    "logical_not": lambda site: f"{site.xp}.logical_not({array(site, 'bool')})",
    "bitwise_not": call("invert"),
    "isnan": lambda site: f"{site.xp}.isnan({array(site, 'float')})",
    "isinf": lambda site: f"{site.xp}.isinf({array(site, 'float')})",
    "softplus": helper("_softplus", "beta", "threshold"),
    "elu": _elu,
    "leaky_relu": lambda site: f"{site.xp}.where({array(site)} > 0, {array(site)}, {array(site)} * {site.plain('negative_slope')})",
    "hardtanh": _hardtanh,
    "gelu": helper("_gelu"),
    "nan_to_num": _nan_to_num,
    **dict.fromkeys(("clamp", "clamp.Tensor", "clamp_min", "clamp_max"), _clamp),
    "add.Tensor": _sum_like("+"),
    "sub.Tensor": _sum_like("-"),
    "rsub.Scalar": _rsub,
    "mul.Tensor": pair("{a} * {b}"),
    "div.Tensor": pair("{a} / {b}"),
    "div.Tensor_mode": _divided,
    "floor_divide": _floor_divide,
    **dict.fromkeys(("remainder.Scalar", "remainder.Tensor"), pair("{xp}.remainder({a}, {b})")),
    **dict.fromkeys(("fmod.Scalar", "fmod.Tensor"), pair("{xp}.fmod({a}, {b})")),
    "pow.Tensor_Scalar": _power,
    "pow.Tensor_Tensor": pair("{xp}.power({a}, {b})", "self", "exponent"),
    "pow.Scalar": _power_scalar,
    **{op: pair(f"{{xp}}.{op}({{a}}, {{b}})") for op in ("maximum", "minimum", "fmax", "fmin")},
    "atan2": pair("{xp}.arctan2({a}, {b})"),
    **{
        f"{op}.{form}": _compare(sign)
        for op, sign in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
        for form in ("Tensor", "Scalar")
    },
    **{op: _logical(op) for op in ("logical_and", "logical_or", "logical_xor")},
    **{
        f"bitwise_{op}.{form}": pair(f"{{xp}}.bitwise_{op}({{a}}, {{b}})")
        for op in ("and", "or", "xor")
        for form in ("Tensor", "Scalar")
    },
    "where.self": _where,
    **dict.fromkeys(("masked_fill.Scalar", "masked_fill.Tensor"), _masked_fill),
    **AXES,
}  # fmt: skip
"""The table by name; a test asserts that it is total over the op table."""
