"""A counterexample as a story: step by step, what each party saw and did, from the beginning to the broken law."""

from __future__ import annotations

from itertools import pairwise

from model_drivers import read_back
from model_explore import Graph, successors
from model_loop import Loop
from model_world import B, G, Gateway, Here, Life, Look, Party, of_slot

from reconciler.core.situation import Do, Record, Wait


def tell(graph: Graph, state: int, step: str = "", law: str = "") -> str:
    """The shortest way to `state`, and what happened then."""
    path = [state]
    while graph.parents[path[-1]] >= 0:
        path.append(graph.parents[path[-1]])
    path.reverse()
    lines = [f"scenario {graph.loop.scenario.name}", "   0  " + world(graph.states[path[0]])]
    for number, (one, two) in enumerate(pairwise(path), 1):
        lines.append(f"{number:4}  {move(graph.loop, graph.states[one], after=graph.states[two])}")
    if step:
        lines.append(f"then  {move(graph.loop, graph.states[state], name=step)}")
    return "\n".join([*lines, law])


def move(loop: Loop, before: Here, *, after: Here | None = None, name: str = "") -> str:
    """The step from `before` that leads to `after`, or bears this name: what was seen or done, and what came of it."""
    label, found, _ = next(one for one in successors(loop, before) if one[1] == after or one[0].name == name)
    changes = "; ".join(difference(before, found))
    told = label.name + sight(loop, before, found) + thought(loop, before, found, label.name)
    return ("FAULT " if label.fault else "") + told + (f"   [{changes}]" if changes else "")


# ---- what a party saw --------------------------------------------------------------------------------------------


def sight(loop: Loop, before: Here, after: Here) -> str:
    """What the party that has looked in this step read."""
    for was, now in zip(before.parties, after.parties, strict=True):
        if now.look and now.place == "looked" and now.look != was.look:
            return ": reads " + "; ".join(read(loop, after, now.look))
    return ""


def read(loop: Loop, here: Here, look: Look) -> list[str]:
    """Part by part as it was read; where that is not what is, both."""
    transition = loop.memories.states[here.memory].transition
    parts = [("git", str(look.head), str(here.head)), ("gateway", reading(look.gateway), shown(here.gateway))]
    parts += [(str(slot), lives(of_slot(look.members, slot)), lives(of_slot(here.members, slot))) for slot in (B, G)]
    parts += [("in flight", flying(look.busy), flying(here.busy))]
    parts += [("gates", look.gates, loop.verdict(here))] if transition else []
    return [f"{name} {saw}" + (f" (NOT SO: {really})" if saw != really else "") for name, saw, really in parts]


def reading(gateway: Gateway | None) -> str:
    return "silent" if gateway is None else shown(gateway)


def flying(busy: tuple[bool, bool]) -> str:
    return " and ".join(str(slot) for slot, one in zip((B, G), busy, strict=True) if one) or "nothing"


# ---- what it thought and did -------------------------------------------------------------------------------------


def thought(loop: Loop, before: Here, after: Here, name: str) -> str:
    """What the party that moves has decided, does, or puts on record."""
    who = "AB".find(name[:1])
    if who < 0 or name[1:2] not in (" ", "'"):
        return ""
    party, then = before.parties[who], after.parties[who]
    if name.endswith("settles") and party.look:
        found = loop.memories.settle(party.view, party.look, party.elapsed)
        return ": " + ", then ".join(f"{one.rule} {answer(one.answer)}" for one in found.decisions)
    if name.endswith("checks"):
        return ": the journal has " + ("moved on" if then.place == "idle" else "nothing newer")
    if party.place == "checked":
        known = "fenced off" if then.place == "out" else then.result
        return f": {loop.memories.intents[party.intent].act}" + (f", result {known}" if known else "")
    if party.place == "effected":
        return ": " + (outcome(loop, before, party) if party.current else "nothing, the journal has moved on")
    return ""


def outcome(loop: Loop, here: Here, party: Party) -> str:
    act = loop.memories.intents[party.intent].act
    return f"{type(act).__name__} {party.result or read_back(here, act, loop.spec(party)) + ', as read back'}"


def answer(found: object) -> str:
    match found:
        case Do(act, because):
            return f"does {act} ({because})"
        case Record(event):
            return f"records {event}"
        case Wait(reason, message):
            return f"waits, {reason}: {message}"
    return str(found)


def difference(before: Here, after: Here) -> list[str]:
    """What the world shows of it."""
    found = []
    if before.gateway != after.gateway:
        found.append(f"gateway {shown(before.gateway)} -> {shown(after.gateway)}")
    for slot in (B, G):
        was, now = of_slot(before.members, slot), of_slot(after.members, slot)
        if was != now:
            found.append(f"{slot} {lives(was)} -> {lives(now)}")
    if before.head != after.head:
        found.append(f"git {before.head} -> {after.head}")
    if before.sealed != after.sealed:
        found.append(f"sealed by {after.sealed}")
    return found


def shown(gateway: Gateway) -> str:
    weights = "no routes" if gateway.green is None else f"green {gateway.green} %"
    admission = "/".join(str(one) for one in gateway.admission)
    return f"{'up' if gateway.up else 'down'}, {weights}, {admission}, fallback {gateway.fallback}, by {gateway.stamp}"


def lives(found: tuple[Life, ...]) -> str:
    return " ".join(f"{life.status}{'@' + life.version if life.version else ''}" for life in found)


def world(here: Here) -> str:
    parties = ", ".join(f"{name} {party.place}" for name, party in zip("AB", here.parties, strict=True))
    slots = "; ".join(f"{slot} {lives(of_slot(here.members, slot))}" for slot in (B, G))
    return f"gateway {shown(here.gateway)}; {slots}; {parties}; git {here.head}"
