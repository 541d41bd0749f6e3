"""Deliberate defects of loop, journal and contracts, and the law by which a history must find each of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sim_history import Outcome

from reconciler import session
from reconciler.core import outcomes, voting
from reconciler.core.events import Applied, Intended
from reconciler.core.reading import MemberReading, MemberStatus, Observed
from reconciler.core.state import Held
from reconciler.core.steps import PutBack, Result, Route
from reconciler.desired.snapshot import Desires
from reconciler.errors import Unreachable
from reconciler.journal.sqlite import SqliteJournal
from reconciler.loop import keeper, run, stopwatch
from reconciler.loop.keeper import Keeper
from reconciler.measure import rounds

tick: Any = importlib.import_module("reconciler.loop.tick")
observing: Any = importlib.import_module("reconciler.observe")


@dataclass(frozen=True)
class Mutant:
    """Replace `where.name` by `new`; a history that breaks one of `laws` has found it."""

    where: Any
    name: str
    new: Any
    laws: tuple[str, ...]
    hint: int = 0  # a seed that found it when this was written; looked at first

    @property
    def seeds(self) -> tuple[int, ...]:
        return (self.hint, *range(300))

    def kills(self, found: Outcome) -> bool:
        named = tuple(f"{law}:" for law in self.laws)  # law 2 is not law 20
        return any(said.startswith(named) for said in found.breaches)

    @contextmanager
    def planted(self) -> Iterator[None]:
        old = self.where.__dict__[self.name]
        setattr(self.where, self.name, self.new)
        try:
            yield
        finally:
            setattr(self.where, self.name, old)


_done = outcomes._done
_extend, _apply, _observe, _world = SqliteJournal.extend, keeper.apply, Keeper.observe, Keeper.world


def forget_to_seal(self: Keeper, spec: Any) -> Any:
    self._sealed = True
    return _world(self, spec)


def expect_nothing(self: SqliteJournal, *arguments: Any, **named: Any) -> Any:
    return _extend(self, *arguments, **{**named, "expected": None})


def believe_in_silence(*arguments: Any) -> Applied:
    applied = _apply(*arguments)
    return Applied(Result.DONE) if applied.result is Result.UNKNOWN else applied


def act_first(k: Keeper, desired: Any, observed: Any, decision: Any) -> Applied:
    applied = k.apply(decision.answer.act, observed)
    k.note(tick.intended(decision, desired, k.state), decision.rule)
    k.note(applied, decision.rule)
    k.write()
    return applied


def compare_with_nothing(world: Any, spec: Any, act: Any, reading: Any, *rest: Any) -> Applied:
    """The command goes out as if it had been computed from whatever stands there now."""
    try:
        reading = world.gateway.read() if isinstance(act, Route) else reading
    except Unreachable:
        pass
    return _apply(world, spec, act, reading, *rest)


def take_unknown_for_stopped(self: Keeper, desired: Any, state: Any) -> Observed:
    seen = _observe(self, desired, state)
    gone = MemberReading(MemberStatus.STOPPED)

    def known(readings: Any) -> Any:
        return tuple(gone if one.status is MemberStatus.UNKNOWN else one for one in readings)

    members = replace(seen.members, blue=known(seen.members.blue), green=known(seen.members.green))
    return replace(seen, members=members)


def always_forward(self: Desires, head: str, accepted: str) -> bool:
    return True


@contextmanager
def swallow_a_failed_commit(self: SqliteJournal) -> Iterator[Any]:
    """As if an error of the disk were none."""
    with self._connected() as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        try:
            connection.execute("COMMIT")
        except Exception:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def act_although_overtaken(k: Keeper, desired: Any, observed: Any, decision: Any) -> Applied:
    """Whoever slept after writing the intent goes on as if nobody had come in the meantime."""
    intent = tick.intended(decision, desired, k.state)
    k.note(intent, decision.rule)
    k.write()
    k.boundary("intent-written")
    applied = k.apply(intent.act, observed)
    k.note(applied, decision.rule)
    k.write()
    return applied


def die_of_the_journal(self: run.Runner) -> None:
    """The watching thread does not survive an error of the journal."""
    self.look()
    for name in list(self._keepers):
        if self._keepers[name].has_news():
            self._queue.wake(name)


def any_window(self: rounds.Rounds, gate: Any, window: Any) -> Any:
    latest = self._latest.get(gate.name)
    if latest is not None:
        return replace(latest.reading, window=window)
    return rounds.GateReading(gate.name, rounds.Outcome.RUNNING, window)


def take_every_vote(vote: Any, *_: Any) -> str:
    return ""


def forget_what_was_put_back(state: Any, act: Any, reason: str) -> Any:
    return state if isinstance(act, PutBack) else _done(state, act, reason)


def end_with_any_pins(self: Held, pins: Any) -> bool:
    """As long as no slot is pinned to it, whatever was pinned before."""
    return self.version not in (pins.blue, pins.green)


def hear_no_window(*_: Any) -> tuple[()]:
    return ()


def without_a_revision(decision: Any, desired: Any, state: Any = None) -> Intended:
    return Intended(decision.answer.act, decision.rule, decision.answer.because, desired.revision)


MUTANTS = {
    "forget to seal the gateway": Mutant(Keeper, "world", forget_to_seal, ("law 5",), hint=1049),
    "write to the journal without expected=": Mutant(
        SqliteJournal, "extend", expect_nothing, ("law 19", "the judge: law 19", "law 8"), hint=61
    ),
    "take a lost reply for done": Mutant(keeper, "apply", believe_in_silence, ("law 8",), hint=61),
    "act before the intent is durable": Mutant(tick, "_act", act_first, ("law 8",), hint=0),
    "drop the compare-and-set": Mutant(keeper, "apply", compare_with_nothing, ("law 7", "law 8", "law 2"), hint=374),
    "take an unreadable member for stopped": Mutant(Keeper, "observe", take_unknown_for_stopped, ("law 21",), hint=12),
    "take every head for newer": Mutant(Desires, "_goes_forward", always_forward, ("law 14",), hint=8),
    "swallow a failed commit": Mutant(SqliteJournal, "_transaction", swallow_a_failed_commit, ("law 8",), hint=2),
    "touch members after a takeover": Mutant(
        tick, "_act", act_although_overtaken, ("law 5", "law 21", "law 10", "law 19"), hint=121
    ),
    "let the watcher die of the journal": Mutant(
        run.Runner, "look_and_wake", die_of_the_journal, ("liveness",), hint=43
    ),
    "count time that nobody watched": Mutant(stopwatch, "LONGEST", 1e9, ("law 18",), hint=3),
    "take a verdict about another window": Mutant(rounds.Rounds, "_answer", any_window, ("law 3",), hint=202),
    "take every vote": Mutant(voting, "objection", take_every_vote, ("law approval",), hint=3),
    "forget what was put back": Mutant(outcomes, "_done", forget_what_was_put_back, ("law git",), hint=122),
    "end a hold when the file is put back": Mutant(Held, "ends_with", end_with_any_pins, ("law 4",), hint=12),
    "hear no window": Mutant(session, "shut", hear_no_window, ("law windows",), hint=43),
    "sign with no revision": Mutant(tick, "intended", without_a_revision, ("law 20",), hint=2),
}
