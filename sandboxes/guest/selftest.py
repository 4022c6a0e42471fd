"""Self-test: try on purpose what a candidate must not be able to do, and report what stopped it.

Every layer is tried by itself, without those that would hide its absence. A layer is in force only where all of its
own attempts were stopped; nothing is concluded from a call that said it worked.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from guest import child, confine
from guest.attempts import BUDGET, Attempt, attempts, outcome
from guest.house import WALLS, House
from guest.sentinels import Sentinels, segment

_LIMITS = {"memory_bytes": BUDGET, "cpu_seconds": 1, "wall_seconds": 10.0}
_DEADLINE = "deadline"
_STARTED_BY_THE_HOST = ("process", "environment")
_BUG = "please report this with the output of `forge sandbox doctor --json`"


@dataclass
class Findings:
    """What held.

    Attributes:
        plan: the child's layers, in the order to apply them.
        held: all layers in force, from the inside out.
        missing: by layer, why it is not in force and what to do.
        attempts: by layer and attempt, what stopped it.
    """

    plan: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict[str, str])
    attempts: dict[str, str] = field(default_factory=dict[str, str])


def examine_layers(
    house: House, planted: Sentinels, host: int, *, walls: bool = True, thorough: bool = False
) -> Findings:
    """Try every layer.

    Args:
        house: the walls around this process.
        planted: what stands outside of them.
        host: the descriptor on which the host is heard.
        walls: whether the house was to have any; a container tries its own.
        thorough: with the attempts that take seconds.

    Raises:
        HostGone: the host hung up.
    """
    found = Findings(missing=dict(house.missing))
    todo = attempts(planted, segment(), thorough=thorough)
    outer = (*_STARTED_BY_THE_HOST, *(WALLS if walls else ()))
    for name in (*outer, *confine.LAYERS):
        if name not in found.missing:
            _try_layer(found, name, [attempt for attempt in todo if attempt.layer == name], house, host)
    _try_deadline(found, house, host)
    inside = [*reversed(confine.LAYERS), _DEADLINE, *reversed(outer)]
    found.held = tuple(name for name in inside if name not in found.missing)
    return found


def _try_layer(found: Findings, name: str, own: Sequence[Attempt], house: House, host: int) -> None:
    mine = name in confine.LAYERS
    for attempt in own:
        wanted = (*attempt.under, name) if mine else attempt.under
        layers = [layer for layer in confine.LAYERS if layer in wanted and (layer in found.plan or layer == name)]
        stopped, unavailable = _try(house, layers, attempt, host)
        if unavailable:
            found.missing[name] = unavailable
            return
        found.attempts[f"{name}: {attempt.what}"] = stopped or "not stopped"
        if stopped is None:
            found.missing[name] = f"it did not stop an attempt to {attempt.what}; {_BUG}"
            return
    if mine:
        found.plan = (*found.plan, name)


def _try(house: House, layers: Sequence[str], attempt: Attempt, host: int) -> tuple[str | None, str]:
    """What stopped an attempt, or None; and why the layer could not be applied at all, or nothing."""

    def act(request: dict[str, Any]) -> dict[str, Any]:
        del request
        return {"stopped": outcome(attempt.act)}

    body, fate = child.run(house, layers, {"limits": _LIMITS}, act, host)
    if fate == "answered":
        return json.loads(body)["stopped"], ""
    if fate == f"died:{child.CONFINEMENT_FAILED}":
        return None, json.loads(body)["unavailable"] if body else f"it failed half-way; {_BUG}"
    number = int(fate.partition(":")[2]) if ":" in fate else 0
    return (fate if number not in set(signal.Signals) else signal.Signals(number).name), ""


def _try_deadline(found: Findings, house: House, host: int) -> None:
    def sleep(request: dict[str, Any]) -> dict[str, Any]:
        time.sleep(float(request["limits"]["wall_seconds"]) * 20)
        return {}

    _, fate = child.run(house, found.plan[:1], {"limits": {**_LIMITS, "wall_seconds": 0.1}}, sleep, host)
    found.attempts[f"{_DEADLINE}: sleep past its time"] = fate
    if fate != "time-limit":
        found.missing[_DEADLINE] = f"a process outlived its time ({fate}); {_BUG}"
