"""What is in an archive, made again in folders that are new: so nothing there can lead out of them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.drivers.snapshots.entry import Entry, Kind
from reconciler.drivers.snapshots.reading import Archive
from reconciler.drivers.snapshots.tree import Check
from reconciler.errors import Refused

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def half(place: Path) -> Iterator[Path]:
    """A folder on the disk of `place`, beside it, that is gone afterwards; so is what a crash has left of another."""
    prefix = f".{place.name}.half-"
    for left in [one for one in place.parent.iterdir() if one.name.startswith(prefix)]:
        shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def unpack(archive: Archive, targets: Mapping[str, Path], check: Check) -> None:
    """Each tree into the folder of `targets` that is made for it, every content verified as it is written. Links come
    last, so that nothing is written through one. Raises Refused for what no archive of ours has, and OSError."""
    folders: list[Entry] = []
    links: list[Entry] = []
    for entry in archive.entries(check):
        if entry.tree not in targets:
            raise Refused(f"{entry} is in it, and nothing asks for it")
        match entry.kind:
            case Kind.FOLDER:
                os.mkdir(_place(targets, entry), 0o700)
                folders.append(entry)
            case Kind.FILE:
                _file(archive, entry, _place(targets, entry), check)
            case Kind.LINK:
                links.append(entry)
    for entry in links:
        _link(archive, entry, _place(targets, entry), check)
    for entry in reversed(folders):  # what is made in a folder changes its time, and may not be allowed any more
        _dress(entry, _place(targets, entry))
    if hasattr(os, "sync"):
        os.sync()


def _place(targets: Mapping[str, Path], entry: Entry) -> bytes:
    root = os.fsencode(targets[entry.tree])
    return root + b"/" + entry.path if entry.path else root


def _file(archive: Archive, entry: Entry, place: bytes, check: Check) -> None:
    with open(os.open(place, _NEW, 0o600), "wb") as target:
        archive.content(entry, check, target)
    _dress(entry, place)


def _link(archive: Archive, entry: Entry, place: bytes, check: Check) -> None:
    with tempfile.TemporaryFile() as target:
        archive.content(entry, check, target)
        target.seek(0)
        os.symlink(target.read(), place)
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(place, entry.owner, entry.group, follow_symlinks=False)


def _dress(entry: Entry, place: bytes) -> None:
    """Owner (where we may), permissions and time."""
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(place, entry.owner, entry.group)
    os.chmod(place, entry.mode)
    os.utime(place, ns=(entry.mtime, entry.mtime))
