"""Geometry of the ranking chart, in percent of its width: numbers only, drawn by the template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tfcaf_forge.records.ranking import Interval

_MARGIN = 0.04
_TICKS = 5
"""At most this many steps between ticks, and at least two ticks, since 1, 2, 5, 10 are never 2.5 times apart."""


def axis(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Ends of an axis on which every interval fits, with a margin; (0, 1) if there is nothing finite to draw."""
    values = [v for i in intervals for v in (i.value, i.low, i.high) if math.isfinite(v)]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 0.5
    return low - margin, high + margin


def mark(interval: Interval, ends: tuple[float, float]) -> dict[str, float] | None:
    """Where the dot and its interval lie; None if a number is not finite."""
    if not all(math.isfinite(value) for value in (interval.value, interval.low, interval.high)):
        return None
    return {
        "at": _percent(interval.value, ends),
        "from": _percent(interval.low, ends),
        "to": _percent(interval.high, ends),
    }


def ticks(ends: tuple[float, float]) -> list[dict[str, Any]]:
    """Round numbers along the axis, with their places."""
    low, high = ends
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step), math.floor(high / step)
    values = [k * step for k in range(first, last + 1)]
    return [{"at": _percent(value, ends), "label": f"{value + 0.0:.{digits}f}"} for value in values]


def _percent(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return round(100 * (value - low) / (high - low), 2)
