"""The emitter table for torch code: one row for every operation of the op table.

Most rows are torch's own function of the same name and arguments; the exceptions are those that Python writes shorter,
such as an index, and those whose ATen name is not public.
"""

from __future__ import annotations

from tfcaf_forge.graph.opgraph import Arg, Data, Ref
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.kernels.emit.context import Emitter, Site, data_text, sizes_text, text
from tfcaf_forge.kernels.emit.indexing import end_text, indexing

_DTYPE = {"float": "dtype", "int": "torch.int64", "bool": "torch.bool"}
_LEFT_OUT = {"alpha": 1, "dtype": None, "rounding_mode": None, "half_to_float": False}
"""Arguments that are not written where they have this value."""


def _call(function: str, *positional: str) -> Emitter:
    """A function of torch: the named arguments by place, the rest by name."""

    def emit(site: Site) -> str:
        parts = [site.plain(name) for name in positional]
        for param in TABLE[site.node.op].params:
            if param.name not in positional and not _silent(param.name, site.arg(param.name)):
                parts.append(f"{param.name}={_written(param.kind, site.arg(param.name))}")
        return f"{function}({', '.join(parts)})"

    return emit


def _silent(name: str, arg: Arg) -> bool:
    return name in _LEFT_OUT and arg == _LEFT_OUT[name] and not isinstance(arg, Ref)


def _written(kind: str, arg: Arg) -> str:
    if kind == "d?" and arg is not None:
        return _DTYPE[str(arg)]
    if kind == "m?":
        return repr(arg)
    return (
        f"[{', '.join(text(item) for item in arg)}]" if kind in ("tl", "tn") and isinstance(arg, tuple) else text(arg)
    )


def _named(op: str) -> Emitter:
    """torch's function of the same name."""
    packet = TABLE[op].aten[0]
    function = {"linalg_vector_norm": "torch.linalg.vector_norm"}.get(packet, f"torch.{packet}")
    return _call(function, *(("self",) if any(p.name == "self" for p in TABLE[op].params) else ()), *_second(op))


def _second(op: str) -> tuple[str, ...]:
    """Arguments behind the first that are written by place."""
    return tuple(
        p.name
        for p in TABLE[op].params[1:]
        if p.name in ("other", "exponent", "mat2", "vec", "tensor", "ord", "k", "repeats")
    )


def _form(template: str) -> Emitter:
    return lambda site: template.format(x=_self(site))


def _self(site: Site) -> str:
    return site.plain("self")


def _infix(sign: str) -> Emitter:
    return lambda site: f"{_self(site)} {sign} {site.plain('other')}"


def _signed(sign: str) -> Emitter:
    """With `alpha`, or where both are masks, torch's function; else the sign."""

    def emit(site: Site) -> str:
        if site.arg("alpha") != 1:
            return _named(site.node.op)(site)
        return _infix(sign)(site)

    return emit


def _const(site: Site) -> str:
    data = site.arg("data")
    assert isinstance(data, Data)  # noqa: S101 - `verify` has checked it
    kind = {"float": "torch.float32"}.get(data.dtype, _DTYPE[data.dtype])
    values = data_text(data) if data.values else "[]"
    made = f"torch.tensor({values}, dtype={kind}, device=device)"
    if not data.values:
        made += f".reshape({sizes_text(data.shape)})"
    return made + (".to(dtype)" if data.dtype == "float" else "")


def _filled(value: str | None = None) -> Emitter:
    def emit(site: Site) -> str:
        filled = value or text(site.arg("fill_value" if site.has("fill_value") else "s"))
        return f"torch.full({site.shape()}, {filled}, dtype={_DTYPE[site.kind]}, device=device)"

    return emit


def _made(function: str, *names: str) -> Emitter:
    def emit(site: Site) -> str:
        parts = [site.plain(name) for name in names if site.has(name)]
        return f"torch.{function}({', '.join(parts)}, dtype={_DTYPE[site.kind]}, device=device)"

    return emit


def _slice_scatter(site: Site) -> str:
    last = end_text(site.arg("end"))
    return f"torch.slice_scatter({_self(site)}, {site.plain('src')}, {site.plain('dim')}, {site.plain('start')}, {last}, {site.plain('step')})"


def _sizes(method: str, name: str) -> Emitter:
    return lambda site: f"{_self(site)}.{method}({site.plain(name)})"


_SOFT = {"_softmax": "torch.softmax", "_log_softmax": "torch.log_softmax"}

_OWN: dict[str, Emitter] = {
    **indexing(_self),
    "const": _const,
    **dict.fromkeys(("zeros", "new_zeros", "zeros_like"), _filled("0")),
    **dict.fromkeys(("ones", "new_ones", "ones_like"), _filled("1")),
    **dict.fromkeys(("full", "new_full", "full_like", "scalar_tensor"), _filled()),
    **dict.fromkeys(("eye", "eye.m"), _made("eye", "n", "m")),
    **dict.fromkeys(("arange", "arange.start", "arange.start_step"), _made("arange", "start", "end", "step")),
    "linspace": _made("linspace", "start", "end", "steps"),
    **dict.fromkeys(("clone", "alias", "lift_fresh", "lift_fresh_copy"), _form("{x}")),
    "detach": _form("{x}.detach()"),
    "_to_copy": lambda site: f"{_self(site)}.to({_DTYPE[site.kind]})",
    "copy": lambda site: f"{site.plain('src')}.to({_DTYPE[site.kind]}).expand({site.shape()})",
    "neg": _form("-{x}"),
    "bitwise_not": _form("~{x}"),
    "add.Tensor": _signed("+"),
    "sub.Tensor": _signed("-"),
    "mul.Tensor": _infix("*"),
    "div.Tensor": _infix("/"),
    "rsub.Scalar": _named("rsub.Scalar"),
    **{
        f"{op}.{form}": _infix(sign)
        for op, sign in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
        for form in ("Tensor", "Scalar")
    },
    **dict.fromkeys(("bitwise_and.Tensor", "bitwise_and.Scalar"), _infix("&")),
    **dict.fromkeys(("bitwise_or.Tensor", "bitwise_or.Scalar"), _infix("|")),
    **dict.fromkeys(("bitwise_xor.Tensor", "bitwise_xor.Scalar"), _infix("^")),
    "softplus": _call("F.softplus", "self", "beta", "threshold"),
    "elu": lambda site: (
        f"torch.ops.aten.elu({_self(site)}, {site.plain('alpha')}, {site.plain('scale')}, {site.plain('input_scale')})"
    ),
    "leaky_relu": _call("F.leaky_relu", "self", "negative_slope"),
    "hardtanh": _call("F.hardtanh", "self", "min_val", "max_val"),
    "gelu": _call("F.gelu", "self"),
    "silu": _call("F.silu", "self"),
    "clamp_min": _call("torch.clamp", "self", "min"),
    "clamp_max": lambda site: f"torch.clamp({_self(site)}, max={site.plain('max')})",
    "remainder.Scalar": _named("remainder.Scalar"),
    "where.self": lambda site: f"torch.where({site.plain('condition')}, {_self(site)}, {site.plain('other')})",
    **{op: _call(function, "self", "dim") for op, function in _SOFT.items()},
    "view": _sizes("reshape", "size"),
    "_unsafe_view": _sizes("reshape", "size"),
    "expand": _sizes("expand", "size"),
    "repeat": _sizes("repeat", "repeats"),
    "t": _form("{x}.t()"),
    **dict.fromkeys(("squeeze.dim", "squeeze.dims"), lambda site: f"{_self(site)}.squeeze({site.plain('dim')})"),
    "squeeze": _form("{x}.squeeze()"),
    "permute": _sizes("permute", "dims"),
    "transpose.int": lambda site: f"{_self(site)}.transpose({site.plain('dim0')}, {site.plain('dim1')})",
    "split.Tensor": lambda site: f"torch.split({_self(site)}, {site.plain('split_size')}, {site.plain('dim')})",
    "split_with_sizes": lambda site: f"torch.split({_self(site)}, {site.plain('split_sizes')}, {site.plain('dim')})",
    "cat": _call("torch.cat", "tensors"),
    "stack": _call("torch.stack", "tensors"),
    "constant_pad_nd": lambda site: f"F.pad({_self(site)}, {site.plain('pad')}, value={site.plain('value')})",
    "slice_scatter": _slice_scatter,
    "scatter.value": _call("torch.scatter", "self", "dim", "index"),
    "scatter.src": _call("torch.scatter", "self", "dim", "index", "src"),
}

TORCH: dict[str, Emitter] = {op: _OWN[op] if op in _OWN else _named(op) for op in TABLE}
"""The table by name. What has no row of its own is torch's function of that name; tests run every one."""
