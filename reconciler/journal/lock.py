"""One `reconcile run` per journal: a lock that the kernel drops when its holder ends, however it ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NoReturn

from reconciler.errors import JournalError, JournalLocked


class RunLock:
    """An advisory lock on a file that is never deleted (that would let two holders in); it holds its owner's pid."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises JournalLocked naming the holder. Taking what is already ours is safe."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened: {error.strerror}; check who may write there") from error
        try:
            self._hold(descriptor)
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

    def _hold(self, descriptor: int) -> None:
        import fcntl  # absent on Windows, where only the verbs and the preview work

        for _ in range(3):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            Event().wait(0.05)
        else:
            self._refuse(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _refuse(self, descriptor: int) -> NoReturn:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise JournalLocked(
            f"another `reconcile run` (pid {holder}) works on this journal ({self.path}): stop it first, "
            "or give this one a journal of its own"
        )

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
