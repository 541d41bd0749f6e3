"""Records that are only ever appended: lines of JSON in a gzip file, which a crash can cut short but not spoil.

Each flush appends one whole gzip member (RFC 1952 allows any number of them), so what was flushed stays readable
whatever comes after it. Of a member that was cut off in the midst nothing is read, and the next writer drops it.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.foreign import opened, parsed

MOST = 4_000  # records in one member
_GZIP, _CHUNK = 31, 1 << 16  # zlib's sign for gzip's framing; bytes read at once
_RATIO, _SMALL = 200, 1 << 20  # records shrink to a tenth; bytes of which nobody asks
_LINE = 1 << 20  # bytes of one record
_LARGEST = 1 << 26  # bytes of one member's content; those of `Stream` are far smaller


class Stream:
    """Opened at the first flush. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._file: int | None = None

    @property
    def waiting(self) -> int:
        """Records that are not in the file yet."""
        return len(self._lines)

    def write(self, record: Mapping[str, Any]) -> None:
        """In memory until the next flush. Raises ValueError for a NaN."""
        self._lines.append(json.dumps(record, separators=(",", ":"), allow_nan=False))

    def drop(self) -> int:
        """Forget what waits; how many records that were."""
        lost = len(self._lines)
        self._lines.clear()
        return lost

    def flush(self) -> None:
        """Everything that waits, in members of at most `MOST` records. Raises OSError; then the rest still waits."""
        while self._lines:
            if self._file is None:
                self._file = _opened(self._path)
            now = self._lines[:MOST]
            _appended(self._file, _member("\n".join(now) + "\n"))
            del self._lines[: len(now)]

    def close(self) -> None:
        """After a last flush, with everything on the disk. Twice is safe. Raises OSError."""
        try:
            self.flush()
            if self._file is not None:
                os.fsync(self._file)
        finally:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole record, in order, in bounded memory; none of a file that is not there. Raises EvidenceBroken for what
    no `Stream` has written."""
    left = b""
    for chunk, _ in _decompressed(path):
        *lines, left = (left + chunk).split(b"\n")
        yield from (_record(path, line) for line in lines)
    if left:
        raise EvidenceBroken(f"{path}: it does not end with a line's end: it was changed")


def mend(path: Path) -> None:
    """Drop a member that a crash has cut off. Raises OSError, and EvidenceBroken for a file that is damaged before."""
    whole = max((end for _, end in _decompressed(path)), default=0)
    if path.exists() and path.stat().st_size > whole:
        os.truncate(path, whole)


def _opened(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    mend(path)
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)


def _member(text: str) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return packer.compress(text.encode()) + packer.flush()


def _appended(file: int, data: bytes) -> None:
    """All of it or nothing: half a member would hide all that follow it."""
    start = os.lseek(file, 0, os.SEEK_END)
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError:
        os.ftruncate(file, start)
        raise


def _decompressed(path: Path) -> Iterator[tuple[bytes, int]]:
    """The content of every whole member, and where in the file that member ends."""
    try:
        with opened(path) as file:
            yield from _members(iter(lambda: file.read(_CHUNK), b""))
    except FileNotFoundError:
        return
    except (OSError, zlib.error) as error:
        raise EvidenceBroken(f"{path}: it cannot be read: {error}") from error


def _members(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    unpacker, content, taken, end = zlib.decompressobj(_GZIP), bytearray(), 0, 0
    for chunk in chunks:
        while chunk:
            content += unpacker.decompress(chunk, _LARGEST)
            taken += len(chunk) - len(unpacker.unused_data)
            if len(content) > _LARGEST or unpacker.unconsumed_tail or len(content) > _SMALL + _RATIO * taken:
                raise zlib.error("a member larger than any that was ever written")
            if not unpacker.eof:
                end += len(chunk)
                break
            end += len(chunk) - len(unpacker.unused_data)
            yield bytes(content), end
            chunk, content, taken, unpacker = unpacker.unused_data, bytearray(), 0, zlib.decompressobj(_GZIP)


def _record(path: Path, line: bytes) -> dict[str, Any]:
    try:
        if len(line) > _LINE:
            raise ValueError("it is longer than any record")
        found = parsed(line)
    except ValueError as error:
        raise EvidenceBroken(f"{path}: no line of JSON: {line[:60]!r}") from error
    if not isinstance(found, dict):
        raise EvidenceBroken(f"{path}: expected an object in every line, found {line[:60]!r}")
    return found
