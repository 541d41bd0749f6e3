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
from dataclasses import replace
from math import inf
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Routing, Slot
from reconciler.core.reading import GatewayReading, Stamp
from reconciler.drivers.by_hand.script import Words
from reconciler.drivers.checks import check_endpoints, check_fence, check_routing, check_same
from reconciler.drivers.entry import STRANGE, Entry
from reconciler.drivers.examining import Finding
from reconciler.drivers.iis_arr import by_hand, force
from reconciler.drivers.iis_arr.certificate import UsersCertificate
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.iis_arr.plan import Plan
from reconciler.drivers.iis_arr.scripts import Change, Stand, change, installed, look, roads_digest
from reconciler.drivers.iis_arr.served import served
from reconciler.drivers.iis_arr.set_up import check_serving, check_set_up, check_there
from reconciler.drivers.iis_arr.settings import Settings
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.folder import Folder
from reconciler.drivers.protocols import ByHand, Capabilities, Fence, Gateway, GatewayContext, Road
from reconciler.drivers.roads import ROAD_HEADER, road
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import Ask, Run, Script
from reconciler.drivers.winrm import Client
from reconciler.errors import Conflict, Refused, Unreachable

__all__ = ["IisArr", "Settings", "open"]

log = logging.getLogger("reconciler.iis-arr")

NAME = re.compile(r"[A-Za-z0-9-]+")
EXAMINING = 45.0  # seconds for the doctor's scripts, one after the other, on a machine that may be slow
GRACE = 2.0  # seconds in which what is configured comes into force, for one who only looks
PACE = 1.0  # seconds between two looks, each a PowerShell there; shorter where the operator has that machine looked at
TRIES = 3  # of a seal, each on what was found by the one before


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
        self._certificate = UsersCertificate(farm, clock)
        self._client: Client | None = None
        self.capabilities = Capabilities(
            Fence.DETECT,
            fine_weights=True,
            sticky=self._plan.sticky,
            drain_proof=True,
            managed=False,
            lasting=True,
            fallback=False,
            pace=min(PACE, context.named("machines", farm.machine).look_every / 2),
        )

    # ---- looking ----

    def read(self) -> GatewayReading:
        deadline = self._deadline("reading the gateway")
        try:
            stand = look(self._run(deadline), self._plan)
            check_there(self._plan, stand)
        except Refused as error:  # it answers, but it is not (yet) set up for us: nobody knows what users get
            raise Unreachable(f"{deadline.what}: {error}") from error
        check_serving(self._plan, stand)
        secret = self._folder.secret()
        if stand.entry and stand.worker and secret and stand.roads == roads_digest(secret):
            served(self._plan, secret, stand.entry, self._within(min(GRACE, deadline.check()), deadline.what))
        return replace(force.reading(self._plan, stand), certificate=self._certificate.reading())

    def address(self, slot: Slot) -> Road:
        return Road(self.users().url, {ROAD_HEADER: road(self._secret(), slot)})

    def users(self) -> Road:
        return Road(self._plan.farm.users)

    def configuration(self) -> str:
        return self._plan.text()

    def check(self) -> str:
        """From afar: what an administrator ran there is there."""
        run = self._run(self._deadline("checking what is set up"))
        check_set_up(self._plan, look(run, self._plan))
        if lacking := installed(run, self._plan).lacking:
            raise Refused(f"the site {self._plan.farm.site} lacks the rules {', '.join(lacking)}; {self._plan.cure}")
        return f"{self._plan.farm.machine} has it"

    def examine(self) -> Sequence[Finding]:
        from reconciler.drivers.iis_arr.examined import examined

        deadline = self._within(EXAMINING, f"looking at the gateway of '{self._context.environment}'")
        return examined(self._plan, self._named(), self._run(deadline), self._clock)

    # ---- changing ----

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        check_routing(routing)
        self._own()
        deadline = self._deadline("writing the gateway's routing")
        run, secret = self._run(deadline), self._folder.make_secret()
        seen = look(run, self._plan)
        entry = self._next(seen, routing, expected, generation)
        if entry != force.entry(seen.entry) or seen.roads != roads_digest(secret):
            wanted = Change(entry.dump(), list(force.servers(self._plan, routing)))
            after = self._change(run, seen, secret, wanted, generation)
            served(self._plan, secret, entry.dump(), deadline)
            if not self._in_force(after, routing):  # there was no process yet that could be told
                after = self._change(run, after, secret, wanted, generation)
            if not self._in_force(after, routing):
                raise Unreachable(f"{deadline.what}: it is written, but the process that serves does not take it")

    def _in_force(self, stand: Stand, routing: Routing) -> bool:
        now = force.reading(self._plan, stand)
        return (now.weights, now.admission) == (routing.weights, routing.admission)

    def _next(self, seen: Stand, routing: Routing, expected: GatewayReading, generation: int) -> Entry:
        """The entry to be written; the one that is there, if it says the same already and is in force. Raises Fenced,
        Conflict, Refused."""
        found = force.entry(seen.entry) or Entry()
        check_fence(self._context.environment, found.sealed, generation)
        check_set_up(self._plan, seen)
        now = force.reading(self._plan, seen)
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
            now = force.entry(after.entry)
            check_fence(self._context.environment, now.sealed if now else 0, generation)
            raise Conflict("the gateway was changed by somebody else while this write was under way")
        return after

    def seal(self, generation: int) -> None:
        self._own()
        deadline = self._deadline("sealing the gateway")
        run, secret = self._run(deadline), self._folder.make_secret()
        seen = look(run, self._plan)
        for _ in range(TRIES):
            found = force.entry(seen.entry) or Entry()
            check_fence(self._context.environment, found.sealed, generation)
            text = seen.entry if found is STRANGE else found.seal(generation).dump()
            if text == seen.entry and seen.roads == roads_digest(secret):
                return
            check_there(self._plan, seen)
            seen = change(run, self._plan, seen, secret, Change(text))
            if not seen.conflict:
                return
        raise Unreachable(f"{deadline.what}: somebody else changes it all the time")

    def _own(self) -> None:
        if self._context.read_only:
            raise Refused(f"the gateway of '{self._context.environment}' was opened to be looked at only")

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        host = self._named().host
        return by_hand.scripts(self._context, self._plan, slot, Words(title, undone, starts), host)

    # ---- who asks, and in what time ----

    def _run(self, deadline: Deadline) -> Ask:
        def run(script: Script, arguments: Mapping[str, Any], most: float = inf, /) -> Mapping[str, Any]:
            return self._machine().run(script, arguments, min(deadline.check(), most))

        return run

    def _machine(self) -> Client:
        if self._client is None:
            self._client = Client(self._named(), self._clock)
        return self._client

    def _named(self) -> Machine:
        assert self._context.named is not None
        found: Machine = self._context.named("machines", self._plan.farm.machine)
        return found

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
        return self._within(self._settings.timeout, f"{what} of '{self._context.environment}'")

    def _within(self, seconds: float, what: str) -> Deadline:
        return Deadline(self._clock, seconds, what)


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
