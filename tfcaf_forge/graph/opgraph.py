"""OpGraph: a straight-line program of table operations, as immutable data.

Value 0 is `local_q`, value 1 is `state`; node i makes value i + 2. A node refers only to earlier values, so a
graph cannot be cyclic. The output is one value, of shape [B, 1].
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tfcaf_forge.graph.ops import INPUTS, TABLE

FIRST_NODE = len(INPUTS)


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is"):
    """Base of the argument types that are not plain JSON scalars."""


class Ref(_Part, frozen=True, tag="value"):
    """A value: an input or a node's output.

    Attributes:
        id: 0 and 1 are the inputs, node i makes value i + 2.
        out: which output, for an operation with several (`max.dim`: values, indices).
    """

    id: int
    out: int = 0


class BatchDim(_Part, frozen=True, tag="batch"):
    """A size that is `factor` times the number of rows, B."""

    factor: int = 1


class Special(_Part, frozen=True, tag="float"):
    """A number that JSON cannot hold: `inf` or `-inf`."""

    value: str


class Data(_Part, frozen=True, tag="data"):
    """The elements of a constant, row by row.

    Attributes:
        dtype: `float`, `int` or `bool`.
        shape: sizes; never a multiple of the batch.
        values: numbers, or `Special`; as many as the shape says.
    """

    dtype: str
    shape: tuple[int, ...]
    values: tuple[bool | int | float | Special, ...]


Item = Ref | BatchDim | Special | bool | int | float | None
Arg = Ref | BatchDim | Special | Data | bool | int | float | str | None | tuple[Item, ...]


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation.

    Attributes:
        op: its name in `graph.ops.TABLE`.
        args: one argument for each of the operation's parameters, in order.
        line: the source line that the guest says it came from; shown, never trusted, not part of the digest.
    """

    op: str
    args: tuple[Arg, ...]
    line: int | None = None

    def arg(self, name: str) -> Arg:
        """An argument by its ATen name; KeyError where the operation keeps none of that name."""
        for param, arg in zip(TABLE[self.op].params, self.args, strict=True):
            if param.name == name:
                return arg
        raise KeyError(name)

    def has(self, name: str) -> bool:
        """Whether the operation keeps an argument of that name."""
        return any(param.name == name for param in TABLE[self.op].params)

    def named(self) -> dict[str, Arg]:
        """Every argument by its ATen name."""
        return dict(zip((param.name for param in TABLE[self.op].params), self.args, strict=True))

    def refs(self) -> Iterator[Ref]:
        """Every value that the node reads, in order."""
        for arg in self.args:
            if isinstance(arg, Ref):
                yield arg
            elif isinstance(arg, tuple):
                yield from (item for item in arg if isinstance(item, Ref))

    def with_refs(self, new: dict[Ref, Ref]) -> Node:
        """The same node reading other values."""

        def swap(arg: Arg) -> Arg:
            if isinstance(arg, Ref):
                return new[arg]
            if isinstance(arg, tuple):
                return tuple(new[item] if isinstance(item, Ref) else item for item in arg)
            return arg

        return Node(self.op, tuple(swap(arg) for arg in self.args), self.line)


class OpGraph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program from (local_q [B, N], state [B, S]) to Q_tot [B, 1].

    Attributes:
        n_agents, state_size: N and S.
        nodes: node i makes value i + 2.
        output: the value that is Q_tot.
        version: version of the op table's meaning.
    """

    n_agents: int
    state_size: int
    nodes: tuple[Node, ...]
    output: Ref
    version: int = 1

    def node_of(self, ref: Ref) -> Node | None:
        """The node that makes a value; None for an input."""
        return self.nodes[ref.id - FIRST_NODE] if ref.id >= FIRST_NODE else None


class Type(msgspec.Struct, frozen=True):
    """Element type and sizes of a value; a size is an integer or a multiple of the batch."""

    dtype: str
    shape: tuple[int | BatchDim, ...]

    def __str__(self) -> str:
        """`float[B, 2]`."""
        return f"{self.dtype}[{', '.join(size_text(size) for size in self.shape)}]"


def size_text(size: int | BatchDim) -> str:
    """`4`, `B` or `2B`."""
    if isinstance(size, BatchDim):
        return "B" if size.factor == 1 else f"{size.factor}B"
    return str(size)


def is_batch(size: int | BatchDim) -> bool:
    """Whether a size is a multiple of the number of rows."""
    return isinstance(size, BatchDim)
