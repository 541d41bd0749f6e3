"""The fold is total: any event, in any order, gives a state that can be hashed, compared and stays small."""

from __future__ import annotations

import pickle
from dataclasses import fields
from typing import get_args

import pytest
from core_walk import Walk
from core_world import LADDER, NEWCOMER, ON_BLUE, B, G, at, switching
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core import events, steps
from reconciler.core.events import (
    Accepted,
    Applied,
    Began,
    DriftFound,
    Ended,
    HealthNoted,
    HoldBegan,
    Intended,
    LetGo,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
    Verb,
)
from reconciler.core.gates import due
from reconciler.core.history import fold
from reconciler.core.model import (
    Admission,
    DrillKind,
    Outcome,
    Pair,
    Pause,
    Release,
    Routing,
    SetWeight,
    Slot,
    Snapshot,
    Stage,
    share,
)
from reconciler.core.outcomes import cursor_at
from reconciler.core.reading import MigrationStatus, Trial
from reconciler.core.state import State
from reconciler.core.steps import CloseGateway, Route, StageFiles, Start, Stop, Warm
from reconciler.core.tally import Tally

SLOTS, VERSIONS = st.sampled_from(Slot), st.sampled_from(["v1", "v2", "v3", "v1#0a1b2c3d"])
TEXT, SHARES = st.sampled_from(["", "because"]), st.sampled_from([0, 10, 30, 50, 100])
RELEASES = st.builds(Release, SLOTS, VERSIONS)
WEIGHTS = st.builds(share, SLOTS, SHARES)
PINS = st.builds(Pair, st.none() | VERSIONS, st.none() | VERSIONS)
ADMISSIONS = st.builds(Pair, st.sampled_from(Admission), st.sampled_from(Admission))
LADDERS = st.sampled_from([LADDER, (), (SetWeight(100),), (Pause(None), SetWeight(30), SetWeight(100))])
SHARED = Snapshot(("shared",), "dump")
TRIALS = st.builds(Trial, st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 2.5]))
MEMBERS = st.sampled_from([("api",), ("worker",), ("api", "worker"), ()])
ACTS = st.one_of(
    st.builds(StageFiles, SLOTS, VERSIONS),
    st.builds(Start, SLOTS, VERSIONS, MEMBERS, st.booleans()),
    st.builds(Stop, SLOTS, MEMBERS, st.booleans()),
    st.builds(Warm, SLOTS, VERSIONS),
    st.builds(steps.Migrate, SLOTS, VERSIONS, TEXT),
    st.builds(Route, st.none() | WEIGHTS, st.builds(Routing, WEIGHTS, ADMISSIONS, st.none() | SLOTS), st.booleans()),
    st.just(CloseGateway()),
    st.builds(steps.TakeSnapshot, SLOTS, VERSIONS, TEXT, st.just(SHARED)),
    st.builds(steps.TryRestore, SLOTS, VERSIONS, TEXT, st.just(SHARED), TEXT, TEXT),
    st.builds(steps.PutBack, TEXT, TEXT, TEXT, TEXT, TEXT),
    st.builds(steps.Note, TEXT, TEXT, TEXT),
)
EVENTS = st.one_of(
    st.builds(events.Created, TEXT),
    st.builds(events.GenerationTaken, st.integers(0, 9)),
    st.builds(Requested, st.sampled_from(Verb), st.none() | SLOTS, reason=TEXT, leave_split=st.booleans()),
    st.builds(Accepted, TEXT, TEXT, PINS, TEXT, st.none() | SLOTS),
    st.builds(events.ApprovalAsked, st.sampled_from(Stage), TEXT),
    st.builds(events.Approved, st.sampled_from(Stage), TEXT, TEXT, TEXT, st.sampled_from([0.0, 30.0])),
    st.builds(events.ApprovalVoided, st.sampled_from(Stage), TEXT, TEXT),
    st.builds(events.Admitted, st.sampled_from(Stage), TEXT, st.just(("ann",))),
    st.builds(events.Froze, TEXT),
    st.just(events.Thawed()),
    st.builds(events.Bootstrapped, RELEASES),
    st.builds(events.Adopted, RELEASES),
    st.builds(Began, TEXT, RELEASES, RELEASES, TEXT, TEXT, LADDERS, TEXT),
    st.builds(Began, TEXT, RELEASES, RELEASES, TEXT, TEXT, LADDERS, drill=st.sampled_from(DrillKind)),
    st.builds(Rebound, TEXT, TEXT, LADDERS, st.integers(0, 9)),
    st.builds(Intended, ACTS, TEXT),
    st.builds(Applied, st.sampled_from(steps.Result), TEXT),
    st.builds(StagePassed, st.sampled_from(Stage)),
    st.builds(events.MigrationNoted, st.sampled_from(MigrationStatus), st.booleans(), TEXT),
    st.builds(events.Migrated, VERSIONS, TEXT, st.booleans()),
    st.builds(events.SnapshotTaken, TEXT, TEXT, st.integers(0, 9), st.just(SHARED), TEXT),
    st.builds(events.RestoreTried, TEXT, TEXT, TRIALS, st.none() | TRIALS),
    st.builds(events.RestoreBegan, TEXT, TEXT, TEXT, TEXT),
    st.builds(events.RestoreGivenUp, TEXT, TEXT, TEXT),
    st.builds(events.Restored, TEXT, TEXT, TEXT, VERSIONS),
    st.builds(LetGo, st.just(("worker",))),
    st.builds(StepPassed, st.integers(0, 9), TEXT, MEMBERS),
    st.just(SoakBegan()),
    st.builds(HealthNoted, st.booleans()),
    st.builds(PausedByRule, TEXT),
    st.builds(HoldBegan, TEXT),
    st.builds(RollbackBegan, st.sampled_from(Phase), TEXT, TEXT, st.booleans()),
    st.builds(Ended, st.sampled_from(Phase)),
    st.builds(events.Judged, st.sampled_from(Outcome), TEXT, TEXT),
    st.builds(events.RequestRefused, st.sampled_from(Verb), TEXT),
    st.builds(DriftFound, WEIGHTS, st.none() | WEIGHTS, ADMISSIONS),
    st.builds(events.Retired, SLOTS),
    st.just(events.WentDown()),
    st.builds(events.MovedByHand, WEIGHTS, ADMISSIONS),
    st.builds(events.DrillBegan, st.sampled_from(DrillKind), RELEASES, TEXT, st.sampled_from([30.0, 900.0])),
    st.builds(events.DrillEnded, st.sampled_from(Phase), TEXT),
    st.builds(events.DrillScheduled, TEXT, TEXT),
    st.builds(events.DrillMissed, TEXT, TEXT),
    st.builds(events.EvidenceSealed, TEXT, TEXT),
    st.builds(events.CertificateShown, TEXT, TEXT, st.sampled_from([1e9, 2e9])),
    st.builds(events.CertificateRefused, TEXT, TEXT),
    st.builds(events.CertificateEnding, TEXT, TEXT, st.sampled_from([1e9, 2e9]), st.sampled_from([1e9, 2e9])),
    st.just(events.Watched()),
    st.builds(events.Watched, st.builds(Tally, st.floats(0, 9), st.floats(0, 9))),
)
HISTORIES = st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.5, 90.0])), max_size=60)


def folded(history: list[tuple[events.Event, float]], state: State | None = None) -> State:
    state = state or State()
    for event, elapsed in history:
        state = fold(state, event, elapsed=elapsed)
    return state


@given(HISTORIES)
@settings(max_examples=300)
def test_any_history_folds_to_a_state_that_can_be_hashed(history: list[tuple[events.Event, float]]) -> None:
    state = folded(history)
    assert hash(state) == hash(folded(history))
    assert state == folded(history)
    assert state.seq == len(history)
    assert state.watched == sum(elapsed for _, elapsed in history)


@given(HISTORIES)
@settings(max_examples=150)
def test_any_history_folds_to_a_small_state(history: list[tuple[events.Event, float]]) -> None:
    state = folded(history)
    assert len(state.held) <= 2
    assert len(state.latest) <= 8
    assert len(state.drilled) <= 2 * len(DrillKind)
    assert len(pickle.dumps(state)) < 20_000


@given(HISTORIES, st.integers(0, 60))
@settings(max_examples=150)
def test_folding_in_two_parts_is_folding_once(history: list[tuple[events.Event, float]], cut: int) -> None:
    assert folded(history[cut:], folded(history[:cut])) == folded(history)


@given(HISTORIES)
@settings(max_examples=150)
def test_time_that_was_not_watched_ends_nothing(history: list[tuple[events.Event, float]]) -> None:
    """Only elapsed seconds move the watched clock, and what is remembered never lies ahead of it."""
    state = folded([(event, 0.0) for event, _ in history])
    assert state.watched == 0.0
    t = state.transition
    assert t is None or (t.opened, t.since, t.spent) == (0.0, 0.0, 0.0)


def test_every_kind_of_event_is_in_these_histories() -> None:
    kinds = {type(event) for event in _some_of_each()}
    assert kinds == set(get_args(events.Event))


def _some_of_each() -> list[events.Event]:
    found: list[events.Event] = []

    @given(st.lists(EVENTS, min_size=60, max_size=60))
    @settings(max_examples=30, database=None, derandomize=True)
    def collect(some: list[events.Event]) -> None:
        found.extend(some)

    collect()
    return found


def test_replaying_a_journal_gives_the_same_state() -> None:
    """What was folded event by event while things went wrong is what a restart folds, times apart."""
    world = Walk(7).run().world
    replayed = State()
    for event in world.events:
        replayed = fold(replayed, event)
    assert (replayed.stable, replayed.held, replayed.files) == (world.state.stable, world.state.held, world.state.files)


@pytest.mark.parametrize(("rung", "cursor"), [(0, 0), (9, 0), (10, 1), (49, 1), (50, 3), (99, 3), (100, 5)], ids=str)
def test_a_transition_goes_on_after_the_last_rung_that_it_has_reached(rung: int, cursor: int) -> None:
    assert cursor_at(LADDER, rung) == cursor


def test_a_definite_no_to_a_step_of_the_newcomer_turns_it_back() -> None:
    state = switching().until(at(10)).state
    no = folded(
        [(Intended(Start(G, "v2", ("api",)), "x"), 0.0), (Applied(steps.Result.REFUSED, "no files"), 0.0)], state
    )
    assert no.transition
    assert no.transition.refusal == "no files"
    other = folded([(Intended(Start(B, "v1", ("api",)), "x"), 0.0), (Applied(steps.Result.REFUSED, "no"), 0.0)], state)
    assert other.transition
    assert other.transition.refusal == ""
    assert other.refusal


@pytest.mark.parametrize("result", [steps.Result.CONFLICT, steps.Result.UNKNOWN])
def test_an_unknown_or_conflicting_outcome_is_neither_done_nor_refused(result: steps.Result) -> None:
    before = switching().until(at(10)).state
    route = Route(share(G, 10), Routing(share(G, 50), fallback=B), advance=True)
    after = folded([(Intended(route, "climb"), 0.0), (Applied(result), 0.0)], before)
    assert after.intent is None
    assert after.transition == before.transition
    assert after.refusal is None


def test_a_restarted_newcomer_is_not_up_until_it_is_warm_again() -> None:
    state = switching().until(lambda w: bool(w.state.transition and w.state.transition.up)).state
    again = fold(state, Intended(Start(G, "v2", ("api",)), "bring-up"))
    assert again.transition
    assert not again.transition.up
    assert due(switching().head, again.transition) == ()  # type: ignore[arg-type]


def test_two_slow_members_do_not_forget_each_others_last_stop() -> None:
    one, two = Stop(B, ("api",)), Stop(B, ("worker",), owner=True)
    state = folded([(Intended(act, "x"), 0.0) for act in (one, two, one, two)])
    assert {act for act, _ in state.latest} == {one, two}


def test_a_hold_survives_other_commits_and_ends_with_its_pin() -> None:
    state = State(stable=Release(B, "v1"))
    state = folded([(Began("t", Release(B, "v1"), NEWCOMER, "d", "r", LADDER), 0.0)], state)
    state = folded([(RollbackBegan(Phase.ROLLED_BACK, "X", "y", True), 0.0), (Ended(Phase.ROLLED_BACK), 0.0)], state)
    assert state.is_held("v2")
    assert fold(state, Accepted("other", "r2", Pair("v1", "v2"))).is_held("v2")
    assert not fold(state, Accepted("other", "r2", Pair("v1", "v3"))).is_held("v2")


def test_every_field_of_the_state_is_a_value() -> None:
    state = Walk(3).run().world.state
    assert all(hash(getattr(state, field.name)) is not None for field in fields(state))
    assert share(G, 0) == ON_BLUE
