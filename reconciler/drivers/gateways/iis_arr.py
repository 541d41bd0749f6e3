"""IIS with Application Request Routing as the gateway: the operator's own, told through WinRM.

Farms and rules are set up once, by an administrator (`reconcile gateway`); the driver changes weights, `enabled`, who
drains, and one entry of a rewrite map with routing, stamp and seal, all but who drains in one write of one file.
Nothing in IIS refuses an older writer: a conflict is found by comparing before and after, so one reconciler alone may
know it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from time import sleep as wait
from typing import Any
from urllib.parse import unquote

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Routing, Slot
from reconciler.core.reading import GatewayReading, Stamp
from reconciler.drivers.by_hand.script import Words
from reconciler.drivers.checks import check_endpoints, check_fence, check_routing, check_same
from reconciler.drivers.entry import STRANGE, Entry, parse
from reconciler.drivers.examining import Finding
from reconciler.drivers.http import Client as http_client
from reconciler.drivers.iis_arr import by_hand, force
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.iis_arr.plan import STAMP, STAMP_PATH, Plan
from reconciler.drivers.iis_arr.scripts import Change, Run, Stand, change, installed, look, roads_digest
from reconciler.drivers.iis_arr.settings import Settings
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.folder import Folder
from reconciler.drivers.protocols import ByHand, Capabilities, Fence, Gateway, GatewayContext, Road
from reconciler.drivers.roads import ROAD_HEADER, road
from reconciler.drivers.windows.script import Script
from reconciler.drivers.winrm import Client
from reconciler.errors import Conflict, InvalidConfiguration, Refused, Unreachable

__all__ = ["IisArr", "Settings", "open"]

log = logging.getLogger("reconciler.iis-arr")

NAME = re.compile(r"[A-Za-z0-9-]+")
ALGORITHM = "WeightedRoundRobin"
GRACE = 2.0  # seconds in which what is configured comes into force, for one who only looks
LARGEST = 65536  # bytes of the answer by which a change is acknowledged
TRIES = 3  # of a seal, each on what was found by the one before
ACKNOWLEDGEMENT = 0.02  # seconds between two questions whether a change is in force


def open(context: GatewayContext, settings: Settings) -> Gateway:
    return IisArr(context, settings)


class IisArr:
    """Raises Refused at once when the endpoints make no sense, InvalidConfiguration when the operator defined no such
    farm."""

    def __init__(self, context: GatewayContext, settings: Settings, clock: Clock = SYSTEM) -> None:
        check_endpoints(context)
        _check_names(context)
        if context.named is None:
            raise Refused(f"farm '{settings.farm}' is not defined in the operator's file")
        self._context, self._settings, self._clock = context, settings, clock
        farm: Farm = context.named("farms", settings.farm)
        self._plan = Plan(context.environment, context.endpoints, farm, settings.sessions == "sticky")
        _check_sticky(self._plan)
        self._folder = Folder(context.state, "iis-arr", longest=0)
        self._client: Client | None = None
        self.capabilities = Capabilities(
            Fence.DETECT,
            fine_weights=True,
            sticky=self._plan.sticky,
            drain_proof=True,
            managed=False,
            lasting=True,
            fallback=False,
        )

    # ---- looking ----

    def read(self) -> GatewayReading:
        deadline = self._deadline("reading the gateway")
        try:
            stand = look(self._run(deadline), self._plan)
            self._check_there(stand)
        except Refused as error:  # it answers, but it is not (yet) set up for us: nobody knows what users get
            raise Unreachable(f"{deadline.what}: {error}") from error
        self._check_serving(stand)
        secret = self._folder.secret()
        if stand.entry and stand.worker and secret and stand.roads == roads_digest(secret):
            self._acknowledged(stand.entry, secret, Deadline(self._clock, min(GRACE, deadline.check()), deadline.what))
        return self._reading(stand)

    def address(self, slot: Slot) -> Road:
        return Road(self.users().url, {ROAD_HEADER: road(self._secret(), slot)})

    def users(self) -> Road:
        return Road(self._plan.farm.users)

    def configuration(self) -> str:
        return self._plan.text()

    def check(self) -> str:
        """From afar: what an administrator ran there is there."""
        run = self._run(self._deadline("checking what is set up"))
        self._check_set_up(look(run, self._plan))
        if lacking := installed(run, self._plan).lacking:
            raise Refused(f"the site {self._plan.farm.site} lacks the rules {', '.join(lacking)}; {self._cure()}")
        return f"{self._plan.farm.machine} has it"

    def examine(self) -> Sequence[Finding]:
        from reconciler.drivers.iis_arr.examined import examined

        return examined(self._plan, self._run(self._deadline("looking at the gateway")))

    # ---- changing ----

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        check_routing(routing)
        self._own()
        deadline = self._deadline("writing the gateway's routing")
        run, secret = self._run(deadline), self._folder.make_secret()
        seen = look(run, self._plan)
        entry = self._next(seen, routing, expected, generation)
        if entry != _entry(seen.entry) or seen.roads != roads_digest(secret):
            wanted = Change(entry.dump(), list(force.servers(self._plan, routing)))
            after = self._change(run, seen, secret, wanted, generation)
            self._acknowledged(entry.dump(), secret, deadline)
            if not self._in_force(after, routing):  # there was no process yet that could be told
                after = self._change(run, after, secret, wanted, generation)
            if not self._in_force(after, routing):
                raise Unreachable(f"{deadline.what}: it is written, but the process that serves does not take it")

    def _in_force(self, stand: Stand, routing: Routing) -> bool:
        now = self._reading(stand)
        return (now.weights, now.admission) == (routing.weights, routing.admission)

    def _next(self, seen: Stand, routing: Routing, expected: GatewayReading, generation: int) -> Entry:
        """The entry to be written; the one that is there, if it says the same already and is in force. Raises Fenced,
        Conflict, Refused."""
        found = _entry(seen.entry) or Entry()
        check_fence(self._context.environment, found.sealed, generation)
        self._check_set_up(seen)
        now = self._reading(seen)
        check_same(now, expected)
        by = (found.stamp.journal, found.stamp.generation) if found.stamp and not found.stamp.by_hand else None
        same = Routing(now.weights, now.admission, now.fallback) == routing if now.weights else False
        if same and by == (self._context.journal, generation):
            return found
        used = found.stamp.sequence if found.stamp else 0
        return Entry(routing, Stamp(self._context.journal, generation, used + 1), max(found.sealed, generation))

    def _change(self, run: Run, seen: Stand, secret: str, wanted: Change, generation: int) -> Stand:
        after = change(run, self._plan, seen, secret, wanted)
        if after.ended:
            log.warning(
                "the change of %s's applicationHost.config ended %s: see docs/windows.md on members beside the gateway",
                self._plan.farm.machine, ", ".join(after.ended),
            )  # fmt: skip
        if after.conflict:
            now = _entry(after.entry)
            check_fence(self._context.environment, now.sealed if now else 0, generation)
            raise Conflict("the gateway was changed by somebody else while this write was under way")
        return after

    def _acknowledged(self, entry: str, secret: str, deadline: Deadline) -> None:
        """By the process that serves users: its own rules say which entry it goes by. What is configured and not so is
        not in force. Raises Unreachable."""
        http, url = http_client(self._clock), f"{self._plan.farm.users}/"
        headers = {ROAD_HEADER: f"{secret}-{STAMP}"}
        said = "does not answer"
        try:
            while (left := deadline.left()) > 0:
                answer = http.ask("GET", url, headers=headers, deadline=left, max_bytes=LARGEST)
                if unquote(answer.headers.get("location", "")).endswith(STAMP_PATH + unquote(entry)):
                    return
                said = f"answers {answer.status}, and does not go by it"
                wait(min(ACKNOWLEDGEMENT, max(deadline.left(), 0.0)))
        finally:
            http.close()
        raise Unreachable(f"{deadline.what}: {entry[:40]} is written, but within {deadline.seconds:g} s {url} {said}")

    def seal(self, generation: int) -> None:
        self._own()
        deadline = self._deadline("sealing the gateway")
        run, secret = self._run(deadline), self._folder.make_secret()
        seen = look(run, self._plan)
        for _ in range(TRIES):
            found = _entry(seen.entry) or Entry()
            check_fence(self._context.environment, found.sealed, generation)
            text = seen.entry if found is STRANGE else found.seal(generation).dump()
            if text == seen.entry and seen.roads == roads_digest(secret):
                return
            self._check_there(seen)
            seen = change(run, self._plan, seen, secret, Change(text))
            if not seen.conflict:
                return
        raise Unreachable(f"{deadline.what}: somebody else changes it all the time")

    def _own(self) -> None:
        if self._context.read_only:
            raise Refused(f"the gateway of '{self._context.environment}' was opened to be looked at only")

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        assert self._context.named is not None
        host = self._context.named("machines", self._plan.farm.machine).host
        return by_hand.scripts(self._context, self._plan, slot, Words(title, undone, starts), host)

    # ---- one look ----

    def _reading(self, stand: Stand) -> GatewayReading:
        found = _entry(stand.entry) or Entry()
        weights = force.weights(self._plan, stand)
        if found.routing is None and weights == force.SPLIT:
            return GatewayReading(True, None, incarnation=stand.worker)
        routing = found.routing or Routing(weights)
        return GatewayReading(
            up=True,
            weights=weights,
            admission=force.admission(self._plan, stand, routing.admission),
            fallback=routing.fallback,
            incarnation=stand.worker,
            stamp=found.stamp,
            counters=force.counters(self._plan, stand),
            ejected=force.ejected(self._plan, stand),
        )

    def _check_serving(self, stand: Stand) -> None:
        """Raises Unreachable."""
        farm = self._plan.farm
        for what, name, state in (("pool", farm.pool, stand.pool), ("site", farm.site, stand.site)):
            if state != "Started":
                start = "Start-WebAppPool" if what == "pool" else "Start-Website"
                raise Unreachable(f"the {what} {name} of the gateway is {state.lower()[:40]}; {start} '{name}' there")

    def _check_there(self, stand: Stand) -> None:
        """Raises Refused for farms that nobody has set up."""
        for one in stand.farms:
            if not one.there:
                raise Refused(f"there is no server farm {one.name} on {self._plan.farm.machine}; {self._cure()}")

    def _check_set_up(self, stand: Stand) -> None:
        """Raises Refused for what is not as we ask for it, and is not ours to change under traffic."""
        self._check_there(stand)
        for one in stand.farms:
            if one.algorithm != ALGORITHM:
                said = f"{one.algorithm[:40] or 'no algorithm'}, by which weights do not count"
                raise Refused(f"the server farm {one.name} is balanced by {said}; expected {ALGORITHM}: {self._cure()}")
            if one.cookie != self._plan.cookie:
                what = f"has the cookie {one.cookie[:40]}" if one.cookie else "has no cookie"
                raise Refused(
                    f"the server farm {one.name} {what}, and sessions are {self._settings.sessions}; {self._cure()}"
                )
        if stand.setup != self._plan.digest:
            what = "was set up with other members, addresses or sessions" if stand.setup else "was not set up"
            raise Refused(f"the gateway of '{self._context.environment}' {what}; {self._cure()}")

    def _cure(self) -> str:
        return f"run there what `reconcile gateway {self._context.environment}` prints"

    # ---- who asks, and in what time ----

    def _run(self, deadline: Deadline) -> Run:
        def run(script: Script, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            try:
                return self._machine().run(script, arguments, deadline.check())
            except InvalidConfiguration as error:  # a password or a certificate that cannot be read now
                raise Refused(str(error)) from error

        return run

    def _machine(self) -> Client:
        if self._client is None:
            assert self._context.named is not None
            self._client = Client(self._context.named("machines", self._plan.farm.machine), self._clock)
        return self._client

    def _secret(self) -> str:
        found = self._folder.secret()
        if found is None and self._context.read_only:
            raise Refused(
                f"the gateway of '{self._context.environment}' was never written, so it has no road to a slot"
            )
        return found or self._folder.make_secret()

    def close_listener(self) -> None:
        raise Refused(f"the gateway of '{self._context.environment}' is the operator's own; who runs it stops it")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _deadline(self, what: str) -> Deadline:
        return Deadline(self._clock, self._settings.timeout, f"{what} of '{self._context.environment}'")


def _entry(text: str) -> Entry | None:
    """None: never written. What was changed by hand past recognition equals nothing that we ever wrote."""
    try:
        return parse(text) if text else None
    except ValueError:
        return STRANGE


def _check_names(context: GatewayContext) -> None:
    for name in (context.environment, *(endpoint.member for endpoint in context.endpoints)):
        if not NAME.fullmatch(name):
            raise Refused(f"'{name}' cannot be a name in IIS's configuration, expected letters, digits and -")


def _check_sticky(plan: Plan) -> None:
    """Raises Refused: each farm has a cookie and a draw of its own, so a client would be in blue for one member and in
    green for another."""
    if plan.sticky and len(plan.farms) > 1:
        apart = " and ".join(one.members[0] for one in plan.farms[:2])
        raise Refused(
            f"sessions: sticky needs all weighted members of a slot at one address, behind one farm; {apart} have "
            "addresses of their own, and ARR would draw for each: one site per slot, or sessions: shared"
        )
