"""Gradients of operations that move elements: the elements move back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfcaf_forge.evidence.proofs.arith import sum_to, total
from tfcaf_forge.evidence.proofs.backward.site import Back, BackRule, Parts
from tfcaf_forge.evidence.proofs.domains import Val, known, raw
from tfcaf_forge.evidence.proofs.transfer.shape import mover, slicer
from tfcaf_forge.graph.opgraph import BatchDim, Ref


def same(back: Back) -> Parts:
    """Another guise of the same values."""
    return back.to("self", back.g)


def moved_back(back: Back) -> Parts:
    """Send the positions the same way, and each gradient back to where its element came from.

    An operation of this kind uses an element at most once, so there is nothing to add up; where several outputs
    exist (split, unbind), each holds other elements.
    """
    if not back.wants("self"):
        return []
    shape = back.site.in_shape()
    positions = mover(back.site)(np.arange(int(np.prod(shape))).reshape(shape))
    flat = [np.zeros(int(np.prod(shape))) for _ in range(2)]
    nan = np.zeros(int(np.prod(shape)), np.bool_)
    for place, g in zip(positions, back.outs, strict=True):
        if g is None:
            continue
        at = place.reshape(-1)
        flat[0][at], flat[1][at] = _flat(g.lo, place), _flat(g.hi, place)
        nan[at] = _flat(g.nan, place)
    return back.to("self", raw(flat[0].reshape(shape), flat[1].reshape(shape), nan.reshape(shape), False))


def _flat(x: NDArray[Any], place: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(x, place.shape).reshape(-1)


def expanded(back: Back) -> Parts:
    """The sum over all copies."""
    return back.to("self", back.g)


def repeated(back: Back) -> Parts:
    """The sum over all copies of `repeat`."""
    if not back.wants("self"):
        return []
    shape = back.site.in_shape()
    named = cast(tuple[Any, ...], back.site.arg("repeats"))
    times = [back.site.run.cells if isinstance(t, BatchDim) else int(t) for t in named]
    own = (1,) * (len(times) - len(shape)) + shape
    split = [size for pair in zip(times, own, strict=True) for size in pair]
    g = back.g.moved(lambda x: x.reshape(split))
    summed = total(g, tuple(range(0, len(split), 2)))
    return back.to("self", summed.moved(lambda x: x.reshape(shape)))


def joined(back: Back) -> Parts:
    """cat and stack: each operand gets its own part."""
    refs = cast(tuple[Ref, ...], back.site.arg("tensors"))
    at = back.site.axis(rank=len(back.site.shape))
    g, start, parts = back.g, 0, Parts()
    for i, ref in enumerate(refs):
        shape = back.site.run.shape(back.site.run.type_of(ref))
        if back.site.op == "stack":
            part = g.moved(lambda x, i=i: np.take(x, i, axis=at))
        elif shape == (0,):
            continue
        else:
            part = g.moved(lambda x, a=start, b=start + shape[at]: np.take(x, range(a, b), axis=at))
            start += shape[at]
        if back.wanted(ref):
            parts.append((ref, sum_to(part, shape)))
    return parts


def padded(back: Back) -> Parts:
    """A pad adds nothing to the gradient; a cut drops it."""
    if not back.wants("self"):
        return []
    shape = back.site.in_shape()
    pads = cast(tuple[int, ...], back.site.arg("pad"))
    inner, outer = [slice(None)] * len(shape), [slice(None)] * len(shape)
    for i in range(len(pads) // 2):
        at, before, after = len(shape) - 1 - i, pads[2 * i], pads[2 * i + 1]
        size = back.site.shape[at]
        outer[at] = slice(max(before, 0), size - max(after, 0))
        inner[at] = slice(max(-before, 0), shape[at] - max(-after, 0))
    out, g = known(shape, 0.0), back.g
    return back.to("self", _write(out, tuple(inner), g.moved(lambda x: x[tuple(outer)])))


def _write(target: Val, key: tuple[Any, ...], part: Val) -> Val:
    def put(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        out = np.array(x)
        out[key] = y
        return out

    return Val(
        put(target.lo, part.lo), put(target.hi, part.hi), put(target.nan, part.nan), put(target.whole, part.whole)
    )


def triangle(back: Back) -> Parts:
    """The gradient inside the triangle."""
    keep = np.tril if back.site.op == "tril" else np.triu
    mask = keep(np.ones(back.site.shape[-2:], np.bool_), back.site.int("diagonal"))
    g = back.g
    return back.to("self", raw(np.where(mask, g.lo, 0.0), np.where(mask, g.hi, 0.0), g.nan & mask, False))


def placed(back: Back) -> Parts:
    """select_scatter and slice_scatter: src gets its slice, self the rest."""
    site, g = back.site, back.g
    if site.op == "select_scatter":
        at = site.axis()
        key: tuple[Any, ...] = (slice(None),) * at + (site.int("index") % site.in_shape()[at],)
    else:
        key = slicer(site)
    inside = g.moved(lambda x: x[key])
    return back.to("src", inside) + back.to("self", _write(g, key, known(inside.shape, 0.0)))


RULES: dict[str, BackRule] = {
    **dict.fromkeys(("clone", "alias", "lift_fresh_copy", "_to_copy"), same),
    **dict.fromkeys(
        (
            "view", "_unsafe_view", "unsqueeze", "squeeze", "squeeze.dim", "squeeze.dims", "permute", "transpose.int",
            "t", "flip", "select.int", "slice.Tensor", "split.Tensor", "split_with_sizes", "unbind.int",
        ),
        moved_back,
    ),
    "expand": expanded,
    "repeat": repeated,
    "cat": joined,
    "stack": joined,
    "constant_pad_nd": padded,
    "tril": triangle,
    "triu": triangle,
    "select_scatter": placed,
    "slice_scatter": placed,
}  # fmt: skip
