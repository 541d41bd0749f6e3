"""One supervised Envoy and its routes: looked at, given new routes and heard to accept them, started, stopped."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.core.model import Pair, Routing
from reconciler.core.reading import Counters, Stamp
from reconciler.drivers.envoy import bootstrap, routes
from reconciler.drivers.envoy.admin import Admin, understood
from reconciler.drivers.envoy.counters import counters
from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.envoy.process import Process, program
from reconciler.drivers.identity import Identity
from reconciler.drivers.local import durable
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.process import POLL, check_free
from reconciler.errors import Refused, Unreachable

ACKNOWLEDGEMENT = 0.001  # seconds between two looks for one: it lies on the way from a commit to its traffic
GENTLE = 0.7  # of the deadline for stopping; the rest is for force


@dataclass(frozen=True, slots=True)
class Look:
    """`identity` None: Envoy is down, and `written` is what it would serve. `written` None: never written."""

    identity: Identity | None
    written: routes.Written | None


class Server:
    def __init__(self, folder: Folder, plan: bootstrap.Plan, workers: int, process: Process) -> None:
        self._folder, self._plan, self._workers, self._process = folder, plan, workers, process
        self._members = [endpoint.member for endpoint in plan.endpoints]

    def look(self, deadline: Deadline) -> Look:
        """Routes only. Raises Unreachable when Envoy runs and does not answer, or when nobody can tell what it would
        serve."""
        identity = self._process.running()
        with understood(deadline):
            if identity is not None:
                return Look(identity, self._written(self._admin().routes(deadline), deadline))
            found = self._folder.document()
            return Look(None, routes.written(*found, self._members) if found else None)

    def look_and_count(self, deadline: Deadline) -> tuple[Look, Pair[Counters | None], Pair[bool]]:
        """With each slot's counters, and whether it is given up just now. Raises as `look` does."""
        identity = self._process.found(self._folder.admin())
        if identity is None:
            return self.look(deadline), Pair(None, None), Pair(False, False)
        found, clusters = self._admin().routes_and_clusters(deadline)
        with understood(deadline):
            return Look(identity, self._written(found, deadline)), *counters(clusters, self._members)

    def _written(self, found: tuple[str, Mapping[str, Any]] | None, deadline: Deadline) -> routes.Written:
        if found is None:
            raise Unreachable(f"{deadline.what}: Envoy has not loaded its routes yet")
        return routes.written(*found, self._members)

    def running(self) -> Identity | None:
        return self._process.running()

    def adopt(self) -> bool:
        """Take over an Envoy of ours that nobody recorded; False when there is none."""
        return self._process.adopt() is not None

    # ---- new routes ----

    def publish(self, routing: Routing, stamp: Stamp, map_: routes.Map, look: Look, deadline: Deadline) -> None:
        """Make it so and hear Envoy accept it; starts Envoy when it is down. After a definite no the former routes lie
        there again, because Envoy reads the file anew whenever it starts. Raises Refused, Unreachable."""
        text, former = json.dumps(routes.document(routing, stamp, map_)), self._folder.text()
        log, failures = self._process.log_size(), self._prepare(look, deadline)
        self._folder.publish(text)
        try:
            identity = look.identity or self._start()
            wait = _Wait(identity, look.identity is None, failures, log)
            while not self._accepted(routing, stamp, wait, deadline):
                deadline.check()
                time.sleep(ACKNOWLEDGEMENT)
        except Refused:
            self._folder.publish(former)
            raise

    def _prepare(self, look: Look, deadline: Deadline) -> int:
        """Everything that can say no before anything is changed; gives how many documents Envoy has refused so far."""
        if look.identity is not None:
            self._check_places(look.identity)
            return self._admin().failures(deadline)
        program()
        check_free(*self._plan.listen)
        return 0

    @cached_property
    def _places(self) -> bootstrap.Json:
        return bootstrap.places(bootstrap.bootstrap(self._plan, self._folder.admin()))

    def _check_places(self, identity: Identity) -> None:
        started = self._folder.started_with()
        if started and bootstrap.places(started) != self._places:
            raise Refused(
                f"the running gateway (process {identity.pid}) was started with other members or addresses, which "
                "cannot change under traffic; stop it with 'reconcile down', then it starts with the new ones"
            )

    def command(self) -> list[str]:
        """How it is started; empty where there is no Envoy."""
        try:
            return self._process.command(self._workers)
        except Refused:
            return []

    def _start(self) -> Identity:
        text = json.dumps(bootstrap.bootstrap(self._plan, self._folder.make_admin()))
        durable.write(self._folder.bootstrap, text)
        return self._process.start(self._workers)

    def _accepted(self, routing: Routing, stamp: Stamp, wait: _Wait, deadline: Deadline) -> bool:
        try:
            found = self._admin().routes(deadline)
            written = routes.written(*found, self._members) if found else None
            if written and written.stamp == stamp and written.holds(routing) and self._shows(wait, deadline):
                return True
            refused = self._admin().failures(deadline) > wait.failures
        except Unreachable:
            return self._check_alive(wait, deadline)
        if refused:
            why = self._process.said(wait.log) or self._process.see_log
            if wait.starting:
                self._process.end(wait.identity, deadline)  # it would answer 404 to everybody
            raise Refused(f"Envoy rejected the routes: {why}")
        return False

    def _shows(self, wait: _Wait, deadline: Deadline) -> bool:
        """Where it has only just been started it may have no certificate yet, and then lets nobody in. Raises
        Refused when it does not take the one that it was started with."""
        if not wait.starting or self._plan.certificate is None or self._admin().certificate(deadline)[0]:
            return True
        if self._admin().certificates_refused(deadline):
            why = self._process.said(wait.log) or self._process.see_log
            self._process.end(wait.identity, deadline)
            raise Refused(f"Envoy does not take the certificate: {why}")
        return False

    def _check_alive(self, wait: _Wait, deadline: Deadline) -> bool:
        """Envoy gave no answer: still starting, dead, or silent."""
        if wait.identity.alive():
            if not wait.starting:
                raise Unreachable(f"{deadline.what}: Envoy (process {wait.identity.pid}) stopped answering")
            return False
        if wait.starting:
            why = self._process.said(wait.log) or self._process.see_log
            raise Refused(f"Envoy ended while it started: {why}")
        raise Unreachable(f"{deadline.what}: Envoy died; it would serve the new routes once it is started")

    def _admin(self) -> Admin:
        return Admin(self._folder.admin())

    # ---- the end ----

    def stop(self, deadline: Deadline, gentle: Deadline) -> None:
        """Let nobody new in, let answers end while `gentle` lasts, then end it in any case. Raises Unreachable."""
        identity = self._process.adopt()
        if identity is None:
            return
        with contextlib.suppress(Unreachable):
            self._admin().drain(gentle)
            while self._listens() or self._admin().active(gentle):
                gentle.check()
                time.sleep(POLL)
            self._admin().quit(gentle)
            self._process.gone(identity, gentle, 0)
        if identity.alive():
            self._process.end(identity, deadline)

    def _listens(self) -> bool:
        try:
            socket.create_connection(self._plan.listen, timeout=1).close()
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Wait:
    """What an acknowledgement is waited for from, and how things were before."""

    identity: Identity
    starting: bool
    failures: int
    log: int  # bytes
