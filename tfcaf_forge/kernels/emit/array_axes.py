"""Rows for NumPy and JAX that know dimensions: reductions, orders, products, shapes and places."""

from __future__ import annotations

from tfcaf_forge.kernels.emit.array_forms import array, form, helper, pair
from tfcaf_forge.kernels.emit.context import Emitter, Site, sizes_text, text
from tfcaf_forge.kernels.emit.indexing import end_text, indexing


def _over(function: str, axes: str = "dim", *, kind: str | None = None) -> Emitter:
    """A reduction over some dimensions, or all of them."""

    def emit(site: Site) -> str:
        x = array(site, kind)
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
        x = array(site, kind)
        if site.arg("dim") is None or site.rank() == 0:
            made = f"{site.xp}.{function}({x}).reshape({site.shape()})"
            return made if function in ("argmax", "argmin") or site.rank() else x
        return f"{site.xp}.{function}({x}, axis={site.axis()}, keepdims={site.plain('keepdim')})"

    return emit


def _arg(function: str) -> Emitter:
    return lambda site: _one_axis(function, kind=site.type_of(site.ref("self")).dtype)(site)


def _best(helper: str) -> Emitter:
    return lambda site: f"{site.use(helper)}({array(site)}, {site.axis()}, {site.plain('keepdim')})"


def variance(site: Site) -> str:
    """The variance of `var` and `std`."""
    correction = site.arg("correction")
    count = 1 if correction is None else correction
    return f"{site.use('_var')}({array(site)}, {sizes_text(site.axes())}, {text(count)}, {site.plain('keepdim')})"


def _norm(site: Site) -> str:
    return (
        f"{site.use('_norm')}({array(site)}, {site.plain('ord')}, {sizes_text(site.axes())}, {site.plain('keepdim')})"
    )


def _logsumexp(site: Site) -> str:
    return f"{site.use('_logsumexp')}({array(site)}, {sizes_text(site.axes())}, {site.plain('keepdim')})"


def _along(helper: str) -> Emitter:
    return lambda site: f"{site.use(helper)}({array(site)}, {site.axis()})"


def _cumulative(function: str) -> Emitter:
    return lambda site: array(site) if site.rank() == 0 else f"{site.xp}.{function}({array(site)}, axis={site.axis()})"


def _sort(site: Site) -> str:
    return f"{site.use('_sort')}({array(site)}, {site.axis()}, {site.plain('descending')})"


def _topk(site: Site) -> str:
    return f"{site.use('_topk')}({array(site)}, {site.plain('k')}, {site.axis()}, {site.plain('largest')})"


def _flip(site: Site) -> str:
    dims = site.arg("dims")
    rank = max(site.rank(), 1)
    axes = tuple(d % rank for d in dims if isinstance(d, int)) if isinstance(dims, tuple) else ()
    return f"{site.xp}.flip({array(site)}, {sizes_text(axes)})" if axes and site.rank() else array(site)


def _reshape(site: Site) -> str:
    return f"{array(site)}.reshape({site.shape()})"


def _broadcast(site: Site) -> str:
    return f"{site.xp}.broadcast_to({array(site)}, {site.shape()})"


def _repeat(site: Site) -> str:
    return f"{site.xp}.tile({array(site)}, {site.plain('repeats')})"


def _permute(site: Site) -> str:
    dims = site.arg("dims")
    order = tuple(d % site.rank() for d in dims if isinstance(d, int)) if isinstance(dims, tuple) else ()
    return f"{site.xp}.transpose({array(site)}, {sizes_text(order)})"


def _transpose(site: Site) -> str:
    if site.rank() == 0:
        return array(site)
    return f"{site.xp}.swapaxes({array(site)}, {site.axis('dim0')}, {site.axis('dim1')})"


def _split(site: Site) -> str:
    axis = site.axis()
    sizes = sizes_text([kind.shape[axis] for kind in site.made])
    return f"{site.use('_split')}({array(site)}, {sizes}, {axis})"


def _unbind(site: Site) -> str:
    axis = site.axis()
    parts = [f"{array(site)}[{site.index(axis, str(i))}]" for i in range(len(site.made))]
    return f"({', '.join(parts)},)"


def _tensors(site: Site) -> str:
    refs = site.arg("tensors")
    assert isinstance(refs, tuple)  # noqa: S101 - `verify` has checked it
    return f"[{', '.join(site.cast(ref, site.kind) for ref in refs)}]"


def _cat(site: Site) -> str:
    return f"{site.xp}.concatenate({_tensors(site)}, axis={site.integer('dim') % len(site.made[0].shape)})"


def _stack(site: Site) -> str:
    return f"{site.xp}.stack({_tensors(site)}, axis={site.integer('dim') % len(site.made[0].shape)})"


def _gather(site: Site) -> str:
    if site.rank() == 0:
        return array(site)
    return f"{site.use('_gather')}({array(site)}, {site.axis()}, {site.plain('index')})"


def _index_select(site: Site) -> str:
    if site.rank() == 0:
        return f"{array(site)}.reshape({site.shape()})"
    return f"{site.xp}.take({array(site)}, {site.plain('index')}, axis={site.axis()})"


def _write(inner: str) -> Emitter:
    """A copy with one index or slice of one dimension overwritten."""

    def emit(site: Site) -> str:
        axis = site.axis()
        if inner == "index":
            key = site.plain("index")
        else:
            key = f"slice({site.plain('start')}, {end_text(site.arg('end'))}, {site.plain('step')})"
        keys = ", ".join(["slice(None)"] * axis + [key])
        return f"{site.use('_write')}({array(site)}, ({keys},), {site.cast(site.arg('src'), site.kind)})"

    return emit


def _scatter(name: str) -> Emitter:
    def emit(site: Site) -> str:
        value = site.cast(site.arg(name), site.kind)
        if site.rank() == 0:
            return f"{site.xp}.full((), {value}, {site.dtype()})"
        return f"{site.use('_scatter')}({array(site)}, {site.axis()}, {site.plain('index')}, {value})"

    return emit


def _triangle(function: str) -> Emitter:
    return lambda site: f"{site.xp}.{function}({array(site)}, {site.plain('diagonal')})"


AXES: dict[str, Emitter] = {
    **indexing(array),
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
    "var.correction": variance,
    "std.correction": lambda site: f"{site.xp}.sqrt({variance(site)})",
    "linalg_vector_norm": _norm,
    "logsumexp": _logsumexp,
    "_softmax": _along("_softmax"),
    "_log_softmax": _along("_log_softmax"),
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "sort": _sort,
    "topk": _topk,
    "flip": _flip,
    **dict.fromkeys(("mm", "bmm"), pair("{a} @ {b}", "self", "mat2")),
    "mv": pair("{a} @ {b}", "self", "vec"),
    "dot": pair("{a} @ {b}", "self", "tensor"),
    **dict.fromkeys(("view", "_unsafe_view", "squeeze", "squeeze.dim", "squeeze.dims"), _reshape),
    "expand": _broadcast,
    "repeat": _repeat,
    "permute": _permute,
    "transpose.int": _transpose,
    "t": form("{x}.T"),
    **dict.fromkeys(("split.Tensor", "split_with_sizes"), _split),
    "unbind.int": _unbind,
    "cat": _cat,
    "stack": _stack,
    "constant_pad_nd": helper("_pad", "pad", "value"),
    "gather": _gather,
    "index_select": _index_select,
    "select_scatter": _write("index"),
    "slice_scatter": _write("slice"),
    "scatter.value": _scatter("value"),
    "scatter.src": _scatter("src"),
    "tril": _triangle("tril"),
    "triu": _triangle("triu"),
}  # fmt: skip
"""Their part of the table."""
