"""An archive, read: what its manifest says, and whether everything in it is what its list of digests says."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reconciler.drivers.snapshots.entry import LONGEST_LINE, Entry, of_line
from reconciler.drivers.snapshots.tree import Check
from reconciler.drivers.snapshots.writing import LISTING, MANIFEST, PIECE
from reconciler.errors import Refused
from reconciler.spelling import clip, shown

LONGEST_MANIFEST = 16 << 20  # bytes
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    environment: str
    transition: str
    journal: str
    slot: str  # the newcomer's, before which it was taken
    version: str
    label: str  # of its pin: the version, and its configuration's digest
    taken: str  # ISO 8601, UTC
    folders: tuple[str, ...]
    command: str
    digests: str  # SHA-256 of its list
    entries: dict[str, int]  # how many of each kind
    bytes: int  # of all files
    changed: tuple[str, ...] = ()
    drill: str = ""  # the kind of drill that it was taken in; archives from before say nothing of it


class Archive:
    """One archive, open for reading. Every call raises Refused, naming the archive, for what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._sound():
            self._zip = zipfile.ZipFile(path)
        try:
            self.manifest = self._manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def entries(self, check: Check) -> Generator[Entry, None, None]:
        """Everything in it, in order; at the end the list is known to be the one that the manifest vouches for."""
        digest, seen = hashlib.sha256(), set[tuple[str, bytes]]()
        with self._sound(), self._zip.open(LISTING) as listing:
            while line := listing.readline(LONGEST_LINE):
                check()
                digest.update(line)
                entry = of_line(line)
                if (entry.tree, entry.path) in seen:
                    raise Refused(f"it names {entry} twice")
                seen.add((entry.tree, entry.path))
                yield entry
            if digest.hexdigest() != self.manifest.digests:
                raise Refused(f"its list of digests is not the one that its {MANIFEST} vouches for")

    def content(self, entry: Entry, check: Check, target: IO[bytes] | None = None) -> None:
        """Read the content of an entry, and write it to `target`; at the end it is known to be the right one."""
        digest, size = hashlib.sha256(), 0
        with self._sound(), self._zip.open(entry.member) as source:
            while size <= entry.size and (piece := source.read(PIECE)):
                check()
                digest.update(piece)
                size += len(piece)
                if target:
                    target.write(piece)
            if (size, digest.hexdigest()) != (entry.size, entry.digest):
                raise Refused(f"{entry} is not what its digest says")

    def sizes(self, check: Check) -> dict[str, int]:
        """Tree -> the bytes of its files."""
        found: dict[str, int] = {}
        for entry in self.entries(check):
            found[entry.tree] = found.get(entry.tree, 0) + entry.size
        return found

    def verify(self, check: Check) -> None:
        """Everything that is listed is there, whole; and nothing else is."""
        known = {LISTING, MANIFEST}
        for entry in self.entries(check):
            if entry.member:
                self.content(entry, check)
                known.add(entry.member)
        names = [name for name in self._zip.namelist() if not name.endswith("/")]
        if strange := next((name for name in names if name not in known), None):
            raise self._told(f"'{shown(clip(strange))}' is in it and not in its list of digests")
        if len(names) != len(set(names)):
            raise self._told("two things of one name are in it")

    def _manifest(self) -> Manifest:
        with self._sound(), self._zip.open(MANIFEST) as source:
            data: dict[str, Any] = json.loads(source.read(LONGEST_MANIFEST))
            fields = {name: data[name] for name in Manifest.__slots__ if name != "drill"}
            fields["drill"] = str(data.get("drill", ""))
            lists = {name: tuple(fields[name]) for name in ("folders", "changed")}
            return Manifest(**{**fields, **lists})

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            raise self._told(str(error)) from error
        except OSError as error:
            raise self._told(f"it cannot be read: {error.strerror or type(error).__name__}") from error
        except _BROKEN as error:
            raise self._told(f"it is no archive of ours, or is damaged: {shown(clip(str(error)))}") from error

    def _told(self, why: str) -> Refused:
        return Refused(f"recovery point {self.path.name}: {why}")


def digest_of(path: Path, check: Check) -> str:
    """SHA-256 of a file's bytes as they lie on the disk. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):  # what was just written is read from the disk, not from memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(PIECE):
            check()
            digest.update(piece)
    return digest.hexdigest()
