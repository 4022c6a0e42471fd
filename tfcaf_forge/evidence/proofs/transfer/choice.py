"""Rules for comparison, logic and choice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfcaf_forge.evidence.proofs.domains import EXACT, Mask, Val, choose, raw, top, truth
from tfcaf_forge.evidence.proofs.refine import branch
from tfcaf_forge.evidence.proofs.relations import at_least
from tfcaf_forge.evidence.proofs.site import Site
from tfcaf_forge.evidence.proofs.transfer.arithmetic import spread
from tfcaf_forge.evidence.proofs.transfer.shape import taken
from tfcaf_forge.graph.opgraph import Ref

Out = tuple[Val, ...]


def compare(name: str) -> Callable[[Site], Out]:
    """A comparison: decided where the intervals are apart; with NaN, only `!=` holds."""

    def rule(site: Site) -> Out:
        a, b = _operands(site)
        nan = a.nan | b.nan
        must, may = _decide(name, a, b)
        if name in ("lt", "ge") and not nan.any() and not must.all():
            must, may = _by_order(site, name, must, may)
        return (truth(~must | (nan & (name != "ne")), may | (nan & (name == "ne"))),)

    return rule


def _operands(site: Site) -> tuple[Val, Val]:
    """Both sides in the type in which torch compares them."""
    if site.dtype_of("self") == "float" or site.dtype_of("other") == "float":
        return site.flt("self"), site.flt("other")
    return site.val("self"), site.val("other")


def _decide(name: str, a: Val, b: Val) -> tuple[Mask, Mask]:
    """Where a comparison surely holds, and where it may, NaN aside."""
    if name == "lt":
        return a.hi < b.lo, a.lo < b.hi
    if name == "le":
        return a.hi <= b.lo, a.lo <= b.hi
    if name == "gt":
        return a.lo > b.hi, a.hi > b.lo
    if name == "ge":
        return a.lo >= b.hi, a.hi >= b.lo
    same = (a.lo == a.hi) & (b.lo == b.hi) & (a.lo == b.lo)
    apart = (a.hi < b.lo) | (b.hi < a.lo) | _never_meets(a, b) | _never_meets(b, a)
    return (same, ~apart) if name == "eq" else (apart, ~same)


def _never_meets(a: Val, b: Val) -> Mask:
    """An integer against a known number that is none."""
    return a.whole & (b.lo == b.hi) & (b.lo != np.floor(b.lo)) & (np.abs(b.lo) < EXACT)


def _by_order(site: Site, name: str, must: Mask, may: Mask) -> tuple[Mask, Mask]:
    """self >= other for structural reasons."""
    a, b = site.arg("self"), site.arg("other")
    if not isinstance(a, Ref) or not isinstance(b, Ref):
        return must, may
    holds = spread(site, at_least(site.run, a, b))
    return (must, may & ~holds) if name == "lt" else (must | holds, may)


def logical(combine: Callable[[Mask, Mask], Mask]) -> Callable[[Site], Out]:
    """A connective that is monotone in both operands: and, or."""

    def rule(site: Site) -> Out:
        (a_must, a_may), (b_must, b_may) = _truths(site)
        return (truth(~combine(a_must, b_must), combine(a_may, b_may)),)

    return rule


def logical_xor(site: Site) -> Out:
    """Exclusive or."""
    (a_must, a_may), (b_must, b_may) = _truths(site)
    must = (a_must & ~b_may) | (b_must & ~a_may)
    may = (a_may & ~b_must) | (b_may & ~a_must)
    return (truth(~must, may),)


def _truths(site: Site) -> tuple[tuple[Mask, Mask], tuple[Mask, Mask]]:
    a, b = site.val("self"), site.val("other")
    return _truth(a), _truth(b)


def _truth(a: Val) -> tuple[Mask, Mask]:
    """Where a number is surely nonzero, and where it may be; NaN counts as nonzero."""
    return ~a.zero, ~((a.lo == 0) & (a.hi == 0)) | a.nan


def bitwise(name: str) -> Callable[[Site], Out]:
    """Bit operations: connectives of bools; of nonnegative integers bounded by the next power of two."""
    on_bools = {"and": logical(np.logical_and), "or": logical(np.logical_or), "xor": logical_xor}[name]

    def rule(site: Site) -> Out:
        if site.dtype == "bool":
            return on_bools(site)
        if site.dtype == "float":
            raise ValueError("torch refuses bit operations on float")
        a, b = site.val("self"), site.val("other")
        positive = (a.lo >= 0) & (b.lo >= 0) & (np.maximum(a.hi, b.hi) < 2.0**50)
        most = np.where(positive, np.maximum(a.hi, b.hi), 1.0)
        limit = np.minimum(a.hi, b.hi) if name == "and" else 2.0 ** np.ceil(np.log2(most + 1.0)) - 1.0
        unknown = top(positive.shape, "int")
        return (choose(positive, positive, raw(np.zeros_like(limit), limit, False, True), unknown),)

    return rule


def where(site: Site) -> Out:
    """self where the condition holds, else other; each seen in the light of the condition."""
    condition = site.val("condition")
    must, may = condition.lo == 1.0, condition.hi == 1.0
    ref = site.ref("condition")
    undecided = bool((may & ~must).any())
    read = site.flt if site.dtype == "float" else site.val
    a = branch(site, "self", ref, holds=True) if undecided else read("self")
    b = branch(site, "other", ref, holds=False) if undecided else read("other")
    return (choose(must, may, a, b),)


def masked_fill(site: Site) -> Out:
    """value where the mask holds, else self."""
    mask = site.val("mask")
    must, may = mask.lo == 1.0, mask.hi == 1.0
    undecided = bool((may & ~must).any())
    read = site.flt if site.dtype == "float" else site.val
    kept = branch(site, "self", site.ref("mask"), holds=False) if undecided else read("self")
    return (choose(must, may, taken(site, "value"), kept),)


RULES: dict[str, Callable[[Site], Out]] = {
    **{
        f"{name}.{kind}": compare(name)
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
        for kind in ("Tensor", "Scalar")
    },
    "logical_and": logical(np.logical_and),
    "logical_or": logical(np.logical_or),
    "logical_xor": logical_xor,
    **{f"bitwise_{name}.{kind}": bitwise(name) for name in ("and", "or", "xor") for kind in ("Tensor", "Scalar")},
    "where.self": where,
    "masked_fill.Scalar": masked_fill,
    "masked_fill.Tensor": masked_fill,
}
