"""What is remembered of one environment: `State`, and in it the `Transition` that is under way.

Times are *watched* seconds: time during which this environment was under our eyes, summed over all journal entries. A
crash, a reboot or a jump of the wall clock can delay a soak, never shorten it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.events import (
    Accepted,
    DriftFound,
    Intended,
    MigrationNoted,
    Phase,
    Requested,
    RestoreBegan,
    SnapshotTaken,
)
from reconciler.core.model import DrillKind, Migration, Outcome, Pair, Release, Slot, Stage, StrategyStep
from reconciler.core.reading import Trial, Window
from reconciler.core.steps import Act, CloseGateway, Migrate, Note, PutBack, Start, Stop, TakeSnapshot, TryRestore


class Word(StrEnum):
    """Of a person, after a move by hand."""

    NONE = ""  # there was none, or it is not on record yet
    AWAITED = "awaited"
    GIVEN = "given"  # since then


@dataclass(frozen=True, slots=True)
class Question:
    """What approvers are asked: may this stage begin, by this plan?"""

    stage: Stage
    plan: str
    since: float
    runs: tuple[str, ...] = ()  # what each member ran when it was asked, blue's first
    by: tuple[str, ...] = ()  # who let it begin; until its first step is taken each of them still has to mean it


@dataclass(frozen=True, slots=True)
class Agreed:
    """An approval that counts: whose, where it lies, when it was seen, and how old it was then."""

    by: str
    vote: str
    at: float
    age: float


@dataclass(frozen=True, slots=True)
class Transition:
    """The movement from stable to newcomer, as far as it has come."""

    id: str
    stable: Release
    newcomer: Release
    digest: str
    revision: str
    steps: tuple[StrategyStep, ...]
    opened: float  # when the present window opened: gates judge what came after
    since: float  # when the present step or phase began
    phase: Phase = Phase.PROGRESSING
    cursor: int = 0  # the strategy step to do next
    migrates: bool = False  # its data is to be migrated before anything of it starts
    begun: bool = False  # a migration was: its check was asked, and its command perhaps run
    migrated: bool = False  # its data is ready
    one_way: bool = False  # stable does not work with the data any more, or may not
    up: bool = False  # started, ready and warm: before that no gate is asked about it
    rung: int = 0  # the newcomer's weight that was last written and read back
    spent: float = 0.0  # counts towards the progress deadline
    passed: frozenset[Stage] = frozenset()
    handed: frozenset[str] = frozenset()  # exclusive members that the newcomer owns
    let_go: bool = False  # nobody owns the members of this step: their old owner was read to have let go
    starts: int = 0  # attempts to start the newcomer
    unready_since: float | None = None
    holding_since: float | None = None  # `onFailure: hold`
    judged: Outcome | None = None  # what the gates said last, why, and when
    said: str = ""
    sayer: str = ""  # the gate whose word that is; empty: all of them
    judged_at: float = 0.0
    asked: Question | None = None
    agreed: tuple[Agreed, ...] = ()  # to what is asked
    admitted: frozenset[Stage] = frozenset()  # stages that may go on, as they were approved
    voided: int = 0  # how often what was agreed to has become void: no vote of before counts again
    voided_at: float | None = None  # when something was found last that was not good any more
    waiting: Stage | None = None  # what was asked about last, however often that has become void since
    waited: float = 0.0  # seconds that it is being asked about; what stands still for another reason does not count
    frozen: str = ""  # a window is closed: why
    refusal: str = ""  # a definite no to one of the newcomer's steps
    ends: Phase = Phase.ROLLED_BACK  # what a way back will be called
    condition: str = ""
    reason: str = ""
    hold: bool = False
    unseen: Migration | None = None  # the one that was begun last, while nobody has seen its end
    ran: bool = False  # the command of one was, or may have been
    noted: MigrationNoted | None = None  # what was known of one last
    restarts: bool = False  # after `down` or a hold: until it is up again, what has ended is not held against it
    branch: str = ""  # on which it was asked for
    saving: bool = False  # its recovery point, or that one's trial, was begun, and nothing is known to have come of it
    saved: SnapshotTaken | None = None  # its recovery point
    drill: DrillKind | None = None  # nobody has asked for it in git: whatever becomes of it, nothing is held for it
    trial: Trial | None = None  # its recovery point was put back beside

    @property
    def step(self) -> StrategyStep | None:
        return self.steps[self.cursor] if self.cursor < len(self.steps) else None

    @property
    def asking(self) -> bool:
        """Somebody is asked, and not enough have agreed."""
        return self.asked is not None and self.asked.stage not in self.admitted

    @property
    def going_back(self) -> bool:
        return self.phase is Phase.ROLLING_BACK

    @property
    def migrating(self) -> bool:
        """Its data are being made ready: that has a time of its own, and no deadline of the transition counts."""
        return self.migrates and not self.migrated and Stage.MIGRATE in self.passed

    @property
    def at_data(self) -> bool:
        """What is done now is done to the data, or for them: it takes as long as they are large."""
        return self.migrating or self.saving

    @property
    def alone(self) -> bool:
        """Nothing of stable serves any more, or may: it does not work with the data."""
        return self.one_way and self.rung == 100 and not self.going_back

    @property
    def window(self) -> Window:
        return Window(self.id, self.newcomer, self.stable, self.rung, self.opened)


@dataclass(frozen=True, slots=True)
class Leftover:
    """What the last transition left in the idle slot; `good` if it may be returned to."""

    release: Release
    since: float
    good: bool
    stopped: bool = False
    spare: Release | None = None  # what a drill found pinned there and not up: it is not brought up after it


@dataclass(frozen=True, slots=True)
class Behind:
    """A release that does not work with the data any more, or may not; and the migration that made them so: for which
    version, and what can tell that it is not applied after all."""

    release: Release
    version: str
    check: str


@dataclass(frozen=True, slots=True)
class Drill:
    """The rehearsal that is on: while it is, it is not git's word that counts. See `drilling`."""

    kind: DrillKind
    home: Release  # who was stable when it began, and is to be when it is over
    base: str  # the digest of what was in force then
    began: float
    expires: float
    until: str = ""
    at: str = ""
    spare: Release | None = None
    turned: bool = False  # the way out is over, for better or worse: what is left is the way home
    phase: Phase = Phase.SUCCEEDED  # how it will be said to have ended, as it stands now
    reason: str = ""
    stuck: str = ""  # why the way home did not succeed: a person says when to try again
    safety: float | None = None  # seconds from when it turned back until everybody was on stable
    trial: Trial | None = None  # of a recovery point


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a drill went. `at`: when it began, by the wall (UTC); the other times are watched seconds."""

    kind: DrillKind
    phase: Phase
    reason: str
    at: str
    took: float
    safety: float | None = None
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A version that failed or was aborted, and why. Not tried again until another is pinned or `retry` says so. What
    was pinned before it is no other version: putting a file back, and an old work tree's next commit, end no hold."""

    version: str
    condition: str
    reason: str
    before: tuple[str, ...] = ()

    def ends_with(self, pins: Pair[str | None]) -> bool:
        """Is another version pinned in its place?"""
        now = (pins.blue, pins.green)
        return None not in now and self.version not in now and not {*now} <= {*self.before}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A definite no, when it was said last, and how often in a row. Of git, which nothing waits for: or no answer."""

    act: Act
    reason: str
    at: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Last:
    """How the latest transition ended."""

    transition: str
    revision: str
    newcomer: Release
    phase: Phase
    reason: str


@dataclass(frozen=True, slots=True)
class Duty:
    """What git is to be told of a transition that has ended."""

    transition: str
    revision: str
    text: str  # what became of it, in a sentence
    good: str = ""  # the revision whose file is to be put back; empty: none
    reason: str = ""
    commit: str = ""  # the one that put it back
    noted: str = ""  # what is noted at the revision
    branch: str = ""  # on which it failed
    over: bool = False  # the last word is noted

    def said(self, commit: str = "") -> str:
        """The last word, when it was `commit` that put the file back, or the one on record."""
        done = self.commit or commit
        return f"{self.text}\nput back: {done}" if done else self.text


@dataclass(frozen=True, slots=True)
class Certified:
    """What is on record of the certificate that users are shown. Times are by the wall, in seconds since 1970: nothing
    is decided by them but who is told."""

    serial: str = ""
    refused: str = ""  # why what the operator's files hold cannot be shown
    warned: tuple[str, float] | None = None  # of which serial number somebody was told last that it ends, and when


Repeated = Start | Stop | Migrate | CloseGateway | PutBack | Note | TakeSnapshot | TryRestore
NEITHER: Pair[str | None] = Pair(None, None)
NEVER: Pair[float | None] = Pair(None, None)
NOTHING: Pair[Accepted | None] = Pair(None, None)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that must survive a crash, for one environment."""

    journal: str = ""
    seq: int = 0  # of the last entry folded
    watched: float = 0.0
    generation: int = 0
    accepted: Accepted | None = None
    stable: Release | None = None
    transition: Transition | None = None
    leftover: Leftover | None = None
    held: tuple[Held, ...] = ()
    intent: Intended | None = None
    refusal: Refusal | None = None
    latest: tuple[tuple[Repeated, float], ...] = ()  # per slot and members, to space repetitions
    drift: DriftFound | None = None
    files: Pair[str | None] = NEITHER  # the version whose files are staged
    started: Pair[str | None] = NEITHER  # the version started last
    warm: Pair[str | None] = NEITHER  # the version seen answering by the forced road
    closed: Pair[float | None] = NEVER  # since when a slot admits nobody
    paused: str = ""  # why; empty: not paused
    paused_by_rule: bool = False
    suspended: str = ""
    down: str = ""
    went_down: bool = False  # everything was read stopped, and nothing has been done since
    abort: str = ""
    promote: bool = False
    rollback: str = ""
    adopt: Slot | None = None
    forced: Slot | None = None  # somebody saw that its exclusive members, which cannot be read, have stopped
    claim: bool = False  # adopted: the next write takes a foreign gateway over
    accept_rewritten: bool = False
    request_refused: str = ""
    last: Last | None = None
    good: Pair[Accepted | None] = NOTHING  # per slot: what was in force last when git and stable agreed there
    duty: Duty | None = None
    override: tuple[str, str] | None = None  # a digest that may go forward in closed windows, and why
    behind: tuple[Behind, ...] = ()  # what the data have left behind; see `bearing`
    owed: tuple[Duty, ...] = ()  # of transitions before the last: notes that git has not taken yet, oldest first
    untold: tuple[Refusal, ...] = ()  # what git has not taken: per transition, the file and the note
    since: Pair[str | None] = NEITHER  # per slot: the revision with which its stable release became stable
    by_hand: Word = Word.NONE  # the gateway was moved by hand, and not written by us since
    drill: Drill | None = None
    drill_asked: Requested | None = None  # until it is begun, or refused
    drilled: tuple[Drilled, ...] = ()  # the last two of each kind, the latest last
    agenda: tuple[str, str] = ("", "")  # the schedule that is known, and the latest time of it that was dealt with
    missed: str = ""  # when a drill was due last, and why it did not begin
    restoring: RestoreBegan | None = None  # a recovery point was being put into its place, and that has not ended
    certified: Certified = Certified()

    @property
    def in_charge(self) -> Release | None:
        """The release that must be up: what a rollback returns to."""
        return self.transition.stable if self.transition else self.stable

    @property
    def halted(self) -> bool:
        """No step forward is taken, by somebody's word or because a window is closed: no deadline counts that."""
        t = self.transition
        frozen = t is not None and (bool(t.frozen) or t.holding_since is not None)
        return bool(self.paused or self.suspended or self.down) or frozen

    @property
    def outgrown(self) -> bool:
        """What it would go back to does not work with the data that were made for what serves, or is to serve."""
        if self.transition:
            return self.transition.one_way and not self.transition.going_back
        return self.leftover is not None and not self.bears(self.leftover.release)

    def bears(self, release: Release) -> bool:
        """It works with the data, as far as is known."""
        return all(behind.release != release for behind in self.behind)

    def asked_for(self, release: Release) -> str:
        """The revision by which git asks for a release, or did when that was in force last; empty: none ever did. The
        branch's head says nothing of it: it may be another commit, one that is refused, or not to be had just now."""
        accepted, good = self.accepted, self.good[release.slot]
        if accepted and accepted.target in (release, None):
            return accepted.revision
        return good.revision if good and good.target == release else ""

    def is_held(self, version: str) -> Held | None:
        return next((held for held in self.held if held.version == version), None)
