"""A folder as it lies there, read by descriptors: a part of it that somebody replaces by a link meanwhile leads
nowhere."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.drivers.snapshots.entry import Entry, Kind, kind_of
from reconciler.errors import Refused
from reconciler.spelling import shown

DEEPEST = 100  # folders within each other
_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CAREFUL
Check = Callable[[], None]  # called often; raises when it is over


@dataclass(frozen=True, slots=True)
class Found:
    """One thing of a tree; valid until the next is asked for."""

    entry: Entry
    size: int  # bytes of a file, as the system says
    folder: int  # descriptor of the folder that it lies in
    name: bytes

    def open(self) -> int:
        """Its descriptor, for reading. Raises OSError, also when it is a link by now."""
        return os.open(self.name, os.O_RDONLY | _CAREFUL, dir_fd=self.folder)

    def leads_to(self) -> bytes:
        return os.readlink(self.name, dir_fd=self.folder)


def walk(tree: str, root: Path, check: Check) -> Iterator[Found]:
    """Everything in it and itself, each folder before what is in it, by name. What is gone when its turn comes was not
    there. Raises Refused, naming the place, for what cannot be read."""
    if sys.platform == "win32":
        raise Refused("snapshots are taken on Linux and macOS only")
    with reading(Entry(tree, b"", Kind.FOLDER)):
        folder = os.open(os.fspath(root), _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))  # the operator may name a link
    try:
        yield Found(_entry(tree, b"", os.fstat(folder)), 0, folder, b".")
        yield from _within(tree, b"", folder, check)
    finally:
        os.close(folder)


def _within(tree: str, path: bytes, folder: int, check: Check) -> Iterator[Found]:
    here = Entry(tree, path, Kind.FOLDER)
    if path.count(b"/") >= DEEPEST:
        raise Refused(f"{here}: more than {DEEPEST} folders within each other")
    with reading(here), os.scandir(folder) as listed:
        names = sorted(os.fsencode(one.name) for one in listed)
    for name in names:
        check()
        inner = path + b"/" + name if path else name
        entry, status = _looked(tree, inner, folder, name)
        if entry is None or status is None:
            continue
        yield Found(entry, status.st_size if entry.kind is Kind.FILE else 0, folder, name)
        if entry.kind is Kind.FOLDER:
            yield from _opened(entry, folder, name, check)


def _looked(tree: str, path: bytes, folder: int, name: bytes) -> tuple[Entry | None, os.stat_result | None]:
    with reading(Entry(tree, path, Kind.FILE)):
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None, None
    return _entry(tree, path, status), status


def _opened(entry: Entry, folder: int, name: bytes, check: Check) -> Iterator[Found]:
    with reading(entry):
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            return
    try:
        yield from _within(entry.tree, entry.path, inner, check)
    finally:
        os.close(inner)


def _entry(tree: str, path: bytes, status: os.stat_result) -> Entry:
    mode = stat.S_IMODE(status.st_mode)
    return Entry(tree, path, kind_of(status.st_mode), mode, status.st_mtime_ns, status.st_uid, status.st_gid)


@contextmanager
def reading(entry: Entry) -> Iterator[None]:
    """Raises Refused for what the system does not let us do with it."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{entry} cannot be read: {shown(error.strerror or type(error).__name__)}") from error
