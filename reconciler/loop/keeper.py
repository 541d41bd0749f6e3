"""Everything that is kept for one environment between two ticks: its folded state, its opened world, its stopwatch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from reconciler.apply import Boundary, apply
from reconciler.clock import SYSTEM, Clock
from reconciler.core.diff import standing
from reconciler.core.events import Applied, Event, Requested, Watched
from reconciler.core.history import fold
from reconciler.core.model import Desired, Pair, Slot, Spec, Traffic
from reconciler.core.reading import UNREAD, Agenda, CertificateReading, Closed, GatewayReading, MemberStatus, Observed
from reconciler.core.serving import Service, bridge, service, tally
from reconciler.core.state import State
from reconciler.core.steps import Act, Note, PutBack, Result, Route
from reconciler.desired.manifest import Manifest
from reconciler.drivers.protocols import Renewing
from reconciler.errors import Fenced, InvalidDesired, JournalMoved, ReconcilerError
from reconciler.evidence.pack.by_hand import scripts
from reconciler.evidence.recorder import Nobody, Watcher
from reconciler.journal.entry import Entry
from reconciler.journal.store import Journal
from reconciler.loop.beside import Beside, look, tell
from reconciler.loop.meter import Meter
from reconciler.loop.stopwatch import Stopwatch
from reconciler.measure.counters import between
from reconciler.observe import observe
from reconciler.world import World

log = logging.getLogger("reconciler.journal")


def no_boundary(name: str) -> None:
    """In production nothing happens at a boundary; tests stop or kill the process there."""


class Keeper:
    """One environment. Used by one thread at a time."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        look: Callable[[State], Desired],
        manifest: Callable[[Spec], Manifest],
        open_world: Callable[[Manifest, World | None], World],
        pool: ThreadPoolExecutor,
        *,
        actor: str,
        beside: Beside | None = None,
        closed: Callable[[Manifest, float], tuple[Closed, ...]] = lambda _manifest, _watched: (),
        watcher: Watcher | None = None,
        agenda: Callable[[Manifest, State], Agenda] = lambda _manifest, _state: Agenda(),
        clock: Clock = SYSTEM,
        boundary: Boundary = no_boundary,
    ) -> None:
        self.name, self.actor, self.boundary = name, actor, boundary
        self.watcher = watcher or Nobody()
        self._journal, self._look, self._manifest, self._open, self._pool = journal, look, manifest, open_world, pool
        self._beside, self._closed, self._agenda = beside, closed, agenda
        self._world: World | None = None
        self._gateway: GatewayReading | None = None
        self._service = Service.UNCLEAR  # at the last look
        self._judged_from = 0.0  # watched seconds: gates do not judge what came before
        self._sealed = False
        self._noted: list[tuple[Event, str]] = []
        self._written, self._elapsed = State(), 0.0  # as of the last entry that is durable
        self._seal = ""  # of the last entry that we know of
        self.state = State()
        self.generation = 0
        self.clock, self.stopwatch, self.meter = clock, Stopwatch(clock), Meter()

    # ---- memory ------------------------------------------------------------------------------------------------------

    def catch_up(self) -> State:
        """Fold what the journal has that we have not: other people's requests, or our own past."""
        acting = self.state.generation == self.generation > 0
        for entry in self._journal.since(self.name, self.state.seq):
            self.state = fold(self.state, entry.event, elapsed=entry.elapsed, seq=entry.seq)
            self._seal = self._sealed_by(entry)
            if acting and isinstance(entry.event, Requested):
                log.info("asked", extra={"environment": self.name, "event": entry.event, "seq": entry.seq})
        return self.state

    def has_news(self) -> bool:
        """Is there an entry that we did not write?"""
        return self._journal.last(self.name) > self.state.seq

    def note(self, event: Event, rule: str) -> None:
        """Fold an event that is decided but not written yet: facts are written together with the act they lead to."""
        if not self._noted:
            self._written, self._elapsed = self.state, self.stopwatch.restart()
        elapsed = 0.0 if self._noted else self._elapsed
        self._noted.append((event, rule))
        self.state = fold(self.state, event, elapsed=elapsed)

    def write(self) -> None:
        """Make everything that was noted durable, in one transaction. Raises JournalMoved when somebody else wrote
        first: then nothing is written, what was noted is forgotten, and it has to be decided again."""
        noted, self._noted = self._noted, []
        if not noted:
            return
        try:
            entries = self._journal.extend(
                self.name,
                [event for event, _ in noted],
                actor=self.actor,
                elapsed=self._elapsed,
                generation=self.generation,
                expected=self._written.seq,
            )
        except BaseException as error:
            self.state = self._written
            if isinstance(error, JournalMoved):  # else it may be on record all the same, and must not count twice
                self.stopwatch.give_back(self._elapsed)
                self._give_back(noted)
            raise
        self._folded(entries)
        for entry, (event, rule) in zip(entries, noted, strict=True):
            log.info("%s", rule, extra={"environment": self.name, "event": event, "seq": entry.seq})

    def _give_back(self, noted: list[tuple[Event, str]]) -> None:
        for event, _ in noted:
            if isinstance(event, Watched) and event.tally:
                self.meter.add(event.tally)

    def beat(self, *, tells: bool = True) -> None:
        """Watched time goes on record with what is noted next; and what users got in it, if it `tells`."""
        self.note(Watched(self.meter.take() if tells else None), "heartbeat")

    def leave(self) -> None:
        """At an orderly end nothing of it is lost. Raises JournalError."""
        if self.generation and not self._noted and self.meter.started:
            self.catch_up()
            self.beat()
            self.write()

    def _folded(self, entries: list[Entry]) -> None:
        """The state is folded already; what it could not know is which numbers its entries would get."""
        self.state = replace(self.state, seq=entries[-1].seq)
        self._seal = self._sealed_by(entries[-1])
        if self._written.seq == 0:  # the journal wrote the environment's first entry before ours
            self.state = State()
            self.catch_up()

    def _sealed_by(self, entry: Entry) -> str:
        """What vouches, outside of the journal, that it went at least so far."""
        return f"{self._journal.id} {entry.seq} {entry.digest}"

    @property
    def now(self) -> float:
        """Watched seconds of this environment."""
        return self.state.watched + self.stopwatch.elapsed

    @property
    def pace(self) -> float:
        """Seconds between two looks at a gateway that is costly to ask; 0: there is none."""
        return self._world.gateway.capabilities.pace if self._world else 0.0

    def take(self) -> None:
        """Become the one who may act here: a new generation; the gateway is sealed before anything is decided."""
        self.generation = self._journal.take(self.name, self.actor).generation
        self._sealed = False
        self.stopwatch.begin()
        self.catch_up()

    def insist(self) -> None:
        """Raises Fenced when somebody has taken over from us, also where there is nothing to write or to do."""
        if self.generation < self.state.generation:
            raise Fenced(
                f"generation {self.state.generation} has taken over; this one, {self.generation}, stops acting"
            )

    # ---- the world ---------------------------------------------------------------------------------------------------

    def desired(self, state: State) -> Desired:
        return self._look(state)

    def world(self, spec: Spec) -> World:
        """The drivers of what is in force, opened once and again when the manifest changes."""
        if self._world is None or self._world.manifest.spec.digest != spec.digest:
            self._world = self._open(self._manifest(spec), self._world)
            self._sealed = False
        under_way = self.state.transition is not None and not self.state.down
        self._world.samplers.keep(under_way=under_way)  # first: a gateway that is silent ends this look
        if not self._sealed and self.generation:
            self._world.gateway.seal(self.generation)
            self._sealed = True
        return self._world

    def by_hand(self) -> Callable[[], Mapping[str, bytes]] | None:
        """What makes the scripts by which a person goes back from the transition under way; None without one."""
        transition, world = self.state.transition, self._world
        if transition is None or world is None:
            return None
        return partial(scripts, world.gateway, world.hosts, world.manifest.spec, transition)

    def world_fits(self, desired: Desired) -> bool:
        spec = standing(desired, self.state).spec
        return spec is None or (self._world is not None and self._world.manifest.spec.digest == spec.digest)

    def observe(self, desired: Desired, state: State, *, gates: bool = True) -> Observed:
        """One look; not `gates`: at everything else. Without any desired state there is nothing to look at, and
        everything is unknown."""
        spec = standing(desired, state).spec
        if spec is None:
            return Observed(None, Pair((), ()), detail=desired.problem)
        try:
            asked = state if gates else replace(state, transition=None)
            world = self.world(spec)
            world.saver.only_for(t.id if (t := state.transition) and not t.going_back else "")
            observed = observe(world, spec, asked, self._gateway, self._pool, self._judged_from)
        except (InvalidDesired, Fenced):
            raise
        except ReconcilerError as error:  # a driver cannot even be opened: as good as no answer
            unread = (UNREAD,) * len(spec.members)
            observed = Observed(None, Pair(unread, unread), detail=str(error))
        self._watch(observed, spec, state)
        observed = self._around(observed, spec, state)  # the calendar is told in the seconds that have now been counted
        self._gateway = observed.gateway or self._gateway
        if not _fair(observed, spec, state):  # what users meet now is not the newcomer's doing
            self._judged_from = self.now
        return observed

    def _watch(self, observed: Observed, spec: Spec, state: State) -> None:
        before = self.stopwatch.elapsed
        seconds = self.stopwatch.look(watching=observed.gateway is not None) - before
        counted = between(self._gateway, observed.gateway)
        ends = self._service, service(spec, observed, state)
        self._service = ends[1]
        between_looks = bridge(seconds, self.stopwatch.missed, ends, counted, _in_flight(self._gateway))
        self.meter.add(tally(seconds, self._service, counted).plus(between_looks))

    def _around(self, observed: Observed, spec: Spec, state: State) -> Observed:
        """What is neither gateway nor member nor gate: git beside the desired state, and the calendar."""
        if self._beside:
            observed = look(self._beside, observed, state)
        manifest = self._known(spec)
        found = self._agenda(manifest, state)
        observed = replace(observed, agenda=found)
        drills = state.drill_asked is not None or found.due > state.agenda[1]
        if state.stable is None or (state.transition is None and spec.target == state.stable and not drills):
            return observed  # nothing wants to go forward
        return replace(observed, closed=self._closed(manifest, self.now))

    def _known(self, spec: Spec) -> Manifest:
        world = self._world
        return world.manifest if world and world.manifest.spec.digest == spec.digest else self._manifest(spec)

    def apply(self, act: Act, observed: Observed) -> Applied:
        if isinstance(act, PutBack | Note) and self._beside:
            return tell(self._beside, act, self._seal, self.boundary)
        assert self._world is not None, "an act was decided without a world"
        spec = self._world.manifest.spec
        number = self.state.seq  # of the intent, which was written last
        applied = apply(self._world, spec, act, observed.gateway, self.generation, self.boundary, number)
        if isinstance(act, Route) and applied.result is Result.UNKNOWN:
            self._sealed = False  # it may still arrive: sealed again before the next look, it is shut out
        return applied

    def renew(self) -> CertificateReading | None:
        """Let the gateway show the certificate that the operator's files hold; what is shown then. None: that did not
        work, and why is in the log. Raises Fenced."""
        gateway = self._world.gateway if self._world else None
        if not isinstance(gateway, Renewing):
            return None
        try:
            gateway.renew(self.generation)
            return gateway.read().certificate
        except Fenced:
            raise
        except ReconcilerError as error:
            log.warning("the certificate is not renewed: %s", error, extra={"environment": self.name})
            return None

    def give_up(self) -> None:
        """Somebody else acts here now, and measures: nobody asks our samplers any more."""
        if self._world:
            self._world.samplers.keep(under_way=False)

    def close(self) -> None:
        """Let go of handles; the data plane goes on."""
        self.watcher.close()  # first: what it still waits for is sent and answered in this world
        if self._world:
            self._world.saver.close()
            self._world.migrator.wait()
            self._world.close()


def _in_flight(found: GatewayReading | None) -> int:
    counters = [found.counters[slot] for slot in Slot] if found else []
    return sum(each.in_flight for each in counters if each)


def _fair(observed: Observed, spec: Spec, state: State) -> bool:
    """Gateway and stable serve, as far as is known, so that what goes wrong is the newcomer's. A stable that does not
    work with the data is no measure of that."""
    stable, t = state.in_charge, state.transition
    if observed.gateway is None or not observed.gateway.up or stable is None:
        return False
    if t and t.one_way:
        return True
    weighted = zip(spec.members, observed.members[stable.slot], strict=False)
    down = (MemberStatus.STOPPED, MemberStatus.UNREADY)
    return not any(m.traffic is Traffic.WEIGHTED and reading.status in down for m, reading in weighted)
