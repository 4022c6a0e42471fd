"""Serve: the warm process. It loads torch once and forks a child for each candidate.

It never reads what a candidate's child writes: it passes the bytes on, at most so many, within a time limit.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

from guest import candidate, child, warm, wire
from guest.guards import Guards
from guest.house import House, enter
from guest.policy import compile_candidate
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
        os.dup2(house.null_fd, 2)  # what it says from now on is nobody's to hear
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
    """Under all layers an honest function must still pass, and each layer of the language refuse what it is for.

    Returns:
        What is not so, by layer.
    """
    limits, missing = {"limits": _LIMITS}, dict[str, str]()
    for layer, what, wanted, act, request in (
        ("trace", "an honest function", "traced", candidate.examine, warm.request(warm.HONEST)),
        ("screen", "import os", "rejected", candidate.examine, warm.request(warm.HOSTILE)),
        ("restrictedpython", "compile local_q.__class__", "rejected", _compile_hostile, {}),
        ("facade", "reach torch.os", "rejected", _reach_hostile, {}),
    ):
        body, fate = child.run(house, found.plan, {**request, **limits}, act, host)
        said = json.loads(body) if fate == "answered" else {"status": fate}
        found.attempts[f"{layer}: {what}"] = said["status"]
        if said["status"] != wanted:
            missing[layer] = f"expected {wanted}, got {json.dumps(said)[:300]}; please report this"
    return missing


def _compile_hostile(request: dict[str, Any]) -> dict[str, Any]:
    """RestrictedPython without the screen before it."""
    del request
    return _refused(lambda: compile_candidate(ast.parse("def f(a, b):\n    return a.__class__\n")))


def _reach_hostile(request: dict[str, Any]) -> dict[str, Any]:
    """The facade without the screen and the compiler before it."""
    del request
    tensors = torch.ones(2, 2), torch.ones(2, 3)
    return _refused(lambda: Guards(tensors).namespace()["torch"].os)


def _refused(act: Callable[[], object]) -> dict[str, Any]:
    try:
        act()
    except Exception as fault:
        return {"status": "rejected", "reason": type(fault).__name__}
    return {"status": "not stopped"}
