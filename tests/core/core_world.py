"""A world in pure values for the core's tests: git, a gateway, two slots, a journal, and what can go wrong with them.

`tick()` does what the loop does: look, decide, write the intent, act, read back, write the outcome. Faults are switches
of this object; time is the number `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.diff import standing
from reconciler.core.events import Accepted, Applied, Created, Ended, Event, Phase, Requested, Verb, Watched
from reconciler.core.gates import due
from reconciler.core.history import fold
from reconciler.core.model import (
    Admission,
    Analysis,
    Desired,
    GateSpec,
    HandOver,
    Member,
    Mode,
    Outcome,
    Pair,
    Pause,
    Pin,
    Release,
    SetWeight,
    Slot,
    Snapshot,
    Spec,
    Stage,
    Traffic,
    Weights,
    all_on,
)
from reconciler.core.plan import RULES, Decision, Rule, decide, intended
from reconciler.core.reading import (
    UNREAD,
    Agenda,
    Closed,
    Counters,
    GateReading,
    GatewayReading,
    GitReading,
    MemberReading,
    MemberStatus,
    MigrationReading,
    MigrationStatus,
    Observed,
    SnapshotReading,
    SnapshotStatus,
    Trial,
    Vote,
)
from reconciler.core.simulate import perform, settle
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import State
from reconciler.core.steps import Migrate, Note, PutBack, Result, Route, Start, Stop, TakeSnapshot, TryRestore

B, G = Slot.BLUE, Slot.GREEN
API, WORKER = Member("api", Traffic.WEIGHTED), Member("worker", Traffic.EXCLUSIVE)
WARM = Member("worker", Traffic.EXCLUSIVE, standby=True)
LADDER = (SetWeight(10), Pause(5.0), SetWeight(50), Analysis(60.0), SetWeight(100), HandOver(("worker",)))
WEB = GateSpec("web", "synthetic", Stage.SHIFT, Mode.ENFORCE)
STOPPED, READY, UNREADY = MemberStatus.STOPPED, MemberStatus.READY, MemberStatus.UNREADY
STANDBY = MemberStatus.STANDBY
EMPTY = Observed(GatewayReading(False, None), Pair(*((MemberReading(STOPPED),) * 2 for _ in Slot)))


def spec(active: Slot = B, blue: str | None = "v1", green: str | None = None, **changes: object) -> Spec:
    """A desired state with one web member and one worker; another keyword gives another digest."""
    pins = Pair(Pin(blue) if blue else None, Pin(green) if green else None)
    digest = f"{active}:{blue}:{green}:{sorted(changes.items())}"
    known: dict[str, object] = {"steps": LADDER, "gates": (WEB,), "soak": 20.0, "scale_down_delay": 100.0}
    known |= {
        "gateway": "gw",
        "drain_timeout": 10.0,
        "progress_deadline": 300.0,
        "rollback_window": 1000.0,
        "hold_timeout": 200.0,
    }
    known["members"] = (API, WORKER)
    return Spec("demo", digest, active, pins, **known | changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Edge:
    """One decision with all that it rested on."""

    desired: Desired
    spec: Spec | None
    observed: Observed
    state: State
    now: float
    decision: Decision


@dataclass
class World:
    """What really is, and what the reconciler remembers of it."""

    head: Spec | None = field(default_factory=spec)
    rules: tuple[Rule, ...] = RULES
    observed: Observed = EMPTY
    state: State = field(default_factory=State)
    now: float = 0.0
    pace: float = 1.0  # seconds per tick in which nothing else happens
    revision: int = 1
    forward: bool = True
    in_force: Spec | None = None
    verdicts: dict[str, Outcome] = field(default_factory=dict)  # version -> what the gates say; else Successful
    by_gate: dict[str, Outcome] = field(default_factory=dict)  # and what single ones say
    reasons: dict[str, str] = field(default_factory=dict)  # why; else the outcome's name
    telling: dict[str, Any] = field(default_factory=dict)  # what else every gate's answer says
    frail: set[str] = field(default_factory=set)  # versions that end as soon as they are started
    slow: set[str] = field(default_factory=set)  # versions that never get ready
    unreadable: set[Slot] = field(default_factory=set)
    deaf: bool = False  # the gateway does not answer
    serving: Pair[bool | None] = field(default_factory=lambda: Pair(None, None))
    data: set[str] = field(default_factory=set)  # versions whose migration was applied
    migrations: list[str] = field(default_factory=list)  # every run of the command itself
    migrates: MigrationStatus = MigrationStatus.APPLIED  # how it ends
    archives: set[tuple[str, Snapshot]] = field(default_factory=set)  # recovery points that are whole, per transition
    snapshots: list[str] = field(default_factory=list)  # transitions: every time that one was written
    saves: SnapshotStatus = SnapshotStatus.TAKEN  # how it ends
    trials: list[str] = field(default_factory=list)  # archives: every time that one was put back beside
    tries: SnapshotStatus = SnapshotStatus.TRIED  # how it ends
    trial: Trial = field(default_factory=lambda: Trial(3, 700, 2.0))
    votes: list[Vote] = field(default_factory=list)
    votes_unread: str = ""
    closed: tuple[Closed, ...] = ()
    agenda: Agenda = field(default_factory=Agenda)
    tells: bool = False  # git can be written: what failed is put back
    branch: str = ""  # that is looked at
    obstacle: str = ""  # what keeps the file from being put back
    gone: bool = False  # git cannot be read beside the desired state, nor written
    notes: dict[str, str] = field(default_factory=dict)  # revision -> what is said there
    past: dict[str, Spec | None] = field(default_factory=dict)  # revision -> what it asked for
    made: dict[str, str] = field(default_factory=dict)  # transition -> the commit that put its file back
    lost: set[str] = field(default_factory=set)  # revisions that git does not have any more
    refuses: str = ""  # git's word on a file that is to be put back, although nothing is in the way
    crash: str = ""  # "before" or "after" the next effect
    granted: Slot | None = None  # who is named as the worker's owner, where it can stand by
    edges: list[Edge] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    check: Callable[[Edge], None] | None = None

    def __post_init__(self) -> None:
        self.fold(Created("ours"))
        self.past[self.desired.revision] = self.head

    # ---- looking

    @property
    def desired(self) -> Desired:
        problem = "" if self.head else "demo.yaml:3:1: unknown key"
        revision = f"{self.revision:040x}"
        return Desired(revision, self.head, problem, self.in_force, self.forward, branch=self.branch)

    @property
    def gateway(self) -> GatewayReading:
        assert self.observed.gateway
        return self.observed.gateway

    @property
    def weights(self) -> Weights | None:
        """What users get: nothing from a gateway that is down."""
        return self.gateway.weights if self.gateway.up else None

    def look(self) -> Observed:
        gone = tuple(UNREAD for _ in (API, WORKER))
        members = Pair(*(gone if slot in self.unreadable else self.observed.members[slot] for slot in Slot))
        seen = replace(self.observed, members=members, serving=self.serving, gates=self._gates())
        seen = replace(seen, votes=tuple(self.votes), votes_unread=self.votes_unread, closed=self.closed)
        seen = replace(seen, agenda=self.agenda)
        seen = replace(seen, git=self._git())
        return replace(seen, gateway=None) if self.deaf else seen

    def _gates(self) -> tuple[GateReading, ...]:
        t, found = self.state.transition, standing(self.desired, self.state).spec
        if t is None or found is None:
            return ()
        outcome = self.verdicts.get(t.newcomer.version, Outcome.SUCCESSFUL)
        said = {gate.name: self.by_gate.get(gate.name, outcome) for gate in due(found, t)}
        why = {name: self.reasons.get(name, str(one)) for name, one in said.items()}
        return tuple(GateReading(name, said[name], t.window, reason=why[name], **self.telling) for name in said)

    def _git(self) -> GitReading | None:
        duty = self.state.duty
        if not self.tells or duty is None or not duty.good or duty.commit:
            return None
        asks = None if self.gone else self.head == self.past.get(duty.revision)
        commit = "" if asks or self.gone else self.made.get(duty.transition, "")
        return GitReading(duty.transition, asks, self.obstacle, commit)

    # ---- acting

    def fold(self, event: Event) -> None:
        self.state = fold(self.state, event, elapsed=self.now - self.state.watched)
        self.events.append(event)
        if isinstance(event, Accepted):
            self.in_force = self.head

    def tick(self) -> Decision:
        seen, found = self.look(), standing(self.desired, self.state).spec
        decision = decide(self.desired, seen, self.state, self.now, self.rules)
        edge = Edge(self.desired, found, seen, self.state, self.now, decision)
        self.edges.append(edge)
        if self.check:
            self.check(edge)
        match decision.answer:
            case Record(event):
                self.fold(event)
            case Do() if found:
                self._act(decision, found)
            case Wait():
                self.now += self.pace
                self.fold(Watched())
                self.events.pop()
                self._settle()
        return decision

    def _act(self, decision: Decision, found: Spec) -> None:
        self.fold(intended(decision, self.desired))
        crash, self.crash = self.crash, ""
        if crash:  # what was begun ends with us, and a new process knows nothing of it
            self.observed = replace(self.observed, migration=MigrationReading(), snapshot=SnapshotReading())
        if crash == "before":
            return
        assert isinstance(decision.answer, Do)
        act = decision.answer.act
        if self.gone and isinstance(act, PutBack | Note):
            self.fold(Applied(Result.UNKNOWN, "git does not answer"))
            return
        if self.deaf and isinstance(act, Route):
            self.fold(Applied(Result.UNKNOWN))
            return
        if (self.refuses and isinstance(act, PutBack)) or (isinstance(act, Note) and act.revision in self.lost):
            self.fold(Applied(Result.REFUSED, self.refuses or "there is no such commit any more"))
            return
        self._perform(found, act)
        if crash:
            self.observed = replace(self.observed, snapshot=SnapshotReading())
        else:
            self.fold(Applied(Result.DONE, self.desired.revision if isinstance(act, PutBack) else ""))

    def _perform(self, found: Spec, act: object) -> None:
        match act:
            case Start(slot, version, members, owner):
                status = STOPPED if version in self.frail else UNREADY
                self.put(slot, status, version if status is UNREADY else None, *members)
                self.granted = slot if owner else self.granted
            case Stop(slot, members, owner):
                warm = found.standbys if owner else ()
                for name in members:
                    if name in warm:
                        self._let_go(slot, name)
                    else:
                        self.put(slot, MemberStatus.STOPPING, None, name)
            case PutBack(transition, good=good):
                self.commit(self.past[good])
                self.made[transition] = self.desired.revision
            case Note(revision=revision, text=text):
                self.notes[revision] = text
            case Migrate():
                self._migrate(act)
            case TakeSnapshot():
                self._save(act)
            case TryRestore():
                self._try(act)
            case _:
                self.observed = perform(self.observed, found, self.state, act)  # type: ignore[arg-type]
                counters = Counters()
                self.observed = replace(self.observed, gateway=replace(self.gateway, counters=Pair(counters, counters)))

    def _migrate(self, act: Migrate) -> None:
        """The driver's word: the check is asked first, and the command only where it is not applied."""
        ran = act.version not in self.data and not act.only_ask
        if ran:
            self.migrations.append(act.version)
            self.data |= {act.version} if self.migrates is MigrationStatus.APPLIED else set()
        begun = MigrationReading(MigrationStatus.RUNNING, act.transition, ran, migration=act.migration)
        self.observed = replace(self.observed, migration=begun)

    def _save(self, act: TakeSnapshot) -> None:
        """The driver's word: an archive that is whole already is found."""
        there = (act.transition, act.snapshot) in self.archives
        status = SnapshotStatus.TAKEN if there else SnapshotStatus.RUNNING
        self.snapshots += [] if there else [act.transition]
        name = f"{act.transition}.zip"
        self.observed = replace(
            self.observed, snapshot=SnapshotReading(status, act.transition, act.snapshot, name, "d1", 7)
        )

    def _try(self, act: TryRestore) -> None:
        """The driver's word: it is done anew, however often it is asked for."""
        self.trials.append(act.name)
        begun = SnapshotReading(SnapshotStatus.TRYING, act.transition, act.snapshot, act.name, act.digest)
        self.observed = replace(self.observed, snapshot=begun)

    def _end_snapshot(self) -> None:
        found = self.observed.snapshot
        if found.status is SnapshotStatus.TRYING:
            trial = self.trial if self.tries is SnapshotStatus.TRIED else None
            ended = replace(found, status=self.tries, detail=f"it ended {self.tries}", trial=trial)
            self.observed = replace(self.observed, snapshot=ended)
        if found.status is SnapshotStatus.RUNNING and found.snapshot:
            if self.saves is SnapshotStatus.TAKEN:
                self.archives.add((found.transition, found.snapshot))
            ended = replace(found, status=self.saves, detail=f"it ended {self.saves}")
            self.observed = replace(self.observed, snapshot=ended)

    def _end_migration(self) -> None:
        found, t = self.observed.migration, self.state.transition
        if found.status is MigrationStatus.RUNNING and t:
            doubt = MigrationStatus.FAILED if self.migrates is MigrationStatus.APPLIED else self.migrates
            status = MigrationStatus.APPLIED if t.newcomer.version in self.data else doubt
            ended = replace(found, status=status, detail=f"it ended {status}")
            self.observed = replace(self.observed, migration=ended)

    def _let_go(self, slot: Slot, name: str) -> None:
        old = dict(zip(("api", "worker"), self.observed.members[slot], strict=True))[name]
        self.granted = None if self.granted is slot else self.granted
        if old.status in (READY, UNREADY):
            self.put(slot, MemberStatus.STOPPING, old.version, name)

    def _settle(self) -> None:
        """What is on its way arrives, but for versions that never do."""
        self._end_migration()
        self._end_snapshot()
        found = standing(self.desired, self.state).spec
        if found is None:
            return
        before, self.observed = self.observed, settle(self.observed, found)
        self._take(found)
        for slot in Slot:
            for member, old in zip((API, WORKER), before.members[slot], strict=True):
                if old.status is UNREADY and old.version in self.slow:
                    self.put(slot, UNREADY, old.version, member.name)

    def _take(self, found: Spec) -> None:
        """What can stand by: it was asked to end, or it becomes the owner if it is named."""
        for slot in Slot:
            for name in found.standbys:
                now = dict(zip(("api", "worker"), self.observed.members[slot], strict=True))[name]
                if now.status is STANDBY and now.version is None:
                    self.put(slot, STOPPED, None, name)
                elif now.status is STANDBY and self.granted is slot:
                    self.put(slot, READY, now.version, name)

    def put(self, slot: Slot, status: MemberStatus, version: str | None, *names: str) -> None:
        """Let members of a slot be so, whoever did it."""
        wanted = names or ("api", "worker")
        there = zip((API, WORKER), self.observed.members[slot], strict=True)
        changed = tuple(MemberReading(status, version) if m.name in wanted else old for m, old in there)
        self.observed = replace(self.observed, members=self.observed.members.replace(slot, changed))

    def set_gateway(self, **changes: object) -> None:
        self.observed = replace(self.observed, gateway=replace(self.gateway, **changes))  # type: ignore[arg-type]

    def move_by_hand(self, slot: Slot) -> None:
        """Somebody runs a script that a transition left behind."""
        before = self.gateway.stamp
        if before is not None:
            admission = Pair(*(Admission.CLOSED,) * 2).replace(slot, Admission.OPEN)
            stamp = replace(before, by_hand=True)
            self.set_gateway(weights=all_on(slot), admission=admission, fallback=None, stamp=stamp)

    def reboot(self) -> None:
        """Everything has ended; the gateway's routes are still in its file."""
        for slot in Slot:
            self.put(slot, STOPPED, None)
        self.set_gateway(up=False)

    # ---- people

    def commit(self, head: Spec | None, *, forward: bool = True) -> None:
        self.head, self.revision, self.forward = head, self.revision + 1, forward
        self.past[self.desired.revision] = head

    def vote(self, by: str = "ann", **changes: object) -> None:
        """Somebody votes on what is asked now."""
        asked = self.state.transition.asked if self.state.transition else None
        assert asked, "nothing is asked"
        known: dict[str, object] = {"verified": True, "author": False, "age": 1.0}
        vote = Vote(f"vote-{by}-{len(self.votes)}", asked.stage, asked.plan, True, by)
        self.votes.append(replace(vote, **known | changes))  # type: ignore[arg-type]

    def say(self, verb: Verb, **details: object) -> None:
        self.fold(Requested(verb, **details))  # type: ignore[arg-type]

    # ---- running

    def until(self, done: Callable[[World], bool], limit: int = 600) -> World:
        """Tick until `done`; a world that does not get there tells its last decisions."""
        for _ in range(limit):
            if done(self):
                return self
            self.tick()
        tail = "\n".join(f"{e.now:7.1f} {e.decision.rule}: {e.decision.answer}" for e in self.edges[-12:])
        raise AssertionError(f"not reached within {limit} ticks; the last:\n{tail}")

    def waits(self, reason: str, limit: int = 600) -> Wait:
        """Run until it waits for this reason."""
        for _ in range(limit):
            answer = self.tick().answer
            if isinstance(answer, Wait) and answer.reason == reason:
                return answer
        return self.until(lambda _: False, 1) and Wait("")  # tells the story, and fails

    def settled(self) -> World:
        """Run until nothing is left to do but wait for a timer or a person, at rest."""
        self.waits("InSync")
        return self

    def settled_or_frozen(self) -> World:
        """Run until only the calendar or a timer is waited for."""
        return self.until(
            lambda w: isinstance(answer := w.tick().answer, Wait) and answer.reason in ("InSync", "Frozen")
        )

    def ended(self) -> Phase:
        """Run until the transition that is to come, or under way, has ended."""
        seen = sum(isinstance(event, Ended) for event in self.events)
        self.until(lambda w: sum(isinstance(event, Ended) for event in w.events) > seen)
        assert self.state.last
        return self.state.last.phase

    @contextmanager
    def silent(self) -> Iterator[None]:
        """The gateway does not answer in here."""
        self.deaf = True
        yield
        self.deaf = False


def at(rung: int, phase: Phase | None = None) -> Callable[[World], bool]:
    """The transition has reached this rung (and phase)."""
    return lambda w: bool(
        (t := w.state.transition) and t.rung == rung and (phase is None or t.phase is phase) and not t.going_back
    )


def serving(version: str = "v1", head: Spec | None = None, *, tells: bool = False) -> World:
    """A bootstrapped world, at rest on blue."""
    world = World(head=head or spec(blue=version), tells=tells)
    return world.settled()


def switching(version: str = "v2", *, tells: bool = False, **changes: object) -> World:
    """At rest on blue@v1, and a commit has just asked for green at `version`."""
    world = serving(tells=tells)
    world.commit(spec(G, green=version, **changes))
    return world


STABLE, NEWCOMER = Release(B, "v1"), Release(G, "v2")
ON_BLUE, ON_GREEN = all_on(B), all_on(G)
