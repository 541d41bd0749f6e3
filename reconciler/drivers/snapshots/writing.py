"""An archive, written: a zip file of any size in bounded memory, with the list of digests and a manifest at its end."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from reconciler.drivers.snapshots.entry import Entry, Kind, member_of
from reconciler.drivers.snapshots.tree import Check, Found, reading, walk
from reconciler.errors import Refused

LISTING, MANIFEST = "digests.jsonl", "manifest.json"
PIECE = 1 << 20  # bytes
SAMPLE = 1 << 16  # bytes of a file that are tried out
TRIES = 3  # times that a file is read which changes meanwhile
_TYPES = {Kind.FOLDER: stat.S_IFDIR, Kind.FILE: stat.S_IFREG, Kind.LINK: stat.S_IFLNK}


class Writer:
    """Fills one archive. `scratch`: a folder for the list while it grows. `changing`: a file that changes each time it
    is read is kept as it was read last, and named; else there is no archive with it."""

    def __init__(self, file: IO[bytes], scratch: Path, check: Check, *, changing: bool = False) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._file, self._check, self._changing = file, check, changing
        self._listing: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - until `close`
        self._digest = hashlib.sha256()
        self.counts = dict.fromkeys(Kind, 0)
        self.bytes = 0
        self.changed: list[str] = []

    def add(self, tree: str, root: Path) -> None:
        """Everything in a folder. Raises Refused, naming what cannot be saved, and OSError when it cannot be
        written."""
        for found in walk(tree, root, self._check):
            entry = self._added(found)
            if entry:
                self._listed(entry)

    def finish(self, manifest: dict[str, Any]) -> None:
        """The list, then the manifest, which says what the list must be; then all of it to the disk."""
        length = self._listing.tell()
        self._listing.seek(0)
        with self._zip.open(_info(LISTING, length), "w") as target:
            while piece := self._listing.read(PIECE):
                target.write(piece)
        entries = {str(kind): count for kind, count in self.counts.items() if count}
        found = {"digests": self._digest.hexdigest(), "entries": entries, "bytes": self.bytes, "changed": self.changed}
        self._zip.writestr(_info(MANIFEST, 0), json.dumps({**manifest, **found}, indent=2))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Also when it was not finished: then what was written is no archive."""
        self._zip.fp = None  # else it would be ended like one, whenever it is forgotten
        self._listing.close()

    def _listed(self, entry: Entry) -> None:
        line = entry.line
        self._listing.write(line)
        self._digest.update(line)
        self.counts[entry.kind] += 1
        self.bytes += entry.size if entry.kind is Kind.FILE else 0

    def _added(self, found: Found) -> Entry | None:
        """None: it was gone when its turn came."""
        entry, number = found.entry, sum(self.counts.values())
        member = member_of(entry.tree, entry.path, number, entry.kind)
        match entry.kind:
            case Kind.FOLDER:
                self._zip.writestr(_info(member, 0, entry), b"")
                return entry
            case Kind.LINK:
                return self._linked(found, replace(entry, member=member))
            case Kind.FILE:
                return self._copied(found, replace(entry, member=member))
            case _:
                return entry

    def _linked(self, found: Found, entry: Entry) -> Entry:
        with reading(entry):
            content = found.leads_to()
        self._zip.writestr(_info(entry.member, len(content), entry), content)
        return replace(entry, size=len(content), digest=hashlib.sha256(content).hexdigest())

    def _copied(self, found: Found, entry: Entry) -> Entry | None:
        for again in reversed(range(TRIES)):
            copied = self._opened(found, entry)
            if copied is None or not copied.changed:
                return copied
            if self._changing and not again:
                self.changed.append(str(entry))
                return copied
            self._take_back()
        raise Refused(f"{entry} changed each of the {TRIES} times that it was read; {_CURE}")

    def _opened(self, found: Found, entry: Entry) -> Entry | None:
        with reading(entry):
            try:
                handle = found.open()
            except FileNotFoundError:
                return None
        try:
            return self._once(handle, entry)
        finally:
            os.close(handle)

    def _once(self, handle: int, entry: Entry) -> Entry:
        """Read as much as there was at first: what is only ever added to has a beginning that holds."""
        with reading(entry):
            before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise Refused(f"{entry} was replaced by something that is no file while it was saved")
        digest, size = hashlib.sha256(), 0
        piece = _piece(handle, before.st_size, entry)
        with self._zip.open(_info(entry.member, before.st_size, entry, piece), "w") as target:
            while piece:
                self._check()
                target.write(piece)
                digest.update(piece)
                size += len(piece)
                piece = _piece(handle, before.st_size - size, entry)
        with reading(entry):
            after = os.fstat(handle)
        changed = size != before.st_size or _told(before) != _told(after)
        return replace(
            entry, size=size, digest=digest.hexdigest(), changed=changed,
            mode=stat.S_IMODE(before.st_mode), mtime=before.st_mtime_ns, owner=before.st_uid, group=before.st_gid,
        )  # fmt: skip

    def _take_back(self) -> None:
        """The member that was written last is no part of the archive: the next is written over it."""
        info = self._zip.filelist.pop()
        del self._zip.NameToInfo[info.filename]
        self._zip.start_dir = info.header_offset
        self._file.seek(info.header_offset)
        self._file.truncate()


_CURE = 'stop what writes to it meanwhile, or say `changing = "record"` under [snapshots] of the operator\'s file'


def _piece(handle: int, left: int, entry: Entry) -> bytes:
    with reading(entry):
        return os.read(handle, min(PIECE, left)) if left > 0 else b""


def _told(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _shrinks(piece: bytes) -> bool:
    """Pictures, films and archives do not get smaller, and trying takes most of the time."""
    sample = piece[:SAMPLE]
    return len(zlib.compress(sample, 1)) < len(sample) * 0.95


def _info(member: str, size: int, entry: Entry | None = None, begins: bytes = b"") -> zipfile.ZipInfo:
    """For whoever unpacks it by hand: kind, permissions and time; the list has them exactly. `begins`: the first of
    its content."""
    mtime = entry.mtime // 10**9 if entry else 0
    moment = time.gmtime(min(max(mtime, 315532800), 4354819198))[:6]  # a zip file knows the years 1980 to 2107
    info = zipfile.ZipInfo(member, moment)
    stored = member.endswith("/") or (entry is not None and not _shrinks(begins))
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    info.file_size, info.create_system = size, 3
    kind, mode = (_TYPES[entry.kind], entry.mode) if entry else (stat.S_IFREG, 0o600)
    info.external_attr = (kind | mode) << 16 | (0x10 if entry and entry.kind is Kind.FOLDER else 0)
    return info
