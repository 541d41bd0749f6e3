"""One `reconcile run` per journal: a lock that the kernel drops when its holder ends, however it ends. Beside it lies,
for a moment, what somebody who has no console asks of the holder: to end."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NoReturn

from reconciler.drivers.local.hold import held, hold
from reconciler.errors import JournalError, JournalLocked

_BINARY = getattr(os, "O_BINARY", 0)  # Windows turns ends of lines into two bytes without it


class RunLock:
    """An advisory lock on a file that is never deleted (that would let two holders in); it holds its owner's pid,
    and what the owner says that it works by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path.with_name(path.name + ".end")
        self._descriptor: int | None = None

    def take(self, mark: str = "") -> None:
        """Raises JournalLocked naming the holder. Taking what is already ours is safe. `mark`: one word, for `mark`."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | _BINARY, 0o644)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened: {error.strerror}; check who may write there") from error
        try:
            self._hold(descriptor, mark)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._forget()  # whoever held it before us was meant

    def held(self) -> bool:
        """Does somebody hold it now? Looking takes it for a moment: `take` tries more than once therefore."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _BINARY)
        except OSError:
            return False
        try:
            return held(descriptor)
        finally:
            os.close(descriptor)

    def mark(self) -> str | None:
        """What whoever holds it now has said of itself; None: nobody holds it."""
        if not self.held():
            return None
        with suppress(OSError):
            return self.path.read_text("ascii", "replace").partition("\n")[2].strip()
        return ""

    # ---- to end ------------------------------------------------------------------------------------------------------

    def ask_to_end(self) -> bool:
        """Ask whoever holds it to end; False: nobody does. Asking twice is asking once. Raises JournalError."""
        if not self.held():
            return False
        try:
            self.request.touch()
        except OSError as error:
            raise JournalError(f"{self.request}: cannot be written: {error.strerror}; who may write there?") from error
        return True

    def asked_to_end(self) -> bool:
        """Is it ours, and did somebody ask us to end?"""
        return self._descriptor is not None and self.request.exists()

    def _forget(self) -> None:
        with suppress(OSError):
            self.request.unlink()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _hold(self, descriptor: int, mark: str) -> None:
        for _ in range(3):
            with suppress(BlockingIOError, PermissionError):  # as Linux and Windows say it
                hold(descriptor)
                break
            Event().wait(0.05)
        else:
            self._refuse(descriptor)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, "".join(f"{word}\n" for word in (os.getpid(), mark) if word).encode())

    def _refuse(self, descriptor: int) -> NoReturn:
        os.lseek(descriptor, 0, os.SEEK_SET)
        holder = os.read(descriptor, 32).decode("ascii", "replace").partition("\n")[0] or "unknown"
        raise JournalLocked(
            f"another `reconcile run` (pid {holder}) works on this journal ({self.path}): stop it first, "
            "or give this one a journal of its own"
        )

    def release(self) -> None:
        if self._descriptor is not None:
            self._forget()
            os.close(self._descriptor)
            self._descriptor = None
