"""One tick: look at everything, do at most one thing to the world, and leave it on record."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from reconciler.core.conditions import Status, status
from reconciler.core.diff import standing
from reconciler.core.events import Accepted, Adopted, Applied, Began, DrillBegan, DrillEnded, Ended
from reconciler.core.model import Desired, Spec
from reconciler.core.plan import Decision, decide, intended
from reconciler.core.reading import Observed
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import State
from reconciler.core.steps import Result
from reconciler.errors import JournalMoved
from reconciler.evidence.pack.plan import Look
from reconciler.loop.certifying import certify
from reconciler.loop.keeper import Keeper

log = logging.getLogger("reconciler.tick")

LOOK_AGAIN = "LookAgain"
OTHERS = (Accepted, Adopted, DrillBegan, DrillEnded, Ended)  # after these another desired state may be in force
RECORDS = 50  # facts that one tick may record before it looks again


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look led to. `moved`: something was done or recorded, so look again at once."""

    decision: Decision
    status: Status
    moved: bool
    unsure: bool = False  # the act's outcome is not known, or it was refused: do not hurry
    observed: Observed | None = None  # what it rests on, for whoever shows it
    spec: Spec | None = None  # likewise, what is in force


def tick(keeper: Keeper) -> Tick:
    """Take the desired state, observe the world, fold the journal, decide the one next step, write the intent,
    apply it, read the world back, write the outcome. Raises JournalError (no record, no act) and Fenced.
    """
    state = keeper.catch_up()
    desired = keeper.desired(state)
    observed = keeper.observe(desired, state)
    keeper.boundary("observed")
    now, read = keeper.now, keeper.clock.monotonic()
    try:
        found = _settle(keeper, desired, observed)
    except JournalMoved:  # somebody asked for something in the meantime: it counts first
        found = _look_again(keeper, desired, observed)
    certify(keeper, observed)
    keeper.watcher.looked(Look(desired, observed, state, keeper.state, now, read, keeper.by_hand()))
    return found


def look(keeper: Keeper) -> None:
    """Look at everything, and do nothing about it: what users get is measured, and told to whoever records it. Raises
    JournalError and Fenced."""
    state = keeper.catch_up()
    desired = keeper.desired(state)
    observed = keeper.observe(desired, state)
    keeper.watcher.looked(Look(desired, observed, state, state, keeper.now, keeper.clock.monotonic()))


def _settle(keeper: Keeper, desired: Desired, observed: Observed) -> Tick:
    """Record what needs no act; the observation stays valid, because the world was not touched."""
    moved = False
    if keeper.meter.due:
        keeper.beat()
    for _ in range(RECORDS):
        decision = decide(desired, observed, keeper.state, keeper.now)
        match decision.answer:
            case Record(event):
                if isinstance(event, Began | Ended):
                    keeper.beat()  # what users got before it, and in it, are told apart
                keeper.note(event, decision.rule)
                moved = True
                if isinstance(event, OTHERS) and not keeper.world_fits(desired):
                    break  # other members, or other pins: the drivers do not know of them yet
            case Do():
                applied = _act(keeper, desired, observed, decision)
                return _told(keeper, desired, observed, decision, True, applied.result is not Result.DONE)
            case Wait():
                _heartbeat(keeper)
                keeper.write()
                return _told(keeper, desired, observed, decision, moved)
    keeper.write()
    return _look_again(keeper, desired, observed)


def _act(keeper: Keeper, desired: Desired, observed: Observed, decision: Decision) -> Applied:
    """No record, no act: the intent is durable before the effect is sent, the outcome is what was read back."""
    intent = intended(decision, desired, keeper.state)
    keeper.note(intent, decision.rule)
    keeper.write()
    keeper.boundary("intent-written")
    if keeper.has_news():  # a word counts first; and whoever was overtaken must not act: members know no generation
        raise JournalMoved(f"{keeper.name}: somebody wrote before the act was done; look again")
    applied = keeper.apply(intent.act, observed)
    keeper.boundary("effect-read-back")
    keeper.note(applied, decision.rule)
    keeper.write()
    keeper.boundary("outcome-written")
    return applied


def _heartbeat(keeper: Keeper) -> None:
    """While a timer runs, watched time goes on record now and then, so that a crash costs little of it."""
    interval = heartbeat(keeper.state)
    if interval is not None and keeper.stopwatch.elapsed >= interval:
        keeper.beat(tells=keeper.meter.goes_along)


def heartbeat(state: State) -> float | None:
    """Seconds of watching after which a record is due; None while no timer runs."""
    if state.transition or state.drill:
        return 5.0
    return 60.0 if state.leftover and not state.leftover.stopped else None


def _look_again(keeper: Keeper, desired: Desired, observed: Observed) -> Tick:
    decision = Decision("look-again", Wait(LOOK_AGAIN))
    return _told(keeper, desired, observed, decision, True)


def _told(
    keeper: Keeper, desired: Desired, observed: Observed, decision: Decision, moved: bool, unsure: bool = False
) -> Tick:
    found = status(desired, observed, keeper.state, decision)
    return Tick(decision, found, moved, unsure, observed, standing(desired, keeper.state).spec)
