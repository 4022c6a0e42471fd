"""Whether a graph keeps its rows apart in the strict sense that running it on cells needs.

`graph.batch` says which rows of the inputs a value's rows depend on. Beyond it, nothing here may depend on how
many rows there are or on a row's number: a sum of `ones(B)` is B, and a constant written into row 0 alone marks
that row, although no input enters either. Also every value has at most one batch dimension, exactly B long.
"""

from __future__ import annotations

from typing import cast

from tfcaf_forge.evidence.proofs.site import Types, needed
from tfcaf_forge.graph.batch import COUNT, MIXED, Fate, Rows, fates
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Node, OpGraph, Ref, Type, is_batch
from tfcaf_forge.graph.ops import TABLE

_MAY_RAISE = ("index", "gather", "write", "matmul")
_MAY_RAISE_OPS = ("floor_divide", "div.Tensor_mode", "remainder.Scalar", "fmod.Scalar", "remainder.Tensor")

_TO_END = (1 << 63) - 1


def kept(graph: OpGraph) -> list[bool]:
    """The values that a proof must look at: what the output reads, and what may raise although nobody reads it."""
    raising = [
        index + FIRST_NODE
        for index, node in enumerate(graph.nodes)
        if TABLE[node.op].batch in _MAY_RAISE or node.op in (*_MAY_RAISE_OPS, "fmod.Tensor")
    ]
    return needed(graph, raising)


def first_crossing(graph: OpGraph, types: Types) -> int | None:
    """Index of the first node after which rows may not be apart; None where they provably are.

    Args:
        graph: a verified graph.
        types: what `verify` returned for it.
    """
    found = fates(graph, types)
    keep = kept(graph)
    for index, node in enumerate(graph.nodes):
        value = index + FIRST_NODE
        if keep[value] and not _apart(node, found, types, value):
            return index
    end = found[graph.output.id]
    return len(graph.nodes) - 1 if end is MIXED or end is COUNT or (isinstance(end, Rows) and end.dim != 0) else None


def _apart(node: Node, found: list[Fate], types: Types, value: int) -> bool:
    fate = found[value]
    if fate is MIXED or not all(_one_batch(kind, fate) for kind in types[value]):
        return False
    args = node.named()
    rule = TABLE[node.op].batch
    if rule in ("reduce", "along"):
        return not any(is_batch(size) for size in _along(node, args, types))
    if rule == "squeeze":
        return not any(is_batch(size) for size in _along(node, args, types))  # with one row it would vanish
    if rule == "view":
        return _view_keeps(types[_ref(args["self"]).id][_ref(args["self"]).out], types[value][0], fate)
    if rule in ("select", "slice", "pad"):
        return _edge_keeps(node, args, types, value)
    if rule == "write" or rule == "gather":
        return _places_keep(node, args, types)
    return True


def _one_batch(kind: Type, fate: Fate) -> bool:
    """At most one batch dimension, B long, and the rows where the fate says they are."""
    batch = [i for i, size in enumerate(kind.shape) if is_batch(size)]
    if len(batch) > 1 or any(kind.shape[i] != BatchDim(1) for i in batch):
        return False
    return batch == [fate.dim] if isinstance(fate, Rows) else True


def _along(node: Node, args: dict[str, Arg], types: Types) -> list[int | BatchDim]:
    """Sizes of the dimensions along which elements meet."""
    ref = _ref(args["self"])
    shape = types[ref.id][ref.out].shape
    if node.op in ("tril", "triu"):
        return list(shape[-2:])
    named = args.get("dim", args.get("dims"))
    if named is None or named == ():
        return list(shape)
    listed = named if isinstance(named, tuple) else (named,)
    return [shape[cast(int, d) % max(len(shape), 1)] for d in listed] if shape else []


def _view_keeps(old: Type, new: Type, fate: Fate) -> bool:
    """A reshape moves no element into another row: what stands before the batch dimension is all ones."""
    if old.shape == new.shape:
        return True
    before, after = _lead(old), _lead(new)
    if before is None and after is None:
        return True
    if before is None or after is None:
        return False
    return before == after or all(s == 1 for s in (*before, *after))


def _lead(kind: Type) -> tuple[int | BatchDim, ...] | None:
    batch = [i for i, size in enumerate(kind.shape) if is_batch(size)]
    return kind.shape[: batch[0]] if batch else None


def _edge_keeps(node: Node, args: dict[str, Arg], types: Types, value: int) -> bool:
    """Rows are not picked, cut or padded, and none are cut out of something else (`table[:B]`)."""
    ref = _ref(args["self"])
    shape = types[ref.id][ref.out].shape
    if node.op == "constant_pad_nd":
        pads = cast(tuple[int, ...], args["pad"])
        return not any(is_batch(shape[len(shape) - 1 - i // 2]) for i, p in enumerate(pads) if p != 0)
    at = cast(int, args["dim"]) % max(len(shape), 1)
    if is_batch(shape[at]):
        return node.op == "slice.Tensor" and args["step"] == 1 and types[value][0].shape[at] == shape[at]
    if node.op != "slice.Tensor":
        return True
    return not isinstance(args["end"], BatchDim) and not is_batch(types[value][0].shape[at])


def _places_keep(node: Node, args: dict[str, Arg], types: Types) -> bool:
    """A row is written or read at its own place: index and source reach over the same rows."""
    ref = _ref(args["self"])
    shape = types[ref.id][ref.out].shape
    at = cast(int, args["dim"]) % max(len(shape), 1)
    if at < len(shape) and is_batch(shape[at]):
        whole = args.get("start") in (None, 0) and args.get("end") in (None, BatchDim(1), _TO_END)
        same = node.op == "slice_scatter" and types[_ref(args["src"]).id][_ref(args["src"]).out].shape == shape
        return whole and same and args["step"] == 1
    if isinstance(args.get("end"), BatchDim):
        return False
    if node.op == "index_select" or not isinstance(args.get("index"), Ref):
        return True
    rows = _batches(shape)
    index, src = args["index"], args.get("src")
    others = [index] if node.op == "gather" or not isinstance(src, Ref) else [index, src]
    if node.op == "gather" and not _batches(types[_ref(index).id][_ref(index).out].shape):
        return True
    return all(_batches(types[_ref(r).id][_ref(r).out].shape) == rows for r in others)


def _batches(shape: tuple[int | BatchDim, ...]) -> list[int]:
    return [i for i, size in enumerate(shape) if is_batch(size)]


def _ref(arg: Arg) -> Ref:
    return cast(Ref, arg)
