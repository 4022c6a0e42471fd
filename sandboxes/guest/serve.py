"""Serve: the warm process. It loads torch once and forks a child for each candidate.

It never reads what a candidate's child writes: it passes the bytes on, at most so many, within a time limit.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from guest import candidate, child, warm, wire
from guest.house import House, enter
from guest.selftest import Findings, examine_layers
from guest.sentinels import plant

LANGUAGE_LAYERS = ("screen", "restrictedpython", "facade", "trace")
_LIMITS = {"wall_seconds": 30.0, "cpu_seconds": 30, "memory_bytes": 1 << 30}


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
    warm.prepare()
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
    wanted = {"trace": (warm.HONEST, "traced"), "screen": (warm.HOSTILE, "rejected")}
    missing: dict[str, str] = {}
    for layer, (text, status) in wanted.items():
        body, fate = child.run(house, found.plan, {**warm.request(text), "limits": _LIMITS}, candidate.examine, host)
        said = json.loads(body) if fate == "answered" else {"status": fate}
        found.attempts[f"{layer}: {'an honest function' if status == 'traced' else 'import os'}"] = said["status"]
        if said["status"] != status:
            missing[layer] = f"expected {status}, got {json.dumps(said)[:300]}; please report this"
    return missing
