"""Breadth first over every state that can be reached, and the edges between them, as compact arrays.

The way to a state is kept as one parent number; a story is told by walking it again (model_story).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from model_faults import FAULTS
from model_laws import of_state
from model_loop import Loop
from model_moves import NAMES, Move, commits, world_moves
from model_world import STOPPED, Gateway, Here, Life, Party, Scenario

MID_TICK = ("looked", "intended", "checked", "effected")
MOVING = (*MID_TICK, "idle", "dead")
PARTY, WORLD, COMMIT, FAULT = range(4)  # kinds of edges; the first two are fair: they happen in the end


class Label(NamedTuple):
    """What an edge is called. `fault` is the key in FAULTS, where it is one: many names are of one kind."""

    kind: int
    name: str
    fault: str = ""


Edge = tuple[Label, Here, tuple[str, ...]]  # what happens, what is then, and the laws that this broke


def successors(loop: Loop, here: Here) -> Iterator[Edge]:
    if loop.scenario.prompt:
        now = next(world_moves(loop, here, prompt=True), None) if nobody_in_mid_tick(here) else None
        if now is not None:
            yield edge(WORLD, now)
            return
    alone = undisturbed(here)
    for who in (0, 1) if alone is None else (alone,):
        step = loop.step(here, who)
        if step is not None:
            yield Label(PARTY, f"{NAMES[who]} {verb(here.parties[who])}"), *step
    if alone is not None:
        return
    for move in world_moves(loop, here, prompt=False if loop.scenario.prompt else None):
        yield edge(WORLD, move)
    for move in commits(loop, here):
        yield edge(COMMIT, move)
    if here.budget:
        poorer = here._replace(budget=here.budget - 1)
        for fault in loop.scenario.faults:
            for move in FAULTS[fault](loop, poorer):
                yield edge(FAULT, move, fault)


def edge(kind: int, move: Move, fault: str = "") -> Edge:
    name, after, breaches = move
    return Label(kind, name, fault), after, breaches


def undisturbed(here: Here) -> int | None:
    """The only party, in mid-tick, with no fault left to come between: what the world does meanwhile, it can as well
    do before the next look. (With faults left, every order is tried.)"""
    if here.budget or here.wire or here.parties[1].place in MOVING or here.parties[0].place not in MID_TICK:
        return None
    return 0


def nobody_in_mid_tick(here: Here) -> bool:
    return not any(party.place in MID_TICK for party in here.parties)


def held_back(loop: Loop, here: Here) -> bool:
    """The world's moves are left out in this state, because they are possible before or after it."""
    return undisturbed(here) is not None or (loop.scenario.prompt and not nobody_in_mid_tick(here))


def verb(party: Party) -> str:
    return {
        "idle": "looks",
        "looked": "settles",
        "intended": "checks",
        "checked": "acts",
        "effected": "records",
        "dead": "begins",
    }[party.place]


def nothing_yet(loop: Loop) -> Here:
    """No journal, an unwritten gateway, nothing running; A has just begun."""
    scenario = loop.scenario
    members = (Life(STOPPED),) * (2 * len(scenario.known.members))
    parties = (Party("idle", generation=1), Party("absent"))
    return Here(
        loop.memories.first, 1, 0, 0, 0, Gateway(False, None), (False, False), members, scenario.bad, parties, (),
        scenario.budget, 0,
    )  # fmt: skip


def at_rest(loop: Loop) -> Here:
    """On blue, in sync, as the loop itself gets there; then somebody has committed number 1."""
    here = nothing_yet(loop)._replace(budget=0)
    for _ in range(300):
        if here.parties[0].waited and here.gateway.up:
            break
        moves = list(world_moves(loop, here))
        here = moves[0][1] if moves else loop.step(here, 0)[0]  # type: ignore[index]
    return here._replace(budget=loop.scenario.budget, head=1 if 1 in loop.scenario.free else 0)


@dataclass
class Graph:
    """Everything that was found. Edge e goes from the state whose span in `offsets` holds e."""

    loop: Loop
    states: list[Here] = field(default_factory=list)
    parents: array[int] = field(default_factory=lambda: array("i"))
    offsets: array[int] = field(default_factory=lambda: array("I", [0]))
    targets: array[int] = field(default_factory=lambda: array("I"))
    labels: array[int] = field(default_factory=lambda: array("H"))
    names: list[Label] = field(default_factory=list)  # of each number in `labels`
    violations: list[tuple[int, str, str]] = field(default_factory=list)  # state, step, law

    def out(self, state: int) -> range:
        return range(self.offsets[state], self.offsets[state + 1])

    @property
    def unstruck(self) -> tuple[str, ...]:
        """Faults that were to strike, and did on no edge: what was claimed of them was claimed of nothing."""
        struck = {label.fault for label in self.names}
        return tuple(fault for fault in self.loop.scenario.faults if fault not in struck)


def explore(scenario: Scenario, *, limit: int = 3_000_000, until: str = "", loop: Loop | None = None) -> Graph:
    """All of it; or `until` this law is broken. Raises OverflowError beyond `limit` states."""
    graph = Graph(loop or Loop(scenario))
    return Search(graph, limit, until).run()


class Search:
    """The breadth-first search itself: its queue is the list of states."""

    def __init__(self, graph: Graph, limit: int, until: str) -> None:
        self.graph, self.limit, self.until = graph, limit, until
        self.numbers: dict[Here, int] = {}
        self.labels: dict[Label, int] = {}
        self.parts: dict[object, object] = {}
        self.seen: set[str] = set()

    def run(self) -> Graph:
        graph, loop = self.graph, self.graph.loop
        begin = at_rest(loop) if loop.scenario.from_rest else nothing_yet(loop)
        self.add(begin, -1)
        at = 0
        while at < len(graph.states):
            for label, after, breaches in successors(loop, graph.states[at]):
                graph.labels.append(self.label(label))
                graph.targets.append(self.add(after, at))
                for breach in breaches:
                    self.violated(at, label.name, breach)
            graph.offsets.append(len(graph.targets))
            if self.until in self.seen:
                break
            at += 1
        return graph

    def add(self, here: Here, parent: int) -> int:
        found = self.numbers.get(here)
        if found is not None:
            return found
        here = self.shared(here)
        number = self.numbers[here] = len(self.graph.states)
        if number > self.limit:
            raise OverflowError(f"{self.graph.loop.scenario.name}: more than {self.limit} states")
        self.graph.states.append(here)
        self.graph.parents.append(parent)
        for breach in of_state(self.graph.loop, here):
            self.violated(number, "", breach)
        return number

    def shared(self, here: Here) -> Here:
        """Equal parts are kept once, or a million states would not fit."""
        keep = self.parts.setdefault
        return Here(*(keep(part, part) if isinstance(part, tuple) else part for part in here))  # type: ignore[arg-type]

    def violated(self, state: int, step: str, breach: str) -> None:
        """The first state of each broken law is the nearest: one story per law is enough."""
        law = breach.split(":")[0]
        if law not in self.seen:
            self.seen.add(law)
            self.graph.violations.append((state, step, breach))

    def label(self, label: Label) -> int:
        if label not in self.labels:
            self.labels[label] = len(self.graph.names)
            self.graph.names.append(label)
        return self.labels[label]
