"""Inside a branch of `where(cond, a, b)` the condition is known: what that says about a, and about b.

The condition is taken apart into bounds on values (`x > c`, `x != -1`, conjunctions, negations, masks cast to
float). Then the part of the branch that is computed element by element from those values is evaluated again with
them. Elements pair by broadcasting from the right alone, so only pointwise operations and `expand` are followed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfcaf_forge.evidence.proofs.domains import EXACT, INF, Mask, Reals, Val, as_float, constant, meet
from tfcaf_forge.evidence.proofs.site import Run, Site, plain
from tfcaf_forge.graph.opgraph import FIRST_NODE, Node, Ref
from tfcaf_forge.graph.ops import TABLE

_MOST_NODES = 48
_MOST_NESTING = 2
_FLIP = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
_SWAP = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
_AND = ("logical_and", "bitwise_and.Tensor")
_OR = ("logical_or", "bitwise_or.Tensor")


@dataclass(frozen=True)
class Fact:
    """A value lies in [lo, hi], and is not `never`, wherever a condition has a given outcome."""

    ref: Ref
    lo: Reals
    hi: Reals
    never: Reals | None = None


def branch(site: Site, name: str, condition: Ref, *, holds: bool) -> Val:
    """An argument of a choice, given that the condition holds (or fails) where it is chosen."""
    arg = site.arg(name)
    if not isinstance(arg, Ref) or site.depth >= _MOST_NESTING:
        return site.flt(name) if site.dtype == "float" else site.val(name)
    replaced = dict(site.replaced)
    facts = _facts(site.run, condition, holds, 6)
    for fact in facts:
        first = site.run.first(fact.ref)
        replaced[first] = _narrowed(replaced.get(first, site.run.value(first)), fact)
    value = _again(site, arg, replaced) if facts else site.at(arg)
    return as_float(value, site.run.type_of(arg).dtype) if site.dtype == "float" else value


def _narrowed(value: Val, fact: Fact) -> Val:
    """A value with a fact applied; integers round inward, and an excluded end point of integers moves it by one."""
    lo, hi = np.maximum(value.lo, fact.lo), np.minimum(value.hi, fact.hi)
    whole = np.broadcast_to(value.whole, lo.shape)
    small = whole & (np.maximum(np.abs(lo), np.abs(hi)) < EXACT)
    lo, hi = np.where(small, np.ceil(lo), lo), np.where(small, np.floor(hi), hi)
    if fact.never is not None:
        lo = np.where(small & (lo == fact.never), lo + 1.0, lo)
        hi = np.where(small & (hi == fact.never), hi - 1.0, hi)
    return meet(value, lo, hi)


def _again(site: Site, target: Ref, replaced: dict[Ref, Val]) -> Val:
    """The target evaluated anew from the replaced values."""
    run = site.run
    for value in _between(run, run.first(target), replaced):
        node = run.graph.nodes[value - FIRST_NODE]
        inner = Site(run, node, value - FIRST_NODE, replaced, site.depth + 1)
        for out, result in enumerate(run.rules[node.op](inner)):
            replaced[Ref(value, out)] = result
    return replaced.get(run.first(target), run.value(target))


def _between(run: Run, target: Ref, replaced: dict[Ref, Val]) -> list[int]:
    """Values that the target computes, element by element, from replaced ones; in order."""
    if target in replaced:
        return []
    queue, seen, parents = [target.id], {target.id}, dict[int, list[int]]()
    starts: list[int] = []
    while queue:
        value = queue.pop()
        node = run.graph.nodes[value - FIRST_NODE] if value >= FIRST_NODE else None
        if node is None or not (TABLE[node.op].batch == "pointwise" or node.op == "expand"):
            continue
        for ref in node.refs():
            first = run.first(ref)
            if first in replaced:
                starts.append(value)
                continue
            parents.setdefault(first.id, []).append(value)
            if first.id not in seen and len(seen) < _MOST_NODES:
                seen.add(first.id)
                queue.append(first.id)
    return sorted(_reached(starts, parents))


def _reached(starts: list[int], parents: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    queue = list(starts)
    while queue:
        value = queue.pop()
        if value not in found:
            found.add(value)
            queue.extend(parents.get(value, []))
    return found


def _facts(run: Run, condition: Ref, holds: bool, depth: int) -> list[Fact]:
    """What a condition's outcome says about values."""
    condition = run.first(condition)
    node = run.node_of(condition)
    if node is None or depth == 0:
        return []
    name = node.op.partition(".")[0]
    if name in ("logical_not", "bitwise_not") and run.type_of(condition).dtype == "bool":
        (inner,) = node.refs()
        return _facts(run, inner, not holds, depth - 1) if run.type_of(inner).dtype == "bool" else []
    if (holds and node.op in _AND) or (not holds and node.op in _OR):
        parts = [ref for ref in node.refs() if run.type_of(ref).dtype == "bool"]
        return [fact for ref in parts for fact in _facts(run, ref, holds, depth - 1)]
    if node.op == "expand" or node.op == "clone":
        (inner,) = node.refs()
        return _facts(run, inner, holds, depth - 1)
    if name in _FLIP:
        return _compared(run, node, name if holds else _FLIP[name], depth)
    return []


def _compared(run: Run, node: Node, name: str, depth: int) -> list[Fact]:
    """Facts from `self <name> other`."""
    left, right = node.args[0], node.args[1]
    if not isinstance(left, Ref):
        return []
    a, b = _operand(run, left), _operand(run, right) if isinstance(right, Ref) else constant(np.asarray(plain(right)))
    if a is None or b is None:
        return []
    facts = [_bound(run, left, name, b, depth)]
    if isinstance(right, Ref):
        facts.append(_bound(run, right, _SWAP[name], a, depth))
    return [fact for part in facts for fact in part]


def _operand(run: Run, ref: Ref) -> Val | None:
    """A side of a comparison as float32; None where integers might be rounded."""
    value = run.value(ref)
    if run.type_of(ref).dtype != "float" and not (value.size < EXACT).all():
        return None
    return as_float(value, run.type_of(ref).dtype)


def _bound(run: Run, ref: Ref, name: str, other: Val, depth: int) -> list[Fact]:
    """What `ref <name> other` says about ref; and, where ref is a mask cast from bool, about its condition."""
    whole = run.value(ref).whole
    shape = np.broadcast_shapes(whole.shape, other.shape)
    low, high = np.full(shape, -INF), np.full(shape, INF)
    never = None
    if name in ("gt", "ge", "eq"):
        low = np.broadcast_to(_next(other.lo, whole, up=True) if name == "gt" else other.lo, shape)
    if name in ("lt", "le", "eq"):
        high = np.broadcast_to(_next(other.hi, whole, up=False) if name == "lt" else other.hi, shape)
    if name == "ne":
        never = np.where((other.lo == other.hi) & ~other.nan, other.lo, np.nan)
    low, high = np.where(other.nan, -INF, low), np.where(other.nan, INF, high)  # nothing follows from NaN
    facts = [Fact(ref, low, high, never)]
    return facts + _through_cast(run, ref, facts[0], depth)


def _through_cast(run: Run, ref: Ref, fact: Fact, depth: int) -> list[Fact]:
    node = run.node_of(run.first(ref))
    if node is None or node.op != "_to_copy":
        return []
    (inner,) = node.refs()
    if run.type_of(inner).dtype != "bool":
        return []
    value = _narrowed(run.value(ref), fact)
    if (value.lo > 0.0).all():
        return _facts(run, inner, True, depth - 1)
    return _facts(run, inner, False, depth - 1) if (value.hi < 1.0).all() else []


def _next(x: Reals, whole: Mask, *, up: bool) -> Reals:
    """The nearest float32 (or integer) strictly beyond x; x holds float32 numbers."""
    beyond = np.nextafter(x.astype(np.float32), np.float32(INF if up else -INF)).astype(np.float64)
    step = np.where(np.abs(x) < EXACT, np.floor(x) + 1.0 if up else np.ceil(x) - 1.0, beyond)
    return np.where(whole, step, beyond)
