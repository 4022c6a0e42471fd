"""What the host makes of bytes: never an exception, whatever they are."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.hostile_guest import graph, honest, node, value
from tfcaf_forge.graph.opgraph import OpGraph
from tfcaf_forge.graph.ops import TABLE
from tfcaf_forge.records.rejection import Rejection
from tfcaf_forge.sandbox.receive import Contract, receive
from tfcaf_forge.sandbox.wire import WireError, decode, probe

CONTRACT = Contract(n_agents=2, state_size=3)
PROBES = [(np.ones((rows, 2), np.float32), np.ones((rows, 3), np.float32)) for rows in (1, 3)]
REQUEST = {"n_agents": 2, "state_size": 3, "probes": [msgspec.to_builtins(probe(*pair)) for pair in PROBES]}

_numbers = st.one_of(
    st.sampled_from(
        [0, 1, -1, 2, 3, 64, -(2**63), 2**31, 2**31 + 1, 10**18, 0.0, -0.0, 1e-300, 1e300, True, False, None]
    ),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
)
_sizes = st.one_of(
    st.integers(-3, 70_000), st.fixed_dictionaries({"is": st.just("batch"), "factor": st.integers(-1, 2000)})
)
_refs = st.builds(value, st.integers(-1, 5), st.integers(0, 2))
_constants = st.fixed_dictionaries({
    "is": st.just("data"),
    "dtype": st.sampled_from(["float", "int", "bool", "complex"]),
    "shape": st.lists(st.integers(-1, 4), max_size=3),
    "values": st.lists(_numbers, max_size=8),
})  # fmt: skip
_BY_KIND = {
    "t": _refs, "t?": st.none() | _refs, "tl": st.lists(_refs, max_size=4), "tn": st.lists(st.none() | _refs, max_size=3),
    "v": _refs | _numbers, "n": _numbers, "n?": _numbers, "b": st.booleans(), "i": st.integers(-3, 4) | _numbers,
    "i?": st.none() | st.integers(-3, 70_000), "il": st.lists(st.integers(-3, 4), max_size=4),
    "il?": st.none() | st.lists(st.integers(-3, 4), max_size=4), "z": st.lists(_sizes, max_size=5),
    "e": st.none() | _sizes | _numbers, "d?": st.sampled_from([None, "float", "int", "bool", "half"]),
    "m?": st.sampled_from([None, "trunc", "floor", "ceil"]), "c": _constants,
}  # fmt: skip


@st.composite
def _graphs(draw: st.DrawFn) -> list[object]:
    """A few nodes of table operations with arguments of the right kinds and odd values."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        op = draw(st.sampled_from(sorted(TABLE)))
        made.append(node(op, *(draw(_BY_KIND[param.kind]) for param in TABLE[op].params)))
    return made


def told(message: object) -> OpGraph | Rejection:
    return receive(json.dumps(message).encode(), "answered", CONTRACT, PROBES)


def test_an_honest_answer_is_a_graph():
    assert isinstance(told(honest(REQUEST)), OpGraph)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(_graphs())
def test_no_graph_of_table_operations_raises_or_kills(nodes):
    message = {**honest(REQUEST), "graph": graph(REQUEST, nodes, len(nodes) + 1)}
    made = told(message)
    assert isinstance(made, OpGraph | Rejection)
    msgspec.json.encode(made)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(body):
    made = receive(body, "answered", CONTRACT, PROBES)
    assert isinstance(made, Rejection)
    assert made.message.isprintable()


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.recursive(
        _numbers | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_no_json_raises(message):
    made = told(message)
    assert isinstance(made, Rejection)
    msgspec.json.encode(made)


@pytest.mark.parametrize("fate", ["time-limit", "died:9", "died:" + "9" * 999, "", "answered ", "died:\x1b[2J"])
def test_any_other_end_is_a_rejection(fate):
    made = receive(b"", fate, CONTRACT, PROBES)
    assert isinstance(made, Rejection)
    assert made.message.isprintable()


def test_dividing_by_the_number_of_rows_says_so():
    size = {"is": "batch", "factor": 1}
    nodes = [node("sum.dim_IntList", value(0), [1], True, None), node("div.Tensor", value(2), size)]
    made = told({**honest(REQUEST), "graph": graph(REQUEST, nodes, 3)})
    assert isinstance(made, Rejection)
    assert (made.stage, made.code) == ("verify", "batch-size")
    assert "never over rows" in made.message


def test_half_a_character_is_refused_where_the_bytes_are_read():
    with pytest.raises(WireError, match="half a character"):
        decode(b'{"a": "\\ud800"}')
    assert decode(b'{"a": "\\ud83d\\ude00"}')["a"] == "\N{GRINNING FACE}"
