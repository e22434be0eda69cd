"""A bar plot as plain numbers, for a template to draw as SVG."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

#: size of the drawing, which stretches to the width of the page
WIDTH, HEIGHT = 600, 100
#: kinds that have a colour of their own; the others share one
COLOURS = 5
OTHERS = "others"


class Rect(Value):
    """A part of a bar: one kind."""

    x: float
    y: float
    width: float
    height: float
    colour: int


class Plot(Value):
    """A bar plot.

    :param legend: kind, colour and count, the most frequent first
    :param most: the count of the highest bar
    """

    rects: tuple[Rect, ...]
    legend: tuple[tuple[str, int, int], ...]
    most: int
    total: int


def stacked(bars: Sequence[tuple[datetime, Mapping[str, int]]]) -> Plot:
    """Draw a bar for each time, stacked by kind."""
    counts: Counter[str] = Counter()
    for _, bar in bars:
        counts.update(bar)
    ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))
    own = ranked if len(ranked) <= COLOURS + 1 else ranked[:COLOURS]
    colour = {kind: place for place, kind in enumerate(own)}
    legend = [(kind, colour[kind], counts[kind]) for kind in own]
    if rest := sum(counts[kind] for kind in ranked[len(own) :]):
        legend.append((OTHERS, COLOURS, rest))
    most = max((sum(bar.values()) for _, bar in bars), default=0)
    rects: list[Rect] = []
    step = WIDTH / max(1, len(bars))
    for place, (_, bar) in enumerate(bars):
        parts: Counter[int] = Counter()
        for kind, count in bar.items():
            parts[colour.get(kind, COLOURS)] += count
        top = float(HEIGHT)
        for each, count in sorted(parts.items()):
            height = HEIGHT * count / most
            top -= height
            rects.append(
                Rect(round(place * step, 2), round(top, 2), round(step * 0.8, 2), round(height, 2), each)
            )
    return Plot(tuple(rects), tuple(legend), most, counts.total())
