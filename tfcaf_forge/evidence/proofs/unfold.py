"""Products of a batch of matrices with one matrix, written so that rows are seen to stay apart.

torch computes `x [B, k, m] @ w [m, p]` as view(x, [kB, m]), mm, view(., [B, k, p]): the rows are folded into the
first dimension and back. For the analysis the three nodes are read as

    unsqueeze(x, 3) [B, k, m, 1],   mul(., w) [B, k, m, p],   sum(., dim 2) [B, k, p]

which is the same sum of products. The rules for `mul` and `sum` cover every order of additions and fused products,
so what they bound includes what `mm` computes; and the gradients are the same sums, too.
"""

from __future__ import annotations

from collections import Counter

from tfcaf_forge.evidence.proofs.site import Types
from tfcaf_forge.graph.opgraph import FIRST_NODE, BatchDim, Node, OpGraph, Ref, Type

_VIEWS = ("view", "_unsafe_view")


def unfold(graph: OpGraph, types: Types) -> tuple[OpGraph, Types]:
    """The graph with such products written out; node for node, so that indices and lines stay."""
    readers = Counter(ref.id for node in graph.nodes for ref in node.refs())
    readers[graph.output.id] += 1
    nodes, kinds = list(graph.nodes), list(types)
    for last, node in enumerate(graph.nodes):
        chain = _chain(graph, types, node, last, readers)
        if chain is None:
            continue
        first, middle, source, matrix = chain
        b, k, p = types[last + FIRST_NODE][0].shape
        m = types[matrix.id][matrix.out].shape[0]
        folded, product = Ref(first + FIRST_NODE), Ref(middle + FIRST_NODE)
        nodes[first] = Node("unsqueeze", (source, 3), graph.nodes[first].line)
        nodes[middle] = Node("mul.Tensor", (folded, matrix), graph.nodes[middle].line)
        nodes[last] = Node("sum.dim_IntList", (product, (2,), False, None), node.line)
        kinds[folded.id] = (Type("float", (b, k, m, 1)),)
        kinds[product.id] = (Type("float", (b, k, m, p)),)
    return OpGraph(graph.n_agents, graph.state_size, tuple(nodes), graph.output, graph.version), tuple(kinds)


def _chain(
    graph: OpGraph, types: Types, node: Node, last: int, readers: Counter[int]
) -> tuple[int, int, Ref, Ref] | None:
    """Indices of the first view and of the product, the folded value and the matrix."""
    if node.op not in _VIEWS or not isinstance(node.args[0], Ref):
        return None
    product = node.args[0]
    mm = graph.node_of(product)
    if mm is None or mm.op != "mm" or readers[product.id] != 1:
        return None
    left, matrix = mm.args
    if not isinstance(left, Ref) or not isinstance(matrix, Ref) or readers[left.id] != 1:
        return None
    view = graph.node_of(left)
    if view is None or view.op not in _VIEWS or not isinstance(view.args[0], Ref):
        return None
    source = view.args[0]
    shapes = [types[ref.id][ref.out].shape for ref in (source, left, matrix)] + [types[last + FIRST_NODE][0].shape]
    all_float = all(types[ref.id][ref.out].dtype == "float" for ref in (source, left, matrix))
    if not all_float or not _fits(*shapes):
        return None
    return left.id - FIRST_NODE, product.id - FIRST_NODE, source, matrix


def _fits(
    source: tuple[int | BatchDim, ...],
    folded: tuple[int | BatchDim, ...],
    matrix: tuple[int | BatchDim, ...],
    result: tuple[int | BatchDim, ...],
) -> bool:
    """[B, k, m] -> [kB, m], by [m, p], -> [B, k, p]."""
    if len(source) != 3 or len(matrix) != 2 or len(result) != 3 or source[0] != BatchDim(1):
        return False
    _, k, m = source
    if not isinstance(k, int) or not isinstance(m, int) or not all(isinstance(s, int) for s in matrix):
        return False
    return folded == (BatchDim(k), m) and matrix[0] == m and result == (BatchDim(1), k, matrix[1])
