from __future__ import annotations

import pytest

from tests.graph.examples import END, B, N, S, const
from tfcaf_forge.errors import GraphError
from tfcaf_forge.graph.opgraph import Arg, BatchDim, Data, Node, OpGraph, Ref, Special, Type
from tfcaf_forge.graph.verify import MAX_NODES, verify

SUM = Node("sum.dim_IntList", (Ref(0), (1,), True, None))


def graph(*nodes: Node, output: Ref | None = None) -> OpGraph:
    return OpGraph(N, S, nodes, output or Ref(len(nodes) + 1))


def refused(code: str, bad: OpGraph) -> GraphError:
    with pytest.raises(GraphError) as caught:
        verify(bad)
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_sum_of_local_q_is_accepted_with_its_types() -> None:
    assert verify(graph(SUM))[-1] == (Type("float", (BatchDim(1), 1)),)


def test_an_operation_outside_the_table_is_refused_with_its_node() -> None:
    assert refused("unknown-op", graph(Node("load_library", (Ref(0),)))).node == 0


@pytest.mark.parametrize(
    "name", ["empty", "rand", "from_file", "set_", "resize_", "as_strided", "add_.Tensor", "index_put_"]
)
def test_dangerous_operations_are_not_in_the_table(name: str) -> None:
    refused("unknown-op", graph(Node(name, (Ref(0),))))


@pytest.mark.parametrize("ref", [Ref(2), Ref(3), Ref(-1), Ref(10**9), Ref(0, 64), Ref(0, -1)])
def test_references_forward_to_itself_or_to_nothing_are_refused(ref: Ref) -> None:
    refused("dangling", graph(Node("neg", (ref,))))


def test_a_missing_second_output_is_refused() -> None:
    refused("dangling", graph(Node("neg", (Ref(0, 1),))))


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("neg", (None,)),
        ("neg", (1.0,)),
        ("sum.dim_IntList", (Ref(0), (True,), True, None)),
        ("sum.dim_IntList", (Ref(0), (1,), 1, None)),
        ("sum.dim_IntList", (Ref(0), (1,), True, "float64")),
        ("add.Tensor", (Ref(0), float("nan"), 1)),
        ("add.Tensor", (Ref(0), float("inf"), 1)),
        ("add.Tensor", (Ref(0), Special("nan"), 1)),
        ("add.Tensor", (Ref(0), 1 << 40, 1)),
        ("zeros", ((BatchDim(0), 1), None)),
        ("zeros", ((BatchDim(10**6), 1), None)),
        ("div.Tensor_mode", (Ref(0), 2.0, "ceil")),
        ("cat", ((), 1)),
        ("const", (Data("float", (2,), (1.0,)),)),
        ("const", (Data("float64", (1,), (1.0,)),)),
        ("const", (Data("int", (1,), (1.0,)),)),
        ("const", (Data("bool", (1,), (1,)),)),
        ("const", (Data("float", (1,), (float("nan"),)),)),
        ("const", (Data("float", (-1,), ()),)),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(op: str, args: tuple[Arg, ...]) -> None:
    refused("argument", graph(Node(op, args)))


def test_a_wrong_number_of_arguments_is_refused() -> None:
    refused("arguments", graph(Node("neg", (Ref(0), Ref(1)))))


def test_shapes_that_do_not_fit_are_refused_by_torch_itself() -> None:
    assert "refuses its inputs" in str(refused("operation", graph(Node("add.Tensor", (Ref(0), Ref(1), 1)))))


@pytest.mark.parametrize(
    "bad",
    [
        graph(Node("neg", (Ref(0),))),
        graph(Node("sum.dim_IntList", (Ref(0), (1,), False, None))),
        graph(Node("sum", (Ref(0), None))),
        graph(Node("argmax", (Ref(0), 1, True))),
        graph(Node("ones", ((3, 1), None))),
    ],
)
def test_another_output_than_one_number_a_row_is_refused(bad: OpGraph) -> None:
    refused("output-shape", bad)


def test_an_output_that_does_not_exist_is_refused() -> None:
    refused("dangling", graph(SUM, output=Ref(9)))


def test_squeeze_without_a_dimension_is_refused_since_it_drops_a_single_row() -> None:
    bad = graph(SUM, Node("squeeze", (Ref(2),)), Node("unsqueeze", (Ref(3), 1)))
    assert refused("batch-one", bad).node == 1


def test_a_size_that_is_no_multiple_of_the_batch_is_refused() -> None:
    refused("batch-size", graph(Node("slice.Tensor", (Ref(0), 0, 1, END, 1)), SUM))


def test_a_graph_of_too_many_nodes_is_refused_before_it_is_run() -> None:
    refused("too-many-nodes", graph(*(Node("neg", (Ref(0),)) for _ in range(MAX_NODES + 1))))


def test_constants_that_are_too_large_together_are_refused() -> None:
    big = const("float", (200, 200), *([0.0] * 40_000))
    refused("too-large", graph(big, big, SUM))


def test_a_value_that_is_too_wide_for_one_row_is_refused() -> None:
    refused("width", graph(Node("repeat", (Ref(0), (1, 100_000))), SUM))


@pytest.mark.parametrize("sizes", [(1 << 30, 1 << 30), (1 << 31, 1 << 31, 1 << 31)])
def test_sizes_that_overflow_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(GraphError):
        verify(graph(Node("zeros", (sizes, None)), SUM))


def test_another_version_is_refused() -> None:
    refused("version", OpGraph(N, S, (SUM,), Ref(2), version=2))


def test_batch_sized_factories_are_accepted() -> None:
    made = graph(
        Node("ones", ((B, N), None)),
        Node("mul.Tensor", (Ref(0), Ref(2))),
        Node("sum.dim_IntList", (Ref(3), (1,), True, None)),
    )
    assert verify(made)[2] == (Type("float", (BatchDim(1), N)),)
