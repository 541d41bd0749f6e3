"""Liveness: once faults stop, every fair run comes to rest and stays there; and how long that takes at most.

Only fair edges are looked at here: a party's next step, the world's own moves. A strongly connected component is *fair*
when a run may stay in it for ever although everything that could happen all the time does happen. A fair component
must be at rest: nothing is done in it, and what is said is either "in sync" (and the world is as it should be) or the
name of what is waited for. A state that nothing leads out of is a violation too.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from model_asking_laws import untold
from model_drivers import ALIVE
from model_explore import PARTY, WORLD, Graph, held_back
from model_world import READY, Here, of_slot, percent

from reconciler.core.diff import effective
from reconciler.core.model import OnFailure, Traffic
from reconciler.core.situation import Wait


@dataclass
class Liveness:
    """`bound` (K) and `back` (K_rb) are counted in looks; a loop of waiting counts once."""

    violations: list[tuple[int, str, str]]
    bound: int
    back: int


def judge(graph: Graph) -> Liveness:
    fair = [label.kind in (PARTY, WORLD) for label in graph.names]
    component, count = components(graph, fair)
    members: list[list[int]] = [[] for _ in range(count)]
    for state, number in enumerate(component):
        members[number].append(state)
    resting, violations = bytearray(count), list[tuple[int, str, str]]()
    for number, states in enumerate(members):
        if lasting(graph, states, component, number, fair):
            restless = restlessness(graph, states)
            resting[number] = not restless
            if restless and not violations:
                violations.append((states[0], "", f"liveness: it may stay here for ever, and {restless}"))
    bound = longest(graph, fair, component, count, members, resting)
    return Liveness(violations, bound, longest_way_back(graph, fair, component, count, members))


# ---- components --------------------------------------------------------------------------------------------------


def components(graph: Graph, fair: list[bool]) -> tuple[array[int], int]:
    """Tarjan, without recursion. Components are numbered in reverse topological order: every edge between two of them
    leads to the smaller number."""
    size = len(graph.states)
    index, low, component = array("i", [-1]) * size, array("i", [0]) * size, array("i", [-1]) * size
    stack: list[int] = []
    counter = count = 0
    offsets, targets, labels = graph.offsets, graph.targets, graph.labels
    for root in range(size):
        if index[root] >= 0:
            continue
        work = [(root, offsets[root])]
        index[root] = low[root] = counter
        counter += 1
        stack.append(root)
        while work:
            state, edge = work.pop()
            if edge < offsets[state + 1]:
                work.append((state, edge + 1))
                if not fair[labels[edge]]:
                    continue
                following = targets[edge]
                if index[following] < 0:
                    index[following] = low[following] = counter
                    counter += 1
                    stack.append(following)
                    work.append((following, offsets[following]))
                elif component[following] < 0:
                    low[state] = min(low[state], index[following])
                continue
            if low[state] == index[state]:
                while True:
                    one = stack.pop()
                    component[one] = count
                    if one == state:
                        break
                count += 1
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[state])
    return component, count


def lasting(graph: Graph, states: list[int], component: array[int], number: int, fair: list[bool]) -> bool:
    """May a fair run stay in here? (A single state without a loop lasts only if nothing leads out of it.)"""
    always: dict[int, set[str]] = {}  # per kind, what could happen in every state of it
    inside, leaves = set[str](), False
    for state in states:
        enabled: dict[int, set[str]] = {PARTY: set(), WORLD: set()}
        for edge in graph.out(state):
            kind, name, _ = graph.names[graph.labels[edge]]
            if not fair[graph.labels[edge]]:
                continue
            actor = name[0] if kind == PARTY else name  # fairness is per party, and per thing in the world
            enabled[kind].add(actor)
            if component[graph.targets[edge]] == number:
                inside.add(actor)
            else:
                leaves = True
        if held_back(graph.loop, graph.states[state]):
            del enabled[WORLD]
        if waits_for_world(graph, enabled):
            del enabled[PARTY]
        for kind, actors in enabled.items():
            always[kind] = always[kind] & actors if kind in always else actors
    if not inside:
        return not leaves
    return all(actors <= inside for actors in always.values())


def waits_for_world(graph: Graph, enabled: dict[int, set[str]]) -> bool:
    """A prompt world moves first: the parties' steps are only left out."""
    return graph.loop.scenario.prompt and bool(enabled.get(WORLD)) and not enabled[PARTY]


# ---- rest --------------------------------------------------------------------------------------------------------


REPEATS = "something is done again and again"
# What a person is waited for by; docs/reasons.md says what to type.
PEOPLE = {"RevisionHeld", "PromotionAwaited", "Paused", "Suspended", "Down", "Holding", "AdoptionNeeded", "Drifted"}
PEOPLE |= {"DesiredInvalid", "StablePinned", "BranchRewritten", "GatewayChanged", "StableUnknown", "StableDegraded"}
PEOPLE |= {"RevisionUnverified", "WaitingApproval", "Frozen"}
PEOPLE |= {"NotReady", "VersionMismatch", "MigrationUnknown", "DrillAway"}


def restlessness(graph: Graph, states: list[int]) -> str:
    """Why a run may not stay among these states; empty when it may. What is refused is asked for again now and then:
    that is no unrest where the world stays as it is and, in between, it is said which person is waited for."""
    found = [unrest(graph, state) for state in states]
    told = {said for said, _ in found}
    if told == {"", REPEATS}:
        worlds = {(graph.states[state].gateway, graph.states[state].members) for state in states}
        refused = len(worlds) == 1 and "InSync" not in {reason for _, reason in found}
        return "" if refused else REPEATS
    return next((said for said in told if said), "") or shielded(graph, states, {reason for _, reason in found})


def shielded(graph: Graph, states: list[int], reasons: set[str]) -> str:
    """Users may not be left for ever with a bad newcomer where there is a way back, whatever it is said to wait for."""
    bad = any(serves_bad(graph, here) and way_back(graph, here) for here in map(graph.states.__getitem__, states))
    said = reasons - {"Suspended", "Holding"}  # by order
    return f"users stay with a bad newcomer: {', '.join(sorted(said))}" if bad and said else ""


def way_back(graph: Graph, here: Here) -> bool:
    """Stable is up, at its version."""
    stable = graph.loop.memories.states[here.memory].in_charge
    if stable is None:
        return False
    lives = zip(graph.loop.scenario.known.members, of_slot(here.members, stable.slot), strict=True)
    return all(life[:2] == (READY, stable.version) for m, life in lives if m.traffic is Traffic.WEIGHTED)


def unrest(graph: Graph, state: int) -> tuple[str, str]:
    """Why this state may not last, empty when it may; and the reason that it gives for waiting."""
    here, loop = graph.states[state], graph.loop
    alive = [i for i, party in enumerate(here.parties) if party.generation == here.taken]
    if not alive:
        return "nobody is left who may act", ""
    party = here.parties[alive[0]]
    if party.place in ("intended", "checked", "effected"):
        return REPEATS, ""
    if party.place == "idle":
        here = loop.look(here, alive[0])[0]
        party = here.parties[alive[0]]
    if party.look is None:
        return f"nobody looks ({party.place})", ""
    found = loop.memories.settle(party.view, party.look, party.elapsed)
    wait = found.waits
    if wait is None:
        return REPEATS, ""
    return _unrest(graph, here, wait) or untold(graph, here, wait), wait.reason


def _unrest(graph: Graph, here: Here, wait: Wait) -> str:
    if wait.reason == "Refused" and wait.alert:
        return ""  # a definite no, said aloud; asked for again now and then, because a person may have mended it
    if wait.blocked:
        return "" if wait.reason in PEOPLE and wait.message else f"nobody knows who is waited for: {wait.reason}"
    return mismatch(graph, here) if wait.reason == "InSync" else f"it waits for what never comes: {wait.reason}"


def mismatch(graph: Graph, here: Here) -> str:
    """How what is there differs from effective desired; empty when it does not. Said apart from the core's own diff."""
    state, members = graph.loop.memories.states[here.memory], graph.loop.scenario.known.members
    spec = graph.loop.memories.specs[graph.loop.memories.spec_number(here.memory, here.head)]
    if spec is None or state.stable is None:
        return "nothing serves"
    if state.drill:
        return "a drill is on, and nothing goes on"
    wanted = effective(spec, state)
    if percent(here.gateway, wanted.slot) != 100:
        return f"the gateway is at {here.gateway}, not wholly on {wanted}"
    for member, life in zip(members, of_slot(here.members, wanted.slot), strict=True):
        if (life.status, life.version) != (READY, wanted.version):
            return f"{member.name} in {wanted.slot} is {life}, not {wanted.version}"
    for member, life in zip(members, of_slot(here.members, wanted.slot.other), strict=True):
        if member.traffic is Traffic.EXCLUSIVE and life.status in ALIVE:
            return f"{member.name} in {wanted.slot.other} has an owner"
    return ""


# ---- bounds ------------------------------------------------------------------------------------------------------


def fair_edges(graph: Graph, state: int, fair: list[bool]) -> Iterator[tuple[int, int]]:
    """(looks, target) of each."""
    for edge in graph.out(state):
        kind, name, _ = graph.names[graph.labels[edge]]
        if fair[graph.labels[edge]]:
            yield int(kind == PARTY and name.endswith("looks")), graph.targets[edge]


def longest(
    graph: Graph, fair: list[bool], component: array[int], count: int, members: list[list[int]], resting: bytearray
) -> int:
    """K: looks on the longest fair way from any state to rest."""
    far = array("i", [0]) * count
    for number in range(count):  # what a component leads to has a smaller number, so it is known already
        if resting[number]:
            continue
        ways = (
            looks + far[component[target]]
            for state in members[number]
            for looks, target in fair_edges(graph, state, fair)
            if component[target] != number
        )
        far[number] = max(ways, default=0) + int(len(members[number]) > 1)
    return max(far, default=0)


def longest_way_back(
    graph: Graph, fair: list[bool], component: array[int], count: int, members: list[list[int]]
) -> int:
    """K_rb: looks until a newcomer that is bad has no users any more. What holds (`onFailure: hold`, a migration
    without a way back) and suspension are left out."""
    known = graph.loop.scenario.known
    if known.on_failure is OnFailure.HOLD or (known.migration and not known.migration.old_version_works):
        return 0
    far = array("i", [0]) * count
    for number in range(count):
        exposed = [state for state in members[number] if serves_bad(graph, graph.states[state])]
        if not exposed:
            continue
        ways = (
            looks + far[component[target]]
            for state in exposed
            for looks, target in fair_edges(graph, state, fair)
            if component[target] != number
        )
        far[number] = max(ways, default=0) + int(len(members[number]) > 1)
    return max(far, default=0)


def serves_bad(graph: Graph, here: Here) -> bool:
    state = graph.loop.memories.states[here.memory]
    t = state.transition
    if t is None or t.newcomer.version not in here.bad or state.suspended:
        return False
    return percent(here.gateway, t.newcomer.slot) > 0
