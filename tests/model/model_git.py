"""Git beside the desired state: the file that is put back, the notes, and what stands in the way of both.

Mirror of desired/writing.py and loop/beside.py. A commit that puts a file back is one of the scenario's: the child of
the head that holds the good text again. So an old work tree's commit upon it, and all that may follow, are in the
scenario's tree too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from model_drivers import CONFLICT, REFUSED
from model_world import Here, Look, Scenario

from reconciler.core.events import Requested, Verb
from reconciler.core.reading import GitReading
from reconciler.core.state import State
from reconciler.core.steps import Act, Note, PutBack

if TYPE_CHECKING:
    from model_loop import Loop

Move = tuple[str, Here, tuple[str, ...]]
NAMES = ("A", "B")
OBSTACLE = "the file is changed in the work tree"


def number(revision: str) -> int:
    return int(revision, 16) - 1


def revision(commit: int) -> str:
    return f"{commit + 1:040x}"


def same(scenario: Scenario, one: int, other: int) -> bool:
    """Is the environment's file the same in both?"""
    first, second = scenario.commits[one], scenario.commits[other]
    return first is not None and second is not None and first.digest == second.digest


def put_back_at(scenario: Scenario, head: int, good: int) -> int:
    """The commit that puts the file back there. Raises LookupError: the scenario's tree ends too early."""
    found = next((one for one in (head, *scenario.following(head)) if same(scenario, one, good)), None)
    if found is None:
        raise LookupError(f"{scenario.name}: no commit puts {good} back after {head}")
    return found


def reading(scenario: Scenario, state: State, look: Look) -> GitReading | None:
    """Mirror of `reading` in desired/beside.py, and of `look` in loop/beside.py."""
    duty = state.duty
    if state.transition or duty is None or not (duty.good and duty.revision) or duty.commit:
        return None
    if look.beside == "unread":
        return GitReading(duty.transition, None)
    if same(scenario, number(duty.revision), number(duty.good)):
        return GitReading(duty.transition, False)
    asks = same(scenario, look.head, number(duty.revision))
    commit = revision(look.head) if not asks and look.made == (duty.transition, look.head) else ""
    return GitReading(duty.transition, asks, OBSTACLE if asks and look.beside else "", commit)


def perform(scenario: Scenario, here: Here, act: PutBack | Note) -> tuple[str, Here]:
    """Mirror of `put_back` and `note` in desired/writing.py: what is there is looked at once more."""
    if isinstance(act, Note):
        others = {at: text for at, text in here.notes if at != number(act.revision)}
        return "", here._replace(notes=tuple(sorted({**others, number(act.revision): act.text}.items())))
    if not still_failed(scenario, here, act):
        return ("", here) if here.made == (act.transition, here.head) else (REFUSED, here)
    if here.obstacle:
        return REFUSED, here
    after = put_back_at(scenario, here.head, number(act.good))
    return "", here._replace(head=after, made=(act.transition, after))


def still_failed(scenario: Scenario, here: Here, act: PutBack) -> bool:
    return same(scenario, here.head, number(act.failed))


def answer(here: Here, act: Act) -> str:
    """What an outcome says of it: of a file that is put back, the commit."""
    return revision(here.made[1]) if isinstance(act, PutBack) else "x"


# ---- what goes wrong -----------------------------------------------------------------------------------------------


def unread(loop: Loop, here: Here) -> Iterator[Move]:
    """Neither votes nor the file can be read at this look."""
    for who, party in enumerate(here.parties):
        if party.place == "idle":
            yield f"{NAMES[who]} looks, and git beside is silent", *loop.look(here, who, beside="unread")


def moved(loop: Loop, here: Here) -> Iterator[Move]:
    """Somebody commits, for another environment, between git's check and its write."""
    for who, party in enumerate(here.parties):
        act = loop.memories.intents[party.intent].act if party.place == "checked" else None
        if isinstance(act, PutBack | Note):
            yield f"{NAMES[who]} finds that the branch has moved", loop.told(here, who, CONFLICT), ()


def obstacle(loop: Loop, here: Here) -> Iterator[Move]:
    told = "the file is as it was" if here.obstacle else "somebody changes the file in a work tree"
    yield told, here._replace(obstacle=not here.obstacle), ()


def old_tree(loop: Loop, here: Here) -> Iterator[Move]:
    """Somebody had the file open meanwhile, and commits it as he sees it: what asked for a held version before."""
    held = {one.version for one in loop.memories.states[here.memory].held}
    for head in loop.scenario.following(here.head):
        spec, now = loop.scenario.commits[head], loop.scenario.commits[here.head]
        if spec and now and spec.target.version in held and now.target.version not in held:
            yield f"an old work tree's commit {head}", here._replace(head=head), ()


def asking(request: Requested, told: str) -> Callable[[Loop, Here], Iterator[Move]]:
    def ask(loop: Loop, here: Here) -> Iterator[Move]:
        memory = loop.memories.fold(here.memory, request)
        if memory != here.memory:
            yield f"an operator {told}", loop.written(here, None, memory)._replace(turns=0), ()  # law 13: by itself

    return ask


GIT: dict[str, Callable[[Loop, Here], Iterator[Move]]] = {
    "git beside unread": unread,
    "git moved": moved,
    "obstacle": obstacle,
    "old work tree": old_tree,
    "retry": asking(Requested(Verb.RETRY), "retries"),
}
OVERRIDE = {"override": asking(Requested(Verb.RESUME, override=True, reason="urgent"), "lets it through")}
