"""A run's records without what a clock says: what two runs of one seed have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfcaf_forge.store import Store

CLOCKS = ("seconds", "digest")


def records(folder: Path) -> dict[tuple[str, int], Any]:
    """The journal by kind and candidate, with what a clock says taken out; `observed` has every case's time in its digest."""
    store = Store(folder, write=False)
    bodies = store.bodies()
    entries = [entry for entry in store.entries() if entry.kind != "observed"]
    return {(e.kind, e.candidate): timeless(json.loads(bodies[e.digest])) for e in entries}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in CLOCKS}
    return [timeless(v) for v in value] if isinstance(value, list) else value
