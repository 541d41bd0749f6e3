"""What the simulation brought to light: the journal fails, or somebody writes to it, at the worst moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loop_world import Stand, spec

from reconciler.core.events import Intended, Requested, SoakBegan, Verb
from reconciler.core.model import Desired, Slot
from reconciler.core.steps import Route
from reconciler.errors import Fenced, JournalError
from reconciler.loop.queue import WorkQueue
from reconciler.loop.run import Runner
from reconciler.loop.tick import tick


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    yield found
    found.close()


def run(stand: Stand, seconds: float = 30.0) -> None:
    end = stand.clock.seconds + seconds
    while stand.clock.seconds < end:
        stand.clock.seconds += 0.0 if tick(stand.keeper).moved else 0.5


def test_an_error_of_the_journal_does_not_end_the_watching(stand: Stand) -> None:
    """The watcher's thread would die of an exception, and no commit would be noticed any more."""

    class Source:
        looks = 0

        def look(self) -> list[str]:
            self.looks += 1
            if self.looks == 2:
                raise JournalError("disk I/O error")
            return []

        def names(self) -> list[str]:
            return ["prod"]

    source = Source()
    runner = Runner(source, lambda _: stand.keeper)
    for _ in range(3):
        runner.look_and_wake()
    assert source.looks == 3


def test_a_queue_that_is_not_waited_for_says_so(stand: Stand) -> None:
    queue = WorkQueue(stand.clock)
    queue.wake("prod", after=1.0)
    assert queue.take(wait=False) is None
    stand.clock.seconds = 1.0
    assert queue.take(wait=False) == "prod"


def test_time_that_may_be_on_record_already_does_not_count_twice(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """An I/O error at a commit leaves open whether the entry is there. Here it is."""
    extend = stand.journal.extend

    def applied_and_lost(*arguments: Any, **named: Any) -> None:
        extend(*arguments, **named)
        raise JournalError("disk I/O error")

    run(stand)
    stand.keeper.stopwatch.look()
    before = stand.keeper.now
    stand.clock.seconds += 4.0
    stand.keeper.stopwatch.look()
    stand.keeper.note(SoakBegan(), "test")
    monkeypatch.setattr(stand.journal, "extend", applied_and_lost)
    with pytest.raises(JournalError):
        stand.keeper.write()
    stand.keeper.catch_up()
    assert stand.keeper.now == pytest.approx(before + 4.0)


@pytest.mark.parametrize("word", ["suspend", "takeover"])
def test_who_is_overtaken_after_the_intent_does_not_act(stand: Stand, word: str) -> None:
    """Members know no generation: only the journal can tell a process that slept that it must not touch them."""
    run(stand)
    stand.head = spec(Slot.GREEN)
    overtaken: list[int] = []

    def meddle(point: str) -> None:
        if point == "intent-written" and not overtaken:
            overtaken.append(len(stand.gateway.writes))
            if word == "takeover":
                stand.journal.take("prod", "another")
            else:
                stand.journal.append("prod", Requested(Verb.SUSPEND, leave_split=True), actor="operator")

    stand.boundary = meddle  # type: ignore[method-assign]
    found = tick(stand.keeper)
    while not overtaken:
        found = tick(stand.keeper)
    assert found.decision.rule == "look-again"
    assert overtaken == [len(stand.gateway.writes)]


def test_law_20_what_is_done_while_the_branch_cannot_be_read_is_signed_with_what_is_in_force(stand: Stand) -> None:
    run(stand)
    assert stand.in_force
    unreadable = Desired("", None, "git cannot read this repository", in_force=stand.in_force)
    stand.keeper._look = lambda _state: unreadable
    stand.gateway.reading = type(stand.gateway.reading)(
        True, stand.gateway.reading.weights.replace(Slot.GREEN, 30).replace(Slot.BLUE, 70),  # type: ignore[union-attr]
        stamp=stand.gateway.reading.stamp, counters=stand.gateway.reading.counters,
    )  # fmt: skip
    run(stand, 5.0)
    routes = [e.event for e in stand.journal.entries("prod") if isinstance(e.event, Intended)]
    healed = [event for event in routes if isinstance(event.act, Route)]
    assert len(healed) > 1
    assert all(len(event.revision) == 40 for event in healed)


def test_who_finds_the_gateway_sealed_by_a_later_one_stops(stand: Stand) -> None:
    """It is no unreachable gateway: waiting would never end."""
    run(stand)
    stand.keeper._sealed = False
    stand.gateway.sealed = 9
    with pytest.raises(Fenced):
        tick(stand.keeper)
