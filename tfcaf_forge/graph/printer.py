"""A graph as text that an auditor can follow: one line a node, types and field names beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfcaf_forge.graph.opgraph import FIRST_NODE, Arg, BatchDim, Data, Node, OpGraph, Ref, Special, Type, size_text
from tfcaf_forge.graph.ops import INPUTS, TABLE

_SHOWN = 8
"""Numbers of a constant that are written out."""
_QUIET = {"dtype", "half_to_float"}
"""Arguments that are left out where they have their default."""


def to_text(graph: OpGraph, types: Sequence[tuple[Type, ...]], names: Sequence[str] = ()) -> str:
    """The graph as text.

    Args:
        graph: a verified graph.
        types: what `verify` returned for it.
        names: the state fields' names, [S]; a node that reads one field is annotated with its name.
    """
    head = f"(local_q {types[0][0]}, state {types[1][0]}) -> {_value(graph.output)} {types[graph.output.id][0]}"
    rows = [
        (_value(Ref(i + FIRST_NODE)), _call(node), _types(types[i + FIRST_NODE]), _note(graph, node, names))
        for i, node in enumerate(graph.nodes)
    ]
    left = max((len(row[0]) for row in rows), default=0)
    middle = min(max((len(row[1]) for row in rows), default=0), 64)
    right = max((len(row[2]) for row in rows), default=0)
    lines = [f"{a:<{left}} = {b:<{middle}}  {c:<{right}}  {d}".rstrip() for a, b, c, d in rows]
    return "\n".join([head, *lines]) + "\n"


def _value(ref: Ref) -> str:
    name = INPUTS[ref.id] if ref.id < FIRST_NODE else f"%{ref.id - FIRST_NODE}"
    return name if ref.out == 0 else f"{name}.{ref.out}"


def _call(node: Node) -> str:
    params = TABLE[node.op].params
    parts: list[str] = []
    for param, arg in zip(params, node.args, strict=True):
        if (param.name in _QUIET and not arg) or (param.name == "alpha" and arg == 1):
            continue
        plain = param.kind in ("t", "v", "tl", "c")
        parts.append(_arg(arg) if plain else f"{param.name}={_arg(arg)}")
    return f"{node.op}({', '.join(parts)})"


def _arg(arg: Arg) -> str:
    if isinstance(arg, Ref):
        return _value(arg)
    if isinstance(arg, BatchDim):
        return size_text(arg)
    if isinstance(arg, Special):
        return arg.value
    if isinstance(arg, Data):
        return _data(arg)
    if isinstance(arg, tuple):
        return f"[{', '.join(_arg(item) for item in arg)}]"
    if isinstance(arg, float):
        return f"{arg:.9g}"
    if isinstance(arg, int) and not isinstance(arg, bool) and arg >= 1 << 62:
        return "end"
    return str(arg)


def _data(data: Data) -> str:
    shown = ", ".join(_arg(value) for value in data.values[:_SHOWN])
    more = f", … {math.prod(data.shape)} in all" if len(data.values) > _SHOWN else ""
    return f"{shown}{more}" if not data.shape else f"[{shown}{more}]"


def _types(types: Sequence[Type]) -> str:
    return ", ".join(str(kind) for kind in types)


def _note(graph: OpGraph, node: Node, names: Sequence[str]) -> str:
    """The source line and, for a node that picks state fields, their names."""
    parts = [f"line {node.line}"] if node.line is not None else []
    picked = picked_fields(node, names)
    return "  ".join(["#", *picked, *parts]) if parts or picked else ""


def picked_fields(node: Node, names: Sequence[str]) -> list[str]:
    """Names of the state fields that a node picks out of the state; none for other nodes."""
    if not names or not node.args or node.args[0] != Ref(1):
        return []
    if node.op == "select.int" and node.args[1] in (1, -1) and isinstance(node.args[2], int):
        return [names[node.args[2]]]
    if node.op == "slice.Tensor" and node.args[1] in (1, -1):
        start, end, step = node.args[2], node.args[3], node.args[4]
        if (
            isinstance(step, int)
            and (start is None or isinstance(start, int))
            and (end is None or isinstance(end, int))
        ):
            chosen = list(names)[slice(start, end, step)]
            return [", ".join(chosen[:4]) + (", …" if len(chosen) > 4 else "")]
    return []
