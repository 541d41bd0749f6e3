"""What can be remembered: an `Event` is a fact. Folding all events gives the state; `journal/entry.py` turns them into
rows. Nothing else exists for the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import (
    Admission,
    DrillKind,
    Migration,
    Outcome,
    Pair,
    Release,
    Slot,
    Snapshot,
    Stage,
    StrategyStep,
    Weights,
)
from reconciler.core.reading import MigrationStatus, Trial
from reconciler.core.steps import Act, Result
from reconciler.core.tally import Tally


class Phase(StrEnum):
    PENDING = "Pending"
    WAITING_APPROVAL = "WaitingApproval"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    HANDING_OVER = "HandingOver"
    SOAKING = "Soaking"
    SUCCEEDED = "Succeeded"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    STALLED = "Stalled"


class Verb(StrEnum):
    """What an operator may ask; folded like everything else, so it works whether or not a loop runs."""

    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    RETRY = "retry"
    ROLLBACK = "rollback"
    SUSPEND = "suspend"
    ADOPT = "adopt"
    HANDOVER = "handover"
    DOWN = "down"
    DRILL = "drill"


@dataclass(frozen=True, slots=True)
class Created:
    """The first entry of an environment in a journal."""

    journal: str


@dataclass(frozen=True, slots=True)
class GenerationTaken:
    """A process took the right to act; it seals the gateway before anything else."""

    generation: int


@dataclass(frozen=True, slots=True)
class Requested:
    verb: Verb
    slot: Slot | None = None  # adopt --stable, handover --from
    reason: str = ""
    leave_split: bool = False
    accept_rewritten: bool = False
    override: bool = False  # resume: go on although a window is closed
    drill: DrillKind | None = None  # another kind than the manifest's
    until: str = ""  # drill: by when it has to begin, by the wall (UTC)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Desired state came into force. Pins are kept to know when a hold ends."""

    digest: str
    revision: str
    pins: Pair[str | None]
    gateway: str = ""
    active: Slot | None = None  # None in entries of earlier versions
    branch: str = ""  # likewise empty

    @property
    def target(self) -> Release | None:
        version = self.pins[self.active] if self.active else None
        return Release(self.active, version) if self.active and version else None


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    stable: Release


@dataclass(frozen=True, slots=True)
class Adopted:
    stable: Release


@dataclass(frozen=True, slots=True)
class Began:
    """A transition from stable to newcomer, bound to a digest, with the steps it will take."""

    transition: str
    stable: Release
    newcomer: Release
    digest: str
    revision: str
    steps: tuple[StrategyStep, ...]
    back: str = ""  # a late rollback: the reason; it goes back from its first moment
    migrates: bool = False  # the newcomer's data is to be migrated first
    drill: DrillKind | None = None  # nobody has committed it: it is a part of this drill


@dataclass(frozen=True, slots=True)
class Rebound:
    """Policy changed under a running transition: same rung, other steps from here on, new window."""

    digest: str
    revision: str
    steps: tuple[StrategyStep, ...]
    cursor: int
    migrates: bool = False
    anew: bool = False  # its data were made ready by another migration than is asked for now: this one is asked about


@dataclass(frozen=True, slots=True)
class Intended:
    """Written before an act; the rule's name is the reason."""

    act: Act
    rule: str
    reason: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """Closes the open intent, after reading back."""

    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StagePassed:
    """Every gate of a stage was Successful in a window opened for it; `evidence` names them."""

    stage: Stage
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A stage waits for somebody to agree to exactly this plan; `review` is what there was to see."""

    stage: Stage
    plan: str
    review: str = ""
    runs: tuple[str, ...] = ()  # what each member runs, blue's first


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval that counts was seen. `age`: seconds since it was given, by its giver's clock."""

    stage: Stage
    plan: str
    by: str
    vote: str
    age: float = 0.0
    verified: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalVoided:
    """What was asked, and agreed to, is not what would be done any more: it is asked again."""

    stage: Stage
    plan: str
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Enough have agreed: the stage may begin. Until its first step is taken, what was agreed to has to stay true."""

    stage: Stage
    plan: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MigrationNoted:
    """What is known of a migration, whenever that changes: whoever only looks, and a new process, cannot know it.
    `ran`: the command was, or may have been; `migration`: which one this is about."""

    status: MigrationStatus
    ran: bool = False
    detail: str = ""
    migration: Migration | None = None


@dataclass(frozen=True, slots=True)
class Migrated:
    """The check says that the migration of this version is applied; `evidence` is what was seen of it. `one_way`:
    stable does not work with the data, by what was made of them now or earlier."""

    version: str
    evidence: str = ""
    one_way: bool = False
    migration: Migration | None = None


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """There is a recovery point: an archive of this name and SHA-256, read back and verified."""

    name: str
    digest: str
    size: int  # bytes
    snapshot: Snapshot
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RestoreTried:
    """In a drill a recovery point was put back beside, and everything in it is what was saved. `before`: how that went
    in the last drill of this kind; None: there was none."""

    name: str
    digest: str
    trial: Trial
    before: Trial | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RestoreBegan:
    """Somebody puts a recovery point back into its place. On record before anything is moved for it."""

    name: str
    digest: str
    reason: str = ""
    stamp: str = ""  # a part of the name of what it keeps beside; empty in entries of earlier versions


@dataclass(frozen=True, slots=True)
class RestoreGivenUp:
    """It is over, and the recovery point is not in its place: nothing of the data was touched, or a person has put them
    right; `reason` says which."""

    name: str
    digest: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """It is in its place; `detail` says what was put back, and where what was there lies now. `version`: the newcomer's
    before which it was taken: what was made of the data for it, and for none before it, is undone."""

    name: str
    digest: str
    detail: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class StepPassed:
    """A strategy step that needs no act of its own is over; `handed` members have a new owner."""

    cursor: int
    evidence: str = ""
    handed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SoakBegan:
    pass


@dataclass(frozen=True, slots=True)
class LetGo:
    """The old owner was read to have let go of these: nobody owns them, and the gates of the hand-over may be asked."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthNoted:
    """The newcomer stopped being ready, or is ready again; how long it lasts decides."""

    ready: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gates say of the present window, whenever that changes; while nobody owns, those that are waited for.
    For people; and a question that became void is asked again only some time after all was good."""

    outcome: Outcome
    reason: str = ""
    gate: str = ""  # whose word it is; empty: of all of them


@dataclass(frozen=True, slots=True)
class PausedByRule:
    reason: str


@dataclass(frozen=True, slots=True)
class Froze:
    """A window has closed over the transition: no step forward until it opens."""

    why: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Thawed:
    pass


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """`onFailure: hold`: something failed; the share stays until `holdTimeout`, `abort` or `resume`."""

    reason: str


@dataclass(frozen=True, slots=True)
class RollbackBegan:
    """From here on only stable may gain. `ends` says how the transition will be called when it is over."""

    ends: Phase
    condition: str  # PascalCase, e.g. AnalysisFailed
    reason: str
    hold: bool  # the newcomer's version is not to be tried again


@dataclass(frozen=True, slots=True)
class Ended:
    phase: Phase
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """What was asked for cannot be done now, and is not kept for later; the reason says what to do instead."""

    verb: Verb
    reason: str


@dataclass(frozen=True, slots=True)
class DriftFound:
    """Somebody else changed the gateway. Recorded before it is healed."""

    expected: Weights
    found: Weights | None
    admission: Pair[Admission]


@dataclass(frozen=True, slots=True)
class MovedByHand:
    """A person moved all traffic with the script of a transition, while no reconciler ran. Nothing is done about it, or
    anything else, until a person says so."""

    found: Weights
    admission: Pair[Admission]


@dataclass(frozen=True, slots=True)
class Retired:
    """The idle slot's members were stopped for good; its version is not staged again."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class WentDown:
    """Gateway and slots were read stopped: from here on even what cannot change under traffic may change."""


@dataclass(frozen=True, slots=True)
class DrillBegan:
    """From here on the other slot is asked for, at stable's version, until that is over or out of time."""

    drill: DrillKind
    home: Release  # stable now, and when it is over
    base: str  # the digest of what is in force
    expires: float  # in so many watched seconds,
    until: str = ""  # and by the wall (UTC) then at the latest
    at: str = ""  # by the wall; for people
    due: str = ""  # when it was due (UTC); empty: somebody asked for it
    spare: Release | None = None  # what git pins in the idle slot, and was not up there: nor is it afterwards


@dataclass(frozen=True, slots=True)
class DrillEnded:
    """Everything is as it was before; or git asks for something else. `phase` tells how it went."""

    phase: Phase
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DrillScheduled:
    """This schedule is known from here on: what was due until `due` (UTC) is nobody's business."""

    schedule: str
    due: str


@dataclass(frozen=True, slots=True)
class DrillMissed:
    """One was due and did not begin in time. It is not made up for."""

    due: str
    reason: str


@dataclass(frozen=True, slots=True)
class EvidenceSealed:
    """A transition's evidence is complete. On record before its manifest is written: one of which nothing is on record
    was never finished. `digest`: SHA-256, hexadecimal, of the manifest's bytes."""

    transition: str
    digest: str


@dataclass(frozen=True, slots=True)
class CertificateShown:
    """Users are shown another certificate than the one on record. Told after it was done: a renewal moves nobody."""

    name: str  # in the operator's file
    serial: str
    ends: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """What the operator's files hold cannot be shown; empty `reason`: it can be again."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateEnding:
    """The one that users are shown ends soon, or has ended. `at`: when this was found, seconds since 1970. `cure`: what
    renews it; empty: a new pair in the operator's files."""

    name: str
    serial: str
    ends: float
    at: float
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """Time passed under our eyes, and nothing else happened. Keeps soak and deadlines across a crash. `tally`: what
    users got since the last one that told it; None: it does not."""

    tally: Tally | None = None


Event = (
    Created
    | GenerationTaken
    | Requested
    | Accepted
    | Bootstrapped
    | Adopted
    | Began
    | Rebound
    | Intended
    | Applied
    | StagePassed
    | ApprovalAsked
    | Approved
    | ApprovalVoided
    | Admitted
    | MigrationNoted
    | Migrated
    | StepPassed
    | SoakBegan
    | LetGo
    | HealthNoted
    | Judged
    | PausedByRule
    | Froze
    | Thawed
    | HoldBegan
    | RollbackBegan
    | Ended
    | RequestRefused
    | DriftFound
    | Retired
    | WentDown
    | DrillBegan
    | DrillEnded
    | DrillScheduled
    | DrillMissed
    | Watched
    | MovedByHand
    | SnapshotTaken
    | RestoreTried
    | RestoreBegan
    | RestoreGivenUp
    | Restored
    | EvidenceSealed
    | CertificateShown
    | CertificateRefused
    | CertificateEnding
)
