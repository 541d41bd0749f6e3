"""Looks that are not what the world is: stale, silent, late, torn, or after a while."""

from __future__ import annotations

from collections.abc import Iterator

from model_loop import Loop
from model_moves import NAMES, NONE, Move, member_name
from model_world import UNKNOWN, B, G, Here, Life, Party


def looking(here: Here) -> Iterator[tuple[int, Party]]:
    return ((i, p) for i, p in enumerate(here.parties) if p.place == "idle")


def stale_git(loop: Loop, here: Here) -> Iterator[Move]:
    older = loop.scenario.parents[here.head]
    for who, _ in looking(here) if older != here.head else ():
        yield f"{NAMES[who]} looks, and git shows commit {older}", *loop.look(here, who, head=older)


def silent(loop: Loop, here: Here) -> Iterator[Move]:
    for who, _ in looking(here):
        yield f"{NAMES[who]} looks, and the gateway is silent", *loop.look(here, who, gateway=None)


def unread(loop: Loop, here: Here) -> Iterator[Move]:
    """A slot's members, or one of them, do not tell how they are."""
    half = len(here.members) // 2
    slots = ((str(B), range(half)), (str(G), range(half, 2 * half)))
    for who, _ in looking(here):
        for name, mute in (*slots, *((member_name(loop, i), range(i, i + 1)) for i in range(2 * half))):
            members = tuple(Life(UNKNOWN) if i in mute else life for i, life in enumerate(here.members))
            yield f"{NAMES[who]} looks, and {name} tells nothing", *loop.look(here, who, members=members)


def late_verdict(loop: Loop, here: Here) -> Iterator[Move]:
    """The gates' answer is a good one, about an earlier window."""
    if loop.memories.states[here.memory].transition:
        for who, _ in looking(here):
            yield f"{NAMES[who]} looks, and gets a late verdict", *loop.look(here, who, gates="late")


def inconclusive(loop: Loop, here: Here) -> Iterator[Move]:
    if loop.memories.states[here.memory].transition:
        for who, _ in looking(here):
            yield f"{NAMES[who]} looks, and the gates cannot tell", *loop.look(here, who, gates="Inconclusive")


def slow(loop: Loop, here: Here) -> Iterator[Move]:
    for who, party in looking(here):
        if not party.waited:
            yield f"{NAMES[who]} looks after a while", *loop.look(here, who, slow=True)


def torn(loop: Loop, here: Here) -> Iterator[Move]:
    """The members were read later than the gateway."""
    for who, party in enumerate(here.parties):
        if party.place == "looked" and party.look and party.look.members != here.members:
            look = party.look._replace(members=here.members)
            yield f"{NAMES[who]} reads the members later", loop.with_party(here, who, party._replace(look=look)), NONE
