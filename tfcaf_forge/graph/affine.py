"""How each value depends on the local Q-values: not at all, affinely for a fixed state, or otherwise.

Where Q_tot is affine in them, the coefficient is the credit, and it is a function of the state alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from tfcaf_forge.graph.opgraph import Node, OpGraph, Ref
from tfcaf_forge.graph.ops import TABLE


class Dependence(IntEnum):
    """How a value depends on local_q for a fixed state; larger is less known."""

    NONE = 0
    AFFINE = 1
    OTHER = 2


def dependences(graph: OpGraph) -> list[Dependence]:
    """The dependence of every value (all outputs of a node share one)."""
    known = [Dependence.AFFINE, Dependence.NONE]
    for node in graph.nodes:
        known.append(_dependence(node, known))
    return known


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
        return False  # a cast to int is not affine; casts to float of a float vanish in practice
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
