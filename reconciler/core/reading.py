"""What was read from the world: gateway, members, gates, the migration, the recovery point. `Observed` is one look at
all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.model import Admission, Migration, Outcome, Pair, Release, Slot, Snapshot, Stage, Weights


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who wrote the gateway's routes last: written with the routes, read back with them."""

    journal: str
    generation: int
    sequence: int
    by_hand: bool = False  # a person did, with the script of a transition (`Gateway.by_hand`); the rest says after whom


@dataclass(frozen=True, slots=True)
class Counters:
    """A slot's users as the gateway counts them, since the gateway's start; probes by the forced road are left out."""

    requests: int = 0
    errors: int = 0  # answers 5xx, and requests that got no answer
    refused: int = 0  # connections that could not be made
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class CertificateReading:
    """What a gateway's users are shown, and how the operator's files stand to it. `ends` None: not known, or nobody is
    shown anything."""

    name: str  # in the operator's file
    serial: str = ""  # hexadecimal
    ends: float | None = None  # seconds since 1970, by the wall
    warn_before: float = 0.0  # seconds before its end from which on it is told
    problem: str = ""  # why what the files hold cannot be shown
    newer: bool = False  # they hold another one, which can
    cure: str = ""  # what renews it; empty: a new pair in those files


@dataclass(frozen=True, slots=True)
class GatewayReading:
    """The gateway as read back, never as remembered. `weights` None: no routes were ever written (not zero!)."""

    up: bool
    weights: Weights | None
    admission: Pair[Admission] = Pair(Admission.OPEN, Admission.OPEN)
    fallback: Slot | None = None  # takes the requests that the other slot could not even connect
    incarnation: str = ""  # one life of the gateway process
    stamp: Stamp | None = None
    counters: Pair[Counters | None] = Pair(None, None)
    ejected: Pair[bool] = Pair(False, False)  # the gateway itself found this slot dead
    certificate: CertificateReading | None = field(default=None, compare=False)  # None: plain HTTP, or unseen


class MemberStatus(StrEnum):
    STOPPED = "stopped"  # read as not there; proof that nobody owns what it owned
    UNREADY = "unready"  # alive, but not (yet, or any more) ready
    READY = "ready"  # of a member that can stand by: as the owner, with the number that it was granted
    STANDBY = "standby"  # alive, and owns nothing; proof of that
    STOPPING = "stopping"  # asked to stop or to let go, finishing its work
    UNKNOWN = "unknown"  # could not be read: neither up nor down


@dataclass(frozen=True, slots=True)
class MemberReading:
    status: MemberStatus
    version: str | None = None  # the pin's label, as the running member itself reports it
    detail: str = field(default="", compare=False)  # for people: why


UNREAD = MemberReading(MemberStatus.UNKNOWN)


BY_HAND = "asked-by-hand"  # in place of a transition's id: no transition rests on what is measured there


@dataclass(frozen=True, slots=True)
class Window:
    """What a gate's reading is about: this version at this weight, since the weight took effect."""

    transition: str
    newcomer: Release
    stable: Release
    rung: int
    opened: float  # on the environment's watched clock, seconds
    fair: float = 0.0  # likewise: what came before may be somebody else's doing (the gateway's, stable's)

    @property
    def by_hand(self) -> bool:
        """Somebody asks (`reconcile gates`), and nothing may be left behind by which a transition would be judged."""
        return self.transition == BY_HAND


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a gate's answer, for dashboards: what is measured, and `of` what (a road, a percentile, ...)."""

    what: str
    value: float
    of: tuple[str, ...] = ()


NO_ANSWER = "no answer about this window yet"  # the reason of a gate's reading until there is one


@dataclass(frozen=True, slots=True)
class GateReading:
    """One gate's answer about one window. Value and limit are for people; the outcome decides."""

    name: str
    outcome: Outcome
    window: Window
    value: str = field(default="", compare=False)
    limit: str = field(default="", compare=False)
    samples: int = field(default=0, compare=False)
    reason: str = field(default="", compare=False)
    age: float = field(default=0.0, compare=False)  # seconds since it was given
    alert: str = field(default="", compare=False)  # what somebody should look at, though nothing is decided by it
    confident: bool | None = None  # the evidence rules out that the newcomer is clearly worse; None: it cannot tell
    failures: int = 0  # failed answers in this window, this one among them
    inconclusives: int = 0
    errors: int = 0  # in a row, up to now
    measures: tuple[Measure, ...] = field(default=(), compare=False)


class MigrationStatus(StrEnum):
    """What is known of a migration. After a restart of ours that is nothing, and the check is asked."""

    UNASKED = "unasked"
    RUNNING = "running"
    APPLIED = "applied"  # the check says so
    FAILED = "failed"  # it was tried, and the check says that it is not applied
    UNKNOWN = "unknown"  # the check cannot tell


@dataclass(frozen=True, slots=True)
class MigrationReading:
    """How the migration stands that was begun in `transition`."""

    status: MigrationStatus = MigrationStatus.UNASKED
    transition: str = ""
    ran: bool = False  # the command was, not only its check: the data may be others now than they were
    detail: str = field(default="", compare=False)  # for people: how it ended, its last words
    migration: Migration | None = None  # which one: a commit may ask for another in the midst of it


class SnapshotStatus(StrEnum):
    """What is known of a recovery point. After a restart of ours that is nothing, and the archives are looked at."""

    UNASKED = "unasked"
    RUNNING = "running"
    TAKEN = "taken"  # whole, on disk, read back and verified
    FAILED = "failed"  # there is none; or in a drill, it could not be put back
    TRYING = "trying"  # in a drill: it is being put back beside, and compared
    TRIED = "tried"  # and was the same


@dataclass(frozen=True, slots=True)
class Trial:
    """A recovery point put back beside: how much came back, and how long that took."""

    files: int = 0
    bytes: int = 0
    took: float = 0.0  # seconds until all of it lay there, as a restore needs them; comparing comes after that


@dataclass(frozen=True, slots=True)
class SnapshotReading:
    """How the recovery point stands that was begun in `transition`."""

    status: SnapshotStatus = SnapshotStatus.UNASKED
    transition: str = ""
    snapshot: Snapshot | None = None  # of what: a commit may ask for another in the midst of it
    name: str = ""  # of the archive
    digest: str = ""  # SHA-256 of the archive's bytes, hexadecimal
    size: int = 0  # bytes of the archive
    detail: str = field(default="", compare=False)  # for people: why there is none, or what is in it
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """Somebody's word on a question, as it lies in git: an input, like the desired state."""

    id: str  # of the commit or tag that holds it
    stage: Stage
    plan: str  # the digest of what was reviewed
    approve: bool  # False: rejected
    by: str  # the signature's principal if it is `verified`, else the e-mail address that its writer claims
    verified: bool = False  # by a signature of a key that the operator's file knows
    author: bool | None = None  # made one of the changes that are asked about; None: that cannot be told
    age: float = 0.0  # seconds, by the voter's own clock; below 0: it lies in the future
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A time in which no transition may take a step forward. Watched seconds, as far as they are known now."""

    begins: float
    ends: float | None  # None: no end is known
    why: str  # e.g. `deny 0 0 24 12 * (year-end closing)`
    until: str = ""  # for people, on the wall of the window's own time zone


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the wall clock says of drills, at one look. All times are text, in UTC, and compare as text."""

    schedule: str = ""  # as it is written; empty: there is none
    due: str = ""  # the latest moment at which one was due
    late: float = 0.0  # seconds since then
    now: str = ""
    until: str = ""  # when one that begins now has to be over
    over: bool = False  # the time of what is under way, or was asked for, is over
    next: str = ""  # for people, on the wall of the schedule's own time zone


@dataclass(frozen=True, slots=True)
class GitReading:
    """Does git still ask for what a transition was turned back from, and what keeps its file from being put back?"""

    transition: str
    asks: bool | None  # the head's file still is the failed one; None: cannot be read
    obstacle: str = ""  # with the command to type instead
    commit: str = ""  # the one of ours that put it back, whether or not that is on record


@dataclass(frozen=True, slots=True)
class Observed:
    """The world at one look. A gateway that does not answer is None: Unknown, not weight 0."""

    gateway: GatewayReading | None
    members: Pair[tuple[MemberReading, ...]]  # in the order of `Spec.members`
    gates: tuple[GateReading, ...] = ()
    serving: Pair[bool | None] = Pair(None, None)  # by the gateway's counters since the last look; None: no telling
    migration: MigrationReading = MigrationReading()
    votes: tuple[Vote, ...] = ()  # on the question that is asked now, oldest first
    votes_unread: str = ""  # why they cannot be read
    closed: tuple[Closed, ...] = ()  # by windows and freezes, in order
    git: GitReading | None = None  # None: nothing to be told to git, or nobody looked
    agenda: Agenda = Agenda()
    detail: str = field(default="", compare=False)  # why the gateway is unknown
    snapshot: SnapshotReading = SnapshotReading()
