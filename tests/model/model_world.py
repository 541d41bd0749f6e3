"""What a state of the model is made of: plain tuples, so that a million of them fit and compare quickly.

Nothing here decides anything. The journal is one number (`memory`, see model_memory); a gateway's incarnation and its
stamp's sequence are never stored: all that a command needs of them is whether the gateway is still in the life, and
still in the version, that was read. A changed stamp never comes back, so two bits (`fresh`) are the whole truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from core_world import spec

from reconciler.core.model import (
    Admission,
    Analysis,
    GateSpec,
    HandOver,
    Member,
    Mode,
    Outcome,
    Pair,
    Pause,
    Routing,
    SetWeight,
    Slot,
    Spec,
    Stage,
    StrategyStep,
    Traffic,
    Weights,
    share,
)
from reconciler.core.reading import Counters, GatewayReading, MemberReading, MemberStatus, Stamp

if TYPE_CHECKING:
    from model_asking import Ballot

BY_HAND = -1  # in a stamp's place: known to the laws only, the core reads the stamp that was there
SCRIPT = -2  # likewise, by the script of a transition: the core reads that
UNIT = 5.0  # watched seconds that one waiting look counts
B, G = Slot.BLUE, Slot.GREEN
STOPPED, UNREADY, READY = MemberStatus.STOPPED, MemberStatus.UNREADY, MemberStatus.READY
STOPPING, UNKNOWN, STANDBY = MemberStatus.STOPPING, MemberStatus.UNKNOWN, MemberStatus.STANDBY


class Life(NamedTuple):
    """One member in one slot."""

    status: MemberStatus
    version: str | None = None
    limps: bool = False  # lost its readiness by a fault: may be so for long even where the world is prompt
    owns: bool = False  # it can stand by, and was made owner: until it has let go it may be at work


class Gateway(NamedTuple):
    """Incarnation and sequence are left out on purpose: see the module's words about `fresh`."""

    up: bool
    green: int | None  # percent; blue has the rest; None: no routes were ever written, or they are lost
    admission: tuple[Admission, Admission] = (Admission.OPEN, Admission.OPEN)
    fallback: Slot | None = None
    stamp: int | None = None  # the generation that wrote last


class Look(NamedTuple):
    """What one party read at one look."""

    head: int
    gateway: Gateway | None
    members: tuple[Life, ...]
    gates: str  # an Outcome, or "late": a good verdict, but about an earlier window
    busy: tuple[bool, bool] = (False, False)
    migration: str = "unasked"  # a MigrationStatus, or "stale": one of an earlier transition still runs
    ballots: tuple[Ballot, ...] = ()
    window: str = ""  # see model_asking
    made: tuple[str, int] = ("", -1)  # the head, if it is the commit that put the file back, and for which transition
    saving: str = "unasked"  # a SnapshotStatus, or "stale": one of an earlier transition is being given up
    beside: str = ""  # "obstacle" to putting the file back, or "unread": git beside cannot be read at all


class Party(NamedTuple):
    """One reconciler, and where it stands in its tick: absent, dead, out, idle, looked, intended,
    checked, effected."""

    place: str = "absent"
    generation: int = 0
    opened: int = -1  # the commit whose manifest its drivers were opened for
    sealed: bool = False
    waited: bool = False  # the last tick found nothing to do, so the next look counts one unit of time
    elapsed: int = 0  # units seen and not yet on record
    view: int = -1  # the memory that its last look rests on
    current: bool = True  # nobody else wrote the journal since
    look: Look | None = None
    same_life: bool = True  # the gateway lives the life that was read
    same_version: bool = True  # and nobody wrote it since
    intent: int = -1  # what it is about to do
    result: str = ""  # known before any reading back: refused, conflict, unknown
    migration: tuple[str, str] = ("unasked", "")  # what this process knows of one, and for which version
    saving: str = "unasked"  # and of a recovery point, as in Look


class Command(NamedTuple):
    """A write to the gateway that is still on its way, whoever sent it."""

    intent: int
    generation: int
    same_life: bool
    same_version: bool


class Here(NamedTuple):
    """One state of everything."""

    memory: int
    taken: int  # the latest generation in the journal
    sealed: int  # the latest that sealed the gateway
    owner: int  # the latest that has looked at it: from then on it may plan
    head: int
    gateway: Gateway
    busy: tuple[bool, bool]  # requests are in flight there
    members: tuple[Life, ...]  # blue's, then green's, in the spec's order
    bad: tuple[str, ...]  # versions that the gates find Failed
    parties: tuple[Party, Party]
    wire: tuple[Command, ...]
    budget: int  # faults that may still happen
    turns: int  # changes of direction under the desired digest in force
    data: tuple[str, ...] = ()  # versions that they were migrated for
    given: int = 0  # the generation that granted or released last: it stands for the number, which rises with it
    ballots: tuple[Ballot, ...] = ()  # that lie in git
    window: str = ""  # of the calendar, see model_asking; empty: open
    obstacle: bool = False  # to putting the file back
    notes: tuple[tuple[int, str], ...] = ()  # commit, and what is noted there
    made: tuple[str, int] = ("", -1)  # the file that was put back last: for which transition, by which commit
    restored: str = ""  # the transition of which that is on record
    saved: bool = False  # there is a recovery point of the transition that is under way


API, WEB, WORKER = (
    Member("api", Traffic.WEIGHTED),
    Member("web", Traffic.WEIGHTED),
    Member("worker", Traffic.EXCLUSIVE),
)
WARM = Member("worker", Traffic.EXCLUSIVE, standby=True)
LADDER: tuple[StrategyStep, ...] = (
    *(SetWeight(10), Pause(UNIT), SetWeight(50), Analysis(2 * UNIT), SetWeight(100), HandOver(("worker",))),
)
SHORT: tuple[StrategyStep, ...] = (SetWeight(10), SetWeight(100), HandOver(("worker",)))
GATES = (
    GateSpec("alive", "http", Stage.PREFLIGHT, Mode.ENFORCE),
    GateSpec("web", "synthetic", Stage.SHIFT, Mode.ENFORCE),
)

DRAINED = GateSpec("drained", "queue-drained", Stage.HAND_OVER, Mode.ENFORCE)


def wish(active: Slot, blue: str | None = "v1", green: str | None = None, **changes: object) -> Spec:
    """A commit: every duration is a small multiple of UNIT."""
    short: dict[str, object] = {
        "steps": LADDER, "members": (API, WORKER), "gates": GATES, "soak": UNIT, "drain_timeout": UNIT,
        "scale_down_delay": 2 * UNIT, "progress_deadline": 6 * UNIT, "hold_timeout": 2 * UNIT,
    }  # fmt: skip
    return spec(active, blue, green, **short | changes)


@dataclass(frozen=True)
class Scenario:
    """A configuration: what git holds, what may go wrong, and how often. `commits[i]` follows `parents[i]`."""

    name: str
    commits: tuple[Spec | None, ...]
    parents: tuple[int, ...]
    faults: tuple[str, ...]  # in an order: one seed, one history
    budget: int = 1
    free: frozenset[int] = frozenset({1})  # commits that cost no fault
    bad: tuple[str, ...] = ()  # versions that are bad from the beginning
    from_rest: bool = True  # begin at rest on blue, else with nothing at all
    hosts_fenced: bool = True  # a host refuses commands of a generation that was superseded
    turns: int = 2  # law 13
    prompt: bool = False  # what the world does by itself, it does before the next look; limping members apart
    beside: bool = False  # git is looked at, and told, beside the desired state (model_git)
    known: Spec = field(init=False)  # whose member list holds throughout

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", next(one for one in self.commits if one))

    def descends(self, head: int, ancestor: int) -> bool:
        while head > ancestor:
            head = self.parents[head]
        return head == ancestor

    def following(self, head: int) -> list[int]:
        return [i for i, parent in enumerate(self.parents) if parent == head and i != head]


# ---- from the model's tuples to the core's nouns -----------------------------------------------------------------


@cache
def weights(gateway: Gateway) -> Weights | None:
    return None if gateway.green is None else share(G, gateway.green)


@cache
def reading(gateway: Gateway, busy: tuple[bool, bool]) -> GatewayReading:
    stamp = None if gateway.stamp is None else Stamp("ours", gateway.stamp, 0, by_hand=gateway.stamp == SCRIPT)
    counters = Pair(*(Counters(in_flight=int(one)) for one in busy))
    return GatewayReading(
        gateway.up,
        weights(gateway),
        Pair(*gateway.admission),
        gateway.fallback,
        "",
        stamp,
        Pair(*counters_of(counters)),
    )


def counters_of(counters: Pair[Counters]) -> tuple[Counters | None, Counters | None]:
    return counters.blue, counters.green


@cache
def routed(routing: Routing, generation: int) -> Gateway:
    admission = (routing.admission.blue, routing.admission.green)
    return Gateway(True, routing.weights.green, admission, routing.fallback, generation)


@cache
def slot_readings(lives: tuple[Life, ...]) -> tuple[MemberReading, ...]:
    return tuple(MemberReading(life.status, life.version) for life in lives)


def of_slot(members: tuple[Life, ...], slot: Slot) -> tuple[Life, ...]:
    half = len(members) // 2
    return members[:half] if slot is B else members[half:]


def percent(gateway: Gateway, slot: Slot) -> int:
    """What users get in that slot now: nothing from a gateway that is down or knows no routes."""
    if not gateway.up or gateway.green is None:
        return 0
    return gateway.green if slot is G else 100 - gateway.green


FAILED, SUCCESSFUL = Outcome.FAILED, Outcome.SUCCESSFUL
