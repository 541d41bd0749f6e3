"""Lock files of other gits: they are never removed from here, only named, with their age and with what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from reconciler.clock import Clock

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def locked(files: Iterable[Path], clock: Clock) -> str:
    """A sentence on the first of these lock files that is there; empty when there is none."""
    for file in files:
        try:
            born = file.stat().st_mtime
        except OSError:
            continue
        return _told(file, datetime.fromisoformat(clock.wall()).timestamp() - born)
    return ""


def _told(file: Path, age: float) -> str:
    return (
        f"another git holds {file}, for {_words(age)}; wait for it,"
        f" or if no git runs there any more: rm {shlex.quote(str(file))}"
    )


def _words(age: float) -> str:
    for size, unit in _UNITS:
        if age >= size:
            count = int(age // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a second"
