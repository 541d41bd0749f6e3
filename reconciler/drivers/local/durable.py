"""Files that are either the old one or the new one, whole, after any crash."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from threading import Event

from reconciler.errors import Refused, Unreachable

TRIES, APART = 50, 0.01  # seconds between two


def write(path: Path, text: str, staging: Path | None = None, mode: int = 0o600, *, sync: bool = True) -> None:
    """Replace `path`, by default readable by its owner only. `staging` is a folder on that disk that nobody watches.
    Without `sync` it survives the end of this process, but maybe not the machine's.

    Raises Refused when it could not be written (the old file is untouched), Unreachable when it may not last."""
    new = (staging or path.parent) / f".{path.name}.new"
    try:
        _write(new, text, mode, sync=sync)
        replace(new, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise Refused(f"cannot write {path}: {error.strerror}; check the folder's owner and free space") from error
    if not sync:
        return
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise Unreachable(f"{path} was written, but may not survive a power loss: {error.strerror}") from error


def replace(new: Path, path: Path) -> None:
    """By rename. Windows refuses that while somebody reads `path`, which lasts for a moment. Raises OSError."""
    for _ in range(TRIES if sys.platform == "win32" else 0):
        try:
            os.replace(new, path)
            return
        except PermissionError:
            Event().wait(APART)
    os.replace(new, path)


def create(path: Path, text: str) -> bool:
    """Write `path` only if there is none yet; False when somebody was first. Raises OSError."""
    new = path.parent / f".{path.name}.{os.getpid()}"
    _write(new, text)
    try:
        os.link(new, path)
    except FileExistsError:
        return False
    finally:
        new.unlink()
    return True


def _write(path: Path, text: str, mode: int = 0o600, *, sync: bool = True) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def nearest(path: Path) -> Path:
    """The path itself, or what it would be made in."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def sync_folder(folder: Path) -> None:
    """Make a rename in it last. Windows keeps folders by itself, and cannot open them."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
