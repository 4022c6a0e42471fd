"""Which numbers of the state reach the output: a dependence of elements on slots, without any arithmetic."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from tfcaf_forge.evidence.proofs.domains import Mask
from tfcaf_forge.evidence.proofs.site import Run, Site, Types, firsts, needed
from tfcaf_forge.evidence.proofs.transfer import TRANSFER
from tfcaf_forge.evidence.proofs.transfer.shape import mover
from tfcaf_forge.graph.opgraph import FIRST_NODE, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.records.task_spec import TaskSpec

_NEUTRAL = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
_MOVING = ("view", "expand", "unsqueeze", "squeeze", "permute", "transpose", "select", "slice")
_ALSO_MOVING = ("flip", "split.Tensor", "split_with_sizes")
_MOST_MARKS = 4_000_000
"""Elements times slots beyond which everything is taken to depend on everything."""


def slots_read(graph: OpGraph, types: Types, task: TaskSpec) -> tuple[Mask, list[int]]:
    """The slots that Q_tot may depend on, [S], and those among them that are declared irrelevant."""
    run = Run(graph, types, 1, [], firsts(graph), np.zeros(1, np.bool_))
    keep = needed(graph)
    size = graph.state_size
    if max(math.prod(run.shape(kind)) for kinds in types for kind in kinds) * size > _MOST_MARKS:
        return np.ones(size, np.bool_), [slot.index for slot in task.layout if slot.irrelevant]
    marks: list[list[Mask]] = [[np.zeros((1, graph.n_agents, size), np.bool_)], [np.eye(size, dtype=np.bool_)[None]]]
    for index in range(len(graph.nodes)):
        if not keep[index + FIRST_NODE]:
            marks.append([])
            continue
        marks.append(_marks(Site(run, graph.nodes[index], index), marks, size))
    read = np.asarray(marks[graph.output.id][graph.output.out].reshape(-1, size).any(axis=0), np.bool_)
    return read, [slot.index for slot in task.layout if slot.irrelevant and read[slot.index]]


def _marks(site: Site, marks: list[list[Mask]], size: int) -> list[Mask]:
    """For each output the slots that each of its elements depends on, [..., S]."""
    shapes = [site.run.shape(kind) for kind in site.kinds]
    refs = list(site.node.refs())
    if site.op in _NEUTRAL or not refs:
        return [np.zeros((*shape, size), np.bool_) for shape in shapes]
    batch = TABLE[site.op].batch
    parts = [marks[ref.id][ref.out] for ref in refs]
    if batch in _MOVING or site.op in _ALSO_MOVING:
        return _moved(site, parts[0], size)
    if batch == "pointwise":
        full = [np.broadcast_to(_aligned(p, len(shapes[0])), (*shapes[0], size)) for p in parts]
        return [np.logical_or.reduce(full)]
    if batch in ("join", "stack"):
        return [_joined(site, parts)]
    if batch == "write" and site.op in ("select_scatter", "slice_scatter"):
        return _blurred(parts, shapes, size) if parts[1].any() else [parts[0]]
    if site.op == "index.Tensor":
        return _indexed(site, parts[0]) or _blurred(parts, shapes, size)
    if batch == "along" and len(shapes[0]) > 0 and site.has("dim"):
        folded = parts[0].any(axis=site.axis(), keepdims=True)
        return [
            np.broadcast_to(folded, (*shape, size)) if site.op != "topk" else _blurred(parts, [shape], size)[0]
            for shape in shapes
        ]
    if batch == "reduce" and len(parts) == 1:
        folded = parts[0].any(axis=site.axes(), keepdims=site.keepdim)
        return [np.broadcast_to(folded, (*shape, size)) for shape in shapes]
    return _blurred(parts, shapes, size)


def _aligned(mark: Mask, rank: int) -> Mask:
    """Marks with leading dimensions added, so that elements broadcast as their tensors do."""
    return mark.reshape((1,) * (rank - (mark.ndim - 1)) + mark.shape)


def _moved(site: Site, mark: Mask, size: int) -> list[Mask]:
    """Positions are sent the same way, and the marks follow them."""
    shape = mark.shape[:-1]
    flat = mark.reshape(-1, size)
    return [flat[place] for place in mover(site)(np.arange(len(flat)).reshape(shape))]


def _indexed(site: Site, mark: Mask) -> list[Mask] | None:
    """`x[:, [0, 3]]` with constant indices: the same picking; None where an index is computed."""
    key: list[slice | np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = []
    for ref in cast(tuple[Ref | None, ...], site.arg("indices")):
        if ref is None:
            key.append(slice(None))
            continue
        node = site.run.node_of(ref)
        if node is None or node.op != "const":
            return None
        (known,) = TRANSFER["const"](Site(site.run, node, ref.id - FIRST_NODE))
        key.append(known.lo.astype(np.int64))
    try:
        out = mark[tuple(key)]
    except IndexError:
        return None
    return [out] if out.shape[:-1] == site.shape else None


def _joined(site: Site, parts: list[Mask]) -> Mask:
    at = site.axis(rank=len(site.shape))
    if site.op == "stack":
        return np.stack(parts, axis=at)
    shapes = [site.run.shape(site.run.type_of(ref)) for ref in cast(tuple[Ref, ...], site.arg("tensors"))]
    return np.concatenate([p for p, s in zip(parts, shapes, strict=True) if s != (0,) or len(site.shape) == 1], axis=at)


def _blurred(parts: list[Mask], shapes: list[tuple[int, ...]], size: int) -> list[Mask]:
    """Every element may depend on whatever any argument depends on."""
    anything = np.logical_or.reduce([p.reshape(-1, size).any(axis=0) for p in parts])
    return [np.broadcast_to(anything, (*shape, size)) for shape in shapes]
