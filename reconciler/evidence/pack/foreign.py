"""Reading what somebody else may have put there: of a pack nothing is believed before it was checked, and whatever lies
there, reading it ends, and takes bounded memory."""

from __future__ import annotations

import json
import os
import stat
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from reconciler.errors import EvidenceBroken

FAR = 2.0**40  # seconds since 1970: no clock gets there
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # Windows has none of the first three


def opened(path: Path) -> BinaryIO:
    """A regular file, and nothing else: a link leads elsewhere, a pipe or a device may never end. Raises
    FileNotFoundError, and EvidenceBroken for what is no such file or cannot be read."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise EvidenceBroken(f"{path}: expected a file, found a link, a folder, a pipe, or a device")
        descriptor = os.open(path, os.O_RDONLY | _flags())
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise EvidenceBroken(f"{path}: it was a file a moment ago, and is none now")
        return os.fdopen(descriptor, "rb")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise EvidenceBroken(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _flags() -> int:
    found = 0
    for name in _FLAGS:
        found |= getattr(os, name, 0)
    return found


def content(path: Path, most: int) -> bytes:
    """All of a file that has at most `most` bytes. Raises as `opened`, and EvidenceBroken for a larger one."""
    with opened(path) as file:
        try:
            found = file.read(most + 1)
        except OSError as error:
            raise EvidenceBroken(f"{path}: it cannot be read: {error.strerror or error}") from error
    if len(found) > most:
        raise EvidenceBroken(f"{path}: it has more than {most:,} bytes: no pack has such a file")
    return found


def parsed(text: bytes | str) -> Any:
    """JSON without NaN and infinities, and not deeper than anything that we write. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def seconds(value: object) -> float:
    """Of a record. Raises ValueError for what no clock gives."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < FAR:
        raise ValueError(f"{str(value)[:40]} is no time")
    return float(value)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    found = float(text)
    if not isfinite(found):
        raise ValueError(f"{text[:40]} is no number")
    return found
