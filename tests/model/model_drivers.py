"""The world's side of the contracts in drivers/protocols.py: a gateway with seal and compare-and-set, hosts, no policy.

`perform` is what one act does to the world at one instant. It never looks at the journal.
"""

from __future__ import annotations

from dataclasses import replace

from model_world import (
    READY,
    STANDBY,
    STOPPED,
    STOPPING,
    UNREADY,
    B,
    G,
    Gateway,
    Here,
    Life,
    Party,
    of_slot,
    percent,
    routed,
)

from reconciler.core.model import Routing, Slot, Spec, Traffic
from reconciler.core.reading import MemberStatus
from reconciler.core.steps import Act, CloseGateway, Result, Route, StageFiles, Start, Stop, Warm

ALIVE = (UNREADY, READY, STOPPING)
DONE, REFUSED, CONFLICT, UNSURE = (str(result) for result in Result)


class Fenced(Exception):
    """A later generation owns this; the command changed nothing."""


# ---- the gateway -------------------------------------------------------------------------------------------------


def shut_out(here: Here, generation: int) -> bool:
    """The gateway refuses generations older than the seal."""
    return generation < here.sealed


def moved_on(same_life: bool, same_version: bool) -> bool:
    """The gateway is not what the command was computed from."""
    return not (same_life and same_version)


def write(here: Here, routing: Routing, generation: int, same_life: bool, same_version: bool) -> tuple[str, Here]:
    """Atomic over all routes. The same routing by the same generation again is no change."""
    if shut_out(here, generation):
        raise Fenced
    if moved_on(same_life, same_version):
        return CONFLICT, here
    written = standing_at(routing, generation, here.gateway)
    if written == here.gateway:
        return "", here
    here = changed(here, new_life=not here.gateway.up)
    return "", here._replace(gateway=written, busy=busier(here.busy, written))


def standing_at(routing: Routing, generation: int, before: Gateway) -> Gateway:
    return routed(routing, generation)


def busier(busy: tuple[bool, bool], gateway: Gateway) -> tuple[bool, bool]:
    return (busy[0] or percent(gateway, B) > 0, busy[1] or percent(gateway, G) > 0)


def changed(here: Here, *, new_life: bool = False, new_version: bool = True) -> Here:
    """Whatever was read of the gateway before, by whomever, is now old."""

    def older(one):  # type: ignore[no-untyped-def]
        life, version = one.same_life and not new_life, one.same_version and not new_version
        return one if (life, version) == (one.same_life, one.same_version) else one._replace(
            same_life=life, same_version=version
        )  # fmt: skip

    parties = tuple(older(party) if party.look else party for party in here.parties)
    return here._replace(parties=parties, wire=tuple(map(older, here.wire)))  # type: ignore[arg-type]


def seal(here: Here, generation: int) -> Here:
    """Whatever an older generation, or this one, sent before and got no answer to is shut out."""
    if shut_out(here, generation):
        raise Fenced
    wire = tuple(one._replace(same_version=False) if one.generation <= generation else one for one in here.wire)
    return here._replace(sealed=generation, wire=wire)


# ---- the hosts ---------------------------------------------------------------------------------------------------


def put(here: Here, slot: Slot, name: str, life: Life, spec: Spec) -> Here:
    names = [member.name for member in spec.members]
    at = names.index(name) + (len(names) if slot is G else 0)
    return here._replace(members=(*here.members[:at], life, *here.members[at + 1 :]))


def life_of(here: Here, slot: Slot, name: str, spec: Spec) -> Life:
    names = [member.name for member in spec.members]
    return of_slot(here.members, slot)[names.index(name)]


def start(here: Here, act: Start, spec: Spec) -> tuple[str, Here]:
    """Each member in its turn; a definite no at one leaves the earlier ones started."""
    for name in act.members:
        found = life_of(here, act.slot, name, spec)
        if found.status is STOPPED:
            here = put(here, act.slot, name, Life(UNREADY, act.version), spec)
        elif found.status is STOPPING or found.version != act.version:
            return REFUSED, here
    return "", here


def stop(here: Here, act: Stop, spec: Spec) -> Here:
    for name in act.members:
        life = life_of(here, act.slot, name, spec)
        if life.status in (UNREADY, READY, STANDBY) or (life.status is STOPPING and life.version):
            here = put(here, act.slot, name, Life(STOPPING, owns=life.owns), spec)
    return here


def outnumbered(here: Here, generation: int) -> bool:
    """Whoever took the environment over later has given a higher number."""
    return generation < here.given


def grant(here: Here, act: Start, generation: int, spec: Spec) -> tuple[str, Here]:
    """Name this slot, and thereby no other: one that was not released is cut off in the midst of its work."""
    for name in {*act.members} & {*spec.standbys}:
        life, other = life_of(here, act.slot, name, spec), life_of(here, act.slot.other, name, spec)
        if outnumbered(here, generation):
            return REFUSED, here
        here = here._replace(given=generation)
        if life.status is STANDBY or (life.status is UNREADY and not life.owns):
            here = put(here, act.slot, name, life._replace(status=UNREADY, owns=True), spec)
        if other.owns and other.status in (UNREADY, READY):
            here = put(here, act.slot.other, name, other._replace(status=STOPPING), spec)
    return "", here


def release(here: Here, act: Stop, generation: int, spec: Spec) -> tuple[str, Here]:
    """Those that can stand by; the others are stopped."""
    here = stop(here, replace(act, members=tuple(name for name in act.members if name not in spec.standbys)), spec)
    for name in {*act.members} & {*spec.standbys}:
        life = life_of(here, act.slot, name, spec)
        if life.owns and life.status in (UNREADY, READY):
            if outnumbered(here, generation):
                return REFUSED, here
            here = put(here._replace(given=generation), act.slot, name, life._replace(status=STOPPING), spec)
    return "", here


def arrived(life: Life, *, standby: bool) -> Life:
    """What is on its way arrives. One that was asked to let go lives on; one that was asked to end has no version."""
    if life.status is UNREADY:
        return Life(STANDBY if standby and not life.owns else READY, life.version, owns=life.owns)
    return Life(STANDBY, life.version) if standby and life.version else Life(STOPPED)


def warm(here: Here, slot: Slot, spec: Spec) -> str:
    lives = zip(spec.members, of_slot(here.members, slot), strict=True)
    answers = all(life.status is READY for member, life in lives if member.traffic is Traffic.WEIGHTED)
    return "" if answers and here.gateway.up else UNSURE


# ---- one act -----------------------------------------------------------------------------------------------------


def pinned(spec: Spec, act: StageFiles | Start) -> bool:
    """Mirror of `_pin` in apply.py."""
    return spec.pinned(act.slot) == act.version


def perform(here: Here, act: Act, party: Party, spec: Spec) -> tuple[str, Here]:
    """Mirror of `_perform` in apply.py. The result is empty when it has to be read back. Raises Fenced."""
    match act:
        case StageFiles() | Start() if not pinned(spec, act):
            return REFUSED, here
        case Start():
            result, here = start(here, act, spec)
            return (result, here) if result or not act.owner else grant(here, act, party.generation, spec)
        case Stop(owner=True):
            return release(here, act, party.generation, spec)
        case Stop():
            return "", stop(here, act, spec)
        case Warm(slot):
            return warm(here, slot, spec), here
        case Route(_, after):
            assert party.look
            if party.look.gateway is None:
                return UNSURE, here
            return write(here, after, party.generation, party.same_life, party.same_version)
        case CloseGateway():
            return "", changed(here, new_life=True, new_version=False)._replace(
                gateway=here.gateway._replace(up=False), busy=(False, False)
            )
        case _:
            return "", here


def read_back(here: Here, act: Act, spec: Spec) -> str:
    """Mirror of `_read_back` in apply.py."""
    match act:
        case Route(_, after):
            same = here.gateway._replace(stamp=None) == routed(after, 0)._replace(stamp=None)
            return DONE if same else CONFLICT
        case Start(slot, _, members):
            ended = any(life_of(here, slot, name, spec).status is STOPPED for name in members)
            return UNSURE if ended else DONE
        case CloseGateway():
            return UNSURE if here.gateway.up else DONE
        case _:
            return DONE


def stops(status: MemberStatus) -> bool:
    return status in ALIVE
