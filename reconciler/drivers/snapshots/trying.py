"""A recovery point, tried: put back into a folder of its own, read there, compared with its list, and thrown away."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Snapshot
from reconciler.core.reading import SnapshotReading, SnapshotStatus, Trial
from reconciler.drivers.snapshots import room
from reconciler.drivers.snapshots.entry import DUMP, Entry, Kind
from reconciler.drivers.snapshots.reading import Archive, digest_of
from reconciler.drivers.snapshots.restoring import beside, trees
from reconciler.drivers.snapshots.shelf import Shelf, writing
from reconciler.drivers.snapshots.tree import Check, Found, reading, walk
from reconciler.drivers.snapshots.watch import Watch
from reconciler.drivers.snapshots.writing import PIECE
from reconciler.errors import Refused


@dataclass(frozen=True, slots=True)
class Trying:
    """Which recovery point, and on whose shelf. It is put back on the disk of the archives, where there is room for
    what is large, and nobody else may look. The dump is found there, and never loaded."""

    snapshot: Snapshot
    transition: str
    name: str
    digest: str  # of the archive, as it is on record
    shelf: Shelf
    timeout: float  # seconds
    clock: Clock = SYSTEM
    free: room.Free = room.free
    done: Callable[[Path], None] = lambda _into: None  # all of it lies there, and nothing is compared yet

    @property
    def watch(self) -> Watch:
        return Watch(self.timeout, self.clock)

    @property
    def begun(self) -> SnapshotReading:
        return self._reading(SnapshotStatus.TRYING, f"{self.name} is being put back beside, and compared")

    def run(self, check: Check) -> SnapshotReading:
        """Raises Refused: it is damaged, or not the one on record; there is no room; or what came back differs. Nothing
        of it is left, either way."""
        with self.shelf.held():
            self.shelf.sweep()
            if self.name not in self.shelf.names():
                raise Refused(f"recovery point {self.name} is not in {self.shelf.folder} any more")
            with self.shelf.scratch() as scratch:
                trial = self._tried(scratch / "it", check)
        return self._reading(SnapshotStatus.TRIED, "everything in it was put back, and is what was saved", trial)

    def _tried(self, into: Path, check: Check) -> Trial:
        began = self.clock.monotonic()
        self._known(check)
        with Archive(self.shelf.folder / self.name) as archive:
            archive.verify(check)
            beside(archive, into, check, self.free)
            took = self.clock.monotonic() - began
            self.done(into)
            files, size = compared(archive, into, check)
        return Trial(files, size, took)

    def _known(self, check: Check) -> None:
        path = self.shelf.folder / self.name
        with writing(path.parent):
            found = digest_of(path, check)
        if found != self.digest:
            raise Refused(f"recovery point {self.name} is not the one that the journal knows: its SHA-256 is another")

    def _reading(self, status: SnapshotStatus, detail: str, trial: Trial | None = None) -> SnapshotReading:
        known = (self.transition, self.snapshot, self.name, self.digest)
        return SnapshotReading(status, *known, detail=detail, trial=trial)


def compared(archive: Archive, into: Path, check: Check) -> tuple[int, int]:
    """All that is listed lies in `into`, and nothing else, each with its content and permissions; how many files, and
    their bytes. Both are in the same order, so neither is held in memory. Raises Refused at the first difference."""
    files = size = 0
    with closing(archive.entries(check)) as entries, closing(_lying(archive, into, check)) as there:
        listed = (entry for entry in entries if entry.kind is not Kind.OTHER)
        for entry, found in zip_longest(listed, there):
            same(entry, found, check)
            if entry and entry.kind is Kind.FILE:
                files, size = files + 1, size + entry.size
    if archive.manifest.command and not os.path.lexists(into / DUMP / archive.manifest.command):
        raise Refused(f"the dump of '{archive.manifest.command}' was not put back: it is not in the archive")
    return files, size


def _lying(archive: Archive, into: Path, check: Check) -> Generator[Found, None, None]:
    for tree in trees(archive):
        yield from walk(tree, into / tree, check)


def same(entry: Entry | None, found: Found | None, check: Check) -> None:
    """Raises Refused."""
    if entry is None or found is None or _what(entry) != _what(found.entry):
        listed, there = entry or "nothing more", found.entry if found else "nothing more"
        raise Refused(f"what was put back differs: {listed} is listed, and {there} is there")
    if entry.kind is not Kind.LINK and entry.mode != found.entry.mode:
        raise Refused(f"what was put back differs: {entry} has permissions {found.entry.mode:o}, not {entry.mode:o}")
    if entry.digest and _content(entry, found, check) != (entry.size, entry.digest):
        raise Refused(f"what was put back differs: {entry} is not what its digest says")


def _what(entry: Entry) -> tuple[str, bytes, Kind]:
    return entry.tree, entry.path, entry.kind


def _content(entry: Entry, found: Found, check: Check) -> tuple[int, str]:
    """Read from the disk, not from the memory in which it still is."""
    with reading(entry):
        if entry.kind is Kind.LINK:
            content = found.leads_to()
            return len(content), hashlib.sha256(content).hexdigest()
        digest, size = hashlib.sha256(), 0
        with open(found.open(), "rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := file.read(PIECE):
                check()
                digest.update(piece)
                size += len(piece)
        return size, digest.hexdigest()
