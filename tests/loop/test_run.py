"""The runner: whose turn it is, what a failing environment costs the others, and when one is given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from loop_world import Clock, spec

from reconciler.core.events import Phase
from reconciler.core.model import Release, Slot
from reconciler.core.plan import Decision
from reconciler.core.situation import Do, Wait
from reconciler.core.state import State, Transition
from reconciler.core.steps import CloseGateway
from reconciler.errors import Fenced, JournalError, Unreachable
from reconciler.loop import run
from reconciler.loop.queue import WorkQueue
from reconciler.loop.run import FACT, MOVING, RESTING, SEEN, UNSURE, Runner, ended, pace
from reconciler.loop.stopwatch import LONGEST


class Keeper:
    """Stands for one environment. `raises`: what its ticks end with."""

    def __init__(self, name: str) -> None:
        self.name, self.generation, self.ticks, self.pace, self.now = name, 0, 0, 0.0, 0.0
        self.state = State()
        self.raises: Exception | None = None
        self.news: bool | Exception = False
        self.closed = self.left = self.gave_up = False

    def take(self) -> None:
        self.generation += 1

    def give_up(self) -> None:
        self.gave_up = True

    def has_news(self) -> bool:
        if isinstance(self.news, Exception):
            raise self.news
        return self.news

    def insist(self) -> None:
        pass

    def leave(self) -> None:
        self.left = not self.closed

    def close(self) -> None:
        self.closed = True


class Source:
    """Git: every environment, and which of them changed since the last look."""

    def __init__(self, *names: str) -> None:
        self.known, self.changed = list(names), set[str]()
        self.broken: Exception | None = None

    def look(self) -> set[str]:
        if self.broken:
            raise self.broken
        changed, self.changed = self.changed, set()
        return changed

    def names(self) -> list[str]:
        return self.known


class Stand:
    """A runner without threads, on a clock that is a value."""

    def __init__(self, *names: str) -> None:
        self.clock, self.source = Clock(), Source(*names)
        self.keepers = {name: Keeper(name) for name in (*names, "later")}
        self.runner = Runner(self.source, self.keepers.__getitem__)  # type: ignore[arg-type]
        self.runner._queue = WorkQueue(self.clock)

    def due(self) -> list[str]:
        """Work on everything that is due now; who had a turn."""
        turns = []
        while (name := self.runner._queue.take(wait=False)) is not None:
            turns.append(name)
            self.runner.work(name)
        return turns

    def pass_by(self, seconds: float) -> list[str]:
        self.clock.seconds += seconds
        return self.due()


def told(
    reason: str = "InSync",
    *,
    act: bool = False,
    moved: bool = False,
    unsure: bool = False,
    until: float | None = None,
) -> Any:
    """A tick's outcome."""
    answer = Do(CloseGateway(), "as told") if act else Wait(reason, until=until)
    status = SimpleNamespace(reason=reason, exit_code=0)
    decision = Decision("as-told", answer)
    return SimpleNamespace(decision=decision, status=status, moved=moved, unsure=unsure, spec=None)


def moved(**changes: Any) -> Transition:
    """A transition that began at 0."""
    blue, green = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
    return replace(Transition("t", blue, green, "d", "r", (), 0.0, 0.0), **changes)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    def tick(keeper: Keeper) -> Any:
        keeper.ticks += 1
        if keeper.raises:
            raise keeper.raises
        return told()

    monkeypatch.setattr(run, "tick", tick)
    made = Stand("bad", "good")
    made.runner.look()
    yield made
    made.runner.stop()


def test_the_first_look_gives_every_environment_a_turn_and_a_generation(stand: Stand) -> None:
    assert sorted(stand.due()) == ["bad", "good"]
    assert stand.due() == [], "and then they rest"
    assert stand.pass_by(RESTING) == ["bad", "good"]
    assert [stand.keepers[name].generation for name in ("bad", "good")] == [1, 1]


@pytest.mark.parametrize("error", [Unreachable("no answer"), JournalError("disk full"), ZeroDivisionError("a defect")])
def test_a_failing_environment_backs_off_and_the_others_go_on(stand: Stand, error: Exception) -> None:
    stand.keepers["bad"].raises = error
    for _ in range(160):
        stand.pass_by(1 / 16)  # 10 s in all
    tried, served = stand.keepers["bad"].ticks, stand.keepers["good"].ticks
    assert served == 20, "one look each 0.5 s, as at rest"
    assert 5 <= tried <= 8, "0.2 s, 0.4 s, 0.8 s, ..., each with jitter"
    stand.keepers["bad"].raises = None
    stand.pass_by(30.0)
    assert stand.keepers["bad"].ticks == tried + 1
    assert stand.pass_by(RESTING) == ["bad", "good"], "once it works its back-off is forgotten"
    assert stand.runner.lost == []


def test_an_environment_that_another_reconciler_took_over_is_given_up(stand: Stand) -> None:
    stand.keepers["bad"].raises = Fenced("generation 7 has taken over")
    stand.due()
    assert stand.runner.lost == ["bad"]
    assert stand.keepers["bad"].gave_up, "no test request is sent beside those of the other one"
    stand.keepers["bad"].raises, stand.keepers["bad"].news = None, True
    stand.runner.wake_one("bad")
    stand.runner.look_and_wake()
    for _ in range(20):
        stand.pass_by(RESTING)
    assert (stand.keepers["bad"].ticks, stand.keepers["good"].ticks) == (1, 21), "it is never touched again"


def test_what_has_news_is_woken_and_nothing_else(stand: Stand) -> None:
    stand.due()
    stand.keepers["good"].news = True
    stand.runner.look_and_wake()
    assert stand.due() == ["good"]
    stand.keepers["good"].news = False
    stand.source.changed = {"bad"}
    stand.runner.look_and_wake()
    assert stand.due() == ["bad"], "its desired state changed"
    stand.runner.look_and_wake()
    assert stand.due() == []
    stand.runner.wake_one("good")
    assert stand.due() == ["good"], "a sampler saw something"


def test_an_environment_that_comes_later_gets_its_turn(stand: Stand) -> None:
    stand.due()
    stand.source.known.append("later")
    stand.runner.look_and_wake()
    assert stand.due() == ["later"]
    assert stand.keepers["later"].generation == 1


def test_an_environment_that_is_gone_before_anybody_keeps_it_stops_no_worker(stand: Stand) -> None:
    """The branch moved between the look that saw it and the one that asks for the names."""
    stand.due()
    stand.source.changed = {"never kept"}
    stand.runner.look()
    assert stand.due() == []


@pytest.mark.parametrize("broken", ["git", "journal"])
def test_a_look_that_fails_is_told_and_the_next_one_works(
    stand: Stand, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    stand.due()
    stand.keepers["good"].news = True
    if broken == "git":
        stand.source.broken = JournalError("disk I/O error")
    else:
        stand.keepers["bad"].news = JournalError("disk I/O error")
    stand.runner.look_and_wake()
    assert "disk I/O error" in caplog.text
    stand.source.broken, stand.keepers["bad"].news = None, False
    stand.runner.look_and_wake()
    assert stand.due() == ["good"]


@pytest.mark.parametrize(("reason", "level"), [("Down", "INFO"), ("Suspended", "WARNING")])
def test_what_was_ordered_and_needs_nobody_is_no_warning(
    stand: Stand, reason: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="reconciler.loop"):
        stand.runner._tell("good", Wait(reason, "by an operator", blocked=True))
    assert [record.levelname for record in caplog.records] == [level]


def test_stopping_lets_go_of_every_environment(stand: Stand) -> None:
    stand.runner.start(2)
    stand.runner.stop()
    assert [stand.keepers[name].closed for name in ("bad", "good")] == [True, True]
    assert [stand.keepers[name].left for name in ("bad", "good")] == [True, True], "what users got is written first"
    assert [thread for thread in stand.runner._threads if thread.is_alive()] == []


@pytest.mark.parametrize(
    ("found", "moving", "seconds"),
    [
        (told(act=True, moved=True), True, 0.0),
        (told(moved=True), True, FACT),
        (told(act=True, moved=True, unsure=True), True, UNSURE),
        (told("Soaking"), True, MOVING),
        (told("NotReady"), False, MOVING),
        (told("Draining"), False, MOVING),
        (told("InSync"), False, RESTING),
        (told("RevisionHeld"), False, RESTING),
    ],
    ids=["act", "fact", "unsure", "transition", "starting", "draining", "in sync", "held"],
)
def test_the_next_look_comes_the_sooner_the_more_moves(found: Any, moving: bool, seconds: float) -> None:
    keeper: Any = SimpleNamespace(state=SimpleNamespace(transition=moving or None), pace=0.0)
    assert pace(found, keeper) == seconds


@pytest.mark.parametrize(
    ("found", "moving", "seconds"),
    [
        (told(act=True, moved=True), True, 0.0),
        (told(moved=True), True, FACT),
        (told(act=True, moved=True, unsure=True), True, UNSURE),
        (told("Soaking"), True, 0.4),
        (told("NotReady"), False, 0.4),
        (told("InSync"), False, 2.0),
    ],
    ids=["act", "fact", "unsure", "transition", "starting", "in sync"],
)
def test_a_gateway_that_is_costly_to_ask_is_asked_seldom_while_nothing_is_done(
    found: Any, moving: bool, seconds: float
) -> None:
    state = State(transition=moved() if moving else None)
    keeper: Any = SimpleNamespace(state=state, pace=0.4, now=0.0)
    assert pace(found, keeper) == seconds


@pytest.mark.parametrize(("costs", "moving", "seconds"), [(60.0, True, SEEN), (1.0, False, SEEN), (0.01, True, MOVING)])
def test_whatever_a_look_costs_all_time_is_watched_and_no_loop_is_busier_than_before(
    costs: float, moving: bool, seconds: float
) -> None:
    state = State(transition=moved() if moving else None)
    keeper: Any = SimpleNamespace(state=state, pace=costs, now=0.0)
    assert pace(told("Soaking"), keeper) == seconds
    assert seconds <= LONGEST / 2, "the look itself may take as long again"


@pytest.mark.parametrize(
    ("now", "until", "changes", "seconds"),
    [
        (100.0, 100.4, {}, 0.4),  # a pause that ends
        (100.0, 99.0, {}, 1.0),  # one that has ended, and something else is waited for
        (100.0, 130.0, {}, 1.0),
        (100.0, 100.0 + 1e-9, {}, FACT),
        (100.0, None, {"unready_since": 97.25}, 0.25),
        (100.0, None, {"spent": 59.5}, 0.5),  # the progress deadline
        (100.0, None, {"spent": 59.5, "phase": Phase.SOAKING, "since": 38.25}, 0.25),  # and after the soak
        (100.0, 100.4, {"unready_since": 97.25}, 0.25),
    ],
)
def test_nobody_sleeps_past_what_the_core_waits_for(
    now: float, until: float | None, changes: dict[str, Any], seconds: float
) -> None:
    found = told("Pausing", until=until)
    found.spec = spec(progress_deadline=60.0)  # and a soak of 2 s
    keeper: Any = SimpleNamespace(state=State(transition=moved(**changes), watched=100.0), pace=1.0, now=now)
    assert pace(found, keeper) == pytest.approx(seconds)


def test_what_is_costly_to_ask_rests_and_is_woken_as_ever(stand: Stand) -> None:
    stand.keepers["good"].pace = 0.4
    stand.due()
    assert [stand.pass_by(RESTING) for _ in range(3)] == [["bad"]] * 3
    assert sorted(stand.pass_by(RESTING)) == ["bad", "good"]
    stand.runner.wake_one("good")
    assert stand.due() == ["good"], "a sampler, or a gate, saw something"
    stand.source.changed = {"good"}
    stand.runner.look_and_wake()
    assert stand.due() == ["good"], "a commit"
    stand.keepers["good"].news = True
    stand.runner.look_and_wake()
    assert stand.due() == ["good"], "a verb"


def test_one_round_ends_where_a_person_is_waited_for_and_not_where_something_is_about_to_come() -> None:
    """A held version makes every look exit with 3; `down` still has a member to stop that was told to a moment ago."""
    keeper: Any = SimpleNamespace(state=SimpleNamespace(transition=None))
    stopping, down = told("NotReady"), told("Down")
    stopping.status.exit_code = down.status.exit_code = 3
    assert not ended(stopping, keeper)
    down.decision = Decision("bring-down", Wait("Down", blocked=True))
    assert ended(down, keeper)
    assert ended(told("InSync"), keeper)
    assert ended(told("RevisionHeld"), keeper)
    assert not ended(told("InSync", moved=True), keeper)
