"""One tick: the law is that nothing is done without a record, and nothing is assumed that was not read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loop_world import Stand, spec

from reconciler.core.events import Applied, Ended, Intended, Phase, Requested, Verb, Watched
from reconciler.core.model import Desired, Outcome, Pair, Slot, all_on
from reconciler.core.preview import preview
from reconciler.core.steps import Result, Route
from reconciler.errors import Fenced, JournalError, Unreachable
from reconciler.loop.tick import Tick, tick


class Crash(BaseException):
    """The process is gone, here and now."""


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    yield found
    found.close()


def run(stand: Stand, seconds: float = 30.0) -> Tick:
    """Tick until nothing moves any more, time passing as in the loop."""
    end = stand.clock.seconds + seconds
    found = tick(stand.keeper)
    while stand.clock.seconds < end:
        stand.clock.seconds += 0.0 if found.moved else 0.5
        found = tick(stand.keeper)
    return found


def halfway(stand: Stand) -> None:
    """Tick until the newcomer has users."""
    for _ in range(50):
        if stand.gateway.reading.weights == Pair(50, 50):
            return
        run(stand, 0.0)
    pytest.fail("it never had any")


def events(stand: Stand, kind: type) -> list[object]:
    return [entry.event for entry in stand.journal.entries("prod") if isinstance(entry.event, kind)]


def test_how_often_to_look_says_the_gateway_of_the_world_that_is_open(stand: Stand) -> None:
    stand.gateway.capabilities = replace(stand.gateway.capabilities, pace=1.0)
    assert stand.keeper.pace == 0.0, "nothing is open yet"
    tick(stand.keeper)
    assert stand.keeper.pace == 1.0


def test_from_nothing_to_serving_and_on_to_the_other_slot(stand: Stand) -> None:
    run(stand)
    assert stand.gateway.reading.weights == all_on(Slot.BLUE)
    stand.head = spec(Slot.GREEN)
    run(stand)
    assert stand.gateway.reading.weights == all_on(Slot.GREEN)
    assert [write.weights for write in stand.gateway.writes][:3] == [all_on(Slot.BLUE), Pair(50, 50), Pair(0, 100)]
    assert stand.keeper.state.stable is not None
    assert str(stand.keeper.state.stable) == "green@2"


def test_a_tick_with_nothing_to_do_writes_nothing(stand: Stand) -> None:
    run(stand)
    before = stand.journal.head()
    writes = len(stand.gateway.writes)
    for _ in range(5):
        assert not tick(stand.keeper).moved
    assert stand.journal.head() == before
    assert len(stand.gateway.writes) == writes


def test_law_08_without_a_record_there_is_no_act(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN)
    writes = len(stand.gateway.writes)

    def refuse(*_: object, **__: object) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(stand.journal, "extend", refuse)
    for _ in range(3):
        with pytest.raises(JournalError):
            tick(stand.keeper)
    assert len(stand.gateway.writes) == writes


def test_law_20_every_change_of_weight_has_an_intent_and_an_outcome(stand: Stand) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN)
    run(stand)
    intents = [e for e in events(stand, Intended) if isinstance(e, Intended) and isinstance(e.act, Route)]
    assert len(intents) == len(stand.gateway.writes)
    assert all(intent.rule and intent.revision for intent in intents)


def test_an_operator_who_asks_in_the_last_moment_is_heard_before_the_act(stand: Stand) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN)

    def ask(point: str) -> None:
        if point == "observed" and stand.gateway.reading.weights == Pair(50, 50):
            stand.boundary = lambda _: None  # type: ignore[method-assign]
            stand.journal.append("prod", Requested(Verb.ABORT, reason="no"), actor="operator")

    stand.boundary = ask  # type: ignore[method-assign]
    run(stand)
    assert Pair(0, 100) not in [write.weights for write in stand.gateway.writes]
    ended = events(stand, Ended)[-1]
    assert isinstance(ended, Ended)
    assert str(ended.phase) == "Aborted"


@pytest.mark.parametrize("point", ["observed", "intent-written", "effect-done", "effect-read-back", "outcome-written"])
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_crash_at_any_boundary_ends_in_the_same_place(tmp_path: Path, point: str, nth: int) -> None:
    stand = Stand(tmp_path)
    run(stand)
    stand.head = spec(Slot.GREEN)
    count = 0

    def die(name: str) -> None:
        nonlocal count
        count += name == point
        if name == point and count == nth:
            raise Crash(point)

    stand.boundary = die  # type: ignore[method-assign]
    try:
        run(stand)
    except Crash:
        stand.keeper = stand.new_keeper()
    run(stand)
    assert str(stand.keeper.state.stable) == "green@2"
    assert stand.gateway.reading.weights == all_on(Slot.GREEN)
    weights = [write.weights for write in stand.gateway.writes]
    assert weights.index(Pair(50, 50)) < weights.index(Pair(0, 100)), "the ladder is climbed rung by rung all the same"
    stand.close()


def test_law_05_a_fenced_process_stops_acting(stand: Stand) -> None:
    run(stand)
    other = stand.new_keeper()
    other.observe(other.desired(other.state), other.state)  # a new generation sealed the gateway
    stand.head = spec(Slot.GREEN)
    writes = len(stand.gateway.writes)
    with pytest.raises(Fenced):
        tick(stand.keeper)
    assert len(stand.gateway.writes) == writes


def test_law_07_a_gateway_that_changed_since_it_was_read_is_not_written(stand: Stand) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN)

    def meddle(point: str) -> None:
        if point == "intent-written" and len(stand.gateway.writes) == 1:
            stand.gateway.reading = replace(stand.gateway.reading, weights=Pair(90, 10))
            stand.boundary = lambda _: None  # type: ignore[method-assign]

    stand.boundary = meddle  # type: ignore[method-assign]
    run(stand)
    conflicts = [e for e in events(stand, Applied) if isinstance(e, Applied) and e.result is Result.CONFLICT]
    assert len(conflicts) == 1
    assert str(stand.keeper.state.stable) == "green@2"


def test_a_gateway_that_is_silent_moves_nothing_until_it_answers(stand: Stand) -> None:
    run(stand)
    stand.gateway.silent = True
    stand.head = spec(Slot.GREEN)
    found = run(stand, 5.0)
    assert found.status.reason == "GatewayUnreachable"
    stand.gateway.silent = False
    run(stand)
    assert str(stand.keeper.state.stable) == "green@2"


def test_samplers_go_on_through_a_transition_whatever_keeps_its_gates_from_being_asked(stand: Stand) -> None:
    run(stand)
    assert not any(stand.samplers.told)
    stand.head = spec(Slot.GREEN)
    halfway(stand)
    stand.rounds.outcome = Outcome.INCONCLUSIVE
    run(stand, 5.0)
    stand.samplers.told.clear()
    stand.gateway.silent, stand.keeper._sealed = True, False  # a write that nobody answered, and now nobody answers
    run(stand, 20.0)
    assert stand.samplers.told, "though no look came further than to its seal"
    stand.gateway.silent, stand.rounds.outcome = False, Outcome.FAILED
    phases = set()
    for _ in range(20):
        if stand.keeper.state.transition is not None:
            phases.add(stand.keeper.state.transition.phase)
            run(stand, 0.0)
    assert Phase.ROLLING_BACK in phases
    assert all(stand.samplers.told)
    run(stand, 1.0)
    assert stand.keeper.state.transition is None
    assert not stand.samplers.told[-1], "and end with it"


def test_samplers_end_where_somebody_takes_everything_down_in_mid_transition(stand: Stand) -> None:
    run(stand)
    stand.head, stand.rounds.outcome = spec(Slot.GREEN), Outcome.INCONCLUSIVE
    run(stand, 5.0)
    assert stand.samplers.told[-1]
    stand.journal.append("prod", Requested(Verb.DOWN, reason="a night off"), actor="operator")
    run(stand, 5.0)
    assert stand.keeper.state.transition is not None
    assert not stand.samplers.told[-1], "what is down is asked nothing, however long it stays so"


def test_who_is_overtaken_leaves_the_measuring_to_the_other_one(stand: Stand) -> None:
    run(stand)
    stand.head, stand.rounds.outcome = spec(Slot.GREEN), Outcome.INCONCLUSIVE
    run(stand, 5.0)
    stand.keeper.give_up()
    assert stand.samplers.told[-2:] == [True, False]


def test_law_16_the_preview_is_what_is_then_done(stand: Stand) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN)
    state = stand.keeper.catch_up()
    desired = Desired("a" * 40, stand.head, in_force=spec())
    road = preview(desired, stand.keeper.observe(desired, state), state, state.watched)
    planned = [s.what.after.weights for s in road.steps if isinstance(s.what, Route) and s.after < 30.0]
    before = len(stand.gateway.writes)
    run(stand)
    assert [write.weights for write in stand.gateway.writes[before:]] == planned


def test_watched_time_is_kept_by_heartbeats_and_does_not_pass_while_we_are_away(stand: Stand) -> None:
    run(stand)
    stand.head = spec(Slot.GREEN, warm_up=0.0)
    stand.rounds.outcome = Outcome.INCONCLUSIVE
    run(stand, 12.0)
    assert events(stand, Watched), "a transition that waits leaves heartbeats"
    watched = stand.keeper.state.watched
    stand.clock.seconds += 10_000.0
    again = stand.new_keeper()
    assert again.now <= watched + 1.0


def test_law_11_a_write_without_an_answer_is_shut_out_before_the_next_look(stand: Stand) -> None:
    """It may still arrive, when the way back is long decided: so the gateway is sealed again before it is read."""
    run(stand)
    stand.head = spec(Slot.GREEN)
    seals: list[int] = []
    write, seal = stand.gateway.write, stand.gateway.seal

    def unanswered(*_: object) -> None:
        stand.gateway.write = write  # type: ignore[method-assign]
        seals.clear()
        raise Unreachable("no answer in time")

    def counted(generation: int) -> None:
        seals.append(generation)
        seal(generation)

    stand.gateway.write, stand.gateway.seal = unanswered, counted  # type: ignore[method-assign]
    run(stand)
    assert seals == [stand.keeper.generation]
    assert str(stand.keeper.state.stable) == "green@2"
