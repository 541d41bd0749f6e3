"""A seeded walk: everything that can go wrong goes wrong for a while, then nothing does, and it must come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

from core_laws import broken
from core_world import B, Edge, G, World, spec

from reconciler.core.events import (
    Applied,
    GenerationTaken,
    Intended,
    RestoreBegan,
    Restored,
    RestoreGivenUp,
    RollbackBegan,
    Verb,
    Watched,
)
from reconciler.core.model import (
    Approvals,
    DriftMode,
    DrillKind,
    DrillPolicy,
    Migration,
    OnFailure,
    Outcome,
    Pair,
    Pause,
    SetWeight,
    Slot,
    Snapshot,
    Stage,
    all_on,
    share,
)
from reconciler.core.plan import RULES, Rule
from reconciler.core.reading import (
    Agenda,
    Closed,
    MemberStatus,
    MigrationReading,
    MigrationStatus,
    SnapshotReading,
    SnapshotStatus,
    Vote,
)
from reconciler.core.situation import Do, Wait
from reconciler.core.steps import Route

BOTH_WORK, ONE_WAY = (Migration("migrate", "migrated", works) for works in (True, False))
SHARED = Snapshot(("shared",))
EVERY = tuple(stage for stage in Stage if stage is not Stage.POSTFLIGHT)
ASKED = Approvals((Stage.PREFLIGHT, Stage.HAND_OVER), deadline=500.0)
BOTH_ASKED = Approvals(EVERY, approvers=("ann", "bob"), minimum=2, self_approval=False)
HEADS = (
    *(spec(), spec(G, green="v2"), spec(G, green="v2", soak=9.0), spec(G, green="v3"), spec(green="v2"), None),
    *(spec(G, blue="v3", green="v2"), spec(B, blue="v3", green="v2"), spec(G, green="v2", drift=DriftMode.WARN)),
    *(spec(G, green="v2", on_failure=OnFailure.HOLD), spec(G, green="v2", drift=DriftMode.DISABLED)),
    *(spec(G, green="v2", steps=(SetWeight(25), Pause(None), SetWeight(100))), spec(G, green="v2", gateway="other")),
    *(spec(G, green="v2", approvals=ASKED), spec(G, green="v3", approvals=BOTH_ASKED, on_failure=OnFailure.HOLD)),
    *(spec(G, green="v2", snapshot=SHARED), spec(G, green="v3", snapshot=SHARED, migration=BOTH_WORK, approvals=ASKED)),
    *(spec(G, green="v2", migration=BOTH_WORK), spec(G, green="v3", migration=ONE_WAY, steps=(SetWeight(100),))),
    *(spec(drill=DrillPolicy(expires=150.0)), spec(drill=DrillPolicy(DrillKind.ROLLBACK), approvals=ASKED)),
    *(spec(snapshot=SHARED), spec(drill=DrillPolicy(DrillKind.RESTORE), snapshot=SHARED, on_failure=OnFailure.HOLD)),
)
VERSIONS = ("v1", "v2", "v3")
ALIVE = (MemberStatus.READY, MemberStatus.UNREADY, MemberStatus.STOPPING)


@dataclass
class Walk:
    """One history, wholly given by its seed."""

    seed: int
    rules: tuple[Rule, ...] = RULES
    faults: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)
    steps_to_rest: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.misfortune = self.random.choice((0.04, 0.12, 0.25))  # calm histories get further, wild ones deeper
        self.world = World(rules=self.rules, check=self._check, tells=self.seed % 2 == 0)

    def run(self, length: int = 120) -> Walk:
        for _ in range(length):
            if self.random.random() < self.misfortune:
                self._fault()
            self._tick()
        self._peace()
        self.steps_to_rest = self._come_to_rest()
        return self

    # ---- what goes wrong

    @property
    def kinds(self) -> tuple[Callable[[], None], ...]:
        return (
            self.crash, self.deafen, self.restart_gateway, self.lose_weights, self.move_weights, self.kill, self.flap,
            self.blind, self.judge, self.commit, self.verb, self.reboot, self.counters, self.frail, self.jump,
            self.take_generation, self.rewrite, self.migration, self.vote, self.calendar, self.git, self.drill,
            self.agenda,
            self.move_by_hand, self.snapshot, self.restore,
        )  # fmt: skip

    def _fault(self) -> None:
        unfinished = (self.restore,) * 8 if self.world.state.restoring else ()  # else all stand still at last
        fault = self.random.choice((*self.kinds, self.commit, self.verb, *unfinished))
        self.faults[fault.__name__] += 1
        fault()

    def crash(self) -> None:
        self.world.crash = self.random.choice(("before", "after"))

    def deafen(self) -> None:
        self.world.deaf = not self.world.deaf

    def restart_gateway(self) -> None:
        self.world.set_gateway(up=False)

    def lose_weights(self) -> None:
        self.world.set_gateway(weights=None)

    def move_weights(self) -> None:
        self.world.set_gateway(weights=share(self.random.choice(list(Slot)), self.random.choice((0, 10, 30, 80))))

    def move_by_hand(self) -> None:
        self.world.move_by_hand(self.random.choice(list(Slot)))

    def kill(self) -> None:
        name = self.random.choice((("api",), ("worker",), ("api", "worker")))
        self.world.put(self.random.choice(list(Slot)), MemberStatus.STOPPED, None, *name)

    def flap(self) -> None:
        slot = self.random.choice(list(Slot))
        reading = self.world.observed.members[slot][0]
        if reading.status is MemberStatus.READY and reading.version:
            self.world.slow ^= {reading.version}
            self.world.put(slot, MemberStatus.UNREADY, reading.version, "api")

    def frail(self) -> None:
        self.world.frail ^= {self.random.choice(VERSIONS)}

    def blind(self) -> None:
        self.world.unreadable ^= {self.random.choice(list(Slot))}

    def judge(self) -> None:
        self.world.verdicts[self.random.choice(VERSIONS)] = self.random.choice(list(Outcome))

    def commit(self) -> None:
        self.world.commit(self.random.choice(HEADS))

    def rewrite(self) -> None:
        self.world.commit(self.random.choice(HEADS), forward=False)

    def verb(self) -> None:
        verb = self.random.choice([*Verb, *[Verb.RESUME] * 4, *[Verb.RETRY] * 2])  # else all stand still at last
        slot = self.random.choice(list(Slot))
        leave, accept = self.random.random() < 0.5, self.random.random() < 0.5
        self.world.say(verb, slot=slot, leave_split=leave, accept_rewritten=accept)

    def reboot(self) -> None:
        self.world.reboot()

    def counters(self) -> None:
        self.world.serving = Pair(*(self.random.choice((True, False, None)) for _ in Slot))

    def jump(self) -> None:
        self.world.now += self.random.choice((4.0, 40.0, 250.0))
        self.world.fold(Watched())

    def migration(self) -> None:
        ends = (MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN)
        self.world.migrates = self.random.choice(ends)

    def snapshot(self) -> None:
        self.world.saves = self.random.choice((SnapshotStatus.TAKEN, SnapshotStatus.FAILED))
        self.world.tries = self.random.choice((SnapshotStatus.TRIED, SnapshotStatus.FAILED))

    def restore(self) -> None:
        """A recovery point is put into its place, by somebody who may be killed in the midst of it."""
        point = ("a.zip", "d1")
        begun = self.world.state.restoring
        ends = (RestoreBegan(*point, stamp="1"), RestoreGivenUp(*point), Restored(*point))
        self.world.fold(self.random.choice(ends if begun else ends[:1]))

    def vote(self) -> None:
        t, pick = self.world.state.transition, self.random.choice
        plan = t.asked.plan if t and t.asked and pick((True, True, False)) else "of yesterday"
        stage, sound = t.asked.stage if t and t.asked else Stage.SHIFT, pick((True, True, False))
        vote = Vote(
            f"{len(self.world.votes)}", stage, plan, pick((True, True, True, False)), pick(("ann", "bob", "eve"))
        )
        age = pick((1.0, 1.0, 1e6, -1e6))
        self.world.votes.append(replace(vote, verified=sound, author=pick((True, False, None)), age=age))

    def calendar(self) -> None:
        now, pick = self.world.now, self.random.choice
        shut = Closed(now + pick((-5.0, 50.0)), pick((now + 90.0, None)), "deny")
        self.world.closed = pick(((), (shut,)))

    def drill(self) -> None:
        self.world.say(Verb.DRILL, drill=self.random.choice((None, *DrillKind)))

    def agenda(self) -> None:
        pick, number = self.random.choice, len(self.world.edges)
        late, over = pick((1.0, 1.0, 1e6)), pick((False, False, True))
        self.world.agenda = Agenda(pick(("monthly", "weekly", "")), f"{number:09}", late, over=over)

    def git(self) -> None:
        self.world.gone, self.world.obstacle = self.random.choice(((True, ""), (False, "a merge"), (False, "")))

    def take_generation(self) -> None:
        unread = {"migration": MigrationReading(), "snapshot": SnapshotReading()}  # a new process knows of none
        self.world.observed = replace(self.world.observed, **unread)
        self.world.fold(GenerationTaken(self.world.state.generation + 1))

    # ---- and then nothing does

    def _peace(self) -> None:
        world = self.world
        world.deaf, world.crash, world.serving = False, "", Pair(None, None)
        world.unreadable, world.verdicts, world.frail, world.slow = set(), {}, set(), set()
        world.migrates, world.closed, world.gone, world.obstacle = MigrationStatus.APPLIED, (), False, ""
        world.saves, world.tries = SnapshotStatus.TAKEN, SnapshotStatus.TRIED
        world.agenda = replace(world.agenda, over=False)

    def _come_to_rest(self, limit: int = 1500) -> int:
        """Decisions until it waits for a named person, or for a timer at rest; -1 with a breach if it never does."""
        acted = 0
        for _ in range(limit):
            answer = self._tick().answer
            acted += not isinstance(answer, Wait)
            if isinstance(answer, Wait) and answer.reason == "InSync" and not resting_on_stable(self):
                break
            if isinstance(answer, Wait) and (answer.reason == "InSync" or answer.blocked):
                return acted
            if isinstance(answer, Wait) and answer.until:
                self.world.now = max(self.world.now, answer.until)
        self.breaches.append(f"liveness: never at rest; {self.world.edges[-1].decision}")
        return -1

    def obey(self, limit: int = 12) -> Walk:
        """An operator types what the screen says, until nothing stands in the way any more."""
        earlier = ""
        for _ in range(limit):
            self._come_to_rest()
            answer = self.world.edges[-1].decision.answer
            reason = getattr(answer, "reason", "")
            if reason == "InSync":
                return self
            self._answer("Failing" if reason == "Holding" and reason == earlier else reason)
            earlier = reason
        self.breaches.append(f"liveness: no word helps; {self.world.edges[-1].decision}")
        return self

    def _answer(self, reason: str) -> None:
        world, stable = self.world, self.world.state.in_charge
        match reason:
            case "Suspended" | "Down" | "Paused" | "Holding":
                world.say(Verb.RESUME)
            case "Failing":
                world.say(Verb.ABORT)
            case "PromotionAwaited":
                world.say(Verb.PROMOTE)
            case "WaitingApproval":
                world.vote("ann")
                world.vote("bob")
            case "RevisionHeld" | "DrillAway":
                world.say(Verb.RETRY)
            case "RestoreUnfinished":
                world.fold(Restored("a.zip", "d1"))
            case "BranchRewritten":
                world.say(Verb.RETRY, accept_rewritten=True)
            case "GatewayChanged":
                world.say(Verb.DOWN)
            case "AdoptionNeeded":
                ready = [slot for slot in Slot if world.observed.members[slot][0].status is MemberStatus.READY]
                if not ready:  # nothing runs that could be adopted: the operator starts it by hand
                    world.put(B, MemberStatus.READY, "v1", "api")
                world.say(Verb.ADOPT, slot=ready[0] if ready else B)
            case "Drifted" if stable:
                world.set_gateway(weights=all_on(stable.slot))
            case "StableDegraded" if stable:  # somebody redeployed stable's slot in place: put it right
                world.put(stable.slot, MemberStatus.READY, stable.version, "api")
            case "StablePinned" if stable:
                pins = {stable.slot.value: stable.version, stable.slot.other.value: "v9"}
                world.commit(spec(stable.slot, **pins))  # type: ignore[arg-type]
            case _:
                pins = {stable.slot.value: stable.version} if stable else {}
                world.commit(spec(stable.slot if stable else B, **{"blue": None, **pins} if stable else {}))  # type: ignore[arg-type]

    # ---- what must hold

    def _tick(self):  # type: ignore[no-untyped-def]
        decision = self.world.tick()
        workers = [self.world.observed.members[slot][1].status in ALIVE for slot in Slot]
        if all(workers):
            self.breaches.append(f"law 21: two owners after {decision.rule}")
        return decision

    def _check(self, edge: Edge) -> None:
        self.breaches += broken(edge)
        if edge.state.intent is not None and isinstance(edge.decision.answer, Do):
            self.breaches.append("law 8: a second act while an intent is open")

    @property
    def directions(self) -> int:
        """The most changes of direction that any transition made."""
        ids = [e.state.transition.id for e in self.world.edges if _turns(e) and e.state.transition]
        return max(Counter(ids).values(), default=0)

    @property
    def unrecorded(self) -> int:
        """Routes that were decided without an intent that says which rule, revision, before and after."""
        routes = sum(
            isinstance(e.decision.answer, Do) and isinstance(e.decision.answer.act, Route) for e in self.world.edges
        )
        intents = [e for e in self.world.events if isinstance(e, Intended) and isinstance(e.act, Route)]
        return routes - sum(bool(i.rule and i.revision) for i in intents)

    @property
    def unclosed(self) -> int:
        """Intents that nothing closed, but for the last."""
        kinds = [e for e in self.world.events if isinstance(e, Intended | Applied)]
        pairs = pairwise(kinds)
        return sum(isinstance(a, Intended) and not isinstance(b, Applied) for a, b in pairs)


def _turns(edge: Edge) -> bool:
    return isinstance(getattr(edge.decision.answer, "event", None), RollbackBegan)


def resting_on_stable(walk: Walk) -> bool:
    """Who serves in the end is the release on record."""
    stable = walk.world.state.stable
    whole = stable is not None and walk.world.weights == all_on(stable.slot)
    return whole and walk.world.state.transition is None
