"""Lines and tables of text: coloured on a terminal, plain in a pipe, never wrapped by us, no space at a line's end."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence

import click

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
GAP = "  "


def paint(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False, strike: bool = False) -> str:
    """For `say`, which takes the colours off again where nobody would see them."""
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None, strikethrough=strike or None)


def say(*lines: str) -> None:
    """On standard output."""
    for line in lines:
        click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def on_terminal() -> bool:
    return sys.stdout.isatty()


def colours() -> bool:
    """Would what is painted be seen?"""
    return on_terminal() and not os.environ.get("NO_COLOR")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be; a column that is empty in every row is left out."""
    body = [[*row] for row in rows]
    used = [index for index in range(len(headings)) if any(row[index] for row in body)]
    shown = [[row[index] for index in used] for row in (headings, *body)]
    widths = [max(_width(row[column]) for row in shown) for column in range(len(used))]
    return [GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def redraw(lines: Sequence[str]) -> None:
    """Put `lines` where the last ones stood, in one write: clearing the screen first would flicker."""
    size = shutil.get_terminal_size()
    fitting = [_cut(line, size.columns) for line in lines[: size.lines - 1]]
    say("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in fitting) + "\x1b[J")


def _cut(line: str, columns: int) -> str:
    return line if _width(line) <= columns else _ANSI.sub("", line)[: columns - 1] + "…"


def _width(text: str) -> int:
    return len(_ANSI.sub("", text))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
