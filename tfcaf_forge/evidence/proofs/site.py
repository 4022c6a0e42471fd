"""A run of the abstract interpreter: the values so far, and a node with what is known about its arguments.

The batch dimension holds *cells*: boxes of the domain, one a row. A graph that keeps rows apart (`rows.py`
makes sure of it) can be run on many cells at once, with numpy broadcasting doing what torch's does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec
import numpy as np

from tfcaf_forge.evidence.proofs.domains import Mask, Val, as_float, constant, raw
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, Node, OpGraph, Ref, Special, Type, is_batch

Types = Sequence[tuple[Type, ...]]


@dataclass
class Run:
    """The abstract values of one pass over a graph.

    Attributes:
        cells: number of rows.
        values: for each value its outputs; an empty tuple where the output does not need it.
        same: each value's first equal: nodes with the same operation and the same arguments are one.
        broken: cells in which an operation may raise (an index out of range, an integer division by zero).
        broken_at: the first such node.
        origins: nodes that may make a NaN or an infinity out of finite arguments, in order.
        lost: nodes whose rule gave up; their outputs are unknown.
        rules: the rule of every operation.
        orders: what `relations` has found out so far.
    """

    graph: OpGraph
    types: Types
    cells: int
    values: list[tuple[Val, ...]]
    same: list[int]
    broken: Mask
    broken_at: int | None = None
    origins: list[int] = field(default_factory=list[int])
    lost: list[int] = field(default_factory=list[int])
    rules: Mapping[str, Rule] = field(default_factory=dict[str, "Rule"])
    orders: dict[tuple[Ref, Ref], Mask] = field(default_factory=dict[tuple[Ref, Ref], Mask])

    def value(self, ref: Ref) -> Val:
        """The abstract value that a reference points to."""
        return self.values[ref.id][ref.out]

    def type_of(self, ref: Ref) -> Type:
        """Its type."""
        return self.types[ref.id][ref.out]

    def shape(self, kind: Type) -> tuple[int, ...]:
        """The sizes of a type, with one row a cell."""
        return tuple(self.cells if is_batch(s) else cast(int, s) for s in kind.shape)

    def node_of(self, ref: Ref) -> Node | None:
        """The node that makes a value."""
        return self.graph.node_of(ref)

    def first(self, ref: Ref) -> Ref:
        """The first value that is computed in the same way."""
        return Ref(self.same[ref.id], ref.out)

    def per_cell(self, mask: Mask, kind: Type) -> Mask:
        """Whether a mask over a value's elements holds anywhere in each cell, [cells]."""
        batch = [i for i, s in enumerate(kind.shape) if is_batch(s)]
        full = np.broadcast_to(mask, self.shape(kind))
        if not batch:
            return np.full(self.cells, bool(full.any()))
        return np.asarray(full.any(axis=tuple(i for i in range(full.ndim) if i != batch[0])), np.bool_)

    def fail(self, node: int, mask: Mask, kind: Type) -> None:
        """Note that a node may raise where the mask holds."""
        if mask.any():
            self.broken = self.broken | self.per_cell(mask, kind)
            self.broken_at = node if self.broken_at is None else self.broken_at


@dataclass
class Site:
    """A node in a run."""

    run: Run
    node: Node
    index: int
    replaced: dict[Ref, Val] = field(default_factory=dict[Ref, Val])
    depth: int = 0

    @property
    def op(self) -> str:
        """Name of the operation."""
        return self.node.op

    def arg(self, name: str) -> Arg:
        """An argument as it stands in the graph."""
        return self.node.arg(name)

    def has(self, name: str) -> bool:
        """Whether the operation has such a parameter."""
        return self.node.has(name)

    def at(self, ref: Ref) -> Val:
        """A value, as refined for this evaluation."""
        if self.replaced:
            found = self.replaced.get(self.run.first(ref))
            if found is not None:
                return found
        return self.run.value(ref)

    def val(self, name: str) -> Val:
        """A tensor or number argument as it is."""
        arg = self.arg(name)
        return self.at(arg) if isinstance(arg, Ref) else number(arg)

    def flt(self, name: str) -> Val:
        """A tensor or number argument as float32."""
        arg = self.arg(name)
        if isinstance(arg, Ref):
            return as_float(self.at(arg), self.run.type_of(arg).dtype)
        return constant(np.asarray(plain(arg)))

    def same(self, left: str, right: str) -> bool:
        """Whether two arguments are one value."""
        a, b = self.arg(left), self.arg(right)
        return isinstance(a, Ref) and isinstance(b, Ref) and self.run.first(a) == self.run.first(b)

    def num(self, name: str) -> float:
        """A number argument."""
        return plain(self.arg(name))

    def int(self, name: str) -> int:
        """An integer argument."""
        return cast(int, self.arg(name))

    def ref(self, name: str) -> Ref:
        """A tensor argument's reference."""
        return cast(Ref, self.arg(name))

    def type(self, name: str) -> Type:
        """A tensor argument's type."""
        return self.run.type_of(self.ref(name))

    def dtype_of(self, name: str) -> str:
        """Element type of an argument; of a number, the one torch gives it."""
        arg = self.arg(name)
        if isinstance(arg, Ref):
            return self.run.type_of(arg).dtype
        return "bool" if isinstance(arg, bool) else "int" if isinstance(arg, int) else "float"

    def in_shape(self, name: str = "self") -> tuple[int, ...]:
        """Sizes of a tensor argument (of its refined value, where there is one)."""
        arg = self.arg(name)
        return self.run.shape(self.run.type_of(arg)) if isinstance(arg, Ref) else ()

    @property
    def kinds(self) -> tuple[Type, ...]:
        """Types of the outputs."""
        return self.run.types[self.index + FIRST_NODE]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the first output."""
        return self.run.shape(self.kinds[0])

    @property
    def dtype(self) -> str:
        """Element type of the first output."""
        return self.kinds[0].dtype

    @property
    def keepdim(self) -> bool:
        """Whether a reduction keeps its dimensions."""
        return self.has("keepdim") and bool(self.arg("keepdim"))

    def axis(self, name: str = "dim", rank: int | None = None) -> int:
        """One dimension, counted from the front."""
        rank = len(self.in_shape()) if rank is None else rank
        return self.int(name) % max(rank, 1)

    def axes(self, name: str = "dim") -> tuple[int, ...]:
        """The dimensions that an operation works along; all of them where none are named."""
        rank = len(self.in_shape())
        if not self.has(name):
            return tuple(range(rank))
        arg = self.arg(name)
        if arg is None or arg == ():
            return tuple(range(rank))
        listed = arg if isinstance(arg, tuple) else (arg,)
        return tuple(sorted({cast(int, d) % max(rank, 1) for d in listed} & set(range(rank))))

    def count(self, axes: tuple[int, ...]) -> int:
        """How many elements of `self` meet along the axes."""
        return math.prod(self.in_shape()[a] for a in axes)


Rule = Callable[[Site], tuple[Val, ...]]
"""The rule of an operation: its abstract outputs from its abstract arguments."""


def plain(arg: Arg) -> float:
    """A number argument as a Python float."""
    if isinstance(arg, Special):
        return float(arg.value)
    return float(cast(float, arg))


def number(arg: Arg) -> Val:
    """A number argument as an exact value: it is rounded when it meets a float tensor."""
    x = np.asarray(plain(arg))
    return raw(x, x, False, np.floor(x) == x)


def firsts(graph: OpGraph) -> list[int]:
    """For each value the first one that is computed by the same operation from the same values."""
    same = list(range(FIRST_NODE))
    seen: dict[bytes, int] = {}
    for index, node in enumerate(graph.nodes):
        moved = node.with_refs({r: Ref(same[r.id], r.out) for r in node.refs()})
        key = msgspec.json.encode((moved.op, moved.args))
        same.append(seen.setdefault(key, index + FIRST_NODE))
    return same


def needed(graph: OpGraph, extra: Sequence[int] = ()) -> list[bool]:
    """Which values the output (or a value in `extra`) reads."""
    keep = [False] * (len(graph.nodes) + FIRST_NODE)
    for value in (graph.output.id, *extra):
        keep[value] = True
    for index in reversed(range(len(graph.nodes))):
        if keep[index + FIRST_NODE]:
            for ref in graph.nodes[index].refs():
                keep[ref.id] = True
    return keep
