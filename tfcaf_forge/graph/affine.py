"""How each value depends on the local Q-values: not at all, affinely for a fixed state, or otherwise.

Where Q_tot is affine in them, the coefficient is the credit, and it is a function of the state alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import cast

from tfcaf_forge.graph.opgraph import Arg, Data, Node, OpGraph, Ref, Special
from tfcaf_forge.graph.ops import TABLE


class Dependence(IntEnum):
    """How a value depends on local_q for a fixed state; larger is less known."""

    NONE = 0
    AFFINE = 1
    OTHER = 2


_OF_TRUTH = (
    "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and",
    "bitwise_or", "bitwise_xor", "bitwise_not", "isnan", "isinf", "any", "all", "argmax", "argmin",
)  # fmt: skip
"""Operations (without overload) that make truth values or integers, whatever they are given."""
_OF_SELF = (
    "copy", "select_scatter", "slice_scatter", "scatter", "masked_fill", "constant_pad_nd", "index", "gather",
    "index_select", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full", "hardtanh",
    "nan_to_num", "mm", "bmm", "mv", "dot",
)  # fmt: skip
"""Operations whose result has the element type of `self`, whatever is written into it."""
_WITH_PLACES = ("max.dim", "min.dim", "sort", "topk")
"""Operations whose second output is an integer."""


def dependences(graph: OpGraph) -> list[Dependence]:
    """The dependence of every value (all outputs of a node share one).

    An integer or a truth value that depends on local_q does so in steps: never affinely.
    """
    known = [Dependence.AFFINE, Dependence.NONE]
    for node, is_float in zip(graph.nodes, makes_float(graph)[2:], strict=True):
        found = _dependence(node, known)
        known.append(found if is_float or found is Dependence.NONE else Dependence.OTHER)
    return known


def makes_float(graph: OpGraph) -> list[bool]:
    """Which values (the first outputs of nodes) are surely of type float, as torch promotes types; without torch."""
    floats = [True, True]
    for node in graph.nodes:
        floats.append(_makes_float(graph, node, floats))
    return floats


def _makes_float(graph: OpGraph, node: Node, floats: Sequence[bool]) -> bool:
    """Whether a node's first output is, given what is known of its arguments."""

    def is_float(arg: Arg) -> bool:
        if not isinstance(arg, Ref):
            return isinstance(arg, float | Special)
        made = graph.node_of(arg)
        return floats[arg.id] and not (made is not None and arg.out == 1 and made.op in _WITH_PLACES)

    args, packet = node.named(), node.op.partition(".")[0]
    if packet == "const":
        return cast(Data, args["data"]).dtype == "float"
    if args.get("dtype") is not None:
        return args["dtype"] == "float"
    if packet in _OF_TRUTH:
        return False
    if packet in _OF_SELF:
        return is_float(args["self"])
    if packet in ("zeros", "ones", "eye", "linspace"):
        return True
    if packet in ("full", "scalar_tensor"):
        return is_float(args["fill_value" if packet == "full" else "s"])
    return node.op == "div.Tensor" or any(is_float(arg) for arg in (*node.refs(), *args.values()))


def is_affine(graph: OpGraph) -> bool:
    """Whether Q_tot is affine in local_q for every state."""
    return dependences(graph)[graph.output.id] is not Dependence.OTHER


def _dependence(node: Node, known: Sequence[Dependence]) -> Dependence:
    refs = list(node.refs())
    worst = max((known[ref.id] for ref in refs), default=Dependence.NONE)
    op = TABLE[node.op]
    if worst is Dependence.NONE or op.batch in ("factory", "like", "rows", "const"):
        return Dependence.NONE
    if worst is Dependence.OTHER:
        return Dependence.OTHER
    by_name = {name: known[arg.id] for name, arg in node.named().items() if isinstance(arg, Ref)}
    return worst if _keeps_affine(node.op, by_name, refs, known) else Dependence.OTHER


def _keeps_affine(name: str, by_name: dict[str, Dependence], refs: Sequence[Ref], known: Sequence[Dependence]) -> bool:
    """Whether the output is affine, given that every argument is at most affine."""
    rule = TABLE[name].linear
    if name == "_to_copy":
        return False  # casts to float of a float vanish in practice
    if rule == "joint":
        return True
    if rule == "bilinear":
        return sum(known[ref.id] is not Dependence.NONE for ref in refs) <= 1
    if rule == "first":
        return all(known[ref.id] is Dependence.NONE for ref in refs[1:]) and by_name.get("self") is not None
    if rule == "where":
        return by_name["condition"] is Dependence.NONE
    if rule == "fill":
        return all(by_name.get(part, Dependence.NONE) is Dependence.NONE for part in ("mask", "index"))
    return rule == "write"
