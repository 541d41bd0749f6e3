"""Secrets that lie elsewhere than in the operator's file: in a variable, or in a file. They are read anew whenever one
is needed, so that it can be changed while the loop runs; what they hold is in no message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import InvalidConfiguration

LONGEST = 16_384  # characters; a file with more holds something else


def from_variable(name: str, environ: Mapping[str, str], what: str) -> str:
    """Raises InvalidConfiguration naming the variable and what it should hold, such as `the alert's url`."""
    return _one_line(environ.get(name, ""), f"the variable {name}", what)


def from_file(file: Path, what: str) -> str:
    """The only line of a file. Raises InvalidConfiguration naming it and what it should hold."""
    try:
        with file.open(encoding="utf-8") as opened:
            return _one_line(opened.read(LONGEST + 1), str(file), what)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise InvalidConfiguration(f"{file} cannot be read: {why}; it must hold {what}") from None


def _one_line(text: str, place: str, what: str) -> str:
    found = text.strip()
    if not found or len(found) > LONGEST or len(found.splitlines()) > 1:
        raise InvalidConfiguration(f"{place} does not hold one line with {what}")
    return found
