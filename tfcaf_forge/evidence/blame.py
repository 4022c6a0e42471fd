"""Blame: the source line that most likely causes a violation. A hint for people and models, never evidence.

The lines are the guest's claims, kept in the graph beside each node.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from tfcaf_forge.evidence.case import Case
from tfcaf_forge.evidence.proofs.rows import first_crossing
from tfcaf_forge.evidence.proofs.unfold import unfold
from tfcaf_forge.evidence.subject import FAULTS, Subject
from tfcaf_forge.graph.interpret import Values
from tfcaf_forge.graph.opgraph import FIRST_NODE, Data, Node, Ref, Special
from tfcaf_forge.graph.ops import TABLE

_SHAPE_ONLY = frozenset({"unsqueeze", "squeeze", "permute", "transpose", "select", "slice", "view", "expand"})
"""Batch rules of operations that move numbers and compute none."""


def blame(subject: Subject, property_id: str, case: Case) -> Node | None:
    """The operation to look at first, with its line; None where nothing points to one."""
    finder = _FINDERS.get(property_id)
    if finder is None:
        return None
    try:
        return finder(subject, case)
    except FAULTS:
        return None


def _non_finite(subject: Subject, case: Case) -> Node | None:
    """From the output towards the inputs, along values that are not finite, to the one that became so."""
    values = subject.program.values(torch.from_numpy(case.local_q), torch.from_numpy(case.state))
    ref = subject.graph.output
    if not _is_bad(values, ref):
        return None
    while (node := subject.graph.node_of(ref)) is not None:
        bad = (r for r in node.refs() if _is_bad(values, r) and not _on_purpose(subject, values, r))
        source = next(bad, None)
        if source is None:
            return node
        ref = source
    return None


def _on_purpose(subject: Subject, values: list[Values], ref: Ref) -> bool:
    """Whether somebody wrote the infinities of a value (a mask of -inf): then what becomes of them is to blame."""
    node = subject.graph.node_of(ref)
    if node is None or bool(torch.isnan(values[ref.id][ref.out]).any()):
        return False
    bad = [r for r in node.refs() if _is_bad(values, r)]
    written = [arg.values if isinstance(arg, Data) else (arg,) for arg in node.args]
    named = any(isinstance(item, Special) for items in written for item in items)
    return all(_on_purpose(subject, values, r) for r in bad) and (named or bool(bad))


def _is_bad(values: list[Values], ref: Ref) -> bool:
    value = values[ref.id][ref.out]
    return value.is_floating_point() and not bool(torch.isfinite(value).all())


def _non_finite_gradient(subject: Subject, case: Case) -> Node | None:
    """The node through which a finite gradient leaves as one that is not."""
    return _non_finite(subject, case) or _flip(subject, case, lambda g: not bool(torch.isfinite(g).all()))


def _negative(subject: Subject, case: Case) -> Node | None:
    """The node nearest to the output through which the gradient turns negative."""
    return _flip(subject, case, lambda g: bool((g < 0).any()))


def _flip(subject: Subject, case: Case, is_bad: Callable[[torch.Tensor], bool]) -> Node | None:
    """The node whose own gradient is good and whose argument's is bad.

    Walk back from the output; of the nodes that read local_q itself, whose gradient is a sum over all of them, the
    earliest is the best guess. Where only products of two values of local_q are left, it is what computed one of them.
    """
    grads, values = _gradients(subject, case)
    nodes = list(enumerate(subject.graph.nodes, start=FIRST_NODE))
    good = [node for value, node in nodes if (own := grads.get(Ref(value))) is not None and not is_bad(own)]
    inner = [(node, ref) for node in reversed(good) for ref in node.refs() if ref.id >= FIRST_NODE]
    outer = [(node, ref) for node in good for ref in node.refs() if ref.id < FIRST_NODE]
    products: list[Node] = []
    for node, ref in (*inner, *outer):
        if node.op == "mul.Tensor" and all(r in grads for r in node.refs()):
            products.append(node)  # of two values of local_q: neither is a weight, and the signs say nothing
        elif ref in grads and is_bad(grads[ref]):
            return _factor(subject, node, ref, values) or node
    made = (subject.graph.node_of(ref) for node in products for ref in node.refs())
    return next((node for node in made if node is not None and TABLE[node.op].batch not in _SHAPE_ONLY), None)


def _gradients(subject: Subject, case: Case) -> tuple[dict[Ref, torch.Tensor], list[Values]]:
    """∂(Σ q_tot)/∂v for every value v between local_q and the output."""
    with torch.enable_grad():
        q = torch.from_numpy(case.local_q).clone().requires_grad_(True)
        values = subject.program.values(q, torch.from_numpy(case.state))
        refs = [Ref(i, k) for i, outs in enumerate(values) for k, v in enumerate(outs) if v.requires_grad]
        out = values[subject.graph.output.id][subject.graph.output.out].sum()
        wanted = [values[r.id][r.out] for r in refs]
        found = torch.autograd.grad(out, wanted, allow_unused=True, materialize_grads=True)
    return dict(zip(refs, found, strict=True)), values


def _factor(subject: Subject, node: Node, turned: Ref, values: list[Values]) -> Node | None:
    """Where a product flips the sign, what computed the negative factor."""
    if node.op != "mul.Tensor":
        return None
    other = next((r for r in node.refs() if r != turned and bool((values[r.id][r.out] < 0).any())), None)
    while other is not None and (made := subject.graph.node_of(other)) is not None:
        if TABLE[made.op].batch not in _SHAPE_ONLY:
            return made
        other = next(made.refs(), None)
    return None


def _mixing(subject: Subject, case: Case) -> Node | None:
    """The first operation that may let rows meet, or that counts them."""
    index = first_crossing(*unfold(subject.graph, subject.types))
    return None if index is None else subject.graph.nodes[index]


_FINDERS: dict[str, Callable[[Subject, Case], Node | None]] = {
    "finite": _non_finite,
    "finite-gradient": _non_finite_gradient,
    "monotone": _negative,
    "igm": _negative,
    "batch-independent": _mixing,
}
