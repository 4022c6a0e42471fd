"""Forms: what the rows of the table for NumPy and JAX are made of."""

from __future__ import annotations

from tfcaf_forge.kernels.emit.context import Emitter, Site


def array(site: Site, kind: str | None = None) -> str:
    """The operand `self`, cast to a kind, or to the result's type."""
    return site.cast(site.arg("self"), kind or site.kind)


def call(function: str) -> Emitter:
    """A function of one array, cast to the result's type first."""
    return lambda site: f"{site.xp}.{function}({array(site)})"


def rounding(function: str) -> Emitter:
    """Rounding, which leaves whole numbers alone."""
    return lambda site: array(site) if site.kind != "float" else f"{site.xp}.{function}({array(site)})"


def form(template: str) -> Emitter:
    """An expression of `{x}`, the array cast to the result's type."""
    return lambda site: template.format(x=array(site), xp=site.xp)


def helper(name: str, *rest: str) -> Emitter:
    """A helper of the array and of plain arguments."""
    return lambda site: f"{site.use(name)}({', '.join([array(site), *(site.plain(r) for r in rest)])})"


def pair(template: str, left: str = "self", right: str = "other") -> Emitter:
    """An expression of `{a}` and `{b}`, both cast to the result's type."""
    return lambda site: template.format(
        a=site.cast(site.arg(left), site.kind), b=site.cast(site.arg(right), site.kind), xp=site.xp
    )
