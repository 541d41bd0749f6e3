"""The files of an HAProxy gateway: the map that a restart begins with, and, of one of ours, everything else."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.drivers.entry import KEY, Entry, parse
from reconciler.drivers.local import durable, folder
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.lock import OwnerLock
from reconciler.errors import Refused, Unreachable

UNKNOWN = "so nobody knows what a start would serve; put a good copy back, or empty the file to begin anew"
LONGEST_SOCKET = 80  # bytes; HAProxy binds it by a longer name first, and renames it then


class Folder(folder.Folder):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "haproxy", LONGEST_SOCKET)
        self.configuration = self.path / "haproxy.cfg"


class MapFile:
    """Written after the commit, so that it never holds what nobody served; never put back by a writer who is late."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.lock = OwnerLock(path.with_name(path.name + ".lock"), f"the map's file of {what}")

    def text(self) -> str | None:
        """What a start would serve; None: there is no file. Raises Unreachable when that cannot be told."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self.path} cannot be read ({error}), {UNKNOWN}") from error
        return next((line.partition(" ")[2] for line in lines if line.startswith(f"{KEY} ")), None)

    def check(self) -> None:
        """Raises Refused when it could not be written: better before anything is changed than after."""
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise Refused(f"nothing can be written into the folder of maps {self.path.parent}")

    def keep(self, entry: Entry, deadline: Deadline) -> None:
        """Let a restart begin with it, unless the file holds a newer one already. Raises Unreachable when it may not
        last: what is served is not concerned."""
        try:
            with self.lock.held(deadline):
                before = self.kept()
                if before is None or before.order < entry.order:
                    self.put(entry.dump())
        except Refused as error:
            raise Unreachable(f"{deadline.what}: it is served, but a restart would not know it: {error}") from error

    def kept(self) -> Entry | None:
        """What is there, if it is an entry of ours."""
        try:
            text = self.text()
            return parse(text) if text is not None else None
        except (Unreachable, ValueError):
            return None

    def put(self, text: str | None) -> None:
        """Without asking what was there; the caller holds the lock. Raises Refused."""
        durable.write(self.path, f"{KEY} {text}\n" if text is not None else "", mode=0o644)
