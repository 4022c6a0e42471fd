"""Profiles, proposals and a look at running processes, for the tests of the local sandbox."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tfcaf_forge.records.proposal import Proposal
from tfcaf_forge.sandbox.profile import Profile, load_profile
from tfcaf_forge.sandbox.receive import Contract

REPOSITORY = Path(__file__).resolve().parents[3]
HOSTILE = REPOSITORY / "tests" / "sandbox" / "hostile_guest.py"


def quick(**limits: Any) -> Profile:
    """The default profile with other limits."""
    profile = load_profile()
    return msgspec.structs.replace(profile, limits=msgspec.structs.replace(profile.limits, **limits))


def work(source: str) -> tuple[Proposal, Contract, list[Any]]:
    """What `Sandbox.trace` takes, for two agents and three state fields."""
    rng = np.random.default_rng(0)
    probes = [
        (rng.normal(size=(rows, 2)).astype(np.float32), rng.normal(size=(rows, 3)).astype(np.float32))
        for rows in (1, 3)
    ]
    return Proposal(id=1, coder="file", source=source), Contract(n_agents=2, state_size=3), probes


def honest(slope: float = 1.0) -> str:
    return f"def tfcaf(local_q, state):\n    return (local_q * {slope}).sum(dim=1, keepdim=True)\n"


def family(pid: int) -> set[int]:
    """A process and all that it and its children started, while they live."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            state, parent = text.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry)] = int(parent)
    found = {pid} & parents.keys()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def gone(pids: set[int], seconds: float = 5.0) -> bool:
    """Whether all of them end in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(family(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False
