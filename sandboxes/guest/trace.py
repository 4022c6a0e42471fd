"""Trace: record the ATen operations of a candidate at two batch sizes, and tell the batch apart.

A dispatch mode sees every operation below autograd; `functionalize` turns views and in-place writes into plain
operations first. Both records must be the same program; a number that differs between them must be the batch.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import torch
from torch.func import functionalize
from torch.utils._python_dispatch import TorchDispatchMode

from guest.refusal import CANDIDATE, Refused

Function = Callable[[torch.Tensor, torch.Tensor], Any]
Params = dict[str, list[str]]
"""For each allowed operation the ATen names of the arguments that the graph keeps. The host sends it."""

BATCHES = (7, 13)
"""Two primes: what is 7 once and 13 once is the batch, whatever else is 7."""
MAX_NODES = 4096
MAX_CONSTANT = 65_536
MAX_ELEMENTS = 4_000_000
"""Most elements of any value, at the tracer's batch sizes."""

_DTYPES = {torch.float32: "float", torch.int64: "int", torch.bool: "bool"}
_READS_VALUE = ("_local_scalar_dense", "item", "is_nonzero", "equal")
_RANDOM = (
    "rand",
    "randn",
    "randint",
    "bernoulli",
    "dropout",
    "multinomial",
    "normal",
    "uniform",
    "randperm",
    "native_dropout",
)
_DATA_SHAPED = ("nonzero", "masked_select", "unique", "unique_dim", "_unique2", "repeat_interleave")
_SIMPLER = "write it with simpler operations: arithmetic, comparisons, torch.where, reductions over dim=1"
_INSTEAD = {
    "index_put": "use torch.where(mask, a, b), or write one column at a time: x[:, i] = value",
    "scatter_add": "multiply by a one-hot and sum: (F.one_hot(index, n) * source.unsqueeze(-1)).sum(dim=1)",
    "index_add": "add column by column: x[:, i] += y[:, j]",
    "linalg_svd": "compute with products and norms",
    "cummax": "take the maximum of slices in a loop",
    "searchsorted": "sum comparisons: (x.unsqueeze(-1) > edges).sum(-1)",
    "lift": "torch.tensor takes numbers only; join tensors with torch.stack",
}
"""What to write instead of an operation that a facade function leads to."""
_BRANCH = "a branch or a number depends on the data; use torch.where(condition, a, b) for every row"


class _Recorder(TorchDispatchMode):
    """Writes down one run."""

    def __init__(self, inputs: tuple[torch.Tensor, ...], params: Params) -> None:
        super().__init__()
        self._params = params
        self._known: dict[int, tuple[int, int]] = {id(t): (i, 0) for i, t in enumerate(inputs)}
        self._alive: list[Any] = list(inputs)
        self._constants = 0
        self.nodes: list[dict[str, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        name = _name_of(func)
        line = _candidate_line()
        _check_kind(name, func, line)
        out = func(*args, **(kwargs or {}))
        _check_size(name, out, line)
        if name in ("lift_fresh", "lift_fresh_copy") or (name == "detach" and id(args[0]) not in self._known):
            return self._remember_constant(out, line)
        self._add(name, func, args, kwargs or {}, out, line)
        return out

    def _add(self, name: str, func: Any, args: Any, kwargs: dict[str, Any], out: Any, line: int | None) -> None:  # noqa: ANN401
        if name not in self._params:
            raise Refused(
                "trace",
                "operation",
                f"the operation {name} is not allowed; {_INSTEAD.get(_packet(name), _SIMPLER)}",
                line,
            )
        if len(self.nodes) >= MAX_NODES:
            raise Refused("limit", "too-many-nodes", f"more than {MAX_NODES} operations; use fewer loops", line)
        given = _by_name(func, args, kwargs)
        kept = self._params[name]
        for key, value in given.items():
            if key not in kept and not _is_default(func, key, value):
                raise Refused("trace", "argument", f"{name}: the argument {key} is not allowed", line)
        encoded = [self.encode(given[key], line) for key in kept]
        self.nodes.append({"op": name, "args": encoded, "line": line})
        self._remember(out, len(self.nodes) + 1)

    def _remember(self, out: Any, value: int) -> None:  # noqa: ANN401
        for index, tensor in enumerate(out if isinstance(out, list | tuple) else (out,)):
            self._known[id(tensor)] = (value, index)
            self._alive.append(tensor)

    def _remember_constant(self, tensor: torch.Tensor, line: int | None) -> torch.Tensor:
        self._constant(tensor, line)
        return tensor

    def _constant(self, tensor: torch.Tensor, line: int | None) -> None:
        """A tensor that no recorded operation made: its data goes into the graph."""
        self._constants += tensor.numel()
        if self._constants > MAX_CONSTANT:
            raise Refused("limit", "too-large", f"constants of more than {MAX_CONSTANT} numbers", line)
        flat = tensor.detach()
        if flat.dtype is torch.float64 and flat.dim() == 0:
            flat = flat.to(torch.float32)
        if flat.dtype not in _DTYPES:
            raise Refused(
                "trace", "dtype", f"{flat.dtype} is not allowed; use torch.float32, torch.int64 or torch.bool", line
            )
        values = [_number(v, line) for v in flat.reshape(-1).tolist()]
        data = {"is": "data", "dtype": _DTYPES[flat.dtype], "shape": list(flat.shape), "values": values}
        self.nodes.append({"op": "const", "args": [data], "line": line})
        self._remember(tensor, len(self.nodes) + 1)

    def encode(self, value: Any, line: int | None) -> Any:  # noqa: ANN401
        """An argument as JSON: references for tensors, names for element types."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self._known:
                self._constant(value, line)
            node, out = self._known[id(value)]
            return {"is": "value", "id": node, "out": out}
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float):
            return _number(value, line)
        if isinstance(value, torch.dtype):
            if value not in _DTYPES:
                raise Refused(
                    "trace", "dtype", f"{value} is not allowed; use torch.float32, torch.int64 or torch.bool", line
                )
            return _DTYPES[value]
        if isinstance(value, list | tuple):
            return [self.encode(item, line) for item in value]
        raise Refused("trace", "argument", f"an argument of type {type(value).__name__} is not allowed", line)


def trace(
    function: Function,
    n_agents: int,
    state_size: int,
    params: Params,
    rows: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
) -> dict[str, Any]:
    """The candidate's graph as JSON.

    Args:
        function: the candidate.
        n_agents, state_size: N and S.
        params: the op table, as the host sent it.
        rows: makes inputs with a given number of rows.

    Raises:
        Refused: with the line of the candidate's source where it is known.
    """
    small, large = (_record(function, params, rows(count)) for count in BATCHES)
    if len(small[0]) != len(large[0]):
        raise Refused(
            "trace", "batch-loop", "the operations depend on the number of rows; never loop over the batch dimension"
        )
    nodes = [_merge_nodes(a, b) for a, b in zip(small[0], large[0], strict=True)]
    if small[1] != large[1]:
        raise Refused("trace", "batch-loop", "the result depends on the number of rows")
    return {"n_agents": n_agents, "state_size": state_size, "nodes": nodes, "output": small[1], "version": 1}


def _record(
    function: Function, params: Params, inputs: tuple[torch.Tensor, torch.Tensor]
) -> tuple[list[dict[str, Any]], Any]:
    recorder = _Recorder(inputs, params)
    with torch.no_grad(), recorder:
        out = functionalize(function)(*inputs)
    if type(out) is not torch.Tensor:
        raise Refused(
            "trace",
            "output-type",
            f"the function returns a {type(out).__name__}; it must return a tensor of shape [B, 1]",
        )
    if out.dtype is not torch.float32:
        raise Refused("trace", "output-type", f"the function returns {out.dtype}; it must return float32")
    rows = inputs[0].shape[0]
    if tuple(out.shape) != (rows, 1):
        shape = ", ".join("B" if size == rows else str(size) for size in out.shape)
        raise Refused(
            "trace",
            "output-shape",
            f"the function returns shape [{shape}]; it must return [B, 1], one Q_tot a row (keepdim=True)",
        )
    return recorder.nodes, recorder.encode(out, None)


def _merge_nodes(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    if small["op"] != large["op"]:
        raise Refused(
            "trace",
            "batch-loop",
            "the operations depend on the number of rows; never loop over the batch dimension",
            small["line"],
        )
    args = [_merge(a, b, small["line"]) for a, b in zip(small["args"], large["args"], strict=True)]
    return {"op": small["op"], "args": args, "line": small["line"]}


def _merge(small: Any, large: Any, line: int | None) -> Any:  # noqa: ANN401
    """One argument from its two records: the same, or a multiple of the batch."""
    if isinstance(small, dict) or isinstance(large, dict):
        if json.dumps(small) == json.dumps(large):  # as text: 1, 1.0 and True are three things
            return small
    elif type(small) is type(large) and not isinstance(small, list) and repr(small) == repr(large):
        return small
    if isinstance(small, list) and isinstance(large, list) and len(small) == len(large):
        return [_merge(a, b, line) for a, b in zip(small, large, strict=True)]
    if type(small) is int and type(large) is int:
        factor, rest = divmod(small, BATCHES[0])
        if rest == 0 and factor > 0 and large == factor * BATCHES[1]:
            return {"is": "batch", "factor": factor}
    raise Refused(
        "trace",
        "batch-size",
        "a number depends on the number of rows; a row's result must not depend on the batch size",
        line,
    )


def _check_size(name: str, out: Any, line: int | None) -> None:  # noqa: ANN401
    """Broadcasting, `outer`, `repeat` and the like make much from little."""
    for tensor in out if isinstance(out, list | tuple) else (out,):
        if isinstance(tensor, torch.Tensor) and tensor.numel() > MAX_ELEMENTS:
            raise Refused(
                "limit",
                "memory-limit",
                f"{name} makes a tensor of {tensor.numel()} elements; at most {MAX_ELEMENTS} are allowed",
                line,
            )


def _name_of(func: Any) -> str:  # noqa: ANN401
    """`sum.dim_IntList`, and `abs` for `abs.default`."""
    packet, overload = func._schema.name.split("::")[-1], func._overloadname
    return packet if overload == "default" else f"{packet}.{overload}"


def _check_kind(name: str, func: Any, line: int | None) -> None:  # noqa: ANN401
    packet = name.partition(".")[0]
    if func.namespace != "aten":
        raise Refused("trace", "operation", f"the operation {func.namespace}.{name} is not allowed", line)
    if packet in _READS_VALUE:
        raise Refused("trace", "data-dependent-branch", _BRANCH, line)
    if packet in _RANDOM:
        raise Refused("trace", "random", "random numbers are not allowed; a credit function is deterministic", line)
    if packet in _DATA_SHAPED:
        raise Refused(
            "trace",
            "data-dependent",
            f"{packet} has a shape that depends on the data; use torch.where(condition, a, b)",
            line,
        )
    if func._schema.is_mutable:
        code, text = (
            ("writes-input", "a view of an input is written to; work on a clone: x = x.clone()")
            if packet == "copy_"
            else ("operation", f"{packet} writes in place")
        )
        raise Refused("trace", code, text, line)


def _packet(name: str) -> str:
    return name.partition(".")[0]


def _by_name(func: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Every argument of the call by its ATen name, defaults filled in."""
    given: dict[str, Any] = {}
    for index, argument in enumerate(func._schema.arguments):
        if index < len(args):
            given[argument.name] = args[index]
        else:
            given[argument.name] = kwargs.get(argument.name, argument.default_value)
    return given


def _is_default(func: Any, key: str, value: Any) -> bool:  # noqa: ANN401
    """Whether an argument that the graph does not keep has no effect here."""
    if key in ("device", "layout", "pin_memory", "memory_format", "non_blocking", "implicit"):
        return True
    return any(a.name == key and a.default_value == value for a in func._schema.arguments)


def _number(value: bool | int | float, line: int | None) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise Refused("trace", "nan", "a constant is not a number", line)
        return {"is": "float", "value": "inf" if value > 0 else "-inf"}
    return value


def _candidate_line() -> int | None:
    """The line of the candidate's source that is being run."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename == CANDIDATE:
            return frame.f_lineno
        frame = frame.f_back
    return None
