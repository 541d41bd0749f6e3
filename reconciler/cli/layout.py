"""Lines and tables of text: coloured on a terminal, plain in a pipe, never wrapped by us, no space at a line's end."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from textwrap import wrap

import click

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
GAP = "  "
WIDE = 116  # columns of a line that we may shorten or break
WIDEST = 40  # characters of a cell for which the others of its column make room


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
    """Columns as wide as they need to be, up to `WIDEST`: beyond that a cell pushes only its own row. A column that is
    empty in every row is left out."""
    body = [[*row] for row in rows]
    used = [index for index in range(len(headings)) if any(row[index] for row in body)]
    shown = [[row[index] for index in used] for row in (headings, *body)]
    wide = [[_width(row[column]) for row in shown] for column in range(len(used))]
    widths = [max((width for width in column if width <= WIDEST), default=0) for column in wide]
    return [GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def redraw(lines: Sequence[str]) -> None:
    """Put `lines` where the last ones stood, in one write: clearing the screen first would flicker."""
    size = shutil.get_terminal_size()
    fitting = [cut(line, size.columns) for line in lines[: size.lines - 1]]
    say("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in fitting) + "\x1b[J")


def broken(text: str, indent: int) -> str:
    """For what stands `indent` columns to the right: broken between words where the terminal's line ends, and indented
    below itself. In a pipe lines stay as they are."""
    if on_terminal():
        room = max(40, shutil.get_terminal_size().columns - indent)
        text = "\n".join(part for line in text.split("\n") for part in _broken(line, room))
    return text.replace("\n", "\n" + " " * indent)


def _broken(line: str, room: int) -> list[str]:
    return wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]


def cut(line: str, columns: int) -> str:
    """Shortened to so many columns."""
    return line if _width(line) <= columns else _ANSI.sub("", line)[: columns - 1] + "…"


def _width(text: str) -> int:
    return len(_ANSI.sub("", text))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
