"""One history, wholly given by its seed: trouble for a while, then none, and then everything must come to rest."""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from sim_disk import CrashNow, Disk, PowerCut
from sim_faults import Weather
from sim_git import Git, Wish
from sim_laws import Edge, Laws
from sim_orders import ORDERS, Ballot
from sim_person import Person
from sim_process import Process
from sim_time import BEGINNING, Clock, Timeline
from sim_trouble import Trouble
from sim_world import Place

from reconciler.core.diff import standing
from reconciler.core.events import Requested
from reconciler.core.model import Desired, Slot, all_on
from reconciler.core.plan import Decision, decide
from reconciler.core.reading import Observed
from reconciler.core.situation import Wait
from reconciler.core.state import Question, State
from reconciler.desired import manifest, snapshot
from reconciler.drivers.protocols import Fence
from reconciler.errors import JournalError, ReconcilerError
from reconciler.evidence.judge import judge
from reconciler.journal import codec, entry, sqlite
from reconciler.journal.sqlite import SqliteJournal
from reconciler.loop import run
from reconciler.measure import rounds

MOST_TURNS = 10_000  # of one history, whatever happens in it
CALM_TURNS = 3000  # turns after the last fault; more is never
PATIENCE = 60.0  # seconds of one and the same alert after which somebody does something
SLOWNESS = 10.0  # seconds in which what is so must show in what is said
WORDS = 25  # that a person says until all is well

parsed = cache(manifest.read)
loaded = lru_cache(8192)(codec.load)
tick: Any = importlib.import_module("reconciler.loop.tick")  # the package's own `tick` is the function


@dataclass
class Outcome:
    """What one history showed. `ticks` and `acts`: from the last fault to rest."""

    seed: int
    breaches: list[str]
    struck: Counter[str]
    ticks: int
    acts: int
    seconds: float
    words: int
    trace: list[tuple[float, str, Callable[[], str]]] = field(repr=False, default_factory=list)

    def story(self) -> list[str]:
        return [f"{at:9.3f}  {who:<16} {what()}" for at, who, what in self.trace]

    def digest(self) -> str:
        return sha256("\n".join(self.story()).encode()).hexdigest()


class History:
    """The whole world of one seed. Nothing in it reads a clock, a socket, or another random number."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset(), folder: str | None = None) -> None:
        self.weather = Weather(seed, without)
        draw = Random(f"{seed}:history")
        self.timeline = Timeline()
        self.clock = Clock(self.timeline)
        self.git = Git()
        self.trace: list[tuple[float, str, Callable[[], str]]] = []
        self._folder = tempfile.TemporaryDirectory(dir=folder)
        self.disk = Disk(self.weather, Path(self._folder.name), files=draw.random() < 0.15)
        self.laws = Laws(self)
        names = ("prod", "stage") if draw.random() < 0.2 else ("prod",)
        self.places = {name: Place(name, self.weather, self.timeline, self.laws, self.say) for name in names}
        self.processes: list[Process] = []
        self.trouble, self.person = Trouble(self), Person(self)
        self.length = draw.choice((50, 100, 200))
        self._calm_start = draw.random() < 0.7
        self._born, self._nested, self._rebirth = 0, False, False
        self._decided: dict[str, Decision] = {}
        self._operator: SqliteJournal | None = None
        self.looked = 0.0  # when the look began that is made now
        self._requests: list[tuple[Place, Requested]] = []
        self._quiet: dict[str, float] = {}
        self._amiss: dict[str, float] = {}
        self.turns, self.acts, self.ticks, self.words = 0, 0, 0, 0

    # ---- telling

    def say(self, who: str, what: Callable[[], str]) -> None:
        self.trace.append((self.timeline.now, who, what))

    # ---- the whole of it

    def run(self) -> Outcome:
        with _watched(self):
            self._begin()
            while self.turns < self.length and not self.laws.breaches:
                self.trouble.strike()
                self.advance()
            since = self.timeline.now
            self._peace()
            if not self.laws.breaches:
                self._come_to_rest()
            self._audit()
            seconds = self.timeline.now - since
        breaches = list(dict.fromkeys([*self.laws.breaches, *self.disk.broken]))
        return Outcome(
            self.weather.seed, breaches, self.weather.struck, self.ticks, self.acts, seconds, self.words, self.trace
        )

    def _begin(self) -> None:
        self.push(
            {f"environments/{name}.yaml": Wish(policy=1).text(name, self.places[name].warm) for name in self.places}
        )
        self.weather.calm = self._calm_start
        self._start()
        while self._calm_start and not all(self.laws.state(name).stable for name in self.places):
            self.advance()
        self.weather.calm = False
        self.turns = 0
        for name, place in self.places.items():
            draw = self.weather.draw("first")
            wish = Wish("green", green=draw.choice(("1.1", "1.2")), policy=draw.randrange(12))
            orders = self.weather.draw("orders").randrange(len(ORDERS)) if place.orders else 0
            self.commit(place, replace(wish, orders=orders).text(name, place.warm))

    def advance(self) -> None:
        """Whoever is next does what is next."""
        self.turns += 1
        self._ensure_life()
        while self._requests:
            self.ask(*self._requests.pop(0))
        if self.turns > MOST_TURNS:
            raise RuntimeError(f"seed {self.weather.seed} does not end: a defect of the simulation")
        awake = [one for one in self.processes if one.alive and not one.frozen]
        process = min(awake, key=lambda one: one.wait(), default=None)
        until = self.timeline.next_due()
        if process is None or process.wait() == float("inf"):
            self.timeline.sleep(until if until is not None else 1.0)
            return
        self.timeline.sleep(process.wait())
        if not process.alive:
            return
        try:
            process.turn()
        except PowerCut as cut:
            self._power_cut(cut)
        except CrashNow as crash:
            self.die(process, str(crash))

    # ---- processes

    def _start(self) -> None:
        self._rebirth = False
        self._born += 1
        try:
            Process(self, self._born)
            self.say(f"p{self._born}", lambda: "starts")
        except PowerCut as cut:
            self._power_cut(cut)
        except (ReconcilerError, CrashNow) as error:
            name = type(error).__name__
            self.say("a process", lambda: f"does not start: {name}")
            self._ensure_life(1.0)

    def die(self, process: Process, why: str) -> None:
        if not process.alive:
            return
        self.say(process.name, lambda: f"dies: {why}")
        process.end()
        self._ensure_life()

    def _ensure_life(self, least: float = 0.1) -> None:
        """A supervisor starts the reconciler again, unless another one works."""
        working = [one for one in self.processes if one.alive and not one.frozen and not one.lost]
        if not working and not self._rebirth:
            self._rebirth = True
            draw = self.weather.draw("rebirth")
            self.timeline.after(least + draw.choice((0.0, draw.uniform(0.0, 3.0))), self._start)

    def _power_cut(self, cut: PowerCut) -> None:
        self.say("machine", lambda: f"has no power: {cut}")
        self._operator = None
        for process in self.processes:
            if process.alive:
                self.die(process, "no power")
        self.disk.check()

    def check_alive(self, process: Process) -> None:
        if not process.alive:
            raise CrashNow("it had died in its sleep")

    def at_boundary(self, process: Process, point: str) -> None:
        self.check_alive(process)
        if self.weather.strikes(f"crash-{point}", 0.3 if point == "observed" else 2.0):
            raise CrashNow(f"at '{point}'")
        if self.weather.strikes("word-in-between"):
            self.trouble.interrupt(self.weather.draw("word-in-between"))
        self.may_sleep(process, point)

    def may_sleep(self, process: Process, point: str, times: float = 1.0) -> None:
        several = all(place.gateway.fence is not Fence.OWNER_LOCK for place in self.places.values())
        if several and not self._nested and self.weather.strikes("pause-and-take-over", times):
            self._sleep(process, point)

    def _sleep(self, process: Process, point: str) -> None:
        """The process stands still in mid-step, and another one takes over. Then it wakes, and knows nothing of it."""
        self.say(process.name, lambda: f"is stopped at '{point}', and another one starts")
        process.frozen, self._nested = True, True
        self._start()
        for _ in range(self.weather.draw("pause-and-take-over").choice((2, 8, 40))):
            self.trouble.strike()
            self.advance()
        process.frozen, self._nested = False, False
        self.say(process.name, lambda: "goes on")
        self.check_alive(process)

    # ---- people and git

    def commit(self, place: Place, data: bytes) -> None:
        self.push({**self.git.files(), f"environments/{place.name}.yaml": data})

    def push(self, files: dict[str, bytes], parent: str | None = None) -> None:
        revision = self.git.commit(files, parent)
        self.say("git", lambda: f"{revision[:8]} {'is forced onto' if parent is not None else 'is'} the branch")
        self._hint()

    def ask(self, place: Place, request: Requested) -> bool:
        """A verb, as the command line writes it. False: the operator got an error."""
        try:
            if self._operator is None:
                self._operator = SqliteJournal(self.disk.path, self.clock, self.disk.connect)  # type: ignore[arg-type]
            self._operator.append(place.name, request, actor="operator")
        except PowerCut as cut:
            self._power_cut(cut)
            return False
        except (JournalError, CrashNow):
            if self._operator is not None:
                self._operator._connection.close()
            self._operator = None
            return False
        self._hint()
        return True

    def asks_soon(self, place: Place, request: Requested) -> None:
        """A person at another keyboard, at a time of the world's own; not in the middle of anybody's commit."""
        self._requests.append((place, request))

    def vote(
        self, place: Place, asked: Question, by: str, *, approve: bool = True, verified: bool = True, plan: str = "",
        ahead: float = 0.0,
    ) -> None:  # fmt: skip
        """Somebody's word on what is asked now, or on another plan, as it lies in git."""
        ballots, question = self.git.ballots[place.name], self.laws.asked_at(place)
        question = question if plan in ("", asked.plan) else 0
        written = BEGINNING + self.timeline.now + ahead
        ballots.append(
            Ballot(f"{len(ballots)}", asked.stage, plan or asked.plan, by, approve, verified, written, question)
        )
        self.say(by, lambda: f"{'approves' if approve else 'rejects'} {asked.stage} of {ballots[-1].plan[:8]}")
        self._hint()

    def _hint(self) -> None:
        for process in self.processes:
            if process.alive:
                process.hint()

    # ---- peace

    def _peace(self) -> None:
        self.say("world", lambda: "nothing goes wrong any more")
        self.weather.calm = True
        self.clock.run_at(1.0)
        self.clock.set_right()
        self.git.unreadable, self.disk.full = False, False
        self.git.gone.clear()
        self.git.obstacles.clear()
        for place in self.places.values():
            place.gateway.silent, place.gateway.drain = False, 0.5
            place.members.blind.clear()
        for process in self.processes:
            process.found.clear()
        self._repair()
        self.ticks = self.acts = 0

    def _repair(self) -> None:
        """What serves is built anew by those who are woken, if it is broken; what was refused is not."""
        for name, place in self.places.items():
            stable = self.laws.state(name).in_charge
            if stable:
                place.releases.cure(stable.version)

    def _come_to_rest(self) -> None:
        since: dict[str, tuple[str, float]] = {}
        woken = self.timeline.now + 2 * PATIENCE
        for _ in range(CALM_TURNS):
            self.advance()
            if self.laws.breaches or all(self._at_rest(place) for place in self.places.values()):
                return
            for place in self.places.values():
                self._attend(place, since)
            if self.timeline.now > woken:
                self._repair()
        self.laws.breach(f"liveness: never at rest; {self._answers()}")

    def _latest(self, place: Place) -> Any:
        """What the one says who may act; whoever was overtaken there may live on for another environment's sake, and
        what he said last is of yesterday."""
        said = [one for one in self.processes if one.alive and place.name in one.found]
        latest = max(said, key=lambda one: one.session.keeper(place.name).generation, default=None)
        return latest.found[place.name] if latest else None

    def _answer(self, place: Place) -> Wait | None:
        """What the reconciler says now."""
        found = self._latest(place)
        return found.decision.answer if found and isinstance(found.decision.answer, Wait) else None

    def _told(self, place: Place) -> str:
        """The reason that stands on the screen: what stands in the way comes before what is waited for."""
        found, answer = self._latest(place), self._answer(place)
        stalled = [c.reason for c in found.status.conditions if c.type == "Stalled" and c.status] if found else []
        return (stalled or [answer.reason if answer else ""])[0]

    def _answers(self) -> str:
        return "; ".join(f"{name}: {self._answer(place)}" for name, place in self.places.items())

    def _at_rest(self, place: Place) -> bool:
        """As the status says, and as it is: all on stable, which is as git asks or says that the target is held."""
        answer = self._answer(place)
        if answer is None or answer.reason not in ("InSync", "RevisionHeld"):
            self._amiss.pop(place.name, None)  # it says itself that it is not at rest
            return False
        state = self.laws.state(place.name)
        wrong = self._wrong(place, state, answer.reason)
        if not wrong:
            self._amiss.pop(place.name, None)
        elif self.timeline.now > self._amiss.setdefault(place.name, self.timeline.now) + SLOWNESS:
            self.laws.breach(f"liveness: {answer.reason}, and {wrong}")
        return not wrong and not self._untold(place)

    def _wrong(self, place: Place, state: State, reason: str) -> str:
        stable, gateway = state.stable, place.gateway
        if stable is None or state.transition:
            return f"{state.transition} is under way"
        head = self.git.files().get(f"environments/{place.name}.yaml", b"")
        drifts = b"disabled" in head
        if not gateway.up or (gateway.weights != all_on(stable.slot) and not drifts):
            return f"the gateway stands at {gateway.weights}"
        running = {place.members.reads(one).version for one in place.members.weighted(stable.slot)}
        if reason == "InSync" and (running != {stable.version} or not place.answers(stable.slot)):
            return f"{stable} does not run"
        wanted = parsed(head, "head")
        target = wanted.spec.target if isinstance(wanted, manifest.Manifest) else None
        if reason == "InSync" and target != stable:
            return f"git asks for {target}, and {stable} serves"
        idle = ("stopped", "standby")
        owners = [slot for slot in Slot if place.members.all["worker", slot].status.value not in idle]
        return f"the worker runs in {owners}" if owners != [stable.slot] and reason == "InSync" else ""

    def _untold(self, place: Place) -> bool:
        """Git is to hear of the last end; and where its file can be put back, that is done. It may take its time: who
        was refused asks ever more seldom."""
        duty = self.laws.state(place.name).duty
        if duty is None or not duty.revision:
            return False
        head, failed = (self.git.files(one).get(f"environments/{place.name}.yaml") for one in (None, duty.revision))
        said = self.git.notes.get((place.name, duty.revision), "")
        only_noted = b"git: note" in (head or b"")
        left = duty.good and not duty.commit and head == failed and not only_noted
        same = failed == self.git.files(duty.good).get(f"environments/{place.name}.yaml") if left else True
        return not said.startswith(duty.text) or (bool(duty.commit) and duty.commit not in said) or not same

    def _attend(self, place: Place, since: dict[str, tuple[str, float]]) -> None:
        """A person does what the status asks for; without a word for anybody, nothing may last for ever."""
        answer, now = self._answer(place), self.timeline.now
        reason = self._told(place) if answer else since.get(place.name, ("", 0.0))[0]
        if since.setdefault(place.name, (reason, now))[0] != reason:
            since[place.name] = (reason, now)
        waited = now - since[place.name][1]
        if now < self._quiet.get(place.name, 0.0):
            return  # what was asked for last is being done
        idle = answer is not None and answer.reason == "NotReady"  # a staged pin that never gets ready alarms nobody
        if answer and (answer.blocked or ((answer.alert or idle) and waited > PATIENCE)) and self.words < WORDS:
            self.words += 1
            since[place.name], self._quiet[place.name] = ("", now), now + 5.0
            for process in self.processes:
                process.found.pop(place.name, None)
            self.person.answer(place, reason)

    # ---- in the end

    def _audit(self) -> None:
        """The chain holds, everything acknowledged is there, and the one judge of real runs agrees."""
        for process in self.processes:
            if process.alive:
                process.end()
        self.disk.check()
        self.weather.calm = True
        journal = SqliteJournal(self.disk.path, self.clock, self.disk.connect)  # type: ignore[arg-type]
        try:
            journal.verify()
            for name in self.places:
                self.laws.state(name)
                for breach in judge(list(journal.entries(name))).breaches:
                    self.laws.breach(f"the judge: {breach}")
        except JournalError as error:
            self.laws.breach(f"the journal does not verify: {error}")
        self.disk.close()
        self._folder.cleanup()

    # ---- what is patched

    def decided(self, desired: Desired, observed: Observed, state: State, now: float) -> Decision:
        decision = decide(desired, observed, state, now)
        spec = standing(desired, state).spec
        self.laws.edge(Edge(desired, spec, observed, state, now, decision))
        name = spec.environment if spec else ""
        if self._decided.get(name) != decision:
            self._decided[name] = decision
            self.say(f"{name} decision", lambda: f"{decision.rule}: {decision.answer}")
        return decision

    def ticked(self, keeper: Any) -> Any:
        self.ticks += 1
        process = next(one for one in self.processes if one.session._keepers.get(keeper.name) is keeper)
        before, self.looked = self.looked, self.timeline.now
        try:
            found = tick.tick(keeper)
        finally:
            self.laws.state(keeper.name)  # what was written is judged at the time at which it was
            self.looked = before
        self.acts += found.moved
        process.found[keeper.name] = found
        return found


class _Uncaught(logging.Handler):
    """An exception that the loop did not expect is a defect, wherever it comes from."""

    def __init__(self, history: History) -> None:
        super().__init__(logging.ERROR)
        self._history = history

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._history.laws.breach(f"a defect: {type(error).__name__}: {error}")


@contextmanager
def _watched(history: History) -> Iterator[None]:
    """The loop's own names lead through the simulation for as long as it runs."""
    patched: list[tuple[Any, str, Any]] = [
        (tick, "decide", history.decided),
        (run, "tick", history.ticked),
        (snapshot, "read", parsed),
        (rounds, "PATIENCE", 0.0),
        (entry, "load", loaded),
        (sqlite, "secrets", SimpleNamespace(token_hex=lambda _: f"{history.weather.seed:016x}")),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in patched]
    logger, handler = logging.getLogger("reconciler"), _Uncaught(history)
    propagates = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    for module, name, new in patched:
        setattr(module, name, new)
    try:
        yield
    finally:
        for module, name, old in before:
            setattr(module, name, old)
        logger.removeHandler(handler)
        logger.propagate = propagates
