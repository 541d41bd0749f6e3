"""A counterexample as a story: step by step, what each party saw and did, from the beginning to the broken law."""

from __future__ import annotations

from itertools import pairwise

from model_explore import Graph, successors
from model_loop import Loop
from model_world import B, G, Gateway, Here, Life, of_slot

from reconciler.core.situation import Do, Record, Wait


def tell(graph: Graph, state: int, step: str = "", law: str = "") -> str:
    """The shortest way to `state`, and what happened then."""
    path = [state]
    while graph.parents[path[-1]] >= 0:
        path.append(graph.parents[path[-1]])
    path.reverse()
    lines = [f"scenario {graph.loop.scenario.name}", "   0  " + world(graph.states[path[0]])]
    for number, (one, two) in enumerate(pairwise(path), 1):
        lines.append(f"{number:4}  {move(graph.loop, graph.states[one], graph.states[two])}")
    if step:
        lines.append(f"then  {step}{thought(graph.loop, graph.states[state], step)}")
    return "\n".join([*lines, law])


def move(loop: Loop, before: Here, after: Here) -> str:
    name = next(label.name for label, found, _ in successors(loop, before) if found == after)
    changes = "; ".join(difference(before, after))
    return f"{name}{thought(loop, before, name)}" + (f"   [{changes}]" if changes else "")


def thought(loop: Loop, before: Here, name: str) -> str:
    """What the party that moves has decided, or is about to do."""
    who = "AB".find(name[:1])
    if who < 0 or name[1:2] not in (" ", "'"):
        return ""
    party = before.parties[who]
    if name.endswith("settles") and party.look:
        found = loop.memories.settle(party.view, party.look, party.elapsed)
        return ": " + ", then ".join(f"{one.rule} {answer(one.answer)}" for one in found.decisions)
    if party.place in ("checked", "effected"):
        return f": {loop.memories.intents[party.intent].act}"
    return ""


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
