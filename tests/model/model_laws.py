"""The laws of DESIGN section 7 over the model: on states, on effects, and (through core_laws) on decisions.

law  where
---  ---------------------------------------------------------------------------------------------------------------
1    decision (core_laws.law_01); effect: a write is one atomic change, so the two shares always sum to 100
2    decision (law_02); effect: the newcomer's real weight never passes over a configured rung
3    decision (law_03), with the fault `late verdict`
4    decision (law_04); effect: a held version gains nothing; journal: what is held stays so while it is pinned
5    effect: nothing that a generation sends takes effect once a later one has looked; journal: nor does it write;
     no owner is made, or let go, by an older number than was given
6    effect: nothing computed from one life of the gateway takes effect in another
7    effect: nothing takes effect on a gateway that was written since it was read; decision: nothing is written unread
8    journal: never two open intents, nothing decided on a journal that moved on; sending: the intent stands open in the
     journal; outcome: `done` only if the gateway stands so
9    effect: performed once more on the same world, it changes nothing more
10   decision (law_10); effect: no stop of a slot that has traffic or undrained requests, or of stable under way
11   decision (law_11); effect: no raise of a newcomer whose way back is on record
12   decision (law_12)
13   state: changes of direction under one digest, at most `Scenario.turns`
14   journal: what comes into force descends from what was, unless a person allowed it
15   decision (law_15), with a commit that cannot be read; what a manifest may hold: tests/desired
16   not here: the model has no preview. tests/core/test_laws.py, tests/loop/test_tick.py, tests/cli
17   decision (law_17), with the fault `redeployed`; what is swapped between look and write no gateway can know
18   by construction in part: nothing here but watched units tells the time, and `slow` and `waited` vary them;
     clock jumps: tests/core/test_laws.py, tests/loop/test_stopwatch.py, tests/simulation
19   decision (law_19), with the verbs pause and suspend; drift is recorded before it is healed (effect)
20   effect: each change of weight carries rule and revision, and its `before` is what the gateway had
21   state: at most one owner of each exclusive member; decision (law_21, law_21_gates)

Approvals, windows, and what git is told: model_asking_laws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import model_drivers as drivers
from model_world import BY_HAND, READY, SCRIPT, Gateway, Here, Life, Party, of_slot, percent, weights

from reconciler.core.events import Applied, Intended
from reconciler.core.model import Release, SetWeight, Slot, Traffic, Weights, all_on, share
from reconciler.core.state import State, Transition, Word
from reconciler.core.steps import Result, Route, Start, Stop

if TYPE_CHECKING:
    from model_loop import Loop

NONE: tuple[str, ...] = ()


# ---- states ------------------------------------------------------------------------------------------------------


def of_state(loop: Loop, here: Here) -> tuple[str, ...]:
    half = len(here.members) // 2
    for i, member in enumerate(loop.scenario.known.members):
        both = (here.members[i], here.members[i + half])
        alive = [life.status in drivers.ALIVE and (life.owns or not member.standby) for life in both]
        if member.traffic is Traffic.EXCLUSIVE and all(alive):
            return (f"law 21: {member.name} has two owners",)
    if here.turns > loop.scenario.turns:
        return ("law 13: too many changes of direction under one digest",)
    return NONE


# ---- sending ----------------------------------------------------------------------------------------------------


def unrecorded(loop: Loop, here: Here, party: Party) -> tuple[str, ...]:
    """Whatever is sent stands in the journal, as the open intent. (Who was overtaken may find its own closed by
    another; until then this held of it.)"""
    opened, mine = loop.memories.states[here.memory].intent, loop.memories.intents[party.intent]
    durable = opened is not None and (opened.act, opened.rule) == (mine.act, mine.rule)
    return NONE if durable or not party.current else ("law 8: it is sent, and the journal holds no intent of it",)


# ---- effects -----------------------------------------------------------------------------------------------------


def of_effect(loop: Loop, before: Here, after: Here, party: Party, *, whole: bool = True) -> tuple[str, ...]:
    """What one command of `party` did to the world. Not `whole`: only a part of it arrived."""
    if before.gateway == after.gateway and before.members == after.members:
        return NONE
    intent, state = loop.memories.intents[party.intent], loop.memories.states[before.memory]
    found = _sending(loop, before, after, party, whole)
    if isinstance(intent.act, Route):
        found += _routing(loop, before, after, party, state, intent)
    if after.given < before.given:
        found.append("law 5: an owner by an older number than was given")
    if isinstance(intent.act, Stop):
        found += _stopping(loop, before, state, intent.act)
    if isinstance(intent.act, Start):
        found += _starting(loop, before, state, intent.act)
    return tuple(found)


def _starting(loop: Loop, before: Here, state: State, act: Start) -> list[str]:
    """What core_laws says of the decision, on what the data really are."""
    t = state.transition
    if t is None or t.going_back or act.owner:
        return []
    late = loop.scenario.known.snapshot and not t.rung and not before.saved
    if late and act.slot is t.newcomer.slot:
        return [f"law recovery point: {t.newcomer} starts, and the data were not saved"]
    if not t.migrates:
        return []
    ready = t.newcomer != Release(act.slot, act.version) or act.version in before.data
    return [] if ready else [f"law migration: {t.newcomer} starts on data that were not made for it"]


def _sending(loop: Loop, before: Here, after: Here, party: Party, whole: bool) -> list[str]:
    found = []
    if party.generation < before.owner and before.gateway != after.gateway:
        found.append(f"law 5: generation {party.generation} changes the gateway after {before.owner} has looked")
    again = _again(loop, after, party) if whole else after
    if (again.gateway, again.members) != (after.gateway, after.members):
        found.append("law 9: twice is not once")
    return found


def _again(loop: Loop, after: Here, party: Party) -> Here:
    """The same command once more, with nothing in its way."""
    free = party._replace(same_life=True, same_version=True, generation=max(party.generation, after.sealed))
    act = loop.memories.intents[party.intent].act
    once_more = drivers.perform(after, act, free, loop.spec(party))[1]
    if free.generation != party.generation:  # who wrote is not what was written
        once_more = once_more._replace(gateway=once_more.gateway._replace(stamp=after.gateway.stamp))
    return once_more


def _routing(loop: Loop, before: Here, after: Here, party: Party, state: State, intent: Intended) -> list[str]:
    act, found, was = intent.act, [], before.gateway
    assert isinstance(act, Route)
    if not party.same_life:
        found.append("law 6: computed against one life of the gateway, applied to another")
    if not party.same_version:
        found.append("law 7: the gateway is not what this was computed from")
    if act.before != weights(was) or not (intent.rule and intent.revision):
        found.append(f"law 20: on record is {act.before} before, the gateway had {weights(was)}")
    if _by_hand(was, state) and state.drift is None and was.up and not state.claim:
        found.append("law 19: a manual change is healed before it is on record")
    if was.stamp == SCRIPT and state.by_hand is Word.NONE:
        found.append("law 19: what a script did is overwritten before it is on record")
    for slot in Slot:
        if percent(after.gateway, slot) > percent(was, slot):
            found += _rising(loop, before, after, state, slot)
    return found


def _on_record(state: State) -> Weights | None:
    t = state.transition
    return share(t.newcomer.slot, t.rung) if t else all_on(state.stable.slot) if state.stable else None


def _by_hand(gateway: Gateway, state: State) -> bool:
    """Somebody moved the weights away from what is on record. (The first write after an adoption overwrites whatever it
    finds, and so does one that starts a gateway: of these the intent's `before` is all the record.)"""
    return gateway.stamp == BY_HAND and weights(gateway) != _on_record(state)


def _rising(loop: Loop, before: Here, after: Here, state: State, slot: Slot) -> list[str]:
    t, found = state.transition, list[str]()
    if t and slot is t.newcomer.slot:
        found += _newcomer_rises(loop, before, held_at(before.gateway, slot), percent(after.gateway, slot), t)
    runs = [life.version for life in _weighted(loop, before, slot) if life.version]
    if any(map(state.is_held, runs)) and not (state.stable and state.stable.slot is slot):
        found.append(f"law 4: {slot} runs a held version and gains")
    return found


def held_at(gateway: Gateway, slot: Slot) -> int:
    """What a gateway holds for a slot, served or (where it is down) to be served."""
    found = weights(gateway)
    return found[slot] if found else 0


def _newcomer_rises(loop: Loop, before: Here, had: int, now: int, t: Transition) -> list[str]:
    found = []
    passed = [step.weight for step in t.steps if isinstance(step, SetWeight) and had < step.weight < now]
    if passed:
        found.append(f"law 2: the newcomer goes from {had} to {now}, over {passed[0]}")
    fit = Life(READY, t.stable.version)
    if t.going_back and now > had and all(life == fit for life in _weighted(loop, before, t.stable.slot)):
        found.append("law 11: the newcomer gains while its way back is on record")
    return found


def _weighted(loop: Loop, here: Here, slot: Slot) -> list[Life]:
    lives = zip(loop.scenario.known.members, of_slot(here.members, slot), strict=True)
    return [life for member, life in lives if member.traffic is Traffic.WEIGHTED]


def _stopping(loop: Loop, before: Here, state: State, act: Stop) -> list[str]:
    spec, slot, t = loop.scenario.known, act.slot, state.transition
    if not {*act.members} & {*spec.names(Traffic.WEIGHTED)} or not before.gateway.up:
        return []
    if before.gateway.stamp in (BY_HAND, SCRIPT):
        return []  # moved after our look: no gateway can keep a hand from a host's stop
    if percent(before.gateway, slot):
        return [f"law 10: {slot} is stopped with {percent(before.gateway, slot)} %"]
    if (
        t
        and slot is t.stable.slot
        and percent(before.gateway, slot.other)
        and _fit(loop, before, act, t.stable.version)
    ):
        return [f"law 10: {slot} is the way back, and is stopped"]
    since = state.closed[slot]
    waited = since is not None and since <= -spec.drain_timeout
    busy = before.busy[0 if slot is Slot.BLUE else 1]
    return [f"law 10: {slot} is stopped with requests in flight"] if busy and not waited else []


def _fit(loop: Loop, before: Here, act: Stop, version: str) -> bool:
    """Is anything stopped that runs this version? (Another one in its place is no way back, and has to make room.)"""
    spec = loop.scenario.known
    return any(drivers.life_of(before, act.slot, name, spec).version == version for name in act.members)


# ---- the journal -------------------------------------------------------------------------------------------------


def of_outcome(loop: Loop, here: Here, applied: Applied) -> tuple[str, ...]:
    """An intent may be closed as done only when the gateway was read to stand so."""
    intent = loop.memories.states[here.memory].intent
    if intent is None or applied.result is not Result.DONE or not isinstance(intent.act, Route):
        return NONE
    after, gateway = intent.act.after, here.gateway
    stands = gateway.up and (weights(gateway), gateway.admission, gateway.fallback) == (
        after.weights, (after.admission.blue, after.admission.green), after.fallback
    )  # fmt: skip
    return NONE if stands else ("law 8: closed as done, and the gateway does not stand so",)


def of_writing(here: Here, party: Party) -> tuple[str, ...]:
    """Who may write into the journal at all."""
    if party.generation < here.taken:
        return (f"law 5: generation {party.generation} writes the journal after {here.taken} was taken",)
    return NONE if party.current else ("law 8: written on a journal that had moved on",)
