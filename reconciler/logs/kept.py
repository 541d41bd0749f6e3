"""The log on this disk: lines that are only ever appended, in pieces of bounded size; the oldest piece goes first.

It is what `reconcile logs` reads, and what waits for a collector that is away: every line is written once, and whoever
is sent it has a place in it (`position`)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reconciler.drivers.local.lock import OwnerLock
from reconciler.errors import Refused

LINES, LOCK = "lines", "owner.lock"  # in the folder
PIECES = 8  # pieces in the whole
END = ".jsonl"


class Place(NamedTuple):
    """Before the line `number`, counted from 1 for as long as there is this log: in which piece, at which byte."""

    piece: int  # the number of its first line, which is its name
    offset: int
    number: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines without their ends, the place after them, and how many before them are gone."""

    lines: tuple[bytes, ...]
    after: Place
    lost: int = 0


class Kept:
    """One process writes, in one thread. Reading is for any thread, and sees whole lines only."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self._limit = folder / LINES, limit
        self._lock = OwnerLock(folder / LOCK, "the log")
        self._turn = threading.Lock()
        self._pieces: list[int] = []  # their first lines' numbers
        self._sizes: dict[int, int] = {}
        self.next = 1  # the number of the next line

    def open(self) -> None:
        """Go on where the last process stopped. What it left of half a line is taken off. Raises Refused, also when
        another process writes here."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock.take()
            self._pieces = pieces(self.folder)
            for piece in self._pieces:
                self._sizes[piece] = self._file(piece).stat().st_size
            if self._pieces:
                self._mend(self._pieces[-1])
        except OSError as error:
            raise Refused(f"cannot write the log in {self.folder}: {error.strerror}") from error

    def close(self) -> None:
        self._lock.release()

    def append(self, lines: list[bytes]) -> None:
        """All of them or, with OSError, none."""
        data = b"".join(line + b"\n" for line in lines)
        if not self._pieces or self._sizes[self._pieces[-1]] >= self._limit // PIECES:
            self._begin()
        try:
            self._write(data)
        except FileNotFoundError:  # somebody has removed it
            self._begin()
            self._write(data)
        self.next += len(lines)
        self._shrink()

    def read(self, place: Place, most_lines: int, most_bytes: int) -> Batch:
        """What comes after a place; at least one line, where there is one. Raises OSError."""
        place, lost = self._present(place)
        while True:
            behind, size = self._standing(place.piece)
            lines = _lines(self._file(place.piece), place.offset, size, most_lines, most_bytes)
            if lines or behind is None:
                taken = sum(len(line) + 1 for line in lines)
                return Batch(lines, Place(place.piece, place.offset + taken, place.number + len(lines)), lost)
            lost += max(0, behind - place.number)
            place = Place(behind, 0, behind)

    def oldest(self) -> Place:
        """The first line that is still there."""
        with self._turn:
            first = self._pieces[0] if self._pieces else self.next
        return Place(first, 0, first)

    def end(self) -> Place:
        """Before the next line."""
        with self._turn:
            piece = self._pieces[-1] if self._pieces else self.next
            return Place(piece, self._sizes.get(piece, 0), self.next)

    def newest(self) -> Place:
        """Before the last line. Raises OSError."""
        end = self.end()
        if not end.offset:
            return end
        with self._file(end.piece).open("rb") as file:
            content = file.read(end.offset)
        return Place(end.piece, content.rfind(b"\n", 0, -1) + 1, end.number - 1)

    def _present(self, place: Place) -> tuple[Place, int]:
        """The place, or the next that is still there, and how many lines are gone between them."""
        oldest = self.oldest()
        if place.piece >= oldest.piece:
            return place, 0
        return oldest, max(0, oldest.number - place.number)

    def _standing(self, piece: int) -> tuple[int | None, int]:
        """The next piece, and how much of this one may be read: a piece with one behind it grows no more."""
        with self._turn:
            return next((other for other in self._pieces if other > piece), None), self._sizes.get(piece, 0)

    def _write(self, data: bytes) -> None:
        piece = self._pieces[-1]
        _append(self._file(piece), data, self._sizes[piece])
        with self._turn:  # from here on it is read
            self._sizes[piece] += len(data)

    def _begin(self) -> None:
        """A new piece, named by its first line."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file(self.next).touch(mode=0o600)
        with self._turn:
            self._sizes[self.next] = 0
            if self.next not in self._pieces:
                self._pieces.append(self.next)

    def _shrink(self) -> None:
        while len(self._pieces) > 1 and sum(self._sizes.values()) > self._limit:
            with self._turn:
                oldest = self._pieces.pop(0)
                del self._sizes[oldest]
            with contextlib.suppress(OSError):  # somebody reads it just now, on Windows
                self._file(oldest).unlink()

    def _mend(self, piece: int) -> None:
        """After a crash: whole lines only, and how many they are."""
        with self._file(piece).open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            file.truncate(whole)
        self._sizes[piece] = whole
        self.next = piece + content.count(b"\n")

    def _file(self, piece: int) -> Path:
        return self.folder / f"{piece:012d}{END}"


def pieces(folder: Path) -> list[int]:
    """The first lines' numbers of the pieces in a folder, oldest first. Raises OSError."""
    names = (path.stem for path in folder.iterdir() if path.suffix == END)
    return sorted(int(name) for name in names if name.isdecimal())


def every_line(folder: Path) -> Iterator[bytes]:
    """All that is kept, oldest first, for whoever only looks: nothing is locked, what goes meanwhile is left out."""
    try:
        found = pieces(folder / LINES)
    except OSError:
        return
    for piece in found:
        with contextlib.suppress(FileNotFoundError), (folder / LINES / f"{piece:012d}{END}").open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def next_number(folder: Path) -> int:
    """The number that the next line will have, for whoever only looks."""
    try:
        last = max(pieces(folder / LINES), default=None)
        return last + (folder / LINES / f"{last:012d}{END}").read_bytes().count(b"\n") if last else 1
    except OSError:
        return 1


def _append(file: Path, data: bytes, size: int) -> None:
    """After `size` bytes. A disk that gets full in the middle of it leaves the file as it was. Raises OSError."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError:
        os.ftruncate(handle, size)
        raise
    finally:
        os.close(handle)


def _lines(file: Path, offset: int, size: int, most_lines: int, most_bytes: int) -> tuple[bytes, ...]:
    """Whole lines between `offset` and `size`; one at least, however long it is."""
    try:
        with file.open("rb") as opened:
            opened.seek(offset)
            data = opened.read(max(0, min(size - offset, most_bytes)))
            if data and b"\n" not in data:
                data += opened.readline()
    except FileNotFoundError:
        return ()  # gone just now
    return tuple(data.split(b"\n")[:-1][:most_lines])
