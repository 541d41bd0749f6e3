"""Two small pictures for the page, as SVG: the newcomer's weight, and users' response times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timezone
from typing import NamedTuple

from reconciler.core.model import Slot
from reconciler.evidence.access import moment
from reconciler.evidence.documents.measured import known_until
from reconciler.evidence.documents.measured import rollback as going_back
from reconciler.evidence.documents.plain import clock
from reconciler.evidence.pack.material import Material
from reconciler.evidence.pack.series import Series

WIDTH, HEIGHT = 940.0, 165.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 8.0, 12.0, 26.0  # margins
GREEN, BLUE, RED, AMBER, GREY, PALE = "#2c7a4b", "#2b5c9e", "#b3261e", "#9a6700", "#5b6875", "#d5dce3"
ROOM, COARSE = 70.0, 8.0  # dots that words need; seconds from which on whole ones tell five moments apart
Point = tuple[float, float]


class Words(NamedTuple):
    """What is written into the pictures."""

    rollback: str
    after: str


def weights(material: Material, series: Series, words: Words, zone: timezone) -> str:
    """Over the span of `series`. Empty when nothing was read back."""
    newcomer = material.steps.began.newcomer.slot
    read = [(one.at, float(one.blue if newcomer is Slot.BLUE else one.green)) for one in material.traffic.weights]
    if not read:
        return ""
    frame = _Frame(series, 100.0, zone)
    corners = list(_stairs(read, min(frame.end, known_until(material))))
    base = [(corners[-1][0], 0.0), (corners[0][0], 0.0)]
    area = f'<polygon points="{frame.points([*corners, *base])}" fill="{GREEN}" fill-opacity="0.18"/>'
    line = f'<polyline points="{frame.points(corners)}" fill="none" stroke="{GREEN}" stroke-width="2"/>'
    return frame.svg(_after(material, frame, words) + area + line + _mark(material, frame, words.rollback), " %")


def latency(material: Material, words: Words, zone: timezone, limit: float | None) -> str:
    """P95 over time, and its limit in seconds; a time in which nothing was answered is a gap in the line."""
    series = material.whole
    told = [(number, bucket.quantile(0.95)) for number, bucket in sorted(series.buckets.items())]
    found = [(number, value) for number, value in told if value is not None]
    if not found:
        return ""
    most = max(value for _, value in found)
    frame = _Frame(series, _above(max(most, limit or 0.0)), zone)
    parts = [_stretch(frame, series, one) for one in _stretches(found)]
    line = _limit(frame, limit) if limit is not None else ""
    return frame.svg(
        _after(material, frame, words) + "".join(parts) + line + _mark(material, frame, words.rollback), " s"
    )


def _after(material: Material, frame: _Frame, words: Words) -> str:
    """Shaded: what came after the end is no part of the transition."""
    ended = moment(material.steps.entries[-1].at)
    if material.steps.ended is None or not frame.begin <= ended < frame.end:
        return ""
    x, width = frame.x(ended), frame.x(frame.end) - frame.x(ended)
    box = f'x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}"'
    shade = f'<rect {box} fill="{PALE}" fill-opacity="0.4"/>'
    place = f'x="{x + width - 4:.1f}" y="{TOP + 24}" text-anchor="end"'
    return f"{shade}<text {place}>{words.after}</text>" if width > ROOM else shade


def _above(value: float) -> float:
    """A round number above it."""
    for part in (10.0**power * step for power in range(-4, 7) for step in (1, 1.5, 2, 3, 4, 5, 6, 8)):
        if part > value:
            return part
    return value


def _limit(frame: _Frame, value: float) -> str:
    y = frame.y(value)
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{AMBER}" stroke-dasharray="6 3"/>'


class _Frame:
    def __init__(self, series: Series, top: float, zone: timezone) -> None:
        self._zone = zone
        self.begin, self.end, self.top = series.begin, max(series.end, series.begin + 0.001), top or 1.0

    def x(self, at: float) -> float:
        share = (min(max(at, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - min(max(value / self.top, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    def points(self, found: Sequence[Point]) -> str:
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in found)

    def svg(self, inner: str, unit: str) -> str:
        view = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}"'
        return f'<svg {view} role="img" font-size="13" fill="{GREY}">{self._grid(unit)}{inner}</svg>'

    def _grid(self, unit: str) -> str:
        return "".join([*self._levels(unit), *self._moments()])

    def _levels(self, unit: str) -> Iterator[str]:
        for share in (0.0, 0.5, 1.0):
            value, y = share * self.top, self.y(share * self.top)
            text = f"{value:.3g}{unit}"
            yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}"/>'
            yield f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'

    def _moments(self) -> Iterator[str]:
        digits = 8 if self.end - self.begin >= COARSE else 10
        for share, anchor in ((0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end")):
            at = self.begin + share * (self.end - self.begin)
            told = clock(at, self._zone)[:digits]
            yield f'<text x="{self.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{told}</text>'


def _stairs(read: Sequence[Point], end: float) -> Iterator[Point]:
    """A weight holds until the next one is read."""
    for number, (at, value) in enumerate(read):
        yield at, value
        yield (read[number + 1][0] if number + 1 < len(read) else max(end, at)), value


def _stretches(found: Sequence[tuple[int, float]]) -> Iterator[list[tuple[int, float]]]:
    now: list[tuple[int, float]] = []
    for number, value in found:
        if now and number != now[-1][0] + 1:
            yield now
            now = []
        now.append((number, value))
    yield now


def _stretch(frame: _Frame, series: Series, found: Sequence[tuple[int, float]]) -> str:
    points = [(series.middle(number), value) for number, value in found]
    if len(points) == 1:
        return f'<circle cx="{frame.x(points[0][0]):.1f}" cy="{frame.y(points[0][1]):.1f}" r="2" fill="{BLUE}"/>'
    return f'<polyline points="{frame.points(points)}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>'


def _mark(material: Material, frame: _Frame, words: str) -> str:
    found = going_back(material.steps.entries)
    if found is None:
        return ""
    x = frame.x(found[0])
    anchor, shift = ("end", -4) if x > WIDTH / 2 else ("start", 4)
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{RED}" stroke-dasharray="4 3"/>'
    return f'{line}<text x="{x + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}" fill="{RED}">{words}</text>'
