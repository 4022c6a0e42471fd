"""Pack: many small equal operations become one wide one.

Models write loops over agents and foods, and a trace of a loop is the same few operations again and again on one
column of the state each. Operations of one kind at one depth of the graph, none of which can depend on another, are
computed side by side along dimension 1:

    sub(s[:, 0], s[:, 6])                  a = s[:, [0, 3, 0, 3]]
    sub(s[:, 3], s[:, 6])       becomes    b = s[:, [6, 6, 9, 9]]
    sub(s[:, 0], s[:, 9])                  sub(a, b)
    sub(s[:, 3], s[:, 9])

Only values that do not depend on local_q are packed, and only operations whose float result is exact or correctly
rounded, so that it does not matter where in memory an element lies: values stay what they were, to the bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from tfcaf_forge.graph.affine import Dependence, dependences
from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Data, Node, OpGraph, Ref, Type

Types = Sequence[tuple[Type, ...]]

EXACT = frozenset({
    "add.Tensor", "sub.Tensor", "rsub.Scalar", "mul.Tensor", "div.Tensor", "abs", "neg", "relu", "clamp", "clamp_min",
    "clamp_max", "maximum", "minimum", "where.self", "_to_copy", "logical_and", "logical_or", "logical_not",
    "bitwise_and.Tensor", "bitwise_or.Tensor", "bitwise_not", "floor", "ceil", "sign",
    *(f"{name}.{kind}" for name in ("eq", "ne", "lt", "le", "gt", "ge") for kind in ("Scalar", "Tensor")),
})  # fmt: skip
"""Pointwise operations that give each element the same bits wherever it lies."""
_FEWEST = 2


@dataclass(frozen=True)
class _Lane:
    """Element `index` along dimension 1 of a packed value."""

    pack: Ref
    index: int


@dataclass
class _Packer:
    """The new graph as far as it is written, and where each old value went."""

    old: OpGraph
    types: Types
    nodes: list[Node] = field(default_factory=list[Node])
    kinds: list[tuple[Type, ...]] = field(default_factory=list[tuple[Type, ...]])
    target: dict[Ref, Ref | _Lane] = field(default_factory=lambda: dict[Ref, Ref | _Lane]())

    def add(self, node: Node, *kinds: Type) -> Ref:
        self.nodes.append(node)
        self.kinds.append(kinds)
        return Ref(len(self.nodes) + FIRST_NODE - 1)

    def plain(self, ref: Ref) -> Ref:
        """An old value as a value of its own."""
        found = self.target[ref]
        if isinstance(found, Ref):
            return found
        made = self.add(Node("select.int", (found.pack, 1, found.index)), self.types[ref.id][ref.out])
        self.target[ref] = made
        return made

    def source(self, ref: Ref) -> tuple[Ref, int] | None:
        """The value that a value is one place of along dimension 1, and the place."""
        found = self.target[ref]
        if isinstance(found, _Lane):
            return found.pack, found.index
        node = self.nodes[found.id - FIRST_NODE] if found.id >= FIRST_NODE else None
        if node is None or node.op != "select.int" or node.args[1] != 1:
            return None
        of, index = cast(Ref, node.args[0]), cast(int, node.args[2])
        size = self.type(of).shape[1]
        return (of, index % size) if isinstance(size, int) else None

    def type(self, ref: Ref) -> Type:
        """The type of a new value."""
        return self.kinds[ref.id - FIRST_NODE][ref.out] if ref.id >= FIRST_NODE else self.types[ref.id][0]


def pack(graph: OpGraph, types: Types) -> OpGraph:
    """The graph with equal operations side by side, wherever that saves some.

    Args:
        graph, types: a canonical graph and the types of its values.
    """
    packer = _Packer(graph, types, target={Ref(0): Ref(0), Ref(1): Ref(1)})
    readers = _readers(graph)
    for indices in _by_depth(graph):
        for group in _groups(graph, types, indices):
            if len(group) < _FEWEST or not _pays(packer, group, readers):
                for index in group:
                    _keep(packer, index)
            else:
                _packed(packer, group)
    output = packer.plain(graph.output)
    return OpGraph(graph.n_agents, graph.state_size, tuple(packer.nodes), output, graph.version)


def _keep(packer: _Packer, index: int) -> None:
    """A node as it is; a stack of places of one packed value is that value, or some places of it."""
    node, kinds = packer.old.nodes[index], packer.types[index + FIRST_NODE]
    value = index + FIRST_NODE
    if node.op == "stack" and node.args[1] == 1:
        places = _places(packer, cast(tuple[Ref, ...], node.args[0]))
        if places is not None:
            packer.target[Ref(value)] = _picked(packer, *places)
            return
    made = packer.add(node.with_refs({ref: packer.plain(ref) for ref in node.refs()}), *kinds)
    for out in range(len(kinds)):
        packer.target[Ref(value, out)] = Ref(made.id, out)


def _packed(packer: _Packer, group: list[int]) -> None:
    """One node for a group of equal ones."""
    nodes = [packer.old.nodes[index] for index in group]
    args = list(nodes[0].args)
    for at, arg in enumerate(args):
        if isinstance(arg, Ref):
            args[at] = _together(packer, [cast(Ref, node.args[at]) for node in nodes])
    kind = packer.types[group[0] + FIRST_NODE][0]
    wide = Type(kind.dtype, (kind.shape[0], len(group), *kind.shape[1:]))
    made = packer.add(Node(nodes[0].op, tuple(args), nodes[0].line), wide)
    for lane, index in enumerate(group):
        packer.target[Ref(index + FIRST_NODE)] = _Lane(made, lane)


def _together(packer: _Packer, refs: list[Ref]) -> Ref:
    """Some old values side by side along dimension 1."""
    kind = packer.types[refs[0].id][refs[0].out]
    if len(set(refs)) == 1:
        one = packer.plain(refs[0])
        if _is_number(kind):
            return one
        return packer.add(Node("unsqueeze", (one, 1)), Type(kind.dtype, (kind.shape[0], 1, *kind.shape[1:])))
    places = _places(packer, refs)
    if places is not None:
        return _viewed(packer, *places) or _picked(packer, *places)
    wide = Type(kind.dtype, (kind.shape[0], len(refs), *kind.shape[1:]))
    return packer.add(Node("stack", (tuple(packer.plain(ref) for ref in refs), 1)), wide)


def _places(packer: _Packer, refs: Sequence[Ref]) -> tuple[Ref, list[int]] | None:
    """The one value that all of these are places of, and the places."""
    found = [packer.source(ref) for ref in refs]
    known = [part for part in found if part is not None]
    if len(known) < len(found) or len({part[0] for part in known}) != 1:
        return None
    return known[0][0], [part[1] for part in known]


def _picked(packer: _Packer, source: Ref, places: list[int]) -> Ref:
    """Some places of a value along dimension 1, in memory of their own unless they are all of it."""
    kind = packer.type(source)
    if places == list(range(cast(int, kind.shape[1]))):
        return source
    data = Data("int", (len(places),), tuple(places))
    known = packer.add(Node("const", (data,)), Type("int", (len(places),)))
    wide = Type(kind.dtype, (kind.shape[0], len(places), *kind.shape[2:]))
    return packer.add(Node("index_select", (source, 1, known)), wide)


def _viewed(packer: _Packer, source: Ref, places: list[int]) -> Ref | None:
    """Places at equal steps as a slice, without a copy; only for readers that do not mind where an element lies."""
    step = places[1] - places[0]
    if step <= 0 or places != list(range(places[0], places[-1] + 1, step)):
        return None
    kind = packer.type(source)
    if len(places) == kind.shape[1]:
        return source
    wide = Type(kind.dtype, (kind.shape[0], len(places), *kind.shape[2:]))
    return packer.add(Node("slice.Tensor", (source, 1, places[0], places[-1] + 1, step)), wide)


def _is_number(kind: Type) -> bool:
    """One element, whatever the batch."""
    return all(size == 1 for size in kind.shape)


def _pays(packer: _Packer, group: list[int], readers: dict[Ref, list[int]]) -> bool:
    """Whether fewer operations are left: the wide one, what brings its operands together, and what takes it apart."""
    nodes = [packer.old.nodes[index] for index in group]
    cost = 1
    for at, arg in enumerate(nodes[0].args):
        if isinstance(arg, Ref):
            cost += _price(packer, [cast(Ref, node.args[at]) for node in nodes])
    apart = [i for i in group if any(not _takes_lanes(packer.old.nodes[r]) for r in readers[Ref(i + FIRST_NODE)])]
    return cost + len(apart) < len(group) + _columns_saved(packer, group, readers)


def _columns_saved(packer: _Packer, group: list[int], readers: dict[Ref, list[int]]) -> int:
    """How many selections of one place nobody else reads: they go, too."""
    operands = {ref for index in group for ref in packer.old.nodes[index].refs()}
    alone = [ref for ref in operands if set(readers[ref]) <= set(group) and isinstance(packer.target[ref], Ref)]
    return sum((node := packer.old.node_of(ref)) is not None and node.op == "select.int" for ref in alone)


def _price(packer: _Packer, refs: list[Ref]) -> int:
    if len(set(refs)) == 1:
        return int(not _is_number(packer.types[refs[0].id][refs[0].out]))
    places = _places(packer, refs)
    if places is None:
        return 1 + sum(isinstance(packer.target[ref], _Lane) for ref in refs)
    return int(places[1] != list(range(cast(int, packer.type(places[0]).shape[1]))))


def _takes_lanes(node: Node) -> bool:
    """Whether a reader is likely to take a packed value as it is."""
    return node.op in EXACT or (node.op == "stack" and node.args[1] == 1)


def _readers(graph: OpGraph) -> dict[Ref, list[int]]:
    found: dict[Ref, list[int]] = defaultdict(list)
    for index, node in enumerate(graph.nodes):
        for ref in node.refs():
            found[ref].append(index)
    return found


def _by_depth(graph: OpGraph) -> list[list[int]]:
    """The nodes by the length of the longest way to them from an input: what is equally deep is independent."""
    depth = [0, 0]
    levels: dict[int, list[int]] = defaultdict(list)
    for index, node in enumerate(graph.nodes):
        depth.append(1 + max((depth[ref.id] for ref in node.refs()), default=0))
        levels[depth[-1]].append(index)
    return [levels[k] for k in sorted(levels)]


def _groups(graph: OpGraph, types: Types, indices: list[int]) -> list[list[int]]:
    """Nodes that do the same to values of the same types; alone, where a node may not be packed."""
    depends = dependences(graph)
    groups: dict[bytes | int, list[int]] = defaultdict(list)
    for index in indices:
        node = graph.nodes[index]
        fits = depends[index + FIRST_NODE] is Dependence.NONE and _fits(node, types, index)
        groups[_key(node, types) if fits else index].append(index)
    return list(groups.values())


def _key(node: Node, types: Types) -> bytes:
    """What has to be equal: the operation, its numbers, its operands' types, and operands of one element."""

    def said(arg: Arg) -> object:
        if not isinstance(arg, Ref):
            return arg
        kind = types[arg.id][arg.out]
        return (kind, arg) if _is_number(kind) else kind

    args = [said(arg) for arg in node.args]
    return msgspec.json.encode((node.op, [repr(arg) for arg in args]))


def _fits(node: Node, types: Types, index: int) -> bool:
    """Whether a node is pointwise and exact, on values of its own rank with the batch in front."""
    kinds = types[index + FIRST_NODE]
    shape = kinds[0].shape
    if node.op not in EXACT or len(kinds) != 1 or not _leads(kinds[0]):
        return False
    if node.op in ("add.Tensor", "sub.Tensor") and node.args[2] != 1:
        return False
    operands = [types[ref.id][ref.out] for ref in node.refs()]
    wide = [kind for kind in operands if not (_is_number(kind) and len(kind.shape) <= len(shape))]
    return bool(wide) and all(len(kind.shape) == len(shape) and _leads(kind) for kind in wide)


def _leads(kind: Type) -> bool:
    """[B, …] with one batch dimension, the first."""
    return (
        bool(kind.shape) and kind.shape[0] == BatchDim(1) and not any(isinstance(s, BatchDim) for s in kind.shape[1:])
    )
