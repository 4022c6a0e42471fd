"""What intervals forget: that one value is never below another, because of how both were computed.

`at_least(run, big, small)` says in which cells `big >= small` for every element, the two broadcast from the
right. It follows definitions (a sum of nonnegative terms is at least each of them, a maximum at least what it is
taken over, adding something nonnegative does not lower, ...). Every step is exact in float32: rounding is
monotone, so x <= y implies fl(x op z) <= fl(y op z) for the increasing operations used here.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from tfcaf_forge.evidence.proofs.domains import INT_SAFE, Mask, Val
from tfcaf_forge.evidence.proofs.site import Run, number
from tfcaf_forge.graph.opgraph import Arg, Node, Ref
from tfcaf_forge.graph.ops import TABLE

_DEPTH = 12
_ALIGNED = ("clone", "alias", "detach", "expand", "lift_fresh", "lift_fresh_copy")
"""Operations after which broadcasting from the right still pairs the same elements."""


def at_least(run: Run, big: Ref, small: Ref, depth: int = _DEPTH) -> Mask:
    """Cells in which every element of `big` is at least the element of `small` that it meets, [cells]."""
    big, small = run.first(big), run.first(small)
    if big == small:
        return np.ones(run.cells, np.bool_)
    if depth == 0:
        return np.zeros(run.cells, np.bool_)
    found = run.orders.get((big, small))
    if found is None:
        run.orders[big, small] = np.zeros(run.cells, np.bool_)
        found = _above(run, big, small, depth - 1)
        if not found.all():
            found = found | _under(run, big, small, depth - 1)
        if not found.all():
            found = found | _alike(run, big, small, depth - 1)
        found = found & _unwrapped(run, big) & _unwrapped(run, small)
        run.orders[big, small] = found
    return found


def _unwrapped(run: Run, ref: Ref) -> Mask:
    """Cells in which no integer is so large that it may have wrapped: then adding need not raise it, [cells]."""
    kind = run.type_of(ref)
    if kind.dtype != "int":
        return np.ones(run.cells, np.bool_)
    return ~run.per_cell(~(run.value(ref).size < INT_SAFE), kind)


def nonnegative(run: Run, arg: Arg) -> Mask:
    """Cells in which no element is negative, [cells]."""
    if not isinstance(arg, Ref):
        return np.full(run.cells, bool((number(arg).lo >= 0).all()))
    return ~run.per_cell(run.value(arg).lo < 0.0, run.type_of(arg))


def _positive(run: Run, arg: Arg) -> Mask:
    """Cells in which every element is above zero (a zero might be -0, which turns quotients around), [cells]."""
    if not isinstance(arg, Ref):
        return np.full(run.cells, bool((number(arg).lo > 0).all()))
    return ~run.per_cell(run.value(arg).lo <= 0.0, run.type_of(arg))


def _never(run: Run) -> Mask:
    return np.zeros(run.cells, np.bool_)


def _via(run: Run, arg: Arg, small: Ref, depth: int) -> Mask:
    return at_least(run, arg, small, depth) if isinstance(arg, Ref) else _never(run)


def _below(run: Run, big: Ref, arg: Arg, depth: int) -> Mask:
    return at_least(run, big, arg, depth) if isinstance(arg, Ref) else _never(run)


def _above(run: Run, big: Ref, small: Ref, depth: int) -> Mask:
    """By the definition of the larger one."""
    node = run.node_of(big)
    if node is None:
        return _never(run)
    args, op = node.named(), node.op
    if op in _ALIGNED or op in ("clamp_min", "relu", "abs") or (op == "_to_copy" and _stays_float(run, big, args)):
        return _via(run, args["self"], small, depth)
    if op == "clamp" and args["max"] is None:
        return _via(run, args["self"], small, depth)
    if op == "maximum":
        return _via(run, args["self"], small, depth) | _via(run, args["other"], small, depth)
    if op == "where.self":
        return _via(run, args["self"], small, depth) & _via(run, args["other"], small, depth)
    if op == "add.Tensor" and args["alpha"] == 1:
        left = nonnegative(run, args["other"]) & _via(run, args["self"], small, depth)
        return left if left.all() else left | (nonnegative(run, args["self"]) & _via(run, args["other"], small, depth))
    if op in ("amax", "max.dim", "max") and big.out == 0 and _keeps_place(run, big, node, args):
        return _via(run, args["self"], small, depth)
    if op in ("sum", "sum.dim_IntList") and adds_as_is(run, big) and _keeps_place(run, big, node, args):
        return nonnegative(run, args["self"]) & _via(run, args["self"], small, depth)
    if op in ("unsqueeze", "view", "_unsafe_view"):
        return _restored(run, big, small, args, depth)
    if op in ("sum.dim_IntList", "amax", "max.dim") and big.out == 0 and adds_as_is(run, big):
        return _of_selected(run, node, args, small)
    return _never(run)


def _under(run: Run, big: Ref, small: Ref, depth: int) -> Mask:
    """By the definition of the smaller one."""
    node = run.node_of(small)
    if node is None:
        return _never(run)
    args, op = node.named(), node.op
    if op in _ALIGNED or op == "clamp_max" or (op == "clamp" and args["min"] is None):
        return _below(run, big, args["self"], depth)
    if op == "minimum":
        return _below(run, big, args["self"], depth) | _below(run, big, args["other"], depth)
    if op == "where.self":
        return _below(run, big, args["self"], depth) & _below(run, big, args["other"], depth)
    if op in ("amin", "min.dim", "min") and small.out == 0 and _keeps_place(run, small, node, args):
        return _below(run, big, args["self"], depth)
    if op == "relu":
        return nonnegative(run, big) & _below(run, big, args["self"], depth)
    if op == "sub.Tensor" and args["alpha"] == 1:
        return nonnegative(run, args["other"]) & _below(run, big, args["self"], depth)
    if op == "mul.Tensor":
        return _scaled(run, big, args["self"], args["other"], depth) | _scaled(
            run, big, args["other"], args["self"], depth
        )
    if op == "slice.Tensor" and _one_wide(run, big, small, cast(int, args["dim"])):
        return _below(run, big, args["self"], depth)
    if op == "cat" and _one_wide(run, big, small, cast(int, args["dim"])):
        parts = [_below(run, big, part, depth) for part in cast(tuple[Ref, ...], args["tensors"])]
        return np.logical_and.reduce(parts)
    return _never(run)


def _alike(run: Run, big: Ref, small: Ref, depth: int) -> Mask:
    """m - w >= x - w where m >= x; and the same change of shape on both sides."""
    above, under = run.node_of(big), run.node_of(small)
    if above is None or under is None:
        return _never(run)
    if above.op == "unsqueeze" and under.op == "stack":
        return _stacked(run, above, under, depth)
    if above.op != under.op:
        return _never(run)
    left, right = above.named(), under.named()
    if above.op == "sub.Tensor" and left["alpha"] == right["alpha"] == 1 and _equal(run, left["other"], right["other"]):
        return _both(run, left["self"], right["self"], depth)
    if above.op == "div.Tensor" and _equal(run, left["other"], right["other"]):
        return _positive(run, left["other"]) & _both(run, left["self"], right["self"], depth)
    same_rest = above.args[1:] == under.args[1:]
    if TABLE[above.op].batch in ("unsqueeze", "select", "slice") and same_rest and big.out == small.out:
        a, b = cast(Ref, left["self"]), cast(Ref, right["self"])
        return at_least(run, a, b, depth) if run.type_of(a).shape == run.type_of(b).shape else _never(run)
    return _never(run)


def _both(run: Run, a: Arg, b: Arg, depth: int) -> Mask:
    return at_least(run, a, b, depth) if isinstance(a, Ref) and isinstance(b, Ref) else _never(run)


def _equal(run: Run, a: Arg, b: Arg) -> bool:
    return run.first(a) == run.first(b) if isinstance(a, Ref) and isinstance(b, Ref) else a == b


def _stays_float(run: Run, ref: Ref, args: dict[str, Arg]) -> bool:
    return run.type_of(ref).dtype == run.type_of(cast(Ref, args["self"])).dtype


def adds_as_is(run: Run, ref: Ref) -> bool:
    """Whether a reduction takes its terms as they are: none is cut to an integer or to a truth value first."""
    node = run.node_of(ref)
    source = None if node is None else node.named().get("self")
    if not isinstance(source, Ref):
        return False
    out, source = run.type_of(ref).dtype, run.type_of(source).dtype
    return out in ("float", source) or (out == "int" and source == "bool")


def _keeps_place(run: Run, ref: Ref, node: Node, args: dict[str, Arg]) -> bool:
    """A reduction whose result still broadcasts against what was reduced."""
    return bool(args.get("keepdim")) or not run.type_of(ref).shape


def _restored(run: Run, big: Ref, small: Ref, args: dict[str, Arg], depth: int) -> Mask:
    """`x.sum(1).unsqueeze(1)`, or the same with a view: the sum with its dimension kept."""
    inner = run.first(cast(Ref, args["self"]))
    node = run.node_of(inner)
    if node is None or node.op not in ("sum.dim_IntList", "amax", "max.dim") or inner.out != 0:
        return _never(run)
    if not adds_as_is(run, inner):
        return _never(run)
    within = node.named()
    source = cast(Ref, within["self"])
    rank = len(run.type_of(source).shape)
    named = within["dim"]
    listed = named if isinstance(named, tuple) else (named,)
    dims = {cast(int, d) % rank for d in listed} if named not in (None, ()) else set(range(rank))
    kept = tuple(1 if i in dims else s for i, s in enumerate(run.type_of(source).shape))
    if within["keepdim"] or run.type_of(big).shape != kept:
        return _never(run)
    fine = nonnegative(run, source) if node.op == "sum.dim_IntList" else np.ones(run.cells, np.bool_)
    return fine & at_least(run, source, small, depth)


def _of_selected(run: Run, node: Node, args: dict[str, Arg], small: Ref) -> Mask:
    """`x.sum(1)` against `x[:, i]`, both without the dimension."""
    part = run.node_of(small)
    if part is None or part.op not in ("select.int", "unbind.int") or args.get("keepdim"):
        return _never(run)
    picked = part.named()
    source = cast(Ref, args["self"])
    rank = len(run.type_of(source).shape)
    named = args["dim"]
    dims = named if isinstance(named, tuple) else (named,)
    if len(dims) != 1 or run.first(cast(Ref, picked["self"])) != run.first(source):
        return _never(run)
    if cast(int, dims[0]) % rank != cast(int, picked["dim"]) % rank:
        return _never(run)
    return nonnegative(run, source) if node.op == "sum.dim_IntList" else np.ones(run.cells, np.bool_)


def _stacked(run: Run, above: Node, under: Node, depth: int) -> Mask:
    """`total.unsqueeze(1)` against `stack([a, b], 1)`."""
    left, right = above.named(), under.named()
    total = cast(Ref, left["self"])
    rank = len(run.type_of(total).shape) + 1
    if cast(int, left["dim"]) % rank != cast(int, right["dim"]) % rank:
        return _never(run)
    parts = [at_least(run, total, part, depth) for part in cast(tuple[Ref, ...], right["tensors"])]
    return np.logical_and.reduce(parts)


def _scaled(run: Run, big: Ref, value: Arg, factor: Arg, depth: int) -> Mask:
    """x * f <= x where x >= 0 and f <= 1."""
    if not isinstance(value, Ref):
        return _never(run)
    f: Val = run.value(factor) if isinstance(factor, Ref) else number(factor)
    small = ~run.per_cell(f.hi > 1.0, run.type_of(factor)) if isinstance(factor, Ref) else bool((f.hi <= 1.0).all())
    return nonnegative(run, value) & small & at_least(run, big, value, depth)


def _one_wide(run: Run, big: Ref, small: Ref, dim: int) -> bool:
    """Whether `big` has size one (or no dimension) where `small` runs along `dim`."""
    low, high = run.type_of(small).shape, run.type_of(big).shape
    from_right = len(low) - dim % max(len(low), 1)
    return from_right > len(high) or high[len(high) - from_right] == 1


def covers_magnitude(run: Run, big: Ref, small: Ref) -> tuple[Mask, float] | None:
    """Cells in which `big >= |small| / (1 + slack)`, and that slack; None where no norm of `small` is in sight."""
    at = run.first(big)
    for _ in range(_DEPTH):
        node = run.node_of(at)
        if node is None or at.out != 0:
            return None
        args, op = node.named(), node.op
        below = args.get("self")
        if op in (*_ALIGNED, "clamp_min", "relu") or (op == "clamp" and args["max"] is None):
            at = run.first(cast(Ref, below))
        elif op == "add.Tensor" and args["alpha"] == 1 and nonnegative(run, args["other"]).all():
            if not isinstance(below, Ref):
                return None
            at = run.first(below)
        else:
            return _norm_of(run, node, args, run.first(small)) if adds_as_is(run, at) else None
    return None


def _norm_of(run: Run, node: Node, args: dict[str, Arg], small: Ref) -> tuple[Mask, float] | None:
    """A vector norm of `small`, or a sum or maximum of its magnitudes, with the dimension kept."""
    whole = np.ones(run.cells, np.bool_)
    if not args.get("keepdim"):
        return None
    source = run.first(cast(Ref, args["self"]))
    if node.op == "linalg_vector_norm":
        size = len(run.type_of(source).shape)
        few = size > 0 and args["ord"] in (1, 1.0, 2, 2.0)
        return (whole, 1e-4) if source == small and few and not isinstance(args["dim"], type(None)) else None
    inner = run.node_of(source)
    if node.op in ("sum.dim_IntList", "amax", "max.dim") and inner is not None and inner.op == "abs":
        return (whole, 0.0) if run.first(cast(Ref, inner.named()["self"])) == small else None
    return None
