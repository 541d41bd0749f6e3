"""Files that appear whole or not at all, and names that cannot lead out of a folder."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def named(folder: Path, name: str) -> Path | None:
    """The file of that name; None for a name that is not plain."""
    return folder / name if NAME.fullmatch(name) else None


def put(path: Path, content: bytes) -> None:
    """Write by rename, so that no reader ever sees half of it."""
    os.replace(draft(path, content), path)


def draft(path: Path, content: bytes) -> Path:
    """The content beside its place, ready to be renamed to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f".{path.name[:100]}.{secrets.token_hex(4)}"
    beside.write_bytes(content)
    return beside


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time. The system lets go of it when the process ends, however it ends."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def append(path: Path, line: str) -> None:
    """One line, in one write."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def contents(path: Path | None) -> bytes | None:
    """What the file holds; None when there is none."""
    try:
        return path.read_bytes() if path else None
    except FileNotFoundError:
        return None
