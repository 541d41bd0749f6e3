"""An HAProxy that runs, ours or not: looked at, given an entry and heard to serve it, sealed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from reconciler.drivers.entry import STRANGE, Entry, parse
from reconciler.drivers.haproxy import names
from reconciler.drivers.haproxy.counters import Rows, rows
from reconciler.drivers.haproxy.runtime import Connection, Runtime
from reconciler.drivers.haproxy.table import INCLUDE, Table
from reconciler.drivers.local.deadline import Deadline
from reconciler.errors import Refused, Unreachable

ACKNOWLEDGEMENT = 0.001  # seconds between two looks for one: it lies on the way from a commit to its traffic


@dataclass(frozen=True, slots=True)
class Look:
    """`incarnation` empty: it is down, and `text` is what it would serve. `text` None: never written."""

    incarnation: str
    text: str | None
    rows: Rows

    @property
    def entry(self) -> Entry | None:
        return entry(self.text)


def entry(text: str | None) -> Entry | None:
    """What was changed by hand past recognition equals nothing that we ever wrote."""
    try:
        return parse(text) if text is not None else None
    except ValueError:
        return STRANGE


class Live:
    def __init__(self, environment: str, members: Sequence[str], runtime: Runtime, table: Table) -> None:
        self._environment, self._members = environment, members
        self._runtime, self._table = runtime, table
        self._known: tuple[str, str] = ("", "")  # incarnation and digest of a configuration that was found to fit

    def connect(self, deadline: Deadline) -> AbstractContextManager[Connection]:
        return self._runtime.connect(deadline)

    def look(self, connection: Connection, *, count: bool = False) -> Look:
        """Raises Unreachable; Refused when HAProxy has no such map."""
        self._table.find(connection)
        more = ("show stat",) if count else ()
        info, listed, shown, *stats = connection.ask("show info", *self._table.reading, *more)
        text = self._table.held(listed, shown).text
        return Look(incarnation(info), text, rows(stats[0]) if stats else {})

    def check(self, connection: Connection, look: Look, digest: str) -> None:
        """Raises Refused when it runs with another configuration than ours: asked once for each life of it."""
        if self._known == (look.incarnation, digest):
            return
        (shown,) = connection.ask("show stat")
        if (names.marker(self._environment, digest), "BACKEND") not in rows(shown):
            raise Refused(
                f"HAProxy runs with other members, addresses or sessions of '{self._environment}', which cannot change "
                f"under traffic; one of ours: 'reconcile down', then it starts with the new ones; your own: {INCLUDE}"
            )
        self._known = (look.incarnation, digest)

    def exchange(self, connection: Connection, look: Look, new: Entry) -> bool:
        """Put it in the place of what was seen; False: somebody else was faster. Raises Refused."""
        revived = [command for member in self._members if (command := self._revive(member, new))]
        if revived:
            connection.ask(*revived)
        return self._table.exchange(connection, look.text, new.dump())

    def _revive(self, member: str, new: Entry) -> str:
        """A newcomer that was down until now is given its chance at once: the first failure takes it away again."""
        routing = new.routing
        slot = routing.fallback.other if routing and routing.fallback else None
        if routing is None or slot is None or not routing.weights[slot]:
            return ""
        return f"set server {names.guarded(self._environment, member, slot)}/{slot} health up"

    def seal(self, connection: Connection, change: Callable[[str | None], str | None]) -> str | None:
        """Commit what `change` makes of the entry; no version that was prepared before can be committed after."""
        self._table.find(connection)
        held = self._table.look(connection)
        text = change(held.text)
        if text == held.text and held.latest == held.current:
            return text  # sealed already, and nobody is in the middle of anything
        return self._table.settle(connection, change)

    def acknowledged(self, new: Entry, life: str, deadline: Deadline) -> None:
        """Wait until whoever serves new connections shows it. Raises Unreachable."""
        while True:
            with self.connect(deadline) as connection:
                look = self.look(connection)
            if look.incarnation != life:
                raise Unreachable(f"{deadline.what}: HAProxy was reloaded or restarted while it was written")
            if look.text == new.dump():
                return
            deadline.check()
            time.sleep(ACKNOWLEDGEMENT)


def incarnation(info: str) -> str:
    """One life of the worker that serves. Raises Unreachable when the answer does not tell."""
    told = dict(line.split(": ", 1) for line in info.splitlines() if ": " in line)
    if "Pid" not in told:
        raise Unreachable("HAProxy's runtime socket does not tell which process answers")
    return f"{told['Pid']}.{told.get('Start_time_sec', '')}"
