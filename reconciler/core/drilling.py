"""What is in force while a drill is on, and what a drill leaves in memory. A drill is a commit that nobody has to make.

One law: until users are home again nothing else is asked for. So git's own word is laid over with the same manifest,
the other slot active and both pinned at stable's version; every other rule goes its usual road with that. When git asks
for something else and users are home, the drill is over at once; else they are led home first.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from reconciler.core.events import DrillBegan, DrillEnded, DrillMissed, DrillScheduled, Ended, Phase
from reconciler.core.model import DrillKind, OnFailure, Pair, Release, Slot, Spec, Stage
from reconciler.core.reading import Trial
from reconciler.core.state import Drill, Drilled, State, Transition

OF_A_KIND = 2  # drills of a kind that are remembered: the last, and what it is compared with


# ---- in force --------------------------------------------------------------------------------------------------------


def rehearsed(spec: Spec, state: State) -> Spec:
    """What is in force instead of `spec`, which git asks for; `spec` itself while there is no drill."""
    drill = state.drill
    if drill is None or overtaken(spec, state):
        return spec
    pin, goal = spec.pins[drill.home.slot], _goal(drill, state)
    if pin is None or pin.label != drill.home.version:
        return spec
    asks = None if drill.turned else spec.approvals  # who lets it begin lets it come home
    parts = (spec.digest, "drill", str(drill.kind), str(drill.home), str(goal), str(drill.turned))
    digest = sha256("\n".join(parts).encode()).hexdigest()
    failing = OnFailure.ROLLBACK if drill.kind is DrillKind.RESTORE else spec.on_failure  # there is no share to keep
    gates = tuple(gate for gate in spec.gates if gate.stage is not Stage.MIGRATE)
    return replace(
        spec, digest=digest, base=spec.digest, active=goal, pins=Pair(pin, pin), approvals=asks, on_failure=failing,
        migration=None, gates=gates,  # the data is what this very version works on
    )  # fmt: skip


def _goal(drill: Drill, state: State) -> Slot:
    if drill.stuck and state.stable:
        return state.stable.slot
    return drill.home.slot if drill.turned else drill.home.slot.other


def overtaken(spec: Spec, state: State) -> bool:
    """Git asks for something else than when the drill began, and for nothing that would change users' release in place:
    from here on it is git's word that counts."""
    drill, stable = state.drill, state.in_charge
    return drill is not None and stable is not None and spec.digest != drill.base and _pins(spec, stable)


def anchors(state: State) -> tuple[Release, ...]:
    """Git has to go on pinning one of these: who serves; and in a drill who is to serve when it is over."""
    stable = state.in_charge
    return tuple(one for one in (state.drill.home if state.drill else None, stable) if one)


def anchored(spec: Spec, state: State) -> bool:
    found = anchors(state)
    return not found or any(_pins(spec, one) for one in found)


def _pins(spec: Spec, release: Release) -> bool:
    return spec.pinned(release.slot) == release.version


# ---- memory ----------------------------------------------------------------------------------------------------------


def drill_began(state: State, event: DrillBegan) -> State:
    """An override of closed windows was given for something else."""
    now, agenda = state.watched, (state.agenda[0], event.due or state.agenda[1])
    drill = Drill(event.drill, event.home, event.base, now, now + event.expires, event.until, event.at, event.spare)
    return replace(
        state, drill=drill, drill_asked=None, override=None, agenda=agenda, abort="", request_refused="",
        missed="" if event.due else state.missed,
    )  # fmt: skip


def way_ended(state: State, transition: Transition, event: Ended) -> State:
    """One of a drill's transitions is over; `state` is that after it. Away from home it is tried again only on a
    person's word: directions must not change without end."""
    drill = state.drill
    if drill is None or state.stable is None:
        return state
    why = f"{transition.condition}: {event.reason or transition.reason}"
    away = drill.turned and state.stable != drill.home
    drill = replace(drill, turned=True, stuck=why if away else "")
    meant = event.phase is Phase.SUCCEEDED or transition.condition == "Drill"
    return replace(state, drill=drill if meant else replace(drill, phase=event.phase, reason=why))


def drill_ended(state: State, event: DrillEnded) -> State:
    """What it leaves in the idle slot is stopped in its time, and what it found there not up is not brought up."""
    drill, left = state.drill, state.leftover
    if drill is None:
        return state
    if left and left.release == Release(drill.home.slot.other, drill.home.version):
        left = replace(left, spare=drill.spare)
    last = Drilled(
        drill.kind, event.phase, event.reason, drill.at, state.watched - drill.began,
        drill.safety if event.phase is not Phase.SUPERSEDED else None, drill.trial,
    )  # fmt: skip
    same = [one for one in state.drilled if one.kind is drill.kind][1 - OF_A_KIND :]
    kept = (one for one in state.drilled if one.kind is not drill.kind or one in same)
    abort = state.abort if state.transition else ""
    return replace(state, drill=None, leftover=left, drilled=(*kept, last), abort=abort)


def drill_scheduled(state: State, event: DrillScheduled | DrillMissed) -> State:
    match event:
        case DrillScheduled(schedule, due):
            return replace(state, agenda=(schedule, due), missed="")
        case DrillMissed(due, reason):
            return replace(state, agenda=(state.agenda[0], due), missed=f"{due}: {reason}")


def safe(state: State) -> State:
    """All users are on stable: by how much later than it was decided?"""
    drill, t = state.drill, state.transition
    if drill is None or t is None or not t.going_back or drill.safety is not None:
        return state
    if drill.kind is DrillKind.RESTORE:  # they were all the time
        return state
    return replace(state, drill=replace(drill, safety=state.watched - t.since))


def restore_tried(state: State, transition: Transition, trial: Trial) -> State:
    drill = replace(state.drill, trial=trial) if state.drill else None
    return replace(state, drill=drill, transition=replace(transition, saving=False, trial=trial))


def last_trial(state: State) -> Trial | None:
    """What a restore of this drill is compared with."""
    return next((one.trial for one in reversed(state.drilled) if one.trial), None)
