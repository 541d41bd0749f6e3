"""What may go wrong, at any moment. A fault takes one from the budget; its name is what a story prints.

A paused leader needs no fault of its own: nothing ever forces a party to move, so `takeover` while the other one is
anywhere in its tick is every pause there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import model_migration as migration
import model_saving as saving
from model_asking import VOTES, WINDOWS
from model_drivers import ALIVE, UNSURE, busier, changed, pinned
from model_git import GIT, OVERRIDE
from model_laws import unrecorded
from model_loop import Loop
from model_misreadings import inconclusive, late_verdict, silent, slow, stale_git, torn, unread
from model_moves import NAMES, NONE, Move, member_name, set_member
from model_world import BY_HAND, READY, SCRIPT, STANDBY, STOPPED, UNREADY, B, G, Here, Life, Party

from reconciler.core.events import Requested, Verb
from reconciler.core.model import Admission, DrillKind
from reconciler.core.steps import Route, StageFiles, Start

# ---- faults ------------------------------------------------------------------------------------------------------


def crash(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _ in living(here):
        yield f"{NAMES[who]} crashes", loop.with_party(here, who, Party("dead")), NONE


def living(here: Here) -> Iterator[tuple[int, Party]]:
    return ((i, p) for i, p in enumerate(here.parties) if p.place not in ("absent", "dead", "out"))


def acting(loop: Loop, here: Here) -> Iterator[tuple[int, Party]]:
    """Those who are about to send something: what is not pinned is refused before that."""
    for who, party in enumerate(here.parties):
        act = loop.memories.intents[party.intent].act if party.place == "checked" else None
        if act and (not isinstance(act, Start | StageFiles) or pinned(loop.spec(party), act)):
            yield who, party


def unsure(loop: Loop, here: Here, who: int) -> Here:
    return loop.told(here, who, UNSURE)


def request_lost(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _ in acting(loop, here):
        yield f"{NAMES[who]}'s request is lost", unsure(loop, here, who), NONE


def reply_lost(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _ in acting(loop, here):
        after, breaches = loop.act(here, who)
        if after.parties[who].place == "effected":
            yield f"the reply to {NAMES[who]} is lost", unsure(loop, after, who), breaches


def partial(loop: Loop, here: Here) -> Iterator[Move]:
    """Only the first of several members hears the command."""
    for who, party in acting(loop, here):
        names = getattr(loop.memories.intents[party.intent].act, "members", ())
        if len(names) > 1:
            after, breaches = loop.act(here, who, members=names[:1])
            if after.parties[who].place == "effected":
                yield f"{NAMES[who]}'s command reaches {names[0]} only", unsure(loop, after, who), breaches


def posting(loop: Loop, here: Here) -> Iterator[tuple[int, Party]]:
    routes = ((i, p) for i, p in acting(loop, here) if isinstance(loop.memories.intents[p.intent].act, Route))
    return ((i, p) for i, p in routes if p.look and p.look.gateway)


def delayed(loop: Loop, here: Here) -> Iterator[Move]:
    """The sender dies; its request lives on."""
    for who, party in posting(loop, here):
        sent = loop.with_party(loop.posted(here, party), who, Party("dead"))
        yield f"{NAMES[who]} dies, its request lives on", sent, unrecorded(loop, here, party)


def late(loop: Loop, here: Here) -> Iterator[Move]:
    """The sender gives up waiting; its request arrives all the same, later."""
    for who, party in posting(loop, here):
        sent = unsure(loop, loop.posted(here, party), who)
        yield f"{NAMES[who]} gives up waiting, its request lives on", sent, unrecorded(loop, here, party)


def duplicate(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _ in posting(loop, here):
        after, breaches = loop.act(here, who, copy=True)
        yield f"{NAMES[who]}'s request arrives, and once more later", after, breaches


def gateway_restart(loop: Loop, here: Here) -> Iterator[Move]:
    if here.gateway.up:
        again = changed(here, new_life=True, new_version=False)._replace(busy=(False, False))
        yield "the gateway restarts", again._replace(busy=busier((False, False), here.gateway)), NONE


def gateway_dies(loop: Loop, here: Here) -> Iterator[Move]:
    if here.gateway.up:
        gone = changed(here, new_life=True, new_version=False)._replace(busy=(False, False))
        yield "the gateway dies", gone._replace(gateway=here.gateway._replace(up=False)), NONE


def weights_lost(loop: Loop, here: Here) -> Iterator[Move]:
    """It restarts, and knows no routes any more."""
    if here.gateway.green is not None:
        empty = type(here.gateway)(here.gateway.up, None)
        yield (
            "the gateway restarts empty",
            changed(here, new_life=True)._replace(gateway=empty, busy=(False, False)),
            NONE,
        )


def moved_by_hand(loop: Loop, here: Here) -> Iterator[Move]:
    if here.gateway.green is not None:
        for green in (0, 30, 100):
            if green != here.gateway.green:
                gateway = here.gateway._replace(green=green, stamp=BY_HAND)
                yield f"somebody moves green to {green} %", changed(here)._replace(gateway=gateway), NONE


def moved_with_a_script(loop: Loop, here: Here) -> Iterator[Move]:
    """Whoever ran it did not ask whether a reconciler is there, or which transition it is for."""
    if here.gateway.green is not None and here.gateway.stamp is not None:
        for green, admission in ((0, (Admission.OPEN, Admission.CLOSED)), (100, (Admission.CLOSED, Admission.OPEN))):
            gateway = here.gateway._replace(green=green, admission=admission, fallback=None, stamp=SCRIPT)
            moved = changed(here)._replace(gateway=gateway, busy=busier(here.busy, gateway))
            yield f"somebody moves green to {green} % with a script", moved, NONE


def takeover(loop: Loop, here: Here) -> Iterator[Move]:
    for who, party in enumerate(here.parties):
        if party.place == "absent":
            yield f"{NAMES[who]} takes over", *loop.take(here, who)


def flap(loop: Loop, here: Here) -> Iterator[Move]:
    for i, life in enumerate(here.members):
        if life.status is READY:
            yield (
                f"{member_name(loop, i)} is unready",
                set_member(here, i, life._replace(status=UNREADY, limps=True)),
                NONE,
            )


def turns_bad(loop: Loop, here: Here) -> Iterator[Move]:
    t = loop.memories.states[here.memory].transition
    if t and t.newcomer.version not in here.bad:
        yield f"{t.newcomer.version} turns bad", here._replace(bad=(*here.bad, t.newcomer.version)), NONE


def turns_good(loop: Loop, here: Here) -> Iterator[Move]:
    """What the gates found bad is good again: with `turns bad`, health that flaps."""
    t = loop.memories.states[here.memory].transition
    if t and t.newcomer.version in here.bad:
        bad = tuple(version for version in here.bad if version != t.newcomer.version)
        yield f"{t.newcomer.version} turns good", here._replace(bad=bad), NONE


def member_dies(loop: Loop, here: Here) -> Iterator[Move]:
    for i, life in enumerate(here.members):
        if life.status in (*ALIVE, STANDBY):
            yield f"{member_name(loop, i)} dies", set_member(here, i, Life(STOPPED)), NONE


def slot_dies(loop: Loop, here: Here) -> Iterator[Move]:
    half = len(here.members) // 2
    for slot, first in ((B, 0), (G, half)):
        if any(life.status in ALIVE for life in here.members[first : first + half]):
            members = tuple(Life(STOPPED) if first <= i < first + half else life for i, life in enumerate(here.members))
            yield f"{slot} dies", here._replace(members=members), NONE


def redeployed(loop: Loop, here: Here) -> Iterator[Move]:
    """Somebody runs another version in place of ours."""
    for i, life in enumerate(here.members):
        if life.status is READY:
            yield f"somebody redeploys {member_name(loop, i)}", set_member(here, i, life._replace(version="v9")), NONE


def machine_dies(loop: Loop, here: Here) -> Iterator[Move]:
    """A power cut: members, gateway and reconcilers; what is on disk stays."""
    here = changed(here, new_life=True, new_version=False)
    parties = tuple(Party("dead") if p.place != "absent" else p for p in here.parties)
    yield "the machine restarts", here._replace(
        members=tuple(Life(STOPPED) for _ in here.members), gateway=here.gateway._replace(up=False),
        busy=(False, False), parties=parties, wire=(),
    ), NONE  # fmt: skip


def commit(loop: Loop, here: Here) -> Iterator[Move]:
    for head in loop.scenario.following(here.head):
        if head not in loop.scenario.free:
            yield f"commit {head}", here._replace(head=head), NONE


def force_push(loop: Loop, here: Here) -> Iterator[Move]:
    """The branch is rewritten: back to what was before, or to something else in place of the last commit."""
    before = loop.scenario.parents[here.head]
    for head in {before, *loop.scenario.following(before)} - {here.head}:
        yield f"a force-push to {head}", here._replace(head=head), NONE


def asking(verb: Verb) -> Callable[[Loop, Here], Iterator[Move]]:
    def ask(loop: Loop, here: Here) -> Iterator[Move]:
        memory = loop.memories.fold(here.memory, Requested(verb, leave_split=True))
        if memory != here.memory:
            yield f"an operator asks to {verb}", loop.written(here, None, memory), NONE

    return ask


def migration_fails(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _, version in migration.under_way(here):
        if version not in here.data:
            yield f"{NAMES[who]}'s migration fails", migration.ended(here, who, "failed", applied=False), NONE


def snapshot_fails(loop: Loop, here: Here) -> Iterator[Move]:
    for who in saving.under_way(here):
        yield f"{NAMES[who]}'s recovery point fails", saving.ended(here, who, well=False), NONE


def migration_in_doubt(loop: Loop, here: Here) -> Iterator[Move]:
    """The check cannot tell, whatever was done."""
    for who, _, _ in migration.under_way(here):
        for applied in (False, True):
            told = "is applied, and" if applied else "ends, and"
            doubt = migration.ended(here, who, "unknown", applied=applied)
            yield f"{NAMES[who]}'s migration {told} nobody can tell", doubt, NONE


def drilling(kind: DrillKind) -> Callable[[Loop, Here], Iterator[Move]]:
    def ask(loop: Loop, here: Here) -> Iterator[Move]:
        memory = loop.memories.fold(here.memory, Requested(Verb.DRILL, drill=kind))
        if memory != here.memory:  # law 13: by itself
            yield f"an operator asks for a drill ({kind})", loop.written(here, None, memory)._replace(turns=0), NONE

    return ask


DRILLS = {f"drill, {kind}": drilling(kind) for kind in DrillKind}
FAULTS: dict[str, Callable[[Loop, Here], Iterator[Move]]] = {
    "crash": crash,
    "request lost": request_lost,
    "reply lost": reply_lost,
    "partial": partial,
    "delayed": delayed,
    "late": late,
    "duplicate": duplicate,
    "gateway restart": gateway_restart,
    "gateway dies": gateway_dies,
    "weights lost": weights_lost,
    "moved by hand": moved_by_hand,
    "moved with a script": moved_with_a_script,
    "stale git": stale_git,
    "silent": silent,
    "unread": unread,
    "late verdict": late_verdict,
    "inconclusive": inconclusive,
    "slow": slow,
    "torn": torn,
    "takeover": takeover,
    "flap": flap,
    "turns bad": turns_bad,
    "turns good": turns_good,
    "member dies": member_dies,
    "slot dies": slot_dies,
    "redeployed": redeployed,
    "machine dies": machine_dies,
    "commit": commit,
    "force push": force_push,
    "abort": asking(Verb.ABORT),
    "pause": asking(Verb.PAUSE),
    "resume": asking(Verb.RESUME),
    "suspend": asking(Verb.SUSPEND),
    "migration fails": migration_fails,
    "migration in doubt": migration_in_doubt,
    "snapshot fails": snapshot_fails,
    **DRILLS,
    **VOTES,
    **WINDOWS,
    **OVERRIDE,
    **GIT,
}
