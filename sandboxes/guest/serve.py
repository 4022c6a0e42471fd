"""Serve: the warm process. It loads torch once and forks a child for each candidate.

It never reads what a candidate's child writes: it passes the bytes on, at most so many, within a time limit.
"""

from __future__ import annotations

import base64
import gc
import json
import struct
import sys
from typing import Any

import torch

from guest import candidate, child, wire
from guest.house import House, enter
from guest.selftest import Findings, examine_layers
from guest.sentinels import plant

LANGUAGE_LAYERS = ("screen", "restrictedpython", "facade", "trace")
_LIMITS = {"wall_seconds": 30.0, "cpu_seconds": 30, "memory_bytes": 1 << 30}
_HONEST = (
    "def tfcaf(local_q, state):\n"
    "    w = torch.softmax(state[:, 0:1] + torch.zeros(state.shape[0], local_q.shape[1]), dim=1)\n"
    "    w[:, 0] += torch.where(state[:, 0] > 0, state[:, 0].abs(), torch.tensor(0.5))\n"
    "    return torch.einsum('bn,bn->b', local_q, w).unsqueeze(1) + w.max(dim=1, keepdim=True)[0]\n"
)
_PLACE = ("device", "layout", "memory_format", "pin_memory")
_HOSTILE = "import os\ndef tfcaf(local_q, state):\n    return os.environ\n"


class _EveryOperation(dict[str, list[str]]):
    """An op table that allows everything, for the functions of this module; the host's comes with each request."""

    def __contains__(self, name: object) -> bool:
        """Every name."""
        return True

    def __missing__(self, name: str) -> list[str]:
        """Every argument but those that say where a tensor lies."""
        packet, _, overload = name.partition(".")
        schema = getattr(getattr(torch.ops.aten, packet), overload or "default")._schema
        return [argument.name for argument in schema.arguments if argument.name not in _PLACE]


def serve(
    source: int,
    sink: int,
    *,
    examine: child.Examine = candidate.examine,
    marker: tuple[bytes, bytes] | None = None,
    walls: bool = True,
    thorough: bool = False,
) -> None:
    """Answer requests until the stream ends.

    Args:
        source, sink: descriptors to read requests from and to write answers to.
        examine: what a candidate's process does with a request.
        marker: see `sentinels.plant`.
        walls: whether to build any around this process; a container has its own.
        thorough: a self-test that takes seconds.
    """
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False  # its JIT wants executable memory
    _warm_up()
    gc.collect()
    gc.freeze()
    planted = plant(marker)
    house = enter(walls=walls)
    try:
        found = examine_layers(house, planted, source, walls=walls, thorough=thorough)
        planted.close()
        wire.write_frame(sink, _hello(found, _language(house, found, source)))
        _answer(house, found, source, sink, examine)
    except (child.HostGone, BrokenPipeError, ConnectionError):
        return


def _answer(house: House, found: Findings, source: int, sink: int, examine: child.Examine) -> None:
    while True:
        request = wire.read_frame(source)
        if request is None:
            return
        body, fate = child.run(house, found.plan, request, examine, source)
        wire.write_frame(sink, {"id": request.get("id"), "fate": fate})
        wire.write_raw(sink, body)


def _hello(found: Findings, language: dict[str, str]) -> dict[str, Any]:
    inner = [name for name in LANGUAGE_LAYERS if name not in language]
    return {
        "protocol": 1,
        "python": sys.version.split()[0],
        "torch": str(torch.__version__),
        "layers": [*inner, *found.held],
        "missing": {**language, **found.missing},
        "attempts": found.attempts,
    }


def _language(house: House, found: Findings, host: int) -> dict[str, str]:
    """Under all layers an honest function must still pass and a hostile one be refused; what is not so, by layer."""
    wanted = {"trace": (_HONEST, "traced"), "screen": (_HOSTILE, "rejected")}
    missing: dict[str, str] = {}
    for layer, (text, status) in wanted.items():
        body, fate = child.run(house, found.plan, {**_request(text), "limits": _LIMITS}, candidate.examine, host)
        said = json.loads(body) if fate == "answered" else {"status": fate}
        found.attempts[f"{layer}: {'an honest function' if status == 'traced' else 'import os'}"] = said["status"]
        if said["status"] != status:
            missing[layer] = f"expected {status}, got {json.dumps(said)[:300]}; please report this"
    return missing


def _request(text: str) -> dict[str, Any]:
    probe = {"local_q": _ones(4), "state": _ones(6)}
    return {"source": text, "n_agents": 2, "state_size": 3, "ops": _EveryOperation(), "probes": [probe]}


def _ones(count: int) -> str:
    return base64.b64encode(struct.pack(f"<{count}f", *[1.0] * count)).decode()


def _warm_up() -> None:
    """Every lazy import and error path once, before any candidate: nothing can be imported once the root is empty."""
    for text in (_HONEST, _HOSTILE):
        candidate.examine(_request(text))
