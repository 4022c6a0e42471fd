"""Replayed rows on which a candidate has no value: its credit or its Q_tot is not finite there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfcaf_forge.ranking.bench import Bench
from tfcaf_forge.ranking.features import Floats
from tfcaf_forge.ranking.score import Mixing
from tfcaf_forge.records.task_spec import TaskSpec
from tfcaf_forge.replay.ranges import excesses

_SHOWN = 8
"""So many fields of a row are written where none leaves its declared range."""


def undefined_rows(mixing: Mixing) -> npt.NDArray[np.bool_]:
    """Where credit or bias is not finite, [M]."""
    return ~(np.isfinite(mixing.credit).all(axis=1) & np.isfinite(mixing.bias))


def reason(rows: npt.NDArray[np.bool_], bench: Bench, task: TaskSpec) -> str:
    """Why a candidate cannot be ranked: how many rows, the first of them, and its fields; at least one row is True."""
    row = int(np.argmax(rows))
    episode = int(bench.episode[row])
    step = row - int(np.searchsorted(bench.episode, episode))
    return (
        f"its Q_tot or its credit is not finite on {int(rows.sum()):,} of {len(rows):,} replayed rows, first in episode {episode}, "
        f"step {step}, where {_fields(task, bench.state[row])}; make it finite there, or correct the data or the task's ranges"
    )


def _fields(task: TaskSpec, state: Floats) -> str:
    """The fields that leave their declared range with their values, else the first fields."""
    beyond = [one.field for one in excesses(task, state[None])]
    value = {slot.name: f"{float(state[slot.index]):g}" for slot in task.layout}
    if beyond:
        return ", ".join(f"{name} = {value[name]}" for name in beyond) + " (outside what the task declares)"
    shown = ", ".join(f"{name} = {text}" for name, text in list(value.items())[:_SHOWN])
    return shown + (", …" if len(value) > _SHOWN else "")
