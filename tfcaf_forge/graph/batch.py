"""Which value depends, row by row, on which rows of the inputs.

A value is one of

* `EVEN`   no input enters it and it is the same in every row (constants, `zeros(B, 2)`),
* `COUNT`  the row numbers 0 … B-1 (`arange(B)`): harmless alone, useful as an index,
* `Rows(d)` its slice i along dimension d is a function of row i of the inputs alone,
* `MIXED`  rows may meet: nothing is known.

The rules only ever err towards `MIXED`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

from tfcaf_forge.graph.opgraph import Arg, BatchDim, Node, OpGraph, Ref, Type, is_batch
from tfcaf_forge.graph.ops import TABLE

Types = Sequence[tuple[Type, ...]]


class Known(Enum):
    """What is known of a value that has no row dimension of its own."""

    EVEN = "even"
    COUNT = "count"
    MIXED = "mixed"


@dataclass(frozen=True)
class Rows:
    """Slice i along dimension `dim` depends on row i of the inputs alone."""

    dim: int


Fate = Known | Rows
EVEN, COUNT, MIXED = Known.EVEN, Known.COUNT, Known.MIXED


def fates(graph: OpGraph, types: Types) -> list[Fate]:
    """The fate of every value (all outputs of a node share one).

    Args:
        graph: a verified graph.
        types: what `verify` returned for it.
    """
    known: list[Fate] = [Rows(0), Rows(0)]
    for index, node in enumerate(graph.nodes):
        known.append(_fate(node, known, types, index + 2))
    return known


@dataclass(frozen=True)
class _Site:
    """A node with what is known about its arguments."""

    node: Node
    args: dict[str, Arg]
    known: Sequence[Fate]
    types: Types
    value: int

    def fate(self, name: str) -> Fate:
        arg = self.args.get(name)
        return self.known[arg.id] if isinstance(arg, Ref) else EVEN

    def shape(self, name: str) -> tuple[int | BatchDim, ...]:
        arg = self.args[name]
        return self.type_of(arg).shape if isinstance(arg, Ref) else ()

    def type_of(self, ref: Ref) -> Type:
        return self.types[ref.id][ref.out]

    def dim(self, name: str, rank: int) -> int:
        return cast(int, self.args[name]) % max(rank, 1)

    @property
    def out_shape(self) -> tuple[int | BatchDim, ...]:
        return self.types[self.value][0].shape


def _fate(node: Node, known: Sequence[Fate], types: Types, value: int) -> Fate:
    op = TABLE[node.op]
    site = _Site(node, node.named(), known, types, value)
    if any(known[ref.id] is MIXED for ref in node.refs()):
        return MIXED
    found = _RULES[op.batch](site)
    return _without_rows(found, site)


def _without_rows(found: Fate, site: _Site) -> Fate:
    """A row dimension must still be one B long; anything else is not understood."""
    if isinstance(found, Rows):
        shape = site.out_shape
        if found.dim >= len(shape) or shape[found.dim] != BatchDim(1):
            return MIXED
    return found


def _pointwise(site: _Site) -> Fate:
    """Broadcast from the right: every operand's row dimension must land on the same output dimension."""
    rank = len(site.out_shape)
    return _meet([(site.known[r.id], rank - len(site.type_of(r).shape)) for r in site.node.refs()])


def _meet(parts: Sequence[tuple[Fate, int]]) -> Fate:
    """Join operands, each with the shift of its dimensions in the output."""
    dims: set[int] = set()
    for fate, shift in parts:
        if fate is MIXED or fate is COUNT:
            return MIXED
        if isinstance(fate, Rows):
            dims.add(fate.dim + shift)
    if not dims:
        return EVEN
    return Rows(dims.pop()) if len(dims) == 1 else MIXED


def _dims(site: _Site, rank: int) -> set[int]:
    """The dimensions that a reduction or a scan works along."""
    for name in ("dim", "dims"):
        if name in site.args and site.args[name] is not None:
            arg = site.args[name]
            listed = arg if isinstance(arg, tuple) else (arg,)
            return {cast(int, d) % max(rank, 1) for d in listed} or set(range(rank))
    return set(range(rank))


def _reduce(site: _Site) -> Fate:
    fate, shape = site.fate("self"), site.shape("self")
    if fate is COUNT:
        return MIXED
    if not isinstance(fate, Rows):
        return EVEN
    dims = _dims(site, len(shape))
    if fate.dim in dims:
        return MIXED
    if site.args.get("keepdim"):
        return fate
    return Rows(fate.dim - sum(1 for d in dims if d < fate.dim))


def _along(site: _Site) -> Fate:
    """Shape kept, elements of one dimension meet: sort, softmax, cumsum, flip, tril, split."""
    fate, shape = site.fate("self"), site.shape("self")
    square = site.node.op in ("tril", "triu")
    dims = {len(shape) - 1, len(shape) - 2} if square else _dims(site, len(shape))
    if any(is_batch(shape[d]) for d in dims if d < len(shape)):
        return MIXED
    return MIXED if fate is COUNT else fate


def _unsqueeze(site: _Site) -> Fate:
    fate = site.fate("self")
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    at = site.dim("dim", len(site.shape("self")) + 1)
    return Rows(fate.dim + (at <= fate.dim))


def _squeeze(site: _Site) -> Fate:
    fate, shape = site.fate("self"), site.shape("self")
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    dims = {d for d in _dims(site, len(shape)) if shape[d] == 1}
    return Rows(fate.dim - sum(1 for d in dims if d < fate.dim))


def _permute(site: _Site) -> Fate:
    fate, shape = site.fate("self"), site.shape("self")
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    order = [cast(int, d) % len(shape) for d in cast(tuple[Arg, ...], site.args["dims"])]
    return Rows(order.index(fate.dim))


def _transpose(site: _Site) -> Fate:
    fate, rank = site.fate("self"), len(site.shape("self"))
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    pair = (0, 1) if site.node.op == "t" else (site.dim("dim0", rank), site.dim("dim1", rank))
    if rank < 2 or fate.dim not in pair:
        return fate
    return Rows(pair[1] if fate.dim == pair[0] else pair[0])


def _select(site: _Site) -> Fate:
    """One index of a dimension (`select.int`, `unbind.int`): the dimension goes away."""
    fate, shape = site.fate("self"), site.shape("self")
    at = site.dim("dim", len(shape))
    if is_batch(shape[at]):
        return EVEN if fate is EVEN else MIXED
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    return Rows(fate.dim - (at < fate.dim))


def _slice(site: _Site) -> Fate:
    fate, shape = site.fate("self"), site.shape("self")
    at = site.dim("dim", len(shape))
    if is_batch(shape[at]):
        whole = site.args["start"] in (None, 0) and site.args["step"] == 1 and site.out_shape[at] == shape[at]
        return fate if whole or fate is EVEN else MIXED
    return MIXED if fate is COUNT else fate


def _view(site: _Site) -> Fate:
    """A reshape keeps rows where the sizes before the row dimension are the same on both sides."""
    fate, old, new = site.fate("self"), site.shape("self"), site.out_shape
    if not isinstance(fate, Rows):
        return fate if old == new or fate is EVEN else MIXED
    if old[: fate.dim + 1] == new[: fate.dim + 1]:
        return fate
    head = [s for s in old[: fate.dim] if s != 1]
    if head or BatchDim(1) not in new:
        return MIXED
    at = new.index(BatchDim(1))
    return Rows(at) if all(s == 1 for s in new[:at]) else MIXED


def _expand(site: _Site) -> Fate:
    fate = site.fate("self")
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    return Rows(fate.dim + len(site.out_shape) - len(site.shape("self")))


def _repeat(site: _Site) -> Fate:
    fate = site.fate("self")
    if not isinstance(fate, Rows):
        return MIXED if fate is COUNT else fate
    times = cast(tuple[Arg, ...], site.args["repeats"])
    at = fate.dim + len(times) - len(site.shape("self"))
    return Rows(at) if times[at] == 1 else MIXED


def _join(site: _Site) -> Fate:
    refs = list(site.node.refs())
    at = site.dim("dim", len(site.out_shape))
    if is_batch(site.out_shape[at]):
        return MIXED
    return _meet([(site.known[r.id], 0) for r in refs])


def _stack(site: _Site) -> Fate:
    refs = list(site.node.refs())
    at = site.dim("dim", len(site.out_shape))
    met = _meet([(site.known[r.id], 0) for r in refs])
    return Rows(met.dim + (at <= met.dim)) if isinstance(met, Rows) else met


def _index(site: _Site) -> Fate:
    """`x[:, [0, 1]]`, `table[row_values]` and `x[arange(B), row_values]` keep rows; all else is mixed."""
    fate, shape = site.fate("self"), site.shape("self")
    indices = cast(tuple[Arg, ...], site.args["indices"])
    used = [(at, site.known[item.id], site.type_of(item)) for at, item in enumerate(indices) if isinstance(item, Ref)]
    if any(kind.dtype != "int" for _, _, kind in used) or not used:
        return MIXED
    positions = [at for at, _, _ in used]
    if positions != list(range(positions[0], positions[-1] + 1)):
        return MIXED
    first, rank = positions[0], max(len(kind.shape) for _, _, kind in used)
    if fate is EVEN and not any(is_batch(shape[at]) for at in positions):
        met = _meet([(f, rank - len(kind.shape)) for _, f, kind in used])
        return Rows(met.dim + first) if isinstance(met, Rows) else met
    if not isinstance(fate, Rows):
        return MIXED
    if fate.dim not in positions:
        if any(f is not EVEN or any(is_batch(s) for s in kind.shape) for _, f, kind in used):
            return MIXED
        return Rows(fate.dim + (rank - len(positions) if fate.dim > first else 0))
    return _index_by_row(fate, used, first, rank)


def _index_by_row(fate: Rows, used: Sequence[tuple[int, Fate, Type]], first: int, rank: int) -> Fate:
    """`x[arange(B), k]`: the index of the row dimension counts the rows, the others go along with it."""
    for at, known, kind in used:
        if at == fate.dim:
            if known is not COUNT or rank != 1:
                return MIXED
        elif not (known is EVEN or (known == Rows(0) and len(kind.shape) == rank)):
            return MIXED
    return Rows(first)


def _gather(site: _Site) -> Fate:
    fate, shape = site.fate("self"), site.shape("self")
    at = site.dim("dim", len(shape))
    if is_batch(shape[at]):
        return MIXED
    index_shape = site.shape("index")
    if site.node.op == "index_select":
        return fate if site.fate("index") is EVEN and not any(is_batch(s) for s in index_shape) else MIXED
    met = _meet([(fate, 0), (site.fate("index"), 0)])
    return met if not isinstance(met, Rows) or index_shape[met.dim] == BatchDim(1) else MIXED


def _matmul(site: _Site) -> Fate:
    names = [p.name for p in TABLE[site.node.op].params]
    left, right = (site.fate(n) for n in names)
    if COUNT in (left, right):
        return MIXED
    if site.node.op == "bmm":
        inner = any(isinstance(f, Rows) and f.dim == d for f, d in ((left, 2), (right, 1)))
        if inner or is_batch(site.shape(names[0])[2]):
            return MIXED
        met = [f for f in (left, right) if isinstance(f, Rows)]
        return (
            EVEN if not met else (met[0] if len(set(met)) == 1 and met[0].dim == 0 else _one_sided(site, left, right))
        )
    if is_batch(site.shape(names[0])[-1]):
        return MIXED
    return _one_sided(site, left, right)


def _one_sided(site: _Site, left: Fate, right: Fate) -> Fate:
    """A product where the rows are the free dimension of one side and the other side is even."""
    rank = len(site.out_shape)
    if left is EVEN and right is EVEN:
        return EVEN
    if isinstance(left, Rows) and right is EVEN and left.dim < rank and left.dim == max(rank - 2, 0):
        return left
    if isinstance(right, Rows) and left is EVEN and right.dim == rank - 1 and site.node.op != "mv":
        return right
    return MIXED


def _pad(site: _Site) -> Fate:
    fate, rank = site.fate("self"), len(site.shape("self"))
    pads = cast(tuple[Arg, ...], site.args["pad"])
    touched = {rank - 1 - i // 2 for i, p in enumerate(pads) if p != 0}
    if isinstance(fate, Rows):
        return MIXED if fate.dim in touched else fate
    return fate if fate is EVEN and not any(is_batch(site.shape("self")[d]) for d in touched) else MIXED


def _write(site: _Site) -> Fate:
    """A slice of `self` replaced by `src`: the rows of both must be the same rows."""
    shape = site.shape("self")
    at = site.dim("dim", len(shape))
    if is_batch(shape[at]):
        whole = site.node.op == "slice_scatter" and site.shape("src") == shape and site.args["step"] == 1
        return _meet([(site.fate("src"), 0)]) if whole else MIXED
    if site.node.op.startswith("scatter."):
        parts = [site.fate("self"), site.fate("index"), site.fate("src") if "src" in site.args else EVEN]
        met = _meet([(part, 0) for part in parts])
        return met if not isinstance(met, Rows) or site.shape("index")[met.dim] == BatchDim(1) else MIXED
    src = site.fate("src")
    if site.node.op == "select_scatter" and isinstance(src, Rows):
        src = Rows(src.dim + (at <= src.dim))
    return _meet([(site.fate("self"), 0), (src, 0)])


def _rows_rule(site: _Site) -> Fate:
    """`arange`: row numbers where it runs from 0 to B by 1, a constant where B is not in it."""
    if not any(isinstance(a, BatchDim) for a in site.node.args):
        return EVEN
    plain = site.args.get("start", 0) == 0 and site.args.get("step", 1) == 1
    return COUNT if plain and site.args["end"] == BatchDim(1) and site.types[site.value][0].dtype == "int" else MIXED


def _factory(site: _Site) -> Fate:
    return EVEN


_RULES: dict[str, Callable[[_Site], Fate]] = {
    "pointwise": _pointwise,
    "reduce": _reduce,
    "along": _along,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "permute": _permute,
    "transpose": _transpose,
    "select": _select,
    "slice": _slice,
    "view": _view,
    "expand": _expand,
    "repeat": _repeat,
    "join": _join,
    "stack": _stack,
    "index": _index,
    "gather": _gather,
    "matmul": _matmul,
    "pad": _pad,
    "write": _write,
    "factory": _factory,
    "rows": _rows_rule,
    "like": _factory,
    "const": _factory,
}
