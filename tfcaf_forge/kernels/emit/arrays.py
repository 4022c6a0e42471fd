"""The emitter table for NumPy and JAX: one row for every operation of the op table.

torch promotes types by its own rules (an int64 tensor and a number with a fraction make a float32), and NumPy and JAX by
theirs. The types of all values are known, so operands are cast explicitly where the rules differ.
"""

from __future__ import annotations

from tfcaf_forge.graph.opgraph import Arg, Data, Ref
from tfcaf_forge.kernels.emit.context import Emitter, Site, data_text, sizes_text, slice_text, text


def _self(site: Site, kind: str | None = None) -> str:
    return site.cast(site.arg("self"), kind or site.kind)


def _call(function: str) -> Emitter:
    """A function of one array, cast to the result's type first."""
    return lambda site: f"{site.xp}.{function}({_self(site)})"


def _rounding(function: str) -> Emitter:
    """Rounding, which leaves whole numbers alone."""
    return lambda site: _self(site) if site.kind != "float" else f"{site.xp}.{function}({_self(site)})"


def _form(template: str) -> Emitter:
    """An expression of `{x}`, the array cast to the result's type."""
    return lambda site: template.format(x=_self(site), xp=site.xp)


def _helper(name: str, *rest: str) -> Emitter:
    """A helper of the array and of plain arguments."""
    return lambda site: f"{site.use(name)}({', '.join([_self(site), *(site.plain(r) for r in rest)])})"


def _pair(template: str, left: str = "self", right: str = "other") -> Emitter:
    """An expression of `{a}` and `{b}`, both cast to the result's type."""
    return lambda site: template.format(
        a=site.cast(site.arg(left), site.kind), b=site.cast(site.arg(right), site.kind), xp=site.xp
    )


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
    return f"{text(site.arg('other'))} - {_scaled(site, _self(site))}"


def _divided(site: Site) -> str:
    mode = site.arg("rounding_mode")
    if mode == "floor":
        return _floor_divide(site)
    quotient = _pair("{a} / {b}")(site)
    return f"{site.xp}.trunc({quotient})" if mode == "trunc" else quotient


def _floor_divide(site: Site) -> str:
    return _pair("{xp}.floor_divide({a}, {b})")(site)


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
    form = _POWERS.get(exponent) if isinstance(exponent, int | float) and site.kind == "float" else None
    return _form(form)(site) if form else f"{site.xp}.power({_self(site)}, {text(exponent)})"


def _power_scalar(site: Site) -> str:
    return f"{site.xp}.power({site.xp}.full((), {text(site.arg('self'))}, {site.dtype()}), {site.cast(site.arg('exponent'), site.kind)})"


def _clamp(site: Site) -> str:
    """Upper bound last, as torch has it where the bounds cross."""
    made = _self(site)
    for name, function in (("min", "maximum"), ("max", "minimum")):
        if site.has(name) and site.arg(name) is not None:
            made = f"{site.xp}.{function}({made}, {site.cast(site.arg(name), site.kind)})"
    return made


def _hardtanh(site: Site) -> str:
    return f"{site.xp}.minimum({site.xp}.maximum({_self(site)}, {site.plain('min_val')}), {site.plain('max_val')})"


def _elu(site: Site) -> str:
    x, xp = _self(site), site.xp
    low = f"{site.plain('alpha')} * {site.plain('scale')} * {xp}.expm1({xp}.minimum({x}, 0) * {site.plain('input_scale')})"
    return f"{xp}.where({x} > 0, {x} * {site.plain('scale')}, {low})"


def _nan_to_num(site: Site) -> str:
    if site.kind != "float":
        return _self(site)
    values = {"nan": site.arg("nan") or 0.0, "posinf": site.arg("posinf"), "neginf": site.arg("neginf")}
    return f"{site.xp}.nan_to_num({_self(site)}, {', '.join(f'{k}={text(v)}' for k, v in values.items())})"


def _where(site: Site) -> str:
    return f"{site.xp}.where({site.cast(site.arg('condition'), 'bool')}, {_pair('{a}, {b}')(site)})"


def _masked_fill(site: Site) -> str:
    value = site.arg("value")
    filled = (
        site.cast(value, site.kind) if isinstance(value, Ref) else f"{site.xp}.full((), {text(value)}, {site.dtype()})"
    )
    return f"{site.xp}.where({site.plain('mask')}, {filled}, {_self(site)})"


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


def _over(function: str, axes: str = "dim", *, kind: str | None = None) -> Emitter:
    """A reduction over some dimensions, or all of them."""

    def emit(site: Site) -> str:
        x = _self(site, kind)
        if site.rank() == 0:
            return x if function not in ("argmax", "argmin") else f"{site.xp}.full((), 0, int)"
        if not site.has(axes):
            return f"{site.xp}.{function}({x})"
        keep = f", keepdims={site.plain('keepdim')}" if site.has("keepdim") else ""
        return f"{site.xp}.{function}({x}, axis={sizes_text(site.axes(axes))}{keep})"

    return emit


def _any_all(function: str) -> Emitter:
    def emit(site: Site) -> str:
        return _over(function, kind="bool")(site) if not _single(site) else _one_axis(function, kind="bool")(site)

    return emit


def _single(site: Site) -> bool:
    return site.has("dim") and isinstance(site.arg("dim"), int)


def _one_axis(function: str, *, kind: str | None = None) -> Emitter:
    """A reduction over one dimension, or over all for None."""

    def emit(site: Site) -> str:
        x = _self(site, kind)
        if site.arg("dim") is None or site.rank() == 0:
            made = f"{site.xp}.{function}({x}).reshape({site.shape()})"
            return made if function in ("argmax", "argmin") or site.rank() else x
        return f"{site.xp}.{function}({x}, axis={site.axis()}, keepdims={site.plain('keepdim')})"

    return emit


def _arg(function: str) -> Emitter:
    return lambda site: _one_axis(function, kind=site.type_of(site.ref("self")).dtype)(site)


def _best(helper: str) -> Emitter:
    return lambda site: f"{site.use(helper)}({_self(site)}, {site.axis()}, {site.plain('keepdim')})"


def _var(site: Site) -> str:
    correction = site.arg("correction")
    count = 1 if correction is None else correction
    return f"{site.use('_var')}({_self(site)}, {sizes_text(site.axes())}, {text(count)}, {site.plain('keepdim')})"


def _norm(site: Site) -> str:
    return (
        f"{site.use('_norm')}({_self(site)}, {site.plain('ord')}, {sizes_text(site.axes())}, {site.plain('keepdim')})"
    )


def _logsumexp(site: Site) -> str:
    return f"{site.use('_logsumexp')}({_self(site)}, {sizes_text(site.axes())}, {site.plain('keepdim')})"


def _along(helper: str) -> Emitter:
    return lambda site: f"{site.use(helper)}({_self(site)}, {site.axis()})"


def _cumulative(function: str) -> Emitter:
    return lambda site: _self(site) if site.rank() == 0 else f"{site.xp}.{function}({_self(site)}, axis={site.axis()})"


def _sort(site: Site) -> str:
    return f"{site.use('_sort')}({_self(site)}, {site.axis()}, {site.plain('descending')})"


def _topk(site: Site) -> str:
    return f"{site.use('_topk')}({_self(site)}, {site.plain('k')}, {site.axis()}, {site.plain('largest')})"


def _flip(site: Site) -> str:
    dims = site.arg("dims")
    rank = max(site.rank(), 1)
    axes = tuple(d % rank for d in dims if isinstance(d, int)) if isinstance(dims, tuple) else ()
    return f"{site.xp}.flip({_self(site)}, {sizes_text(axes)})" if axes and site.rank() else _self(site)


def _reshape(site: Site) -> str:
    return f"{_self(site)}.reshape({site.shape()})"


def _broadcast(site: Site) -> str:
    return f"{site.xp}.broadcast_to({_self(site)}, {site.shape()})"


def _repeat(site: Site) -> str:
    return f"{site.xp}.tile({_self(site)}, {site.plain('repeats')})"


def _unsqueeze(site: Site) -> str:
    return f"{_self(site)}[{site.index(site.axis(extra=1), 'None')}]"


def _permute(site: Site) -> str:
    dims = site.arg("dims")
    order = tuple(d % site.rank() for d in dims if isinstance(d, int)) if isinstance(dims, tuple) else ()
    return f"{site.xp}.transpose({_self(site)}, {sizes_text(order)})"


def _transpose(site: Site) -> str:
    if site.rank() == 0:
        return _self(site)
    return f"{site.xp}.swapaxes({_self(site)}, {site.axis('dim0')}, {site.axis('dim1')})"


def _select(site: Site) -> str:
    return f"{_self(site)}[{site.index(site.axis(), site.plain('index'))}]"


def _slice(site: Site) -> str:
    part = slice_text(site.arg("start"), site.arg("end"), site.arg("step"))
    return f"{_self(site)}[{site.index(site.axis(), part)}]"


def _split(site: Site) -> str:
    axis = site.axis()
    sizes = sizes_text([kind.shape[axis] for kind in site.made])
    return f"{site.use('_split')}({_self(site)}, {sizes}, {axis})"


def _unbind(site: Site) -> str:
    axis = site.axis()
    parts = [f"{_self(site)}[{site.index(axis, str(i))}]" for i in range(len(site.made))]
    return f"({', '.join(parts)},)"


def _tensors(site: Site) -> str:
    refs = site.arg("tensors")
    assert isinstance(refs, tuple)  # noqa: S101 - `verify` has checked it
    return f"[{', '.join(site.cast(ref, site.kind) for ref in refs)}]"


def _cat(site: Site) -> str:
    return f"{site.xp}.concatenate({_tensors(site)}, axis={site.integer('dim') % len(site.made[0].shape)})"


def _stack(site: Site) -> str:
    return f"{site.xp}.stack({_tensors(site)}, axis={site.integer('dim') % len(site.made[0].shape)})"


def _index(site: Site) -> str:
    indices = site.arg("indices")
    assert isinstance(indices, tuple)  # noqa: S101 - `verify` has checked it
    return f"{_self(site)}[{', '.join(':' if item is None else text(item) for item in indices)}]"


def _gather(site: Site) -> str:
    if site.rank() == 0:
        return _self(site)
    return f"{site.use('_gather')}({_self(site)}, {site.axis()}, {site.plain('index')})"


def _index_select(site: Site) -> str:
    if site.rank() == 0:
        return f"{_self(site)}.reshape({site.shape()})"
    return f"{site.xp}.take({_self(site)}, {site.plain('index')}, axis={site.axis()})"


def _write(inner: str) -> Emitter:
    """A copy with one index or slice of one dimension overwritten."""

    def emit(site: Site) -> str:
        axis = site.axis()
        if inner == "index":
            key = site.plain("index")
        else:
            key = f"slice({site.plain('start')}, {_end(site.arg('end'))}, {site.plain('step')})"
        keys = ", ".join(["slice(None)"] * axis + [key])
        return f"{site.use('_write')}({_self(site)}, ({keys},), {site.cast(site.arg('src'), site.kind)})"

    return emit


def _end(arg: Arg) -> str:
    return "None" if isinstance(arg, int) and arg >= 1 << 62 else text(arg)


def _scatter(name: str) -> Emitter:
    def emit(site: Site) -> str:
        value = site.cast(site.arg(name), site.kind)
        if site.rank() == 0:
            return f"{site.xp}.full((), {value}, {site.dtype()})"
        return f"{site.use('_scatter')}({_self(site)}, {site.axis()}, {site.plain('index')}, {value})"

    return emit


def _triangle(function: str) -> Emitter:
    return lambda site: f"{site.xp}.{function}({_self(site)}, {site.plain('diagonal')})"


def _same(site: Site) -> str:
    return _self(site)


ARRAYS: dict[str, Emitter] = {
    "const": _const,
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _factory("0")),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _factory("1")),
    **dict.fromkeys(("full", "full_like", "new_full", "scalar_tensor"), _factory()),
    **dict.fromkeys(("eye", "eye.m"), _eye),
    **dict.fromkeys(("arange", "arange.start", "arange.start_step"), _arange),
    "linspace": _linspace,
    **dict.fromkeys(("clone", "alias", "lift_fresh", "lift_fresh_copy", "_to_copy"), _same),
    "detach": _helper("_detach"),
    "copy": _copy,
    "neg": _form("-{x}"),
    **{op: _call(op) for op in ("abs", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "tan")},
    "rsqrt": _form("1 / {xp}.sqrt({x})"),
    "reciprocal": _form("1 / {x}"),
    "sigmoid": _form("1 / (1 + {xp}.exp(-{x}))"),
    "silu": _form("{x} / (1 + {xp}.exp(-{x}))"),
    "relu": _form("{xp}.maximum({x}, 0)"),
    "atan": _call("arctan"),
    "erf": _helper("_erf"),
    **dict.fromkeys(("sign", "sgn"), lambda site: _self(site) if site.kind == "bool" else _helper("_sign")(site)),
    **{op: _rounding(op) for op in ("floor", "ceil", "round", "trunc")},
    "logical_not": lambda site: f"{site.xp}.logical_not({_self(site, 'bool')})",
    "bitwise_not": _call("invert"),
    "isnan": lambda site: f"{site.xp}.isnan({_self(site, 'float')})",
    "isinf": lambda site: f"{site.xp}.isinf({_self(site, 'float')})",
    "softplus": _helper("_softplus", "beta", "threshold"),
    "elu": _elu,
    "leaky_relu": lambda site: f"{site.xp}.where({_self(site)} > 0, {_self(site)}, {_self(site)} * {site.plain('negative_slope')})",
    "hardtanh": _hardtanh,
    "gelu": _helper("_gelu"),
    "nan_to_num": _nan_to_num,
    **dict.fromkeys(("clamp", "clamp.Tensor", "clamp_min", "clamp_max"), _clamp),
    "add.Tensor": _sum_like("+"),
    "sub.Tensor": _sum_like("-"),
    "rsub.Scalar": _rsub,
    "mul.Tensor": _pair("{a} * {b}"),
    "div.Tensor": _pair("{a} / {b}"),
    "div.Tensor_mode": _divided,
    "floor_divide": _floor_divide,
    **dict.fromkeys(("remainder.Scalar", "remainder.Tensor"), _pair("{xp}.remainder({a}, {b})")),
    **dict.fromkeys(("fmod.Scalar", "fmod.Tensor"), _pair("{xp}.fmod({a}, {b})")),
    "pow.Tensor_Scalar": _power,
    "pow.Tensor_Tensor": _pair("{xp}.power({a}, {b})", "self", "exponent"),
    "pow.Scalar": _power_scalar,
    **{op: _pair(f"{{xp}}.{op}({{a}}, {{b}})") for op in ("maximum", "minimum", "fmax", "fmin")},
    "atan2": _pair("{xp}.arctan2({a}, {b})"),
    **{
        f"{op}.{form}": _compare(sign)
        for op, sign in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
        for form in ("Tensor", "Scalar")
    },
    **{op: _logical(op) for op in ("logical_and", "logical_or", "logical_xor")},
    **{
        f"bitwise_{op}.{form}": _pair(f"{{xp}}.bitwise_{op}({{a}}, {{b}})")
        for op in ("and", "or", "xor")
        for form in ("Tensor", "Scalar")
    },
    "where.self": _where,
    **dict.fromkeys(("masked_fill.Scalar", "masked_fill.Tensor"), _masked_fill),
    **dict.fromkeys(("sum", "sum.dim_IntList"), _over("sum")),
    **dict.fromkeys(("mean", "mean.dim"), _over("mean")),
    "prod.dim_int": _one_axis("prod"),
    **dict.fromkeys(("amax", "max"), _over("max")),
    **dict.fromkeys(("amin", "min"), _over("min")),
    "max.dim": _best("_largest"),
    "min.dim": _best("_smallest"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    **dict.fromkeys(("any", "any.dim", "any.dims"), _any_all("any")),
    **dict.fromkeys(("all", "all.dim", "all.dims"), _any_all("all")),
    "var.correction": _var,
    "std.correction": lambda site: f"{site.xp}.sqrt({_var(site)})",
    "linalg_vector_norm": _norm,
    "logsumexp": _logsumexp,
    "_softmax": _along("_softmax"),
    "_log_softmax": _along("_log_softmax"),
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "sort": _sort,
    "topk": _topk,
    "flip": _flip,
    **dict.fromkeys(("mm", "bmm"), _pair("{a} @ {b}", "self", "mat2")),
    "mv": _pair("{a} @ {b}", "self", "vec"),
    "dot": _pair("{a} @ {b}", "self", "tensor"),
    **dict.fromkeys(("view", "_unsafe_view", "squeeze", "squeeze.dim", "squeeze.dims"), _reshape),
    "expand": _broadcast,
    "repeat": _repeat,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    "transpose.int": _transpose,
    "t": _form("{x}.T"),
    "select.int": _select,
    "slice.Tensor": _slice,
    **dict.fromkeys(("split.Tensor", "split_with_sizes"), _split),
    "unbind.int": _unbind,
    "cat": _cat,
    "stack": _stack,
    "constant_pad_nd": _helper("_pad", "pad", "value"),
    "index.Tensor": _index,
    "gather": _gather,
    "index_select": _index_select,
    "select_scatter": _write("index"),
    "slice_scatter": _write("slice"),
    "scatter.value": _scatter("value"),
    "scatter.src": _scatter("src"),
    "tril": _triangle("tril"),
    "triu": _triangle("triu"),
}  # fmt: skip
"""The table by name; a test asserts that it is total over the op table."""
