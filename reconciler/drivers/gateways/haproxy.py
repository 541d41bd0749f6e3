"""HAProxy as the gateway: weights in one entry of one map, changed by a versioned commit that is also the fence.

Without `proxy` it is one of ours, started and supervised; with it the operator's own, which includes what
`reconcile gateway` prints and is told by its runtime socket. HAProxy itself refuses a commit that was prepared before
another one, so several reconcilers may know it: whoever seals shuts the older ones out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Pair, Routing, Slot
from reconciler.core.reading import Counters, GatewayReading, Stamp
from reconciler.drivers.by_hand.script import Words
from reconciler.drivers.checks import check_endpoints, check_fence, check_routing, check_same
from reconciler.drivers.entry import STRANGE, Entry
from reconciler.drivers.examining import Finding, failed, ok
from reconciler.drivers.haproxy import by_hand, names, process, sections
from reconciler.drivers.haproxy.counters import counters, ejected
from reconciler.drivers.haproxy.files import Folder, MapFile
from reconciler.drivers.haproxy.live import Live, Look, entry
from reconciler.drivers.haproxy.proxy import Proxy
from reconciler.drivers.haproxy.runtime import Connection, Runtime
from reconciler.drivers.haproxy.server import Server
from reconciler.drivers.haproxy.settings import Settings
from reconciler.drivers.haproxy.table import Table
from reconciler.drivers.local import examined
from reconciler.drivers.local.addresses import host_and_port, url
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.protocols import ByHand, Capabilities, Fence, Gateway, GatewayContext, Road
from reconciler.drivers.roads import ROAD_HEADER, STICKY_COOKIE, road
from reconciler.errors import Conflict, ReconcilerError, Refused, Unreachable

__all__ = ["HAProxy", "Settings", "open"]

NAME = re.compile(r"[A-Za-z0-9_-]+")
MAPS = Path("/etc/haproxy/maps")  # where the printed configuration has the map if nobody says where it is
UNCOUNTED: Pair[Counters | None] = Pair(None, None)
GENTLE = 0.7  # of the deadline for stopping; the rest is for force


def open(context: GatewayContext, settings: Settings) -> Gateway:
    return HAProxy(context, settings)


class HAProxy:
    """Raises Refused at once when the endpoints make no sense, or the operator defined no such proxy."""

    def __init__(self, context: GatewayContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        check_endpoints(context)
        _check_names(context)
        self._context, self._settings, self._clock = context, settings, clock
        self._folder = Folder(context.state)
        self._proxy = _proxy(context, settings)
        maps = self._proxy.maps if self._proxy else self._folder.path
        file = names.map_file(context.environment)
        self._map = MapFile(maps / file, f"'{context.environment}'") if maps else None
        self._server = None if self._proxy or self._map is None else self._supervised(self._map)
        runtime = Runtime(self._socket)
        members = [endpoint.member for endpoint in context.endpoints]
        self._live = Live(context.environment, members, runtime, Table(file, maps))
        self.capabilities = Capabilities(
            Fence.COMMIT,
            fine_weights=True,
            sticky=settings.sessions == "sticky",
            drain_proof=True,
            managed=self._server is not None,
            lasting=self._map is not None,
        )

    def _supervised(self, map_: MapFile) -> Server:
        return Server(self._folder, map_, self._context.environment, self._settings.threads)

    def _socket(self) -> str:
        return self._proxy.socket if self._proxy else str(self._folder.admin())

    # ---- looking ----

    def read(self) -> GatewayReading:
        deadline = self._deadline("reading the gateway")
        if self._server is not None and self._server.found() is None:
            return self._reading(self._asleep())
        try:
            with self._live.connect(deadline) as connection:
                return self._reading(self._live.look(connection, count=True))
        except Refused as error:  # it answers, but it is not (yet) set up for us: nobody knows what users get
            raise Unreachable(f"{deadline.what}: {error}") from error

    def address(self, slot: Slot) -> Road:
        return Road(self.users().url, {ROAD_HEADER: road(self._secret(), slot)})

    def users(self) -> Road:
        return Road(url(*host_and_port(self._settings.listen)))

    def configuration(self) -> str:
        """What the operator's own HAProxy must include; of one of ours, what it is started with. Makes the secret of
        the forced roads if there is none yet."""
        return sections.sections(self._plan())

    def check(self) -> str:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            file = Path(folder) / "included.cfg"
            map_ = Path(folder) / names.map_file(self._context.environment)
            map_.touch()  # the real one may be on another machine
            file.write_text(sections.sections(replace(self._plan(), map_=map_)), encoding="utf-8")
            process.check(file, self._deadline("checking the configuration"))
        return "HAProxy accepts it"

    # ---- changing ----

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        check_routing(routing)
        self._own()
        deadline = self._deadline("writing the gateway's routing")
        if not self._started(routing, expected, generation, deadline):
            self._write(routing, expected, generation, deadline)

    def _write(self, routing: Routing, expected: GatewayReading, generation: int, deadline: Deadline) -> None:
        with self._live.connect(deadline) as connection:
            look = self._live.look(connection)
            new = self._next(look, routing, expected, generation)
            if new != look.entry:
                self._live.check(connection, look, self._plan().digest)
                self._exchange(connection, look, new, generation)
        self._live.acknowledged(new, look.incarnation, deadline)
        self._keep(new, deadline)

    def _next(self, look: Look, routing: Routing, expected: GatewayReading, generation: int) -> Entry:
        """The entry to be written; the one that is there, if it says the same already. Raises Fenced, Conflict."""
        found, kept = look.entry or Entry(), (self._map.kept() if self._map else None) or Entry()
        sealed = max(found.sealed, kept.sealed)  # a reload may have begun with a file from just before the seal
        check_fence(self._context.environment, sealed, generation)
        check_same(self._reading(look), expected)
        by = (found.stamp.journal, found.stamp.generation) if found.stamp and not found.stamp.by_hand else None
        if look.incarnation and found.routing == routing and by == (self._context.journal, generation):
            return found
        used = max(one.stamp.sequence if one.stamp else 0 for one in (found, kept))
        return Entry(routing, Stamp(self._context.journal, generation, used + 1), max(sealed, generation))

    def _exchange(self, connection: Connection, look: Look, new: Entry, generation: int) -> None:
        if self._live.exchange(connection, look, new):
            return
        now = self._live.look(connection).entry
        check_fence(self._context.environment, now.sealed if now else 0, generation)
        raise Conflict("the gateway was changed while this write was under way")

    def _started(self, routing: Routing, expected: GatewayReading, generation: int, deadline: Deadline) -> bool:
        """False: nothing had to be started."""
        if not self._down() or self._server is None:
            return False
        with self._server.held_down(deadline) as down:
            if not down:
                return False  # somebody else has started it: the write compares
            new = self._next(self._asleep(), routing, expected, generation)
            self._server.start(self._plan(), new, self._live, deadline)
        return True

    def seal(self, generation: int) -> None:
        self._own()
        deadline = self._deadline("sealing the gateway")
        if self._sealed_asleep(generation, deadline):
            return
        with self._live.connect(deadline) as connection:
            text = self._live.seal(connection, lambda text: self._sealed(text, generation))
        self._keep(entry(text), deadline)

    def _sealed(self, text: str | None, generation: int) -> str | None:
        """What stands there with the seal on it. What was changed by hand past recognition stays: a write heals it."""
        found = entry(text) or Entry()
        check_fence(self._context.environment, found.sealed, generation)
        return text if found is STRANGE else found.seal(generation).dump()

    def _sealed_asleep(self, generation: int, deadline: Deadline) -> bool:
        """Where it is down the seal lies in the map's file, with which it comes up. False: it runs."""
        if not self._down() or self._server is None or self._map is None:
            return False
        with self._server.held_down(deadline) as down:
            if down:
                text = self._map.text()
                sealed = self._sealed(text, generation)
                if sealed != text:
                    self._map.put(sealed)
        return down

    def _keep(self, new: Entry | None, deadline: Deadline) -> None:
        if self._map is not None and new is not None:
            self._map.keep(new, deadline)

    def _own(self) -> None:
        if self._context.read_only:
            raise Refused(f"the gateway of '{self._context.environment}' was opened to be looked at only")
        if self._server is None and self._map is not None:
            self._map.check()

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        words = Words(title, undone, starts)
        folder = self._folder if self._server else None
        map_ = self._map.path if self._map else None
        return by_hand.scripts(self._context, slot, words, self._socket(), map_, folder)

    # ---- one look ----

    def _down(self) -> bool:
        return self._server is not None and self._server.running() is None

    def _asleep(self) -> Look:
        return Look("", self._map.text() if self._map else None, {})

    def _reading(self, look: Look) -> GatewayReading:
        found, up = look.entry, bool(look.incarnation)
        if found is None or found.routing is None:
            return GatewayReading(up, None, incarnation=look.incarnation)
        routing = found.routing
        members = [endpoint.member for endpoint in self._context.endpoints]
        environment = self._context.environment
        guarded = routing.fallback.other if routing.fallback else None
        given_up = guarded is not None and ejected(look.rows, environment, members, guarded)
        return GatewayReading(
            up=up,
            weights=routing.weights,
            admission=routing.admission,
            fallback=routing.fallback,
            incarnation=look.incarnation,
            stamp=found.stamp,
            counters=counters(look.rows, environment, members) if look.rows else UNCOUNTED,
            ejected=Pair(*(given_up and slot is guarded for slot in Slot)),
        )

    # ---- how it is set up ----

    def _plan(self) -> sections.Plan:
        environment, sticky = self._context.environment, self._settings.sessions == "sticky"
        log = "global" if self._proxy else "stdout format raw local0 info"
        return sections.Plan(
            environment=environment,
            listen=self._settings.listen,
            endpoints=self._context.endpoints,
            map_=self._map.path if self._map else MAPS / names.map_file(environment),
            secret=self._secret(),
            cookie=f"{STICKY_COOKIE}{environment}" if sticky else None,
            log=log if self._settings.access_log else None,
        )

    def _secret(self) -> str:
        found = self._folder.secret()
        if found is None and self._context.read_only:
            raise Refused(
                f"the gateway of '{self._context.environment}' was never written, so it has no road to a slot"
            )
        return found or self._folder.make_secret()

    def examine(self) -> Sequence[Finding]:
        if self._server is None:
            return (self._answering(),)
        return (
            examined.program("haproxy", process.program, "-v", self._context.deadline),
            examined.listener("listen", *host_and_port(self._settings.listen), self._server.running()),
        )

    def _answering(self) -> Finding:
        """Of the operator's own: it runs, and includes our part."""
        try:
            self.read()
        except ReconcilerError as error:
            cure = f"include what `reconcile gateway {self._context.environment}` prints, and reload it"
            return failed("haproxy", str(error), cure)
        return ok("haproxy", f"answers at {self._socket()}, and includes our part")

    # ---- the end ----

    def close_listener(self) -> None:
        if self._server is None:
            raise Refused(f"the gateway of '{self._context.environment}' is the operator's own; who runs it stops it")
        if not self._folder.path.exists():
            return
        self._own()
        what = "stopping the gateway"
        self._server.stop(self._deadline(what), Deadline(self._clock, self._context.deadline * GENTLE, what))

    def close(self) -> None:
        """No handle is kept open."""

    def _deadline(self, what: str) -> Deadline:
        return Deadline(self._clock, self._context.deadline, f"{what} of '{self._context.environment}'")


def _proxy(context: GatewayContext, settings: Settings) -> Proxy | None:
    if settings.proxy is None:
        return None
    if not isinstance(context.proxy, Proxy):
        raise Refused(f"the operator's file defines no proxy '{settings.proxy}'")
    return context.proxy


def _check_names(context: GatewayContext) -> None:
    for name in (context.environment, *(endpoint.member for endpoint in context.endpoints)):
        if not NAME.fullmatch(name):
            raise Refused(f"'{name}' cannot be a name in HAProxy's configuration, expected letters, digits, - and _")
    for endpoint in context.endpoints:
        if sections.ODD.search(endpoint.prefix):
            raise Refused(f"'{endpoint.prefix}' cannot stand in HAProxy's configuration: it has a special sign")
