"""What of the journal is worth an alert, and how it is said. Pure.

Reasons are written by gates, members and committers: they are one line of plain text here, so that none can look like a
line of ours, mention everybody in a chat, or be read as markup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.conditions import what_next
from reconciler.core.events import (
    ApprovalAsked,
    CertificateEnding,
    CertificateRefused,
    DriftFound,
    DrillEnded,
    DrillMissed,
    Ended,
    MovedByHand,
    Phase,
)
from reconciler.core.model import share
from reconciler.core.situation import Wait
from reconciler.core.state import State, Transition
from reconciler.drivers.alerts.recipient import Kind
from reconciler.journal.entry import Entry
from reconciler.wording import ending, tried, weights

LONGEST = 2000  # characters of a body; what does not fit is in the journal
REASON, TITLE = 1500, 200
CALM = 600.0  # watched seconds without a drift, before the next one is news again
LOOK = "reconcile status {env}"
RETRY = "reconcile retry {env} -m WHY"
HELD = f"{LOOK} says whether its file could be put back in git; then pin another version, or: {RETRY}"
PAIR = "put certificate and key where [certificates.{}] of the operator's file points; reconcile doctor judges them"
CHOSEN = frozenset(  # by a person, or told when it came so
    ("Paused", "Suspended", "Down", "Frozen", "RevisionHeld", "RestoreUnfinished")
)
TOLD = frozenset(("WaitingApproval", "Drifted"))  # by what is in the journal
NEUTRAL = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "|": "¦"})
MENTION = re.compile(r"(?<!\w)@")  # `green@1.4.2` is none
STRANGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


class Mark(NamedTuple):
    """How far somebody has been told: the journal's entries up to `seq`, and the stalls up to number `stall`."""

    seq: int = 0
    stall: int = 0

    def past(self, other: Mark) -> Mark:
        return Mark(max(self.seq, other.seq), max(self.stall, other.stall))


@dataclass(frozen=True, slots=True)
class Alert:
    """`mark`: the entry, or the stall, that it tells of; the other number is 0."""

    kind: Kind
    environment: str
    title: str
    body: str
    at: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Stall:
    """Something waits for a person, and has for a while. It came after entry `after` of the journal."""

    number: int
    after: int
    environment: str
    reason: str
    message: str
    at: str


def alert(entry: Entry, before: State) -> Alert | None:
    """What there is to tell of an entry; `before` is what was remembered when it was written."""
    match entry.event:
        case ApprovalAsked(stage, _, review):
            name = entry.environment
            do = f"reconcile approve {name} --stage {stage}, or: reconcile reject {name} --stage {stage} -m WHY"
            title = f"{stage}{_newcomer(before)}{' in a drill' if before.drill else ''} waits for approval"
            return _of(entry, before, Kind.APPROVAL, title, review, do)
        case Ended(phase, reason):
            return _ended(entry, before, phase, reason)
        case DrillEnded(phase, reason):
            return _drilled(entry, before, phase, reason)
        case DrillMissed(due, reason):
            title = f"the drill that was due at {due} is left out"
            return _of(entry, before, Kind.STALLED, title, reason, "reconcile drill {env}, when that is put right")
        case DriftFound(expected, found):
            why = f"found {weights(found)}, expected {weights(expected)}"
            return _of(entry, before, Kind.DRIFTED, "somebody else changed the weights", why, LOOK, shared=False)
        case MovedByHand(found):
            why = f"with the script of a transition: found {weights(found)}; nothing is touched until somebody says so"
            return _of(entry, before, Kind.STALLED, "somebody moved all traffic by hand", why, LOOK, shared=False)
        case CertificateRefused(name, reason) if reason:
            title = f"certificate '{name}' cannot be renewed, the former one is shown on"
            return _of(entry, before, Kind.STALLED, title, reason, PAIR.format(name), shared=False)
        case CertificateEnding(name, serial, ends, found_at, cure):
            title = f"certificate '{name}' {'ends' if found_at < ends else 'has ended'}"
            why = f"serial number {serial}: {ending(ends, found_at)}"
            return _of(entry, before, Kind.STALLED, title, why, cure or PAIR.format(name), shared=False)
        case _:
            return None


def _ended(entry: Entry, before: State, phase: Phase, reason: str) -> Alert | None:
    transition = before.transition
    if transition is None or transition.drill:  # what becomes of a drill is told when all of it is over
        return None
    why, newcomer = reason or transition.reason, transition.newcomer
    if phase is Phase.SUCCEEDED:
        do = "nothing to do; should it have to go back: reconcile rollback {env}"
        return _of(entry, before, Kind.SUCCEEDED, f"{newcomer} has succeeded", why, do)
    if phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        ended = "rolled back" if phase is Phase.ROLLED_BACK else "aborted"
        do = HELD if transition.hold else LOOK
        title = f"{newcomer} was {ended}, {transition.stable} serves"
        return _of(entry, before, Kind.ROLLED_BACK, title, _condition(transition, why), do)
    return None


def _drilled(entry: Entry, before: State, phase: Phase, reason: str) -> Alert | None:
    """A drill costs nobody anything; so one that a commit has overtaken is no news."""
    drill = before.drill
    if drill is None or phase is Phase.SUPERSEDED:
        return None
    if phase is Phase.SUCCEEDED:
        title, why = f"the drill ({drill.kind}) has succeeded", reason or f"{drill.home} serves, as before"
        why += f"; a recovery point was put back beside: {tried(drill.trial)}" if drill.trial else ""
        return _of(entry, before, Kind.SUCCEEDED, title, why, "nothing to do")
    do = "find out why before the next real switch; reconcile history {env} has every step"
    title = f"the drill ({drill.kind}) has not succeeded, {drill.home} serves as before"
    return _of(entry, before, Kind.ROLLED_BACK, title, f"{phase}: {reason}", do)


def _condition(transition: Transition, why: str) -> str:
    return f"{transition.condition}: {why}" if transition.condition else why


def stalled(stall: Stall, before: State) -> Alert | None:
    """What there is to tell of a stall. A pause is told only where no person ordered it."""
    if stall.reason == "Paused" and not before.paused_by_rule:
        return None
    do = what_next(stall.reason, stall.environment, LOOK)
    title = f"{'a drill is on, and ' if before.drill else ''}it waits for somebody: {stall.reason}"
    body = _lines(stall.message, before, stall.at, do)
    return _alert(Kind.STALLED, stall.environment, title, body, stall.at, Mark(stall=stall.number))


def stalls(wait: Wait | None) -> bool:
    """Is this a wait that a person should hear of, and does not anyway?"""
    if wait is None or not (wait.blocked or wait.alert) or wait.reason in TOLD:
        return False
    return wait.alert or wait.reason not in CHOSEN or wait.reason == "Paused"


def _of(entry: Entry, before: State, kind: Kind, title: str, why: str, do: str, *, shared: bool = True) -> Alert:
    do = do.replace("{env}", entry.environment)
    body = _lines(why, before, entry.at, do, shared=shared)
    return _alert(kind, entry.environment, title, body, entry.at, Mark(entry.seq))


def _alert(kind: Kind, environment: str, title: str, body: str, at: str, mark: Mark) -> Alert:
    return Alert(kind, environment, plain(f"{environment}: {title}", TITLE), body, at, mark)


def _lines(why: str, before: State, at: str, do: str, *, shared: bool = True) -> str:
    transition, accepted = before.transition, before.accepted
    revision = transition.revision if transition else accepted.revision if accepted else ""
    told = {
        "why": plain(why, REASON),
        "revision": plain(revision, 64),
        "traffic": weights(share(transition.newcomer.slot, transition.rung)) if transition and shared else "",
        "at": at,
        "next": do,
    }
    return "\n".join(f"{word}: {text}" for word, text in told.items() if text)[:LONGEST]


def _newcomer(before: State) -> str:
    return f" of {before.transition.newcomer}" if before.transition else ""


def plain(text: str, longest: int) -> str:
    """One line without markup, mentions and characters that cannot be seen."""
    line = STRANGE.sub(" ", text[: 4 * longest]).translate(NEUTRAL).strip()
    line = MENTION.sub("@\u200b", line)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
