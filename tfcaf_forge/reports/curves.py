"""Learning curves as one SVG file: lines with their intervals, drawn from plain numbers; needs no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Okabe and Ito's colours, which people who see colours differently can tell apart; each line has a dash of its own too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("", "7 3", "2 2", "9 3 2 3", "4 4", "12 3", "1 3")
WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 46


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        label: in the legend.
        x, y: equally long.
        low, high: ends of the interval at each point.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Curves over one axis.

    Attributes:
        title, x_label: words.
        lines: at least one, each with at least one point.
    """

    title: str
    x_label: str
    lines: Sequence[Line]


def svg(panels: Sequence[Panel], *, y_label: str = "greedy return", note: str = "") -> str:
    """Panels side by side over one scale of y, and a legend of the first panel's lines below.

    Args:
        panels: at least one; a label has the same colour in all.
        y_label: of every panel.
        note: what the bands are; stands beside the legend.

    Returns:
        The text of an SVG file.
    """
    lines = [line for panel in panels for line in panel.lines]
    ends = _ends(min(min(line.low) for line in lines), max(max(line.high) for line in lines))
    labels = list(dict.fromkeys(line.label for line in lines))
    rows = len(labels) + bool(note)
    width, height = WIDTH * len(panels), HEIGHT + 20 * rows + 12
    body = [_panel(panel, k * WIDTH, ends, labels, y_label) for k, panel in enumerate(panels)]
    for k, label in enumerate(labels):
        y = HEIGHT + 20 * k + 14
        body.append(f'<path d="M{LEFT} {y}h34" {_stroke(k)}/>')
        body.append(f'<text x="{LEFT + 44}" y="{y + 4}">{escape(label)}</text>')
    if note:
        body.append(f'<text class="quiet" x="{LEFT}" y="{HEIGHT + 20 * len(labels) + 18}">{escape(note)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        "<style>text{font:12px system-ui,sans-serif;fill:#222}.quiet{fill:#555;font-size:11px}.title{font-weight:600}"
        "</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>' + "".join(body) + "</svg>\n"
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, at most `most` or so."""
    rough = (high - low) / most or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _panel(panel: Panel, shift: int, ends: tuple[float, float], labels: Sequence[str], y_label: str) -> str:
    last = max(max(line.x) for line in panel.lines) or 1.0

    def at(x: float, y: float) -> str:
        px = shift + LEFT + (WIDTH - LEFT - RIGHT) * x / last
        py = TOP + (HEIGHT - TOP - BOTTOM) * (ends[1] - y) / (ends[1] - ends[0])
        return f"{px:.1f} {py:.1f}"

    parts = [f'<text class="title" x="{shift + LEFT}" y="{TOP - 14}">{escape(panel.title)}</text>']
    for value in ticks(*ends):
        parts.append(f'<path d="M{at(0, value)}L{at(last, value)}" stroke="#e5e5e5"/>')
        px, py = at(0, value).split()
        parts.append(f'<text class="quiet" x="{float(px) - 6}" y="{float(py) + 4}" text-anchor="end">{value:g}</text>')
    for value in ticks(0.0, last, 5):
        px, py = at(value, ends[0]).split()
        parts.append(f'<text class="quiet" x="{px}" y="{float(py) + 16}" text-anchor="middle">{_short(value)}</text>')
    for line in panel.lines:
        k = labels.index(line.label)
        there = [at(x, y) for x, y in zip(line.x, line.high, strict=True)]
        back = [at(x, y) for x, y in zip(line.x, line.low, strict=True)][::-1]
        parts.append(f'<path d="M{"L".join(there + back)}Z" fill="{COLOURS[k % len(COLOURS)]}" opacity="0.13"/>')
    for line in panel.lines:
        points = "L".join(at(x, y) for x, y in zip(line.x, line.y, strict=True))
        parts.append(f'<path d="M{points}" {_stroke(labels.index(line.label))}/>')
    middle = shift + LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(panel.x_label)}</text>')
    height = TOP + (HEIGHT - TOP - BOTTOM) / 2
    parts.append(
        f'<text x="{shift + 14}" y="{height}" text-anchor="middle" transform="rotate(-90 {shift + 14} {height})">'
        f"{escape(y_label)}</text>"
    )
    return "".join(parts)


def _stroke(k: int) -> str:
    dash = DASHES[k % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{COLOURS[k % len(COLOURS)]}" stroke-width="2"{dashed}'


def _ends(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) * 0.04 or 0.5
    return low - margin, high + margin


def _short(value: float) -> str:
    """`200k`, `1.5M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
