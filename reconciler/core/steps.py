"""What can be done: an `Act` changes the world. Its intent is written before it, its `Result` after reading back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import DrillKind, Migration, Routing, Slot, Snapshot, Weights


@dataclass(frozen=True, slots=True)
class StageFiles:
    """Bring a version's files to a slot, for every member; nothing runs yet."""

    slot: Slot
    version: str


@dataclass(frozen=True, slots=True)
class Start:
    """With `owner` exclusive members become the owner; without it, those that can stand by are started to do so."""

    slot: Slot
    version: str
    members: tuple[str, ...]
    owner: bool = False  # exclusive members change hands


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask members to end gracefully; a later reading says when they have. With `owner`, those that can stand by take
    nothing new, finish what they have in hand, let go of what they own, and live on in standby."""

    slot: Slot
    members: tuple[str, ...]
    owner: bool = False


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Make a recovery point of the data as they are before the newcomer; a later reading says how it went. Nothing is
    changed by it, so it may be repeated: one that is whole already is found, half of one is thrown away."""

    slot: Slot
    version: str
    transition: str
    snapshot: Snapshot
    drill: DrillKind | None = None  # then it is marked so: it must never push out one that was taken in earnest


@dataclass(frozen=True, slots=True)
class TryRestore:
    """In a drill: put a recovery point back beside, never into its place, and compare everything with what is listed in
    it; a later reading says how it went. What that makes is thrown away each time, so it may be repeated."""

    slot: Slot
    version: str
    transition: str
    snapshot: Snapshot
    name: str  # of the archive
    digest: str  # its SHA-256, as it is on record


@dataclass(frozen=True, slots=True)
class Migrate:
    """Ask whether the newcomer's migration is applied, and only if it is not, run it; a later reading says how it
    went. So it may be repeated, also when nobody knows what became of it. With `only_ask` nothing is ever run."""

    slot: Slot
    version: str
    transition: str
    migration: Migration | None = None  # None in entries of earlier versions
    only_ask: bool = False


@dataclass(frozen=True, slots=True)
class Warm:
    """Send first requests to a slot by the gateway's forced road, and see its members answer."""

    slot: Slot
    version: str


@dataclass(frozen=True, slots=True)
class Route:
    """Write weights. `before` is the reading that the decision rests on; the gateway must still equal it."""

    before: Weights | None
    after: Routing
    advance: bool = False  # this write is the strategy's current step


@dataclass(frozen=True, slots=True)
class CloseGateway:
    """Stop serving (`reconcile down` only)."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """Commit the environment's file as it was at `good`, if the head still has it as it was at `failed`."""

    transition: str
    failed: str  # revisions
    good: str
    subject: str  # of the commit's message
    reason: str
    branch: str = ""  # on which it failed, and on no other; empty in entries of earlier versions


@dataclass(frozen=True, slots=True)
class Note:
    """Say in git, at a revision, what became of it here."""

    transition: str
    revision: str
    text: str
    over: bool = False  # nothing more is to be said of it, or done about it


Act = StageFiles | Start | Stop | Migrate | Warm | Route | CloseGateway | PutBack | Note | TakeSnapshot | TryRestore


class Result(StrEnum):
    DONE = "done"  # read back and found so
    REFUSED = "refused"  # a definite no; nothing changed
    CONFLICT = "conflict"  # the world had moved on; nothing changed
    UNKNOWN = "unknown"  # no answer: look again, assume nothing
