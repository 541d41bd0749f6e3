"""A simulated gateway, and the driver that a process holds of it. It keeps the contract; the network does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sim_disk import CrashNow

from reconciler.core.model import Admission, Pair, Routing, Slot, all_on
from reconciler.core.reading import Counters, GatewayReading, Stamp
from reconciler.drivers.protocols import Capabilities, Fence, Road
from reconciler.errors import Conflict, Fenced, Refused, Unreachable

if TYPE_CHECKING:
    from sim_process import Process
    from sim_world import Place

DEADLINE = 5.0  # seconds until a driver gives an answer up
USERS = 20.0  # requests per second


class Product:
    """What runs, whoever looks: routes, counters, a fence."""

    def __init__(self, place: Place, fence: Fence, *, managed: bool) -> None:
        self.place, self.fence, self.managed = place, fence, managed
        self.up = not managed  # who is not started by us runs already
        self.routes: GatewayReading = GatewayReading(False, None)
        self.lives, self.sealed, self.seals, self.sequence = 1, 0, 0, 0
        self.owner: Process | None = None
        self.silent = False
        self.overdue: list[tuple[Process, Callable[[], None]]] = []  # requests that come when somebody else has looked
        self.stood: list[Routing] = []  # how it stood since the latest intent
        self.by_hand = True  # the routes were last changed by something else than a write of ours
        self.drain = 0.5  # seconds that requests take to end
        self._served = {slot: [0, 0] for slot in Slot}
        self._emptied = dict.fromkeys(Slot, 0.0)
        self._counted = 0.0

    @property
    def weights(self) -> Pair[int] | None:
        return self.routes.weights

    def reading(self) -> GatewayReading:
        self._count()
        counters = Pair(*(self._counters(slot) for slot in Slot))
        ejected = Pair(*(self._ejected(slot) for slot in Slot))
        life = f"life-{self.lives}" if self.up else ""
        return replace(self.routes, up=self.up, incarnation=life, counters=counters, ejected=ejected)

    def write(self, routing: Routing, expected: GatewayReading, generation: int, sent: int, owner: Process) -> None:
        """The contract's `write`, as the product itself does it when the request reaches it. `sent`: after how many
        seals."""
        if self.fence is Fence.OWNER_LOCK and self.owner is not owner:
            raise Refused("another process owns the gateway")
        if self.fence is not Fence.DETECT and generation < self.sealed:
            raise Fenced(f"generation {self.sealed} owns the gateway; this is generation {generation}")
        if self.fence is Fence.COMMIT and sent < self.seals:
            raise Conflict("a seal has come since this was sent")
        found = self.reading()
        for what in ("incarnation", "stamp", "weights"):
            if getattr(found, what) != getattr(expected, what):
                raise Conflict(f"{what} is not what was expected")
        if not self.up and not self.managed:
            raise Unreachable("it is down")
        by = (owner.journal_id, generation)
        same = (found.weights, found.admission, found.fallback) == (
            routing.weights,
            routing.admission,
            routing.fallback,
        )
        ours = found.stamp and not found.stamp.by_hand and (found.stamp.journal, found.stamp.generation) == by
        if same and self.up and ours:
            return
        self.place.laws.effect(self.place, found, routing, expected, generation)
        self._become(routing, Stamp(owner.journal_id, generation, self.sequence + 1))
        self.by_hand = False

    def _become(self, routing: Routing, stamp: Stamp | None) -> None:
        self._count()
        for slot in Slot:
            if not routing.weights[slot] and self.weights and self.weights[slot]:
                self._emptied[slot] = self.place.timeline.now
        if not self.up:
            self.up, self.lives = True, self.lives + 1
        self.sequence += 1
        self.routes = GatewayReading(
            True, routing.weights, routing.admission, routing.fallback, stamp=stamp or self.routes.stamp
        )

        self._stands()

    def stands_from_now(self) -> None:
        self.stood.clear()
        self._stands()

    def _stands(self) -> None:
        if self.weights is not None and self.up:
            self.stood.append(Routing(self.weights, self.routes.admission, self.routes.fallback))

    # ---- what happens to it

    def restart(self, *, keep: bool) -> None:
        self._count()
        self.lives, self.by_hand = self.lives + 1, True
        self.up = not self.managed
        self._reset()
        if not keep:
            self.routes = GatewayReading(False, None)
        self._stands()

    def _reset(self) -> None:
        self._served = {slot: [0, 0] for slot in Slot}

    def reset_counters(self) -> None:
        self._count()
        self._reset()

    def move_by_hand(self, weights: Pair[int], stamp: Stamp | None = None) -> None:
        self.by_hand = True
        self._become(Routing(weights), stamp)

    def move_with_script(self, slot: Slot) -> None:
        """As the script of a transition does it."""
        stamp = self.routes.stamp
        if stamp is not None:
            self.by_hand = True
            shut = Pair(Admission.OPEN, Admission.OPEN).replace(slot.other, Admission.CLOSED)
            self._become(Routing(all_on(slot), shut), replace(stamp, by_hand=True, sequence=self.sequence + 1))

    def close_listener(self) -> None:
        self._count()
        self.up, self.by_hand = False, True

    # ---- users

    def _count(self) -> None:
        seconds, self._counted = self.place.timeline.now - self._counted, self.place.timeline.now
        if not self.up or self.weights is None:
            return
        for slot in Slot:
            number = int(min(seconds, 60.0) * USERS * self.weights[slot] / 100)
            self._served[slot][0] += number
            self._served[slot][1] += 0 if self.place.answers(slot) else number

    def _counters(self, slot: Slot) -> Counters:
        busy = self.up and self.weights is not None and self.weights[slot] > 0
        lingering = self.place.timeline.now < self._emptied[slot] + self.drain
        requests, errors = self._served[slot]
        return Counters(requests, errors, 0, 2 if busy or (self.up and lingering) else 0)

    def _ejected(self, slot: Slot) -> bool:
        return self.routes.fallback is slot.other and not self.place.answers(slot)


class Handle:
    """A process's driver. Requests and answers get lost, late, or come twice."""

    def __init__(self, place: Place, process: Process) -> None:
        self._place, self._process, self._product = place, process, place.gateway
        self._weather = place.weather
        self._closed = False
        self.capabilities = Capabilities(self._product.fence, True, False, True, self._product.managed)

    def read(self) -> GatewayReading:
        self._travel("reading the gateway")
        if self._weather.strikes("read-lost"):
            self._lost("reading the gateway")
        if not self._product.up and not self._product.managed:
            raise Unreachable("the gateway is down")
        found = self._product.reading()
        if self._weather.strikes("counters-missing"):
            found = replace(found, counters=Pair(None, None))
        self._place.laws.looked(self._place, self._process)
        self._arrive()
        return found

    def _arrive(self) -> None:
        """The worst moment for another one's request to come: right after we have looked."""
        overdue, self._product.overdue = self._product.overdue, []
        for sender, late in overdue:
            if sender is self._process:
                self._product.overdue.append((sender, late))
            else:
                late()

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        self._place.laws.asked(self._place, routing, expected, generation)
        self._own()
        self._travel("writing the gateway's routes")
        self._process.may_die("before a write reaches the gateway")

        sent = self._product.seals

        def deliver() -> None:
            self._product.write(routing, expected, generation, sent, self._process)

        self._process.history.may_sleep(self._process, "sending a write", 4.0)
        if self._weather.strikes("write-refused"):
            raise Refused("the gateway rejects the routes")
        if self._weather.strikes("write-lost"):
            self._lost("writing the gateway's routes")
        if self._product.fence is not Fence.OWNER_LOCK and self._weather.strikes("write-delayed"):
            self._delay(deliver)
        deliver()
        self._place.say("gateway", lambda: f"is written {_shown(routing)} by generation {generation}")
        if self._weather.strikes("write-duplicate"):
            self._place.timeline.after(self._weather.draw("write-duplicate").uniform(0.0, 3.0), _quietly(deliver))
        self._process.may_die("after a write reached the gateway")
        if self._weather.strikes("write-reply-lost"):
            self._lost("writing the gateway's routes")

    def _delay(self, deliver: Callable[[], None]) -> None:
        """The request lies somewhere on its way. Its sender has died when it comes, or has given up."""
        draw = self._weather.draw("write-delayed")

        def late() -> None:
            self._place.say("gateway", lambda: "gets a request that was long on its way")
            _quietly(deliver)()

        if draw.random() < 0.7:
            self._product.overdue.append((self._process, late))
        else:
            self._place.timeline.after(draw.uniform(0.0, 12.0), late)
        if draw.random() < 0.8:
            raise CrashNow("with a request on its way")
        self._lost("writing the gateway's routes")

    def seal(self, generation: int) -> None:
        self._own()
        self._travel("sealing the gateway")
        if self._product.fence is not Fence.DETECT and generation < self._product.sealed:
            raise Fenced(f"generation {self._product.sealed} owns the gateway; this is generation {generation}")
        self._product.sealed, self._product.seals = max(generation, self._product.sealed), self._product.seals + 1
        if self._weather.strikes("seal-reply-lost", 3):
            self._lost("sealing the gateway")

    def _own(self) -> None:
        """A lock that the kernel drops with its holder."""
        if self._product.fence is not Fence.OWNER_LOCK:
            return
        owner = self._product.owner
        if owner is not None and owner is not self._process and owner.alive:
            raise Refused("another process owns the gateway")
        self._product.owner, self._closed = self._process, False

    def _travel(self, what: str) -> None:
        self._place.timeline.sleep(self._place.latency)
        if self._product.silent:
            self._lost(what)

    def _lost(self, what: str) -> None:
        self._place.timeline.sleep(DEADLINE)
        raise Unreachable(f"{what}: no answer within {DEADLINE:g} s")

    def address(self, slot: Slot) -> Road:
        return Road(f"http://{slot}.invalid")

    def users(self) -> Road:
        return Road("http://users.invalid")

    def close_listener(self) -> None:
        if not self._product.managed:
            raise Refused("the gateway is not ours to stop")
        self._own()
        self._travel("stopping the gateway")
        self._product.close_listener()
        self._place.say("gateway", lambda: "is closed")

    def close(self) -> None:
        if self._product.owner is self._process:
            self._product.owner = None


def _quietly(deliver: Callable[[], None]) -> Callable[[], None]:
    """Nobody waits for the answer any more."""

    def do() -> None:
        try:
            deliver()
        except (Refused, Unreachable):
            pass

    return do


def _shown(routing: Routing) -> str:
    admission = "".join(
        f", {slot} {routing.admission[slot]}" for slot in Slot if routing.admission[slot] != Admission.OPEN
    )
    fallback = f", fallback {routing.fallback}" if routing.fallback else ""
    return f"blue {routing.weights.blue} %, green {routing.weights.green} %{admission}{fallback}"
