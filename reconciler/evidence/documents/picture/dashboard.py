"""The whole picture: five panels over one time, and where the changes of weight take only a small part of it, the same
five once more, closer."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.evidence.access import moment
from reconciler.evidence.documents.measured import rehearsed, rollback, span
from reconciler.evidence.documents.picture.marks import Mark, marks
from reconciler.evidence.documents.picture.panels import PANELS
from reconciler.evidence.documents.plain import clock, day, printable, seconds
from reconciler.evidence.pack.material import Material, closer
from reconciler.evidence.pack.series import Series
from reconciler.evidence.pack.verdict import Proof, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE, DOTS = (16.0, 10.0), 100  # inches, and dots per inch: 1600 x 1000
SENTENCES = {
    Proof.PROVED: ("zero downtime: proved", "#1a7f4b"),
    Proof.NOT_PROVED: ("zero downtime: not proved", "#9a6700"),
    Proof.REFUTED: ("zero downtime: not kept", "#b3261e"),
}
STYLE: Any = {
    "font.family": "DejaVu Sans",  # matplotlib's own, so that it looks the same everywhere
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5b6875",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e3e8ed",
    "text.parse_math": False,  # a version may hold a dollar sign
    "svg.hashsalt": "",
}
LETTER, ROWS = 0.0115, 2  # the width of a letter of a mark's name, in shares of a narrow panel's; rows of names
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)  # seconds


def draw(material: Material) -> bytes:
    """A PNG of 1600 x 1000 dots."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, dpi=DOTS)
        FigureCanvasAgg(figure)
        _title(figure, material)
        _panels(figure, material)
        written = io.BytesIO()
        figure.savefig(written, format="png", metadata={"Software": None})
        return written.getvalue()


def _title(figure: Figure, material: Material) -> None:
    began, found = material.steps.began, verdict(material)
    words, colour = SENTENCES[found.zero_downtime]
    first, last, turned = *span(material), rollback(material.steps.entries)
    ended = f"{found.outcome}, as rehearsed" if turned and rehearsed(turned[1]) else found.outcome
    drill = f"drill ({found.drill}), " if found.drill else ""
    names = _latin(f"{material.environment}: {drill}{began.stable} to {began.newcomer}", 90)
    figure.text(0.06, 0.972, names, fontsize=16, fontweight="bold", va="center")
    figure.text(0.97, 0.972, f"{ended}; {words}", fontsize=14, fontweight="bold", color=colour, ha="right", va="center")
    lasts = f"{clock(first)[:8]} to {clock(last)[:8]} UTC ({seconds(last - first)})"
    when = f"{day(first)}, {lasts}, {_latin(material.transition, 60)}"
    figure.text(0.06, 0.942, when, color="#5b6875", va="center")


def _latin(text: str, longest: int) -> str:
    """What the font has no shape for is told by a question mark."""
    return "".join(one if one.isascii() else "?" for one in printable(text, longest))


def _panels(figure: Figure, material: Material) -> None:
    twice = closer(material) and len(material.shifts) > 1
    spans = [material.whole, material.near] if twice else [material.whole]
    panels = [panel for panel in PANELS if panel.shown(material)] or list(PANELS[:1])
    grid = figure.subplots(len(panels), len(spans), squeeze=False, sharex="col", sharey="row")
    missing = ", ".join(panel.name.partition(",")[0] for panel in PANELS if panel not in panels)
    if missing:
        figure.text(0.06, 0.012, f"not measured: {missing}", fontsize=8, color="#5b6875")
    figure.subplots_adjust(left=0.06, right=0.97, top=0.865, bottom=0.045, hspace=0.34, wspace=0.06)
    found = sorted(marks(material))
    for axes, panel in zip(grid, panels, strict=True):
        for one, series in zip(axes, spans, strict=True):
            panel.draw(one, material, series)
            _lines(one, found)
            _after(one, material, series)
            if panel is panels[0]:
                _unwatched(one, material, series)
        axes[0].set_ylabel(panel.name)
        axes[0].set_ylim(0, panel.top or None)
        _legend(axes, 1.0 + 0.06 * len(panels) if panel is panels[0] else 1.0)
    for column, (series, name) in enumerate(
        zip(spans, ("whole transition", "around the changes of weight"), strict=False)
    ):
        _above(grid[0][column], series, found, name, len(panels), len(spans))
        _time(grid[-1][column], series)


def _legend(axes: Sequence[Axes], height: float) -> None:
    """Of a row: everything that is drawn in any column of it, once, above the last one."""
    found: dict[str, Any] = {}
    for one in axes:
        handles, names = one.get_legend_handles_labels()
        found = {**dict(zip(names, handles, strict=True)), **found}
    if found:
        place: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, height), "borderaxespad": 0.1, "handlelength": 1.4}
        axes[-1].legend(found.values(), found.keys(), ncols=len(found), frameon=False, fontsize=8, **place)


def _after(axes: Axes, material: Material, series: Series) -> None:
    """Shaded: what came after the end is no part of the transition."""
    ended = moment(material.steps.entries[-1].at)
    if material.steps.ended and series.begin <= ended < series.end:
        axes.axvspan(ended, series.end, color="#d5dce3", alpha=0.35, linewidth=0, zorder=0)
    for begin, end in material.account.breaks:
        axes.axvspan(begin, min(end, series.end), facecolor="none", edgecolor="#d9b56b", hatch="//", linewidth=0)


def _unwatched(axes: Axes, material: Material, series: Series) -> None:
    """Said once, where there is room for it."""
    for begin, end in material.account.breaks:
        if (end - begin) * 6 > series.end - series.begin:
            middle, look = (
                (begin + min(end, series.end)) / 2,
                {"boxstyle": "round", "facecolor": "white", "linewidth": 0},
            )
            axes.text(middle, 50, "nobody measured", ha="center", va="center", color="#9a6700", bbox=look)


def _lines(axes: Axes, found: Sequence[Mark]) -> None:
    for mark in found:
        colour, width = ("#b3261e", 1.6) if mark.grave else ("#8a96a3", 0.8)
        axes.axvline(mark.at, color=colour, linewidth=width, linestyle=(0, (4, 3)), zorder=1)


def _above(axes: Axes, series: Series, found: Sequence[Mark], name: str, rows: int, columns: int) -> None:
    """The marks' names, in rows where they stand close; a grave one comes first, and what finds no room is left out."""
    length = max(series.end - series.begin, 1e-3)
    taken: list[tuple[int, float, float]] = []
    for mark in sorted(found, key=lambda one: (not one.grave, one.at)):
        if series.begin <= mark.at <= series.end:
            _name(axes, mark, (mark.at - series.begin) / length, taken, (rows, columns))
    axes.set_title(name, loc="left", fontsize=10, fontweight="bold", color="#3b4753", pad=38)


def _name(axes: Axes, mark: Mark, share: float, taken: list[tuple[int, float, float]], grid: tuple[int, int]) -> None:
    """`taken`: row, begin and end of what is written already, in shares of the panel's width. `grid`: rows and columns
    of panels."""
    length = LETTER * (len(mark.name) + 2) * (1 if grid[1] > 1 else 0.5)
    right = share + length > 1
    begin, end = (share - length, share + LETTER) if right else (share - LETTER, share + length)
    for row in range(1, ROWS + 1):
        if all(row != other or end <= first or begin >= last for other, first, last in taken):
            taken.append((row, begin, end))
            colour = "#b3261e" if mark.grave else "#3b4753"
            place = (share, 1 + 0.2 * grid[0] * (0.04 + 0.12 * (row - 1)))
            side = "right" if right else "left"
            axes.annotate(mark.name, place, xycoords="axes fraction", fontsize=8, color=colour, ha=side)
            return


def _time(axes: Axes, series: Series) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    length = max(series.end - series.begin, 0.5)
    step = next((one for one in TICKS if length / one <= 8), length / 6)
    first = math.ceil(series.begin / step) * step
    number = math.floor((series.begin + length - first) / step) + 1
    axes.xaxis.set_major_locator(FixedLocator([first + step * one for one in range(number)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: clock(at)[: 8 if step >= 1 else 10]))
    axes.set_xlim(series.begin, series.begin + length)
