"""One `reconcile run` per journal: a lock that the kernel drops when its holder ends, however it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NoReturn

from reconciler.errors import JournalError, JournalLocked


class RunLock:
    """An advisory lock on a file that is never deleted (that would let two holders in); it holds its owner's pid,
    and what the owner says that it works by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self, mark: str = "") -> None:
        """Raises JournalLocked naming the holder. Taking what is already ours is safe. `mark`: one word, for `mark`."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened: {error.strerror}; check who may write there") from error
        try:
            self._hold(descriptor, mark)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def held(self) -> bool:
        """Does somebody hold it now? Looking takes it, shared, for a moment: `take` tries more than once therefore."""
        try:
            import fcntl

            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (ImportError, OSError):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def mark(self) -> str | None:
        """What whoever holds it now has said of itself; None: nobody holds it."""
        if not self.held():
            return None
        with suppress(OSError):
            return self.path.read_text("ascii", "replace").partition("\n")[2].strip()
        return ""

    def _hold(self, descriptor: int, mark: str) -> None:
        import fcntl  # absent on Windows, where only the verbs and the preview work

        for _ in range(3):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            Event().wait(0.05)
        else:
            self._refuse(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, "".join(f"{word}\n" for word in (os.getpid(), mark) if word).encode(), 0)

    def _refuse(self, descriptor: int) -> NoReturn:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").partition("\n")[0] or "unknown"
        raise JournalLocked(
            f"another `reconcile run` (pid {holder}) works on this journal ({self.path}): stop it first, "
            "or give this one a journal of its own"
        )

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
