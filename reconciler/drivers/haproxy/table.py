"""An environment's map in a running HAProxy: its one entry, read, and exchanged by a versioned commit.

HAProxy numbers every `prepare`, and commits a number only above the last one committed. So if ours is the very next
number, a commit that is taken is a compare-and-set: any other one in between would have made it out of range. If it is
not the next, somebody else has prepared before us and may still commit: then that gap is closed first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.drivers.entry import KEY
from reconciler.drivers.haproxy.runtime import Connection, quoted
from reconciler.errors import Refused, Unreachable

LISTED = re.compile(r"^-?\d+ \((.*?)\) .*\bcurr_ver=(\d+) next_ver=(\d+)", re.MULTILINE)
PREPARED = re.compile(r"New version created: (\d+)")
OUT_OF_RANGE = "out of range"
UNKNOWN = "Unknown map identifier"
INCLUDE = "include in its configuration what 'reconcile gateway' prints, and reload it"


@dataclass(frozen=True, slots=True)
class Held:
    """What a map holds. `text` None: nothing."""

    current: int  # the version that was committed last
    latest: int  # the version that was prepared last
    text: str | None


class Table:
    """`name` is that of the map's file, `folder` where HAProxy has it; None: to be found out."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self._name = name
        self._path = str(folder / name) if folder else None  # as HAProxy calls it

    def find(self, connection: Connection) -> None:
        """Learn where HAProxy has the map. Raises Refused when it has none."""
        if self._path is None:
            (listed,) = connection.ask("show map")
            paths = [found[1] for found in LISTED.finditer(listed) if Path(found[1]).name == self._name]
            if not paths:
                raise Refused(f"HAProxy has no map {self._name}: {INCLUDE}")
            self._path = paths[0]

    @property
    def reading(self) -> tuple[str, str]:
        """The commands whose answers `held` understands."""
        return "show map", f"show map {self._at}"

    @property
    def _at(self) -> str:
        return quoted(self._path or "")

    def held(self, listed: str, shown: str) -> Held:
        """Raises Refused when HAProxy has no such map, Unreachable for an answer that makes no sense."""
        if UNKNOWN in shown:
            raise Refused(f"HAProxy has no map {self._name}: {INCLUDE}")
        versions = next((found for found in LISTED.finditer(listed) if found[1] == self._path), None)
        if versions is None:
            raise Unreachable(f"HAProxy does not tell which version its map {self._name} has")
        return Held(int(versions[2]), int(versions[3]), _text(shown))

    def look(self, connection: Connection) -> Held:
        return self.held(*connection.ask(*self.reading))

    # ---- changing ----

    def exchange(self, connection: Connection, seen: str | None, text: str) -> bool:
        """Put `text` in the place of what was seen; False: somebody else was faster, and nothing was changed. Raises
        Refused when HAProxy does not take it."""
        while True:
            version, held = self._prepare(connection)
            if held.text != seen:
                return False
            if version == held.current + 1:
                self._fill(connection, version, text)
                return self._commit(connection, version)[1]
            self.settle(connection, lambda text: text)

    def settle(self, connection: Connection, change: Callable[[str | None], str | None]) -> str | None:
        """Commit what `change` makes of the text, such that no version prepared before can be committed any more, and
        whoever prepares later sees it; the text. Bounded by the connection's deadline."""
        version, held = self._prepare(connection)
        while True:
            text = change(held.text)
            self._fill(connection, version, text)
            before, taken = self._commit(connection, version)
            if taken and before.current == held.current and self.look(connection).latest == version:
                return text
            version, after = self._prepare(connection)
            # Who slipped in between our look and our commit was overwritten unseen: what he wrote counts.
            held = replace(after, text=before.text) if taken and before.current != held.current else after

    def _prepare(self, connection: Connection) -> tuple[int, Held]:
        """A version of our own, and what is held after it was given."""
        prepared, *told = connection.ask(f"prepare map {self._at}", *self.reading)
        held, version = self.held(*told), PREPARED.search(prepared)
        if version is None:
            raise Refused(f"HAProxy prepares no new version of its map {self._name}: {prepared[:200]}")
        return int(version[1]), held

    def _fill(self, connection: Connection, version: int, text: str | None) -> None:
        """Looked at before it is committed: a version without its entry would let nobody in."""
        if text is None:
            return
        said, shown = connection.ask(f"add map @{version} {self._at} {KEY} {text}", f"show map @{version} {self._at}")
        if said and OUT_OF_RANGE not in said:
            raise Refused(f"HAProxy rejected the routing: {said[:200]}")
        if not said and _text(shown) != text:
            raise Refused(f"HAProxy took another routing than it was given: {shown[:200]}")

    def _commit(self, connection: Connection, version: int) -> tuple[Held, bool]:
        """What was held the moment before, and whether our version was taken."""
        *told, said = connection.ask(*self.reading, f"commit map @{version} {self._at}")
        if said and OUT_OF_RANGE not in said:
            raise Refused(f"HAProxy does not commit its map {self._name}: {said[:200]}")
        return self.held(*told), not said


def _text(shown: str) -> str | None:
    """The entry's value. Several of them are nothing that we ever wrote."""
    lines = [line.split(" ", 2) for line in shown.splitlines()]
    found = [line[2] for line in lines if len(line) == 3 and line[1] == KEY]
    return " | ".join(found) if found else None
