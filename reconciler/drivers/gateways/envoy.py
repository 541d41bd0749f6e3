"""Envoy as the gateway: one process per environment, routes in a file that it watches, started and supervised by us.

The routes file is the state: it outlives Envoy and us. A write is acknowledged when Envoy itself shows its version and
its weights. Envoy has no fence of its own, so its writer is the one process that holds the folder's lock. With
`sessions: shared` every request is drawn on its own; with `sticky` a client is drawn once, and a cookie remembers it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Pair, Routing, Slot
from reconciler.core.reading import Counters, GatewayReading, Stamp
from reconciler.drivers.by_hand.script import Words
from reconciler.drivers.certificates.shown import shown
from reconciler.drivers.checks import check_endpoints, check_fence, check_routing, check_same
from reconciler.drivers.envoy import by_hand, process
from reconciler.drivers.envoy.bootstrap import Plan
from reconciler.drivers.envoy.certificate import Secret
from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.envoy.process import Process
from reconciler.drivers.envoy.routes import Map
from reconciler.drivers.envoy.server import GENTLE, Look, Server
from reconciler.drivers.envoy.settings import Settings
from reconciler.drivers.examining import Finding
from reconciler.drivers.local import examined
from reconciler.drivers.local.addresses import host_and_port, url
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.lock import OwnerLock
from reconciler.drivers.protocols import ByHand, Capabilities, Fence, Gateway, GatewayContext, Road
from reconciler.drivers.roads import ROAD_HEADER, STICKY_COOKIE, road
from reconciler.errors import Refused

__all__ = ["Envoy", "Settings", "open"]

UNCOUNTED: Pair[Counters | None] = Pair(None, None)
NEITHER = Pair(False, False)


def open(context: GatewayContext, settings: Settings) -> Gateway:
    return Envoy(context, settings)


class Envoy:
    """Raises Refused at once when the endpoints make no sense."""

    def __init__(self, context: GatewayContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        check_endpoints(context)
        self._context, self._clock = context, clock
        self._folder = Folder(context.state)
        self._listen = host_and_port(settings.listen)
        running = Process(self._folder)
        self._server = Server(self._folder, self._plan(settings), settings.workers, running)
        secret = Secret(self._folder, running)
        self._shown = shown(context, settings.certificate, self._folder.path, lambda _: secret, clock)
        self._lock = OwnerLock(self._folder.lock, f"the gateway of environment '{context.environment}'")
        sticky = settings.sessions == "sticky"
        self._cookie = STICKY_COOKIE + re.sub(r"[^A-Za-z0-9_-]", "_", context.environment) if sticky else None
        self.capabilities = Capabilities(
            Fence.OWNER_LOCK, fine_weights=True, sticky=sticky, drain_proof=True, managed=True
        )

    def _plan(self, settings: Settings) -> Plan:
        return Plan(
            environment=self._context.environment,
            listen=self._listen,
            endpoints=self._context.endpoints,
            routes=self._folder.routes,
            access_log=self._folder.access_log if settings.access_log else None,
            idle_timeout=settings.idle_timeout,
            certificate=self._folder.certificate if settings.certificate else None,
        )

    # ---- looking ----

    def read(self) -> GatewayReading:
        deadline = self._deadline("reading the gateway")
        found = _reading(*self._server.look_and_count(deadline))
        return replace(found, certificate=self._shown.reading(found.incarnation, deadline)) if self._shown else found

    def address(self, slot: Slot) -> Road:
        secret = self._folder.secret()
        if secret is None and self._context.read_only:
            raise Refused(
                f"the gateway of '{self._context.environment}' was never written, so it has no road to a slot"
            )
        return replace(self.users(), headers={ROAD_HEADER: road(secret or self._folder.make_secret(), slot)})

    def users(self) -> Road:
        if self._shown is None:
            return Road(url(*self._listen))
        return Road(url(*self._listen, "https"), trust=self._shown.trust)

    # ---- changing ----

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        check_routing(routing)
        self._own()
        self._check_fence(generation)
        deadline = self._deadline("writing the gateway's routes")
        look = self._server.look(deadline)
        if look.identity is None and self._server.adopt():
            look = self._server.look(deadline)
        check_same(_reading(look), expected)
        if not self._done_already(look, routing, generation):
            stamp = Stamp(self._context.journal, generation, self._last_sequence(look) + 1)
            map_ = Map(self._context.endpoints, self._folder.make_secret(), self._cookie, self._shown is not None)
            if self._shown and look.identity is None:
                self._shown.begin()
            self._server.publish(routing, stamp, map_, look, deadline)

    def renew(self, generation: int) -> bool:
        if self._shown is None or self._server.running() is None:
            return False
        self._own()
        self._check_fence(generation)
        return self._shown.renew(self._deadline("renewing the gateway's certificate"))

    def seal(self, generation: int) -> None:
        self._own()
        self._check_fence(generation)
        if self._folder.sealed() < generation:
            self._folder.seal(generation)

    def _own(self) -> None:
        if self._context.read_only:
            raise Refused(f"the gateway of '{self._context.environment}' was opened to be looked at only")
        self._folder.prepare()
        self._lock.take()

    def _check_fence(self, generation: int) -> None:
        check_fence(self._context.environment, self._folder.sealed(), generation)

    def _done_already(self, look: Look, routing: Routing, generation: int) -> bool:
        if look.identity is None or look.written is None or look.written.stamp is None:
            return False
        stamp = look.written.stamp
        ours = not stamp.by_hand and (stamp.journal, stamp.generation) == (self._context.journal, generation)
        return ours and look.written.holds(routing)

    def _last_sequence(self, look: Look) -> int:
        """Of whatever was written last, accepted or not: every version is used once."""
        return max(look.written.stamp.sequence if look.written and look.written.stamp else 0, self._folder.sequence())

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        words, secure = Words(title, undone, starts), self._shown is not None
        return by_hand.scripts(self._context, slot, words, self._folder, self._cookie, secure, self._server.command())

    def examine(self) -> Sequence[Finding]:
        return (
            examined.program("envoy", process.program, "--version", self._context.deadline),
            examined.listener("listen", *self._listen, self._server.running()),
            *(self._shown.examine() if self._shown else ()),
        )

    # ---- the end ----

    def close_listener(self) -> None:
        if not self._folder.path.exists():
            return
        self._own()
        what = "stopping the gateway"
        self._server.stop(self._deadline(what), Deadline(self._clock, self._context.deadline * GENTLE, what))

    def close(self) -> None:
        self._lock.release()

    def _deadline(self, what: str) -> Deadline:
        return Deadline(self._clock, self._context.deadline, f"{what} of '{self._context.environment}'")


def _reading(look: Look, counted: Pair[Counters | None] = UNCOUNTED, ejected: Pair[bool] = NEITHER) -> GatewayReading:
    up, written = look.identity is not None, look.written
    if written is None:
        return GatewayReading(up, None, incarnation=_incarnation(look))
    return GatewayReading(
        up=up,
        weights=written.weights,
        admission=written.admission,
        fallback=written.fallback,
        incarnation=_incarnation(look),
        stamp=written.stamp,
        counters=counted,
        ejected=ejected,
    )


def _incarnation(look: Look) -> str:
    one = look.identity
    return f"{one.pid}.{one.start}.{one.boot[:8]}" if one else ""
