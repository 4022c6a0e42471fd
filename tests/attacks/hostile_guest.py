"""A guest that has fallen: it speaks the wire protocol and lies. Every case is one way to answer.

`run(case)` is what the generated `main.py` of a case calls. Nothing of the real guest is used.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

HELLO: dict[str, Any] = {"protocol": 1, "python": "3", "torch": "2", "layers": ["lies"], "missing": {}}
Answer = Callable[[socket.socket, dict[str, Any]], None]


def value(at: int, out: int = 0) -> dict[str, Any]:
    return {"is": "value", "id": at, "out": out}


def node(op: str, *args: Any) -> dict[str, Any]:
    return {"op": op, "args": list(args), "line": 1}


def honest(request: dict[str, Any]) -> dict[str, Any]:
    """The right answer for `local_q.sum(dim=1, keepdim=True)`."""
    eager = []
    for probe in request["probes"]:
        rows = len(base64.b64decode(probe["local_q"])) // 4 // request["n_agents"]
        numbers = struct.unpack(f"<{rows * request['n_agents']}f", base64.b64decode(probe["local_q"]))
        n = request["n_agents"]
        sums = [sum(numbers[i * n : (i + 1) * n]) for i in range(rows)]
        eager.append({"q_tot": floats(sums), "credit": floats([1.0] * rows * n)})
    nodes = [node("sum.dim_IntList", value(0), [1], True, None)]
    return {"status": "traced", "graph": graph(request, nodes, 2), "eager": eager}


def graph(request: dict[str, Any], nodes: list[dict[str, Any]], output: int) -> dict[str, Any]:
    sizes = {"n_agents": request["n_agents"], "state_size": request["state_size"]}
    return {**sizes, "nodes": nodes, "output": value(output), "version": 1}


def floats(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def as_json(message: Any) -> bytes:
    return json.dumps(message).encode()


def say(body: bytes, fate: str = "answered") -> Answer:
    """A well-formed reply, then these bytes as the candidate's."""

    def answer(wire: socket.socket, request: dict[str, Any]) -> None:
        wire.sendall(frame(as_json({"id": request["id"], "fate": fate})) + frame(body))

    return answer


def raw(data: bytes) -> Answer:
    """These bytes and nothing else."""
    return lambda wire, request: wire.sendall(data)


def changed(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Answer:
    """The honest answer with something changed."""

    def answer(wire: socket.socket, request: dict[str, Any]) -> None:
        message = honest(request)
        other = change(message, request)
        say(as_json(message if other is None else other))(wire, request)

    return answer


def nodes(*made: dict[str, Any], output: int | None = None) -> Answer:
    """The honest answer with other nodes."""

    def change(message: dict[str, Any], request: dict[str, Any]) -> None:
        message["graph"] = graph(request, list(made), len(made) + 1 if output is None else output)

    return changed(change)


def edit(path: list[Any], new: Any) -> Answer:
    """The honest answer with one place replaced."""

    def change(message: dict[str, Any], request: dict[str, Any]) -> None:
        at: Any = message
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = new

    return changed(change)


def text(replace: str, by: str) -> Answer:
    """The honest answer, its text edited: what `json.dumps` would not write."""

    def answer(wire: socket.socket, request: dict[str, Any]) -> None:
        body = json.dumps(honest(request))
        assert replace in body
        say(body.replace(replace, by).encode("utf-8", "surrogatepass"))(wire, request)

    return answer


def silent(wire: socket.socket, request: dict[str, Any]) -> None:
    time.sleep(60)


def half(wire: socket.socket, request: dict[str, Any]) -> None:
    body = as_json(honest(request))
    wire.sendall(frame(as_json({"id": request["id"], "fate": "answered"})) + frame(body)[: len(body) // 2])
    os._exit(0)


def half_and_wait(wire: socket.socket, request: dict[str, Any]) -> None:
    body = as_json(honest(request))
    wire.sendall(frame(as_json({"id": request["id"], "fate": "answered"})) + frame(body)[: len(body) // 2])
    time.sleep(60)


def drip(wire: socket.socket, request: dict[str, Any]) -> None:
    for byte in frame(as_json({"id": request["id"], "fate": "answered"})):
        wire.sendall(bytes([byte]))
        time.sleep(0.5)


def twice(wire: socket.socket, request: dict[str, Any]) -> None:
    for _ in range(2):
        say(as_json(honest(request)))(wire, request)


def wrong_id(wire: socket.socket, request: dict[str, Any]) -> None:
    wire.sendall(frame(as_json({"id": request["id"] + 1, "fate": "answered"})) + frame(as_json(honest(request))))


def late(wire: socket.socket, request: dict[str, Any]) -> None:
    time.sleep(6)
    say(as_json(honest(request)))(wire, request)


def leave(wire: socket.socket, request: dict[str, Any]) -> None:
    os._exit(1)


def leave_for_good(wire: socket.socket, request: dict[str, Any]) -> None:
    os.unlink(sys.argv[0])
    os._exit(1)


def die_once(wire: socket.socket, request: dict[str, Any]) -> None:
    """A signal the first time, an answer in the next warm process."""
    mark = sys.argv[0] + ".died"
    if os.path.exists(mark):
        say(as_json(honest(request)))(wire, request)
    else:
        os.close(os.open(mark, os.O_CREAT))
        say(b"", "died:31")(wire, request)


def no_frame(wire: socket.socket, request: dict[str, Any]) -> None:
    wire.sendall(frame(as_json({"id": request["id"], "fate": "answered"})))
    time.sleep(60)


def flood(wire: socket.socket, request: dict[str, Any]) -> None:
    while True:
        wire.sendall(b"\xff" * 65536)


BIG = 1 << 21
SUM = node("sum.dim_IntList", value(0), [1], True, None)


def const(dtype: str, shape: list[int], values: list[Any]) -> dict[str, Any]:
    return node("const", {"is": "data", "dtype": dtype, "shape": shape, "values": values})


B = {"is": "batch", "factor": 1}
CASES: dict[str, Answer] = {
    # frames
    "oversized-header": raw(struct.pack(">I", 0xFFFFFFFF)),
    "oversized-body": raw(struct.pack(">I", BIG) + b"a" * BIG),
    "flood": flood,
    "no-answer": silent,
    "reply-without-body": no_frame,
    "half-a-body-then-exit": half,
    "half-a-body-then-nothing": half_and_wait,
    "one-byte-at-a-time": drip,
    "late": late,
    "exit": leave,
    "exit-for-good": leave_for_good,
    "dies": say(b"", "died:31"),
    "two-answers": twice,
    "wrong-id": wrong_id,
    "empty-reply": raw(frame(b"")),
    "empty-body": say(b""),
    "reply-is-no-object": raw(frame(b"[]")),
    "reply-is-no-json": raw(frame(b"\x80\x04K\x01.")),
    "reply-with-extra-key": raw(frame(as_json({"id": 1, "fate": "answered", "extra": 1}))),
    "reply-without-fate": raw(frame(as_json({"id": 1}))),
    "reply-id-is-text": raw(frame(as_json({"id": "1", "fate": "answered"}))),
    "reply-id-is-huge": raw(frame(b'{"id": ' + b"9" * 500 + b', "fate": "answered"}')),
    "fate-is-huge": say(b"{}", "died:" + "9" * 10_000),
    "fate-has-escapes": say(b"{}", "died:\x1b[2J\ud800"),
    # JSON
    "not-json": say(b"pickle.loads"),
    "a-pickle": say(b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94."),
    "not-utf-8": say(b'{"status": "\xff\xfe"}'),
    "a-list": say(b"[1, 2]"),
    "nan": say(b'{"status": NaN}'),
    "infinity": say(b'{"status": -Infinity}'),
    "overflow": say(b'{"status": 1e999}'),
    "huge-integer": say(b'{"status": ' + b"1" * 100_000 + b"}"),
    "huge-float": say(b'{"status": 0.' + b"1" * 100_000 + b"}"),
    "deep-list": say(b"[" * 100_000),
    "deep-object": say(b'{"a":' * 50_000),
    "deep-inside": say(b'{"status": "traced", "graph": ' + b"[" * 500 + b"]" * 500 + b"}"),
    "doubled-key": say(b'{"status": "rejected", "status": "traced"}'),
    "trailing-bytes": say(b'{"status": "traced"} {}'),
    "surrogate-key": say(b'{"status": "traced", "\\ud800": 1}'),
    "surrogate-message": say(
        b'{"status": "rejected", "stage": "run", "code": "\\udfff", "message": "\\ud800", "line": 1}'
    ),
    "escapes-in-message": say(
        b'{"status": "rejected", "stage": "\\u001b]0;x\\u0007", "code": "\\u202e", "message": "\\u001b[2J", "line": -5}'
    ),
    "huge-message": say(
        as_json({"status": "rejected", "stage": "run", "code": "x", "message": "a" * 900_000, "line": 1})
    ),
    "rejection-without-message": say(b'{"status": "rejected"}'),
    "line-is-huge": say(
        b'{"status": "rejected", "stage": "run", "code": "a", "message": "b", "line": 99999999999999999999}'
    ),
    "unknown-status": edit(["status"], "accepted"),
    "status-is-a-number": edit(["status"], 1),
    # the claim about the eager run
    "no-eager": edit(["eager"], []),
    "too-many-eager": changed(lambda message, request: message["eager"].extend(message["eager"])),
    "eager-is-not-base64": edit(["eager", 0, "q_tot"], "!!!!"),
    "eager-is-too-short": edit(["eager", 0, "q_tot"], ""),
    "eager-is-odd": edit(["eager", 0, "q_tot"], "AAA="),
    "eager-is-nan": edit(["eager", 0, "q_tot"], floats([float("nan")])),
    "eager-lies": edit(["eager", 0, "q_tot"], floats([1e30])),
    "credit-lies": edit(["eager", 0, "credit"], floats([-1.0, 1.0])),
    "eager-of-infinity": edit(["eager", 1, "q_tot"], floats([float("inf")] * 3)),
    # the graph
    "no-graph": edit(["graph"], None),
    "graph-of-others": edit(["graph", "n_agents"], 3),
    "graph-of-a-million-agents": edit(["graph", "n_agents"], 10**6),
    "negative-sizes": edit(["graph", "state_size"], -1),
    "other-version": edit(["graph", "version"], 2),
    "extra-field": edit(["graph", "code"], "import os"),
    "unknown-op": nodes(node("system", value(0))),
    "op-of-torch-outside-the-table": nodes(node("set_", value(0), value(1))),
    "random-op": nodes(node("rand", [B, 1])),
    "as-strided": nodes(node("as_strided", value(0), [B, 1], [1, 1], 10**6)),
    "empty-op": nodes(node("empty.memory_format", [B, 1])),
    "op-with-dunder": nodes(node("__class__.__init__", value(0))),
    "op-name-is-huge": nodes(node("a" * 500_000, value(0))),
    "op-is-a-number": edit(["graph", "nodes", 0, "op"], 7),
    "too-few-arguments": nodes(node("sum.dim_IntList", value(0))),
    "too-many-arguments": nodes(node("abs", value(0), value(0))),
    "argument-of-another-kind": nodes(node("abs", [1, 2])),
    "argument-is-text": nodes(node("abs", "local_q")),
    "dtype-outside": nodes(node("_to_copy", value(0), "complex")),
    "rounding-mode-outside": nodes(node("div.Tensor_mode", value(0), 1.0, "__class__")),
    "forward-reference": nodes(node("abs", value(3)), SUM),
    "self-reference": nodes(node("abs", value(2))),
    "negative-reference": nodes(node("abs", value(-1))),
    "huge-reference": nodes(node("abs", value(10**15))),
    "dangling-output": nodes(SUM, output=9),
    "negative-output": nodes(SUM, output=-3),
    "output-of-a-single-output": edit(["graph", "output", "out"], 5),
    "missing-second-output": nodes(node("abs", value(0, 1)), SUM),
    "output-is-an-input": nodes(output=0),
    "wrong-shape": nodes(node("abs", value(0))),
    "wrong-dtype": nodes(SUM, node("_to_copy", value(2), "int")),
    "fixed-batch": nodes(node("zeros", [16, 1], None)),
    "doubled-batch": nodes(node("zeros", [{"is": "batch", "factor": 2}, 1], None)),
    "shapes-do-not-match": nodes(node("add.Tensor", value(0), value(1), 1)),
    "too-many-nodes": nodes(*[node("abs", value(i and i + 1)) for i in range(5000)]),
    "many-small-nodes": nodes(*[node("abs", value(i and i + 1)) for i in range(2040)]),
    "work-bomb": nodes(
        node("zeros", [B, 60_000], None), *[node("abs", value(i + 2)) for i in range(1000)], SUM, output=1003
    ),
    "read-bomb": nodes(*[node("cat", [value(1)] * 500, 1) for _ in range(500)], SUM),
    "two-batch-dimensions-bomb": nodes(node("zeros", [B, B, 60_000], None), SUM),
    "many-batch-dimensions": nodes(node("zeros", [B] * 8, None), SUM),
    "wide-value": nodes(node("zeros", [B, 2_000_000_000], None), SUM),
    "overflowing-shape": nodes(node("zeros", [2**31, 2**31, 2**31, 2**31], None), SUM),
    "negative-shape": nodes(node("zeros", [-5, 1], None), SUM),
    "huge-batch-factor": nodes(node("zeros", [{"is": "batch", "factor": 10**9}], None), SUM),
    "zero-batch-factor": nodes(node("zeros", [{"is": "batch", "factor": 0}], None), SUM),
    "huge-expand": nodes(node("expand", value(0), [10**9, B, 2]), SUM),
    "huge-repeat": nodes(node("repeat", value(0), [10**6, 10**6]), SUM),
    "huge-pad": nodes(node("constant_pad_nd", value(0), [2**30, 2**30], 0.0), SUM),
    "huge-split": nodes(node("zeros", [60_000], None), node("split.Tensor", value(2), 1, 0), SUM),
    "zero-split": nodes(node("split.Tensor", value(0), 0, 1), SUM),
    "zero-step": nodes(node("slice.Tensor", value(0), 1, 0, 2, 0), SUM),
    "huge-topk": nodes(node("topk", value(0), 10**9, 1, True, True), SUM),
    "huge-dimension": nodes(node("sum.dim_IntList", value(0), [2**31], True, None)),
    "many-dimensions": nodes(node("sum.dim_IntList", value(0), [1] * 60, True, None)),
    "too-many-dimensions": nodes(*[node("unsqueeze", value(i and i + 1), 0) for i in range(200)], SUM),
    "endless-arange": nodes(node("arange.start_step", 0, 2**31, 1e-300, None), SUM),
    "zero-arange": nodes(node("arange.start_step", 0, 10, 0, None), SUM),
    "index-far-away": nodes(const("int", [1], [10**6]), node("index_select", value(0), 1, value(2))),
    "gather-far-away": nodes(
        const("int", [1, 1], [10**9]), node("expand", value(2), [B, 1]), node("gather", value(0), 1, value(3))
    ),
    "index-below-zero": nodes(const("int", [1], [-(2**62)]), node("index.Tensor", value(0), [None, value(2)])),
    "smallest-integer-divided": nodes(
        const("int", [1, 1], [-(2**63)]),
        const("int", [1, 1], [-1]),
        node("div.Tensor_mode", value(2), value(3), "trunc"),
        node("add.Tensor", SUM["args"][0], value(4), 1),
        node("sum.dim_IntList", value(5), [1], True, None),
    ),
    "smallest-integer-floor-divided": nodes(
        const("int", [1, 1], [-(2**63)]),
        node("floor_divide", value(2), -1),
        node("add.Tensor", value(0), value(3), 1),
        node("sum.dim_IntList", value(4), [1], True, None),
    ),
    "divided-by-integer-zero": nodes(
        const("int", [1, 1], [0]),
        node("floor_divide", value(2), value(2)),
        node("add.Tensor", value(0), value(3), 1),
        node("sum.dim_IntList", value(4), [1], True, None),
    ),
    "giant-constant": nodes(const("float", [70_000], [0.5] * 70_000), SUM),
    "constant-of-another-length": nodes(const("float", [3], [1.0]), SUM),
    "constant-of-another-type": nodes(const("float", [1], [True]), SUM),
    "constant-of-text": nodes(const("float", [1], ["1"]), SUM),
    "constant-of-another-dtype": nodes(const("object", [1], [1.0]), SUM),
    "constant-of-negative-shape": nodes(const("float", [-1, -1], [1.0]), SUM),
    "constant-of-overflowing-shape": nodes(const("float", [2**40, 0], []), SUM),
    "constant-with-nan": text("[1]", "[NaN]"),
    "special-of-another-value": nodes(node("full", [B, 1], {"is": "float", "value": "nan"}, None)),
    "special-of-code": nodes(node("full", [B, 1], {"is": "float", "value": "__import__('os')"}, None)),
    "tag-of-another-type": nodes(node("abs", {"is": "module", "id": 0})),
    "reference-in-a-size": nodes(node("zeros", [value(0)], None)),
    "nested-arguments": nodes(node("cat", [[value(0)]], 1)),
    "line-out-of-range": edit(["graph", "nodes", 0, "line"], 2**60),
    "line-below-zero": edit(["graph", "nodes", 0, "line"], -1),
    "booleans-as-integers": nodes(node("sum.dim_IntList", value(0), [True], True, None)),
    "another-function": nodes(SUM, node("mul.Tensor", value(2), -1.0)),
    "rows-exchanged": nodes(node("flip", value(0), [0]), node("sum.dim_IntList", value(2), [1], True, None)),
}
HARMLESS = {"honest": changed(lambda message, request: None), "two-answers": twice, "dies-once": die_once}


HELLOS: dict[str, bytes] = {
    "nothing": b"",
    "not-a-frame": b"hello",
    "oversized": struct.pack(">I", 1 << 30),
    "not-json": frame(b"hello"),
    "another-protocol": frame(as_json({**HELLO, "protocol": 2})),
    "huge-protocol": frame(as_json(HELLO).replace(b": 1,", b": " + b"1" * 400 + b",")),
    "layers-are-text": frame(as_json({**HELLO, "layers": "all"})),
    "extra-key": frame(as_json({**HELLO, "run": "me"})),
    "doubled-key": frame(b'{"protocol": 1, "protocol": 1}'),
    "deep": frame(b"[" * 10_000),
}


def run(case: str) -> None:
    """Be the guest of one case."""
    wire = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
    if case.startswith("hello-"):
        wire.sendall(HELLOS[case.removeprefix("hello-")])
        return
    wire.sendall(frame(as_json(HELLO)))
    if case == "never-reads":
        time.sleep(60)
    answers = {**CASES, **HARMLESS}
    while True:
        (length,) = struct.unpack(">I", wire.recv(4, socket.MSG_WAITALL) or os._exit(0))
        request = json.loads(wire.recv(length, socket.MSG_WAITALL))
        answers[request["source"] if case == "any" else case](wire, request)
