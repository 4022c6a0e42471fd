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
from guest.acts import outcome
from guest.attempts import BUDGET, Attempt, attempts
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
    own = segment()
    todo = attempts(planted, own, thorough=thorough)
    outer = (*_STARTED_BY_THE_HOST, *(WALLS if walls else ()))
    standing = [name for name in outer if name not in found.missing]
    _try_together(found, [attempt for attempt in todo if attempt.layer in standing], house, host)
    for name in confine.LAYERS:
        wanted = [attempt for attempt in todo if attempt.layer == name]
        quick = [attempt for attempt in wanted if not attempt.fatal]
        for group in (quick, *([attempt] for attempt in wanted if attempt.fatal)):
            if group and name not in found.missing:
                _try_together(found, group, house, host)
        if name not in found.missing:
            found.plan = (*found.plan, name)
    _try_deadline(found, house, host)
    own.close()
    planted.close()
    _look_for_shared_memory(found, house)
    inside = [*reversed(confine.LAYERS), _DEADLINE, *reversed(outer)]
    found.held = tuple(name for name in inside if name not in found.missing)
    return found


def _try_together(found: Findings, group: Sequence[Attempt], house: House, host: int) -> None:
    """Try attempts in one process, under their own layer and those that it needs."""
    wanted = {layer for attempt in group for layer in (*attempt.under, attempt.layer)}
    layers = [name for name in confine.LAYERS if name in wanted and (name in found.plan or name == group[0].layer)]

    def act(request: dict[str, Any]) -> dict[str, Any]:
        del request
        return {"stopped": [outcome(attempt.act) for attempt in group]}

    body, fate = child.run(house, layers, {"limits": _LIMITS}, act, host)
    if fate == f"died:{child.CONFINEMENT_FAILED}":
        reason = json.loads(body)["unavailable"] if body else f"it failed half-way; {_BUG}"
        found.missing.update(dict.fromkeys({attempt.layer for attempt in group}, reason))
    elif fate != "answered" and len(group) > 1:
        for attempt in group:  # one of them was deadly, and hid what the others would have come to
            _try_together(found, [attempt], house, host)
    else:
        stopped = json.loads(body)["stopped"] if fate == "answered" else [_name_of(fate)]
        for attempt, what in zip(group, stopped, strict=True):
            _note(found, attempt, what)


def _note(found: Findings, attempt: Attempt, stopped: str | None) -> None:
    found.attempts[f"{attempt.layer}: {attempt.what}"] = stopped or "not stopped"
    if stopped is None:
        found.missing[attempt.layer] = f"it did not stop an attempt to {attempt.what}; {_BUG}"


def _look_for_shared_memory(found: Findings, house: House) -> None:
    """What is mapped shared and writable here is so in every candidate's process: a way from one to the next."""
    what, layer = "find memory that the next candidate has too", "own-namespaces"
    shared = house.shares_memory()
    found.attempts[f"{layer}: {what}"] = "not stopped" if shared else "nothing found"
    if shared and layer not in found.missing:
        found.missing[layer] = f"it did not stop an attempt to {what}; {_BUG}"
        found.plan = tuple(name for name in found.plan if name != layer)


def _name_of(fate: str) -> str | None:
    """The signal that ended a process, or `time-limit`; None for an end that no layer can have caused."""
    number = fate.partition(":")[2]
    if not number:
        return fate
    return signal.Signals(int(number)).name if int(number) in set(signal.Signals) else None


def _try_deadline(found: Findings, house: House, host: int) -> None:
    def sleep(request: dict[str, Any]) -> dict[str, Any]:
        time.sleep(float(request["limits"]["wall_seconds"]) * 20)
        return {}

    _, fate = child.run(house, found.plan[:1], {"limits": {**_LIMITS, "wall_seconds": 0.1}}, sleep, host)
    found.attempts[f"{_DEADLINE}: sleep past its time"] = fate
    if fate != "time-limit":
        found.missing[_DEADLINE] = f"a process outlived its time ({fate}); {_BUG}"
