"""One supervised HAProxy: what it would serve while it is down, started with an entry, stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.drivers.entry import Entry
from reconciler.drivers.haproxy import process, sections
from reconciler.drivers.haproxy.files import Folder, MapFile
from reconciler.drivers.haproxy.live import ACKNOWLEDGEMENT, Live
from reconciler.drivers.identity import Identity
from reconciler.drivers.local import durable
from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.lock import OwnerLock
from reconciler.drivers.local.process import check_free
from reconciler.errors import Refused, Unreachable


class Server:
    """Started and stopped by one process at a time; while it runs, whoever may write writes to it without a lock."""

    def __init__(self, folder: Folder, map_: MapFile, environment: str, threads: int) -> None:
        self._folder, self._map, self._threads = folder, map_, threads
        self._process = process.Process(folder)
        self._lock = OwnerLock(folder.lock, f"the start of the gateway of environment '{environment}'")

    def running(self) -> Identity | None:
        return self._process.running()

    def found(self) -> Identity | None:
        """Also one that nobody has recorded."""
        return self._process.found(self.socket)

    @contextmanager
    def held_down(self, deadline: Deadline) -> Iterator[bool]:
        """Within, nobody else starts it; False: it runs. Raises Refused when another one holds it for too long."""
        self._folder.prepare()
        with self._lock.held(deadline):
            yield self._process.adopt() is None

    def start(self, plan: sections.Plan, new: Entry, live: Live, deadline: Deadline) -> None:
        """Start it with this entry and see it served. After a definite no the former entry lies there again. Raises
        Refused, Unreachable."""
        process.program()
        self._process.clear(deadline)
        check_free(*host_and_port(plan.listen))
        former, log = self._map.text(), self._process.log_size()
        machine = sections.Machine(self._folder.make_admin(), self._threads)
        durable.write(self._folder.configuration, sections.whole(plan, machine))
        self._map.put(new.dump())
        try:
            process.check(self._folder.configuration, deadline)
            self._wait(self._process.start(self._folder.access_log if plan.log else None), new, live, log, deadline)
        except Refused:
            self._map.put(former)
            raise

    def _wait(self, identity: Identity, new: Entry, live: Live, log: int, deadline: Deadline) -> None:
        while True:
            if not identity.alive():
                raise Refused(f"HAProxy ended while it started: {self._process.said(log) or self._process.see_log}")
            try:
                with live.connect(deadline) as connection:
                    if live.look(connection).text == new.dump():
                        return
            except Unreachable:
                deadline.check()
            time.sleep(ACKNOWLEDGEMENT)

    def stop(self, deadline: Deadline, gentle: Deadline) -> None:
        """Gone when this returns. Raises Unreachable."""
        with self._lock.held(deadline):
            identity = self._process.adopt()
            if identity is not None:
                self._process.stop(identity, deadline, gentle)

    @property
    def socket(self) -> Path:
        return self._folder.admin()
