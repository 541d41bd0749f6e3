"""What the world does by itself, and what git brings. It costs no fault; but for commits it happens in the end."""

from __future__ import annotations

from collections.abc import Iterator

import model_asking as asking
import model_migration as migration
import model_saving as saving
from model_drivers import Fenced, arrived, write
from model_laws import of_effect
from model_loop import Loop
from model_world import STOPPED, STOPPING, UNREADY, B, G, Here, Life, Look, Party, percent

from reconciler.core.steps import Route

Move = tuple[str, Here, tuple[str, ...]]  # its name, what is then, and the laws that this broke
NONE: tuple[str, ...] = ()
NAMES = ("A", "B")  # the two parties


def world_moves(loop: Loop, here: Here, prompt: bool | None = None) -> Iterator[Move]:
    """`prompt` True: only those that do not keep anybody waiting; False: only the others; None: all."""
    for i, life in enumerate(here.members):
        after = arrived(life, standby=standby(loop, i))
        if life.status is UNREADY and prompt in (None, not life.limps):
            yield f"{member_name(loop, i)} gets ready", set_member(here, i, after), NONE
        elif life.status is STOPPING and prompt is not False:
            end = "has stopped" if after.status is STOPPED else "has let go"
            yield f"{member_name(loop, i)} {end}", set_member(here, i, after), NONE
    for i, slot in enumerate((B, G)) if prompt is not False else ():
        if here.busy[i] and percent(here.gateway, slot) == 0:
            busy = (False, here.busy[1]) if i == 0 else (here.busy[0], False)
            yield f"{slot} is drained", here._replace(busy=busy), NONE
    for who, _, version in migration.under_way(here) if prompt is not False else ():
        yield f"{NAMES[who]}'s data are ready for {version}", migration.ended(here, who, "applied", applied=True), NONE
    for who in saving.under_way(here) if prompt is not False else ():
        yield f"{NAMES[who]}'s recovery point is whole", saving.ended(here, who, well=True), NONE
    yield from asking.calendar(here) if not prompt else ()
    if here.wire and not prompt:
        yield deliver(loop, here)


def deliver(loop: Loop, here: Here) -> Move:
    """A command that was long under way arrives."""
    command, rest = here.wire[0], here._replace(wire=here.wire[1:])
    intent = loop.memories.intents[command.intent]
    assert isinstance(intent.act, Route)
    try:
        _, after = write(rest, intent.act.after, command.generation, command.same_life, command.same_version)
    except Fenced:
        return "an old command is fenced", rest, NONE
    sender = Party("wire", command.generation, look=Look(0, rest.gateway, (), ""), intent=command.intent, opened=1,
                   same_life=command.same_life, same_version=command.same_version)  # fmt: skip
    return "an old command arrives", after, of_effect(loop, rest, after, sender)


def member_name(loop: Loop, i: int) -> str:
    members = loop.scenario.known.members
    return f"{members[i % len(members)].name} in {B if i < len(members) else G}"


def standby(loop: Loop, i: int) -> bool:
    members = loop.scenario.known.members
    return members[i % len(members)].standby


def set_member(here: Here, i: int, life: Life) -> Here:
    return here._replace(members=(*here.members[:i], life, *here.members[i + 1 :]))


def commits(loop: Loop, here: Here) -> Iterator[Move]:
    """Those that are part of the story, every other commit is a fault; and approvals of those who may give them."""
    yield from asking.approvals(loop, here)
    for head in loop.scenario.following(here.head):
        if head in loop.scenario.free:
            yield f"commit {head}", here._replace(head=head), NONE
