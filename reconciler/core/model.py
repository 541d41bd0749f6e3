"""The nouns: slots, releases, what git asks for (`Spec`), what is written to a gateway (`Routing`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(StrEnum):
    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Slot:
        return Slot.GREEN if self is Slot.BLUE else Slot.BLUE


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """One value per slot."""

    blue: T
    green: T

    def __getitem__(self, slot: Slot) -> T:
        return self.blue if slot is Slot.BLUE else self.green

    def replace(self, slot: Slot, value: T) -> Pair[T]:
        return Pair(value, self.green) if slot is Slot.BLUE else Pair(self.blue, value)


Weights = Pair[int]  # percent of requests; what we write sums to 100


def all_on(slot: Slot) -> Weights:
    return Pair(0, 0).replace(slot, 100)


def share(newcomer: Slot, weight: int) -> Weights:
    """`weight` percent for `newcomer`, the rest for the other slot."""
    return Pair(100 - weight, 100 - weight).replace(newcomer, weight)


@dataclass(frozen=True, slots=True)
class Pin:
    """What a slot should run: a version and its configuration. Another configuration is another release."""

    version: str
    config: tuple[tuple[str, str], ...] = ()
    digest: str = ""  # of the configuration; empty when there is none

    @property
    def label(self) -> str:
        """How the core, the journal and the screen name this release: `1.4.2`, or `1.4.2#0a1b2c3d` with a config."""
        return f"{self.version}#{self.digest}" if self.digest else self.version


@dataclass(frozen=True, slots=True)
class Release:
    """A version (a pin's label) in a slot."""

    slot: Slot
    version: str

    def __str__(self) -> str:
        return f"{self.slot}@{self.version}"


class Traffic(StrEnum):
    WEIGHTED = "weighted"  # HTTP, shared by weight
    EXCLUSIVE = "exclusive"  # one owner at a time


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    traffic: Traffic
    standby: bool = False  # exclusive, and can be alive without owning anything: handed over warm, by a number


class Stage(StrEnum):
    """Where gates attach, in the order in which a transition passes them."""

    MIGRATE = "migrate"  # before the newcomer's data is migrated: nothing of it runs yet
    PREFLIGHT = "preflight"
    SHIFT = "shift"
    HAND_OVER = "handOver"  # nobody owns: asked from when the old owner was read to have let go, and never else
    POSTFLIGHT = "postflight"
    FINALISE = "finalise"  # the newcomer becomes stable: no gates of its own, but an approval may be asked


class Mode(StrEnum):
    ENFORCE = "enforce"
    OBSERVE = "observe"


class Outcome(StrEnum):
    """Of a gate. Only SUCCESSFUL ever advances; missing data is INCONCLUSIVE, a gate that cannot run is ERROR."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many answers of each kind a gate may give in one window; the words are those of Argo Rollouts and Kayenta.

    None: without end, until the step's own time is over.
    """

    critical: bool = True  # False: its failure stops the newcomer where it is, and does not lead back
    must_have_data: bool = False  # True: where no data ends the waiting, that is a failure
    failures: int = 0  # failed answers that are tolerated
    inconclusives: int | None = None  # after more than these a person is asked
    errors: int | None = None  # after more than these in a row a person is asked


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A gate as the core sees it; `settings` (canonical JSON) are its driver's business."""

    name: str
    kind: str
    stage: Stage
    mode: Mode
    settings: str = "{}"
    limits: Limits = Limits()
    interval: float | None = None  # seconds between two answers; None: several a second


@dataclass(frozen=True, slots=True)
class SetWeight:
    weight: int  # of the newcomer, 1 to 100


@dataclass(frozen=True, slots=True)
class Pause:
    duration: float | None  # seconds; None waits for `promote`


@dataclass(frozen=True, slots=True)
class Analysis:
    at_most: float  # seconds; advance as soon as every gate is Successful
    confident: bool = False  # and as soon as the evidence rules a newcomer out that is clearly worse


@dataclass(frozen=True, slots=True)
class HandOver:
    members: tuple[str, ...]


StrategyStep = SetWeight | Pause | Analysis | HandOver


@dataclass(frozen=True, slots=True)
class Migration:
    """What makes the data ready for a newcomer: named commands of the operator's file."""

    command: str
    check: str  # tells whether it was applied, whatever became of the command
    old_version_works: bool  # stable still serves once it was applied


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a recovery point holds: named folders of the operator's file, and what a named command writes."""

    folders: tuple[str, ...] = ()
    command: str = ""  # makes a dump, of a database say; empty: none


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who has to agree before a stage begins. Where names count, so do signatures: `signed`."""

    before: tuple[Stage, ...]
    approvers: tuple[str, ...] = ()  # principals of signers; empty: whoever may write to the repository
    minimum: int = 1
    self_approval: bool = True  # whoever made the change may approve it
    expires: float = 86400.0  # seconds after which an approval that was not used yet is void
    deadline: float = 259200.0  # watched seconds of asking, after which it goes back

    @property
    def signed(self) -> bool:
        """Only approvals with a verified signature count: a name alone proves nothing."""
        return bool(self.approvers) or self.minimum > 1 or not self.self_approval


class GitAfter(StrEnum):
    """What git is told of a rollback, beside the note."""

    REVERT = "revert"  # the environment's file is put back, where that disturbs nobody
    NOTE = "note"


class DrillKind(StrEnum):
    """What is rehearsed, with stable's own version in both slots."""

    SWITCH_AND_BACK = "switch-and-back"  # to the other slot, and home again
    ROLLBACK = "rollback"  # all the way, and back in one fast step: how long until everybody is safe
    RESTORE = "restore"  # as far as the recovery point, which is put back beside and compared: nobody is moved


@dataclass(frozen=True, slots=True)
class DrillPolicy:
    """What a drill is here, when nobody says otherwise. When it is due is no matter of the core's: see `Agenda`."""

    kind: DrillKind = DrillKind.SWITCH_AND_BACK
    expires: float = 14400.0  # seconds after which one that is not over goes back


class OnFailure(StrEnum):
    ROLLBACK = "rollback"
    HOLD = "hold"


class DriftMode(StrEnum):
    ENABLED = "enabled"
    WARN = "warn"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Spec:
    """One environment as git asks for it, validated: what the core needs of a manifest. Durations are seconds."""

    environment: str
    digest: str  # of the canonical manifest; an unrelated commit does not change it
    active: Slot
    pins: Pair[Pin | None]
    members: tuple[Member, ...]
    steps: tuple[StrategyStep, ...]
    gates: tuple[GateSpec, ...] = ()
    gateway: str = ""  # fingerprint of what cannot change under traffic: address, kind, routes, hosts
    warm_up: float = 0.0
    soak: float = 600.0
    drain_timeout: float = 30.0
    scale_down_delay: float = 1800.0
    progress_deadline: float = 900.0
    rollback_window: float = 86400.0
    hold_timeout: float = 3600.0
    on_failure: OnFailure = OnFailure.ROLLBACK
    drift: DriftMode = DriftMode.ENABLED
    migration: Migration | None = None
    approvals: Approvals | None = None
    git_after: GitAfter = GitAfter.REVERT
    snapshot: Snapshot | None = None
    drill: DrillPolicy | None = None
    base: str = ""  # while a drill is on: the digest of the manifest over which this is laid; else empty

    @property
    def target(self) -> Release:
        """The slot and version that git asks for. A manifest whose active slot is not pinned is never a `Spec`."""
        pin = self.pins[self.active]
        return Release(self.active, pin.label if pin else "")

    def pinned(self, slot: Slot) -> str | None:
        pin = self.pins[slot]
        return pin.label if pin else None

    def names(self, traffic: Traffic) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.traffic is traffic)

    @property
    def standbys(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.standby)


@dataclass(frozen=True, slots=True)
class Desired:
    """What git says about one environment at the branch's head, beside what is in force."""

    revision: str  # the head's commit id; empty when the branch cannot be read
    head: Spec | None  # None: nothing usable there, and `problem` says why
    problem: str = ""
    in_force: Spec | None = None  # the spec that the journal accepted last
    forward: bool = True  # the head descends from the revision accepted last
    reason: str = "DesiredInvalid"  # of the `problem`; another one is RevisionUnverified
    branch: str = ""  # whose head it is


class Admission(StrEnum):
    OPEN = "open"  # new clients by weight
    DRAINING = "draining"  # only clients that already belong here
    CLOSED = "closed"  # nobody; stickiness is broken


@dataclass(frozen=True, slots=True)
class Routing:
    """What is written to a gateway, in one atomic change over all weighted members."""

    weights: Weights
    admission: Pair[Admission] = Pair(Admission.OPEN, Admission.OPEN)
    fallback: Slot | None = None
