"""What must not be lost: the journal, the state's folder, and the room on their disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from reconciler.configuration import Configuration
from reconciler.drivers.examining import Finding, failed, ok, warning
from reconciler.drivers.local.durable import nearest
from reconciler.errors import JournalBroken
from reconciler.journal.sqlite import open_journal
from reconciler.wording import size

FAR = {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"}  # across a network
LEAST = 64 << 20  # bytes that should be free for the journal and the logs


def journal(found: Configuration) -> Iterator[Finding]:
    """Its whole chain, and what lies beside it."""
    path = Path(found.journal_url.removeprefix("sqlite:///"))
    store = open_journal(found.journal_url, read_only=True)
    if not path.exists():
        yield _to_write("journal", path, "none yet; `reconcile run` makes it")
        return
    try:
        entries = store.verify()
    except JournalBroken as error:
        yield failed("journal", str(error), "keep a copy of it, and see: reconcile history --verify")
        return
    ahead = path.with_name(path.name + "-wal")
    left = ahead.exists() and ahead.stat().st_size and not store.attended()
    if left:
        cure = "nothing; the next reconcile run takes it in"
        yield warning("journal", f"{entries} entries; the last loop was killed: {ahead.name} is left", cure)
    else:
        yield _to_write("journal", path, f"{entries} entries, unbroken, {size(path.stat().st_size)}")
    yield from _near("journal", path)


def loop(found: Configuration) -> Iterator[Finding]:
    mark = open_journal(found.journal_url, read_only=True).mark()
    if mark is None:
        yield warning("loop", "none works on this journal", "reconcile run, or reconcile service install")
    elif mark and mark != found.digest:
        yield warning("loop", "it has read the operator's file before that was changed", "end it, and: reconcile run")
    else:
        yield ok("loop", "works on this journal")


def state(found: Configuration) -> Iterator[Finding]:
    """May it be written, and is there room for what grows: the journal, evidence, recovery points?"""
    yield _to_write("state", found.state_dir, "")
    for what, folder, needed in (
        ("room", found.state_dir, LEAST),
        ("room for evidence", found.evidence_path, LEAST + _largest(found.evidence_path.glob("*/*"))),
        ("room for snapshots", found.snapshots_dir, LEAST + _largest(found.snapshots_dir.glob("*/*.zip"))),
    ):
        yield _room(what, folder, needed)
    yield from _near("state", found.state_dir)


def _to_write(what: str, path: Path, said: str) -> Finding:
    """A file needs its folder as well: beside it lies what is not yet taken in."""
    for place in {nearest(path), nearest(path.parent)}:
        if not os.access(place, os.W_OK):
            return failed(what, f"this account may not write {place}", "chown it, or ask as whoever runs the loop")
    return ok(what, f"{path}{': ' if said else ''}{said}")


def _room(what: str, folder: Path, needed: int) -> Finding:
    free = shutil.disk_usage(nearest(folder)).free
    if free < needed:
        return warning(what, f"{size(free)} are free, {size(needed)} should be", f"make room on the disk of {folder}")
    return ok(what, f"{size(free)} are free")


def _largest(made: Iterable[Path]) -> int:
    """Bytes of the largest one so far, as a measure of the next."""
    return max((_bytes(path) for path in made), default=0)


def _bytes(path: Path) -> int:
    files = (inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files)


def _near(what: str, path: Path) -> Iterator[Finding]:
    """Locks and renames are promised by disks of this machine only."""
    there = os.path.realpath(nearest(path))
    mounts = [one for one in psutil.disk_partitions(all=True) if _within(there, one.mountpoint)]
    kind = max(mounts, key=lambda one: len(one.mountpoint)).fstype if mounts else ""
    if kind in FAR:
        yield failed(what, f"{path} lies on a network drive ({kind})", "put it on a disk of this machine")


def _within(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")
