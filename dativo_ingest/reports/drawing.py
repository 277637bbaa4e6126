"""Pictures of a report as numbers: where bars and lines lie. The template makes SVG of them, so all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dativo_ingest.reports.model import Epoch

AXIS_WIDTH = 640.0
SPARK_WIDTH, SPARK_HEIGHT = 160.0, 32.0
_STEPS = (1, 2, 5)
_TICKS = 6
_THINNEST = 1.0


@dataclass(frozen=True)
class Bar:
    """A bar: its left edge, width, and what it is."""

    x: float
    width: float
    kind: str
    title: str = ""


@dataclass(frozen=True)
class Tick:
    """A mark on the time axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The time line of a run's epochs: bars of two lanes over ticks."""

    staging: tuple[Bar, ...]
    publishing: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Spark:
    """A line over the last runs: its points, and the last of them."""

    points: str
    x: float
    y: float
    summary: str


def axis(epochs: Sequence[Epoch], seconds: float) -> Axis | None:
    """Return the time line of epochs over so many seconds, None when there is nothing to show."""
    end = max([seconds, *(epoch.published for epoch in epochs)], default=0.0)
    if not epochs or end <= 0:
        return None
    scale = AXIS_WIDTH / end

    def bar(start: float, stop: float, kind: str, number: int) -> Bar:
        width = max((stop - start) * scale, _THINNEST)
        x = min(start * scale, AXIS_WIDTH - width)
        return Bar(round(x, 2), round(width, 2), kind, f"epoch {number}: {stop - start:.2f} s")

    return Axis(
        tuple(bar(e.opened, e.staged, "stage", e.epoch) for e in epochs),
        tuple(bar(e.staged, e.published, "publish", e.epoch) for e in epochs),
        tuple(Tick(round(at * scale, 2), f"{at:g} s") for at in _ticks(end)),
    )


def _ticks(end: float) -> list[float]:
    """Return round moments from 0 to the end, about six."""
    power = 10.0**-3
    while True:
        for step in _STEPS:
            distance = step * power
            if end / distance <= _TICKS:
                return [round(number * distance, 6) for number in range(int(end / distance) + 1)]
        power *= 10


def shares(good: int, quarantined: int, dropped: int, width: float) -> tuple[Bar, ...]:
    """Return the parts of one bar; what is there is never thinner than can be seen."""
    whole = good + quarantined + dropped
    if not whole:
        return ()
    parts = [(good, "good"), (quarantined, "quarantined"), (dropped, "dropped")]
    wide = [max(width * count / whole, 3 * _THINNEST) if count else 0.0 for count, _ in parts]
    fit = width / sum(wide)
    bars, x = [], 0.0
    for (count, kind), one in zip(parts, wide, strict=True):
        if count:
            bars.append(Bar(round(x, 2), round(one * fit, 2), kind))
            x += one * fit
    return tuple(bars)


def spark(values: Sequence[float], summary: str) -> Spark | None:
    """Return a line over values, scaled to the largest; None for fewer than two."""
    if len(values) < 2:
        return None
    most = max(values) or 1.0
    room = SPARK_HEIGHT - 6
    step = (SPARK_WIDTH - 6) / (len(values) - 1)
    places = [(round(3 + n * step, 1), round(3 + room - room * v / most, 1)) for n, v in enumerate(values)]
    return Spark(" ".join(f"{x},{y}" for x, y in places), *places[-1], summary)
