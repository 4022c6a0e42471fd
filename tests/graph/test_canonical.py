from __future__ import annotations

import torch

from tests.graph.examples import N, S, const
from tfcaf_forge.graph import codec
from tfcaf_forge.graph.canonical import canonical
from tfcaf_forge.graph.interpret import run
from tfcaf_forge.graph.opgraph import Arg, Node, OpGraph, Ref
from tfcaf_forge.graph.verify import verify

SUM: tuple[Arg, ...] = (Ref(2), (1,), True, None)


def canon(*nodes: Node) -> OpGraph:
    graph = OpGraph(N, S, nodes, Ref(len(nodes) + 1))
    made, types = canonical(graph, verify(graph))
    assert verify(made) == types
    return made


def test_dead_and_doubled_nodes_vanish_and_the_digest_is_that_of_the_short_form() -> None:
    plain = canon(Node("mul.Tensor", (Ref(0), 2.0)), Node("sum.dim_IntList", SUM))
    noisy = canon(
        Node("exp", (Ref(1),), 3),
        Node("mul.Tensor", (Ref(0), 2.0), 4),
        Node("mul.Tensor", (Ref(0), 2.0), 5),
        Node("clone", (Ref(4),), 6),
        Node("sum.dim_IntList", (Ref(5), (1,), True, None), 7),
    )
    assert len(noisy.nodes) == 2
    assert codec.digest(noisy) == codec.digest(plain)


def test_the_order_of_independent_lines_does_not_matter() -> None:
    def build(first: str, second: str) -> OpGraph:
        order = {first: Ref(2), second: Ref(3)}
        made = [Node(first, (Ref(0),)), Node(second, (Ref(0),))]
        joined = Node("add.Tensor", (order["neg"], order["relu"], 1))
        return canon(*made, joined, Node("sum.dim_IntList", (Ref(4), (1,), True, None)))

    assert codec.digest(build("neg", "relu")) == codec.digest(build("relu", "neg"))


def test_numbers_of_different_kind_or_sign_are_different_graphs() -> None:
    def scaled(value: float) -> str:
        return codec.digest(canon(Node("add.Tensor", (Ref(0), value, 1)), Node("sum.dim_IntList", SUM)))

    assert len({scaled(0.0), scaled(-0.0), scaled(0), scaled(1), scaled(1.0), scaled(True)}) == 6


def test_constants_of_different_kind_are_not_merged() -> None:
    made = canon(
        const("float", (1,), 1.0),
        const("int", (1,), 1),
        Node("add.Tensor", (Ref(0), Ref(2), 1)),
        Node("add.Tensor", (Ref(4), Ref(3), 1)),
        Node("sum.dim_IntList", (Ref(5), (1,), True, None)),
    )
    assert sum(node.op == "const" for node in made.nodes) == 2


def test_detach_stays_where_a_gradient_would_be_cut_and_goes_where_there_is_none() -> None:
    cut = canon(Node("detach", (Ref(0),)), Node("sum.dim_IntList", SUM))
    assert [node.op for node in cut.nodes] == ["detach", "sum.dim_IntList"]
    of_state = canon(
        Node("detach", (Ref(1),)),
        Node("slice.Tensor", (Ref(2), 1, 0, N, 1)),
        Node("mul.Tensor", (Ref(0), Ref(3))),
        Node("sum.dim_IntList", (Ref(4), (1,), True, None)),
    )
    assert "detach" not in [node.op for node in of_state.nodes]


def test_second_outputs_survive_merging() -> None:
    made = canon(
        Node("max.dim", (Ref(0), 1, True)),
        Node("max.dim", (Ref(0), 1, True)),
        Node("_to_copy", (Ref(3, 1), "float")),
        Node("add.Tensor", (Ref(2), Ref(4), 1)),
    )
    assert [node.op for node in made.nodes] == ["max.dim", "_to_copy", "add.Tensor"]
    local_q = torch.tensor([[1.0, 5.0, 2.0]])
    assert run(made, local_q, torch.zeros(1, S)).item() == 6.0


def test_a_canonical_graph_is_its_own_canonical_form() -> None:
    made = canon(Node("neg", (Ref(0),)), Node("clone", (Ref(2),)), Node("sum.dim_IntList", (Ref(3), (1,), True, None)))
    assert canonical(made, verify(made))[0] == made
