"""The real `tick()`, Keeper and SQLite journal, walked beside the model on one random history.

Each step that the model takes is done to the real one too; inside a tick the keeper's boundaries are where other steps
come between. The real gateway here counts lives and sequences and compares them, so the model's two bits are checked as
well. After each tick journal, gateway and members must be the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

from model_explore import COMMIT, FAULT, PARTY, nothing_yet, successors
from model_loop import Loop
from model_memory import brief
from model_real import Beside, Crash, Real
from model_world import UNIT, Here, Scenario

from reconciler.core.events import Event, Intended, Requested, Verb
from reconciler.core.history import fold
from reconciler.core.model import DrillKind
from reconciler.core.state import State
from reconciler.core.steps import Note, PutBack
from reconciler.errors import Conflict, Fenced
from reconciler.journal.sqlite import open_journal
from reconciler.loop.keeper import Keeper
from reconciler.loop.meter import Meter
from reconciler.loop.tick import tick

MOMENT = 1e-6  # seconds between two looks: a window that opened in one is older in the next
NEW_LIFE = ("the gateway restarts", "the gateway dies", "the gateway restarts empty", "the machine restarts")
DRILLED = {f"an operator asks for a drill ({kind})": Requested(Verb.DRILL, drill=kind) for kind in DrillKind}
ASKED = (
    DRILLED
    | {"an operator retries": Requested(Verb.RETRY)}
    | {
        f"an operator asks to {verb}": Requested(verb, leave_split=True)
        for verb in (Verb.ABORT, Verb.PAUSE, Verb.RESUME, Verb.SUSPEND)
    }
)


class Unread(Meter):
    """What users got is not in the model, as nothing is decided by it: it is never due by itself. So time goes on
    record when something happens, as there."""

    due = False


class Twin(Real):
    """One model and one real reconciler, living through the same. `world` is the real one's; `here` the model's."""

    def __init__(self, scenario: Scenario, seed: int, folder: Path) -> None:
        self.random, self.loop = Random(seed), Loop(scenario)
        self.loop.memories.worn = lambda _memory, elapsed: elapsed  # type: ignore[method-assign]  # here all time counts
        super().__init__(self.loop, nothing_yet(self.loop), open_journal(f"sqlite:///{folder / f'{seed}.db'}"))
        self.story: list[str] = []
        self.now = 0.0
        self.pool = ThreadPoolExecutor(1)
        self.state, self.folded, self.ticks = State(), 0, 0
        self.keeper = self.begin()

    def close(self) -> None:
        self.pool.shutdown()
        self.journal.close()

    def begin(self) -> Keeper:
        keeper = Keeper(
            "demo", self.journal, self.desired, lambda spec: SimpleNamespace(spec=spec), self.open, self.pool,
            actor="test", beside=Beside(self),
            clock=SimpleNamespace(monotonic=lambda: self.now, wall=lambda: ""), boundary=self.boundary,
        )  # fmt: skip
        keeper.meter = Unread()
        keeper.take()
        return keeper

    # ---- the history

    def walk(self, steps: int) -> None:
        while len(self.story) < steps:
            name = self.step()
            if name == "A begins":
                self.keeper = self.begin()
            elif self.here.parties[0].place == "looked":
                self.tick(name)
            self.compare()

    def step(self) -> str:
        """Choose what happens next; do it in the model, and to the real world unless the reconciler does it."""
        found = [one for one in successors(self.loop, self.here) if one[0].kind != COMMIT or self.serves()]
        calm = [one for one in found if one[0].kind != FAULT]
        (kind, name, _), after, _ = self.random.choice(found if not calm or self.random.random() < 0.15 else calm)
        before, self.here = self.here, after
        self.story.append(name)
        if " looks" in name:
            self.now += MOMENT + UNIT * (before.parties[0].waited or "after a while" in name)
        elif kind != PARTY and not self.by_reconciler(name):
            self.happen(name, before, after)
        return name

    def serves(self) -> bool:
        """Nobody commits before there is something to go forward from: most histories would have no transition."""
        return self.loop.memories.states[self.here.memory].stable is not None

    def by_reconciler(self, name: str) -> bool:
        return name.startswith(("A's", "A gives up", "A dies", "the reply to A", "A crashes", "A finds"))

    def happen(self, name: str, before: Here, after: Here) -> None:
        if name == "an old command arrives" or name == "an old command is fenced":
            self.deliver()
            return
        if name in ASKED:
            self.journal.append("demo", ASKED[name], actor="operator")
        self.life += name in NEW_LIFE
        self.sequence += "moves green" in name
        parts = ("gateway", "members", "busy", "bad", "head", "obstacle")
        changes = {part: getattr(after, part) for part in parts if getattr(before, part) != getattr(after, part)}
        self.world = self.world._replace(**changes)

    def deliver(self) -> None:
        routing, expected, generation = self.posted.pop(0)
        try:
            self.write_now(routing, expected, generation)
        except (Conflict, Fenced):
            pass

    # ---- one real tick

    def tick(self, name: str) -> None:
        self.look, self.effect, self.observing, self.ticks = name, "", True, self.ticks + 1
        try:
            tick(self.keeper)
        except Crash:
            pass

    def boundary(self, name: str) -> None:
        """Whatever comes before the model's party makes its next step happens here."""
        self.observing = False
        place = self.here.parties[0].place
        if name == "observed":
            self.until("settles")
        elif name == "intent-written":
            assert place == "intended", f"the real one acts, the model's is {place}: {self.story[-20:]}"
            self.until("checks")
        elif name in ("effect-done", "effect-read-back"):
            self.about_to_act()  # refused before any driver was asked
            if self.here.parties[0].place == "effected":
                self.until("records")

    def about_to_act(self) -> None:
        """The keeper has caught up, and its act is next: no boundary shows that, the first driver call does."""
        if self.here.parties[0].place == "checked":
            self.until("acts", "request", "reply", "command reaches", "finds")
            self.effect = self.story[-1]

    def until(self, *words: str) -> None:
        while True:
            name = self.step()
            if "its request lives on" in name:
                return
            if self.here.parties[0].place == "dead":
                raise Crash
            if name.startswith(("A", "the reply to A")) and any(word in name for word in words):
                return

    def compare(self) -> None:
        for entry in self.journal.since("demo", self.folded):
            self.state = fold(self.state, self.called(entry.event), elapsed=round(entry.elapsed, 2), seq=entry.seq)
            self.folded = entry.seq
        found = self.loop.memories.states[self.loop.memories.number(replace(self.state, journal="ours"))]
        model = self.loop.memories.states[self.here.memory]
        apart = [(f.name, getattr(found, f.name), getattr(model, f.name)) for f in fields(found)]
        differ = [one for one in apart if one[1] != one[2]]
        assert not differ, f"journal (what, really, in the model) {differ}, after {self.story[-20:]}"
        noted = tuple((commit, brief(text)) for commit, text in self.world.notes)
        for part in ("gateway", "members", "head", "notes"):
            real, model = noted if part == "notes" else getattr(self.world, part), getattr(self.here, part)
            assert real == model, f"{part}, after {self.story[-20:]}: really {real}, in the model {model}"

    def called(self, event: Event) -> Event:
        """By the names that transitions have in the model."""
        if isinstance(event, Intended) and isinstance(event.act, PutBack | Note):
            assert self.state.duty
            return replace(event, act=replace(event.act, transition=self.state.duty.transition))
        return self.loop.memories.called(self.state, event)
