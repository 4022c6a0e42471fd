"""Layers: what held a run's candidates in. A run may be resumed under other layers, so they are kept by session."""

from __future__ import annotations

from collections.abc import Sequence

from tfcaf_forge.records.traced import Isolation
from tfcaf_forge.store import Store

KIND = "isolation"


def kind_of(earlier: int) -> str:
    """The kind of record that follows so many others: `isolation`, then `isolation-2`, `isolation-3`, …"""
    return f"{KIND}-{earlier + 1}" if earlier else KIND


def sessions(store: Store) -> list[Isolation]:
    """Every different set of layers that sessions of a run have had, in the order of writing."""
    found: list[Isolation] = []
    while (one := store.read(kind_of(len(found)), Isolation)) is not None:
        found.append(one)
    return found


def weakest(found: Sequence[Isolation]) -> Isolation | None:
    """What held for every candidate: a layer is active only where each of these has it; None where there are none."""
    different = [one for place, one in enumerate(found) if one not in found[:place]]
    if len(different) < 2:
        return different[0] if different else None
    names = list(dict.fromkeys(name for one in different for name in (*one.active, *one.missing)))
    active = tuple(name for name in names if all(name in one.active for one in different))
    return Isolation(
        backend=" and ".join(dict.fromkeys(one.backend for one in different)),
        active=active,
        missing={name: _why(name, different) for name in names if name not in active},
    )


def _why(name: str, found: Sequence[Isolation]) -> str:
    """Why a layer did not hold for every candidate."""
    reasons = "; ".join(dict.fromkeys(one.missing[name] for one in found if name in one.missing))
    text = reasons or "unknown to the sandbox of a part of the run"
    return f"not for every candidate: {text}" if any(name in one.active for one in found) else text
