"""One candidate, from source text to a message for the host. Runs in a process of its own."""

from __future__ import annotations

import base64
import struct
import warnings
from typing import Any

import torch

from guest.guards import Guards
from guest.policy import compile_candidate
from guest.refusal import Refused, line_of
from guest.screen import screen
from guest.trace import Params, trace

_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed", "numel overflow")
"""How torch says it; all of it are plain RuntimeErrors."""
_SHAPES = (
    "must match the size of tensor",
    "Dimension out of range",
    "is invalid for input of size",
    "shapes cannot be multiplied",
    "Sizes of tensors must match",
    "stack expects each tensor to be equal size",
    "must be broadcastable",
    "expanded size of the tensor",
)
"""How torch says that sizes do not fit."""

Inputs = tuple[torch.Tensor, torch.Tensor]


def examine(request: dict[str, Any]) -> dict[str, Any]:
    """Screen, compile, trace and evaluate a candidate.

    Args:
        request: `source`, `n_agents`, `state_size`, `ops` (the op table) and `probes` (inputs for the eager run).

    Returns:
        `{"status": "traced", "graph": …, "eager": […]}` or `{"status": "rejected", "stage": …, "code": …, …}`.
    """
    warnings.simplefilter("ignore")  # torch's warnings would import what a candidate's frame cannot
    try:
        return _examine(request)
    except Refused as refused:
        return _rejected(refused.stage, refused.code, refused.message, refused.line or line_of(refused))
    except (MemoryError, RecursionError) as fault:
        if isinstance(fault, MemoryError):
            return _rejected("limit", "memory-limit", "out of memory; a credit function needs far less", line_of(fault))
        return _rejected("limit", "recursion", "functions call each other too deeply; write a loop", line_of(fault))
    except AssertionError as fault:
        return _rejected("run", "assertion", "the assertion on this line does not hold; remove it", line_of(fault))
    except Exception as fault:
        text = _plain(fault)
        if any(sign in text for sign in _OUT_OF_MEMORY):
            text = "out of memory; a credit function needs far less"
            return _rejected("limit", "memory-limit", text, line_of(fault))
        if any(sign in text for sign in _SHAPES):
            sizes = f"local_q is [B, {request['n_agents']}] and state [B, {request['state_size']}], for any B"
            return _rejected("run", "shape", f"{text}; {sizes}", line_of(fault))
        return _rejected("run", "exception", text, line_of(fault))


def _examine(request: dict[str, Any]) -> dict[str, Any]:
    screened = screen(request["source"])
    code = compile_candidate(screened.tree)
    n_agents, state_size = int(request["n_agents"]), int(request["state_size"])
    params: Params = request["ops"]
    probes = [_probe(item, n_agents, state_size) for item in request["probes"]]
    pool = torch.cat([q for q, _ in probes]), torch.cat([s for _, s in probes])

    def function(local_q: torch.Tensor, state: torch.Tensor) -> Any:  # noqa: ANN401
        names = Guards((local_q, state)).namespace()
        exec(code, names)  # noqa: S102 - this is the sandbox: compiled by RestrictedPython, in a process that holds nothing
        return names[screened.main](local_q, state)

    graph = trace(function, n_agents, state_size, params, lambda rows: _rows(pool, rows))
    return {"status": "traced", "graph": graph, "eager": [_eager(function, *probe) for probe in probes]}


def _probe(item: dict[str, str], n_agents: int, state_size: int) -> Inputs:
    return _floats(item["local_q"]).reshape(-1, n_agents), _floats(item["state"]).reshape(-1, state_size)


def _rows(pool: Inputs, count: int) -> Inputs:
    """As many rows as asked, repeated from the probes."""
    pick = torch.arange(count) % pool[0].shape[0]
    return pool[0][pick].clone(), pool[1][pick].clone()


def _eager(function: Any, local_q: torch.Tensor, state: torch.Tensor) -> dict[str, Any]:  # noqa: ANN401
    """Value and gradient of the candidate itself on the host's inputs, without the tracer."""
    leaf = local_q.clone().requires_grad_(True)
    out = function(leaf, state.clone())
    if type(out) is not torch.Tensor or tuple(out.shape) != (local_q.shape[0], 1):
        raise Refused(
            "trace",
            "output-shape",
            f"the function returns another shape for {local_q.shape[0]} rows; it must return [B, 1]",
        )
    gradient = torch.zeros_like(local_q)
    if out.requires_grad:
        (gradient,) = torch.autograd.grad(out.sum(), leaf, allow_unused=True, materialize_grads=True)
    return {"q_tot": _text(out.detach()), "credit": _text(gradient)}


def _floats(text: str) -> torch.Tensor:
    data = base64.b64decode(text)
    return torch.tensor(struct.unpack(f"<{len(data) // 4}f", data), dtype=torch.float32)


def _text(tensor: torch.Tensor) -> str:
    values = tensor.to(torch.float32).reshape(-1).tolist()
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def _plain(fault: Exception) -> str:
    """An exception's first line, without addresses and control characters."""
    text = (str(fault).splitlines() or [""])[0][:300]
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return f"{type(fault).__name__}: {clean}" if clean else type(fault).__name__


def _rejected(stage: str, code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"status": "rejected", "stage": stage, "code": code, "message": message, "line": line}
