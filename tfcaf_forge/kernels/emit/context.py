"""What an emitter knows about the node that it turns into code: names, types, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Data, Node, Ref, Special, Type
from tfcaf_forge.graph.ops import INPUTS

_RANK = {"bool": 0, "int": 1, "float": 2}
_SLICE_END = 1 << 62


@dataclass
class Site:
    """One node of a graph, seen by its emitter.

    Attributes:
        node: the node.
        value: the value that it makes.
        types: of every value of the graph.
        xp: how the array module is called in the code: `np`, `jnp` or `torch`.
        helpers: names of helper functions that the code needs; emitters add to it.
    """

    node: Node
    value: int
    types: Sequence[tuple[Type, ...]]
    xp: str
    helpers: set[str] = field(default_factory=set[str])

    def arg(self, name: str) -> Arg:
        """An argument by its ATen name."""
        return self.node.arg(name)

    def has(self, name: str) -> bool:
        """Whether the operation keeps an argument of that name."""
        return self.node.has(name)

    def type_of(self, ref: Ref) -> Type:
        """Element type and sizes of a value."""
        return self.types[ref.id][ref.out]

    @property
    def made(self) -> tuple[Type, ...]:
        """Types of the node's outputs."""
        return self.types[self.value]

    @property
    def kind(self) -> str:
        """Element type of the first output."""
        return self.made[0].dtype

    def rank(self, name: str = "self") -> int:
        """Number of dimensions of a tensor argument."""
        return len(self.type_of(self.ref(name)).shape)

    def ref(self, name: str) -> Ref:
        """A tensor argument."""
        arg = self.arg(name)
        assert isinstance(arg, Ref)  # noqa: S101 - `verify` has checked the kinds
        return arg

    def integer(self, name: str) -> int:
        """An integer argument."""
        arg = self.arg(name)
        assert isinstance(arg, int)  # noqa: S101
        return arg

    def use(self, helper: str) -> str:
        """Ask for a helper function; returns its name."""
        self.helpers.add(helper)
        return helper

    def axis(self, name: str = "dim", of: str = "self", extra: int = 0) -> int:
        """A dimension, counted from the front."""
        return self.integer(name) % max(self.rank(of) + extra, 1)

    def axes(self, name: str = "dim") -> tuple[int, ...]:
        """Dimensions, counted from the front; all of them for None and ()."""
        arg = self.arg(name)
        rank = self.rank()
        given = arg if isinstance(arg, tuple) and arg else range(rank)
        return tuple(d % max(rank, 1) for d in given if isinstance(d, int))

    def plain(self, name: str) -> str:
        """An argument as it is: a value's name, or a number."""
        return text(self.arg(name))

    def cast(self, arg: Arg, kind: str) -> str:
        """A value or number as an element type; numbers take their partner's type by themselves."""
        if not isinstance(arg, Ref):
            return text(arg)
        name, found = text(arg), self.type_of(arg).dtype
        if found == kind:
            return name
        return f"({name} != 0)" if kind == "bool" else f"{name}.astype({self.dtype(kind)})"

    def common(self, *args: Arg) -> str:
        """The element type to which torch promotes its operands."""
        return max((self._kind(arg) for arg in args), key=_RANK.__getitem__)

    def _kind(self, arg: Arg) -> str:
        if isinstance(arg, Ref):
            return self.type_of(arg).dtype
        return "bool" if isinstance(arg, bool) else "int" if isinstance(arg, int) else "float"

    def dtype(self, kind: str | None = None) -> str:
        """An element type in the code; that of the first output if None."""
        return {"float": "dtype", "int": "int", "bool": "bool"}[kind or self.kind]

    def shape(self, out: int = 0) -> str:
        """The sizes of an output."""
        return sizes_text(self.made[out].shape)

    def index(self, axis: int, inner: str) -> str:
        """`:, :, inner`: an index into one dimension."""
        return ", ".join([":"] * axis + [inner])


Emitter = Callable[[Site], str]
"""From a node to an expression; for an operation with several outputs, to a tuple of them."""


def text(arg: Arg) -> str:
    """A value's name, or a number as Python writes it."""
    if isinstance(arg, Ref):
        name = INPUTS[arg.id] if arg.id < FIRST_NODE else f"v{arg.id - FIRST_NODE}"
        return name if arg.out == 0 else f"{name}_{arg.out}"
    if isinstance(arg, BatchDim):
        return "rows" if arg.factor == 1 else f"{arg.factor} * rows"
    if isinstance(arg, Special):
        return f'float("{arg.value}")'
    if isinstance(arg, tuple):
        return sizes_text(arg)
    return repr(arg)


def sizes_text(sizes: Sequence[Arg]) -> str:
    """`(rows, 2)`."""
    inner = ", ".join(text(size) for size in sizes)
    return f"({inner},)" if len(sizes) == 1 else f"({inner})"


def slice_text(start: Arg, end: Arg, step: Arg) -> str:
    """`1:4`, `::2`."""
    first = "" if start in (None, 0) else text(start)
    last = "" if end is None or (isinstance(end, int) and end >= _SLICE_END) else text(end)
    return f"{first}:{last}" + ("" if step in (None, 1) else f":{text(step)}")


def data_text(data: Data) -> str:
    """A constant as nested lists; floats with the digits that a float32 needs."""

    def one(value: object) -> str:
        if isinstance(value, Special):
            return f'float("{value.value}")'
        return str(np.float32(value)) if isinstance(value, float) and math.isfinite(value) else repr(value)

    def nest(values: Sequence[object], shape: tuple[int, ...]) -> str:
        if not shape:
            return one(values[0])
        width = math.prod(shape[1:])
        return "[" + ", ".join(nest(values[i * width : (i + 1) * width], shape[1:]) for i in range(shape[0])) + "]"

    return nest(data.values, data.shape)
