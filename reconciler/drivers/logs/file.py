"""A file that grows line by line and is set aside when it is large. It is opened anew for every batch, so that whoever
moves it away (logrotate) needs to tell us nothing."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import SYSTEM, Clock
from reconciler.errors import Unreachable

if TYPE_CHECKING:
    from reconciler.drivers.logs.destination import Destination


TRIES, CHUNK = 10, 1 << 16
TIDY = 600.0  # seconds between two looks at what was set aside


class File:
    """`path`, and beside it `path.1` (the latest that was set aside) to `path.KEEP`."""

    def __init__(self, destination: Destination, clock: Clock = SYSTEM) -> None:
        self._path, self._clock = destination.file, clock
        self._most, self._keep, self._age = destination.max_size, destination.keep, destination.max_age
        self._tidied = -TIDY  # seconds, by the clock that only grows

    def send(self, lines: Sequence[bytes]) -> int:
        """Raises Unreachable, naming the file, when it cannot be written: it is as it was before."""
        data = b"".join(line + b"\n" for line in lines)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._size() and self._size() + len(data) > self._most:
                self._set_aside()
            if not any(self._appended(data) for _ in range(TRIES)):
                raise Unreachable(f"{self._path} is moved away again and again while it is written")
            self._tidy()
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be written: {error.strerror}") from error
        return 0

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _appended(self, data: bytes) -> bool:
        """False: it went to a file that has another name by now, where nobody may look any more. Raises OSError."""
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            size = _whole(handle)
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[os.write(handle, rest) :]
            except OSError:
                os.ftruncate(handle, size)  # half a line is worse than none: it is sent again as a whole
                raise
            with contextlib.suppress(FileNotFoundError):
                return os.path.samestat(os.fstat(handle), os.stat(self._path))
            return False
        finally:
            os.close(handle)

    def _set_aside(self) -> None:
        """Each takes the next one's name; the last one's file goes."""
        for number in range(self._keep, 0, -1):
            source = self._aside(number - 1) if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                os.replace(source, self._aside(number))

    def _tidy(self) -> None:
        """Now and then: what is older than it may be goes, and what is left of a larger `keep`."""
        if self._clock.monotonic() - self._tidied < TIDY:
            return
        self._tidied, now = self._clock.monotonic(), self._clock.now().timestamp()
        for path in self._path.parent.glob("*"):
            number = self._number(path)
            if number is None:
                continue
            with contextlib.suppress(FileNotFoundError):
                old = self._age is not None and now - path.stat().st_mtime > self._age
                if old or number > self._keep:
                    path.unlink()

    def _number(self, path: Path) -> int | None:
        found = re.fullmatch(re.escape(self._path.name) + r"\.([1-9][0-9]{0,5})", path.name)
        return int(found[1]) if found else None

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _whole(handle: int) -> int:
    """The size without the half line that a crash left at the end, which is taken off: it comes again as a whole."""
    size = end = os.lseek(handle, 0, os.SEEK_END)
    while end:
        begin = max(0, end - CHUNK)
        os.lseek(handle, begin, os.SEEK_SET)
        if found := os.read(handle, end - begin).rfind(b"\n") + 1:
            end = begin + found
            break
        end = begin
    if end != size:
        os.ftruncate(handle, end)
    return end
