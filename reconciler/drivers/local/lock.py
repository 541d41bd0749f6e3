"""One owner at a time on this machine: a lock that the kernel drops with the process that held it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reconciler.drivers.identity import Identity
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.hold import hold
from reconciler.errors import Refused

POLL = 0.005  # seconds


class OwnerLock:
    """Held from `take` to `release`, or to the process's death. The file only says, for people, who holds it."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._file: IO[str] | None = None

    def take(self, *, sign: bool = True) -> None:
        """Idempotent. Raises Refused, naming the owner, when somebody else holds it."""
        if self._file is not None:
            return
        try:
            file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 - it stays open for as long as we own
        except OSError as error:
            raise Refused(f"cannot open the lock {self._path}: {error.strerror}") from error
        try:
            hold(file.fileno())
        except OSError as error:
            file.close()
            raise Refused(f"{self._what} is owned by {self._owner()}; stop it first") from error
        self._file = file
        if sign:
            with contextlib.suppress(OSError):  # the lock holds with or without a name in it
                self._sign(file)

    @contextlib.contextmanager
    def held(self, deadline: Deadline) -> Iterator[None]:
        """For a moment; waits for another one's moment to end. Raises Refused when that lasts too long."""
        while True:
            try:
                self.take(sign=False)
                break
            except Refused:
                if deadline.left() <= 0:
                    raise
                time.sleep(POLL)
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk may keep the name from being written, not the lock's end
                self._file.close()
            self._file = None

    def _sign(self, file: IO[str]) -> None:
        me = Identity.of(os.getpid())
        file.truncate(0)
        file.write(me.dump() if me else str(os.getpid()))
        file.flush()

    def _owner(self) -> str:
        try:
            owner = Identity.load(self._path.read_text(encoding="utf-8"))
        except OSError:
            owner = None
        return f"process {owner.pid}" if owner and owner.alive() else "another process"
