"""A newcomer before which the data are to be saved. Each name is a promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import BOTH_WORK, FAILED, SHARED, acts, asked, happened, later, outgrowing, saving, shares
from core_world import ON_BLUE, READY, STABLE, STOPPED, B, G, World, at, serving, spec

from reconciler.core.conditions import status
from reconciler.core.events import Intended, Phase, Restored, RollbackBegan, SnapshotTaken, Verb
from reconciler.core.model import Admission, GateSpec, Mode, OnFailure, Snapshot, Stage
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import Observed, SnapshotReading, SnapshotStatus
from reconciler.core.steps import Migrate, Route, StageFiles, Start, TakeSnapshot
from reconciler.wording import describe

DRY_RUN = GateSpec("dry-run", "migration", Stage.MIGRATE, Mode.ENFORCE)


def of_newcomer(world: World) -> list[type]:
    """Kinds of what was done for green, in order, once each."""
    done = [event.act for event in world.events if isinstance(event, Intended)]
    return list(dict.fromkeys(type(act) for act in done if getattr(act, "slot", None) is G))


def test_the_data_are_saved_before_anything_of_the_newcomer_starts() -> None:
    world = saving()
    assert world.ended() is Phase.SUCCEEDED
    assert of_newcomer(world)[:3] == [StageFiles, TakeSnapshot, Start]
    assert len(world.snapshots) == 1


def test_the_data_are_saved_after_the_gates_and_before_the_migration() -> None:
    world = saving(migration=BOTH_WORK, gates=(DRY_RUN,))
    assert world.ended() is Phase.SUCCEEDED
    assert of_newcomer(world)[:4] == [StageFiles, TakeSnapshot, Migrate, Start]
    passed, taken = (next(i for i, event in enumerate(world.events) if told(event)) for told in (_passed, _taken))
    assert passed < taken


def _passed(event: object) -> bool:
    return getattr(event, "stage", None) is Stage.MIGRATE


def _taken(event: object) -> bool:
    return isinstance(event, Intended) and isinstance(event.act, TakeSnapshot)


def test_a_gate_that_fails_before_it_keeps_the_data_from_being_saved_at_all() -> None:
    world = saving(migration=BOTH_WORK, gates=(DRY_RUN,))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.snapshots == []


def test_the_archive_and_its_digest_are_on_record() -> None:
    world = saving()
    world.ended()
    (taken,) = happened(world, SnapshotTaken)
    assert (taken.name, taken.digest, taken.snapshot) == (f"{world.snapshots[0]}.zip", "d1", SHARED)
    assert taken.name in describe(taken)


def test_without_a_recovery_point_nothing_goes_on_and_the_version_is_held_as_after_a_gate() -> None:
    world = saving()
    world.saves = SnapshotStatus.FAILED
    assert world.ended() is Phase.ROLLED_BACK
    (back,) = happened(world, RollbackBegan)
    assert back.condition == "SnapshotFailed"
    assert world.weights == ON_BLUE
    assert shares(world) == [0]
    assert [act for act in acts(world, Start) if act.slot is G] == []
    assert world.state.is_held("v2")
    world.waits("RevisionHeld")


def test_after_retry_it_is_taken_anew() -> None:
    world = saving()
    world.saves = SnapshotStatus.FAILED
    world.ended()
    world.saves = SnapshotStatus.TAKEN
    world.say(Verb.RETRY)
    assert world.ended() is Phase.SUCCEEDED
    assert len(world.snapshots) == 2


def test_under_on_failure_hold_with_approvals_resume_takes_it_anew() -> None:
    world = asked(Stage.PREFLIGHT, snapshot=SHARED, on_failure=OnFailure.HOLD)
    world.waits("WaitingApproval")
    world.vote()
    world.saves = SnapshotStatus.FAILED
    world.waits("Holding")
    world.saves = SnapshotStatus.TAKEN
    world.say(Verb.RESUME)
    world.waits("WaitingApproval")
    world.vote("bob")
    world.until(at(10))
    assert len(world.snapshots) == 2


def test_nothing_is_saved_before_the_beginning_is_approved() -> None:
    world = asked(Stage.PREFLIGHT, snapshot=SHARED)
    world.waits("WaitingApproval")
    assert world.snapshots == []
    world.vote()
    world.until(at(10))
    assert len(world.snapshots) == 1


def test_a_staged_pin_is_not_started_before_the_data_are_saved() -> None:
    world = serving()
    world.commit(spec(green="v2", snapshot=SHARED))
    world.settled()
    assert world.state.files[G] == "v2"
    assert not [act for act in acts(world, Start) if act.slot is G]


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_crash_while_it_is_taken_has_it_taken_again(crash: str) -> None:
    world = saving()
    world.until(lambda w: isinstance(_next(w), TakeSnapshot))
    world.crash = crash
    assert world.ended() is Phase.SUCCEEDED
    assert len(happened(world, SnapshotTaken)) == 1


def test_one_that_was_whole_when_we_died_is_found_and_not_taken_twice() -> None:
    world = saving()
    world.until(lambda w: bool(w.archives))
    world.observed = _forgotten(world)
    assert world.ended() is Phase.SUCCEEDED
    assert len(world.snapshots) == 1
    assert len(acts(world, TakeSnapshot)) == 2


def _next(world: World) -> object:
    decision = decide(world.desired, world.look(), world.state, world.now)
    return getattr(decision.answer, "act", None)


def _forgotten(world: World) -> Observed:
    return replace(world.observed, snapshot=SnapshotReading())


def test_however_long_it_takes_no_deadline_of_the_transition_counts() -> None:
    world = saving()
    world.saves = SnapshotStatus.RUNNING
    world.until(lambda w: bool(w.snapshots))
    later(world, 4000.0)
    assert world.state.transition
    assert not world.state.transition.going_back
    world.saves = SnapshotStatus.TAKEN
    assert world.ended() is Phase.SUCCEEDED


def test_whoever_only_looks_is_told_that_it_is_being_taken() -> None:
    world = saving()
    world.saves = SnapshotStatus.RUNNING
    world.until(lambda w: bool(w.state.transition and w.state.transition.saving))
    seen = _forgotten(world)
    said = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    assert said.reason == "TakingSnapshot"


def test_abort_does_not_wait_for_it() -> None:
    world = saving()
    world.saves = SnapshotStatus.RUNNING
    world.until(lambda w: bool(w.snapshots))
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED


def test_users_and_owners_stay_where_they_are_meanwhile() -> None:
    world = saving()
    world.saves = SnapshotStatus.RUNNING
    world.until(lambda w: bool(w.snapshots))
    world.put(B, STOPPED, None, "worker")
    later(world, 30.0)
    assert world.weights == ON_BLUE
    assert world.observed.members[B][1].status is READY


def test_a_commit_that_asks_for_more_in_its_midst_is_done_and_one_after_the_first_users_comes_too_late() -> None:
    more = Snapshot(("shared", "uploads"))
    world = saving()
    world.until(lambda w: bool(w.state.transition and w.state.transition.saved))
    world.commit(spec(G, green="v2", snapshot=more))
    world.until(at(10))
    assert [event.snapshot for event in happened(world, SnapshotTaken)] == [SHARED, more]
    world.commit(spec(G, green="v2", snapshot=SHARED))
    assert world.ended() is Phase.SUCCEEDED
    assert len(world.snapshots) == 2


def test_the_way_back_by_a_late_rollback_takes_none() -> None:
    world = saving()
    world.ended()
    world.settled()
    world.say(Verb.ROLLBACK)
    assert world.ended() is Phase.ROLLED_BACK
    assert len(world.snapshots) == 1


def test_the_preview_says_it_at_its_place() -> None:
    world = saving(migration=BOTH_WORK)
    road = preview(world.desired, world.look(), world.state, world.now)
    told = [describe(planned.what) for planned in road.steps]
    assert "take a recovery point: folders shared; the dump of db-backup" in told
    kinds = [type(planned.what) for planned in road.steps]
    assert kinds.index(TakeSnapshot) < kinds.index(Migrate) < kinds.index(Start)


def test_what_was_left_behind_by_a_migration_is_not_when_the_data_of_before_are_put_back() -> None:
    world = outgrowing(snapshot=SHARED)
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert not world.state.bears(STABLE)
    world.fold(Restored("a.zip", "d", "", "v3"))
    assert not world.state.bears(STABLE)
    world.fold(Restored("a.zip", "d", "", "v2"))
    assert world.state.bears(STABLE)
    world.data.clear()
    world.say(Verb.ROLLBACK)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE
    assert world.state.stable == STABLE


def test_put_back_in_the_midst_of_a_transition_nobody_knows() -> None:
    world = outgrowing(snapshot=SHARED)
    world.until(lambda w: bool(w.state.transition and w.state.transition.migrated))
    world.fold(Restored("a.zip", "d", "", "v2"))
    assert not world.state.bears(STABLE)


def test_down_then_data_and_release_of_before_come_back_by_rollback_and_resume() -> None:
    world = saving()
    world.ended()
    world.settled()
    world.say(Verb.DOWN)
    world.waits("Down")
    world.fold(Restored("a.zip", "d", "", "v2"))
    world.say(Verb.ROLLBACK)
    world.slow.add("v2")  # it does not work with the data of before
    world.say(Verb.RESUME)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE
    assert all(act.after.admission[B] is Admission.OPEN for act in acts(world, Route) if act.after.weights[B])


def test_where_git_asks_for_none_any_more_it_is_not_waited_for_and_the_deadline_counts_again() -> None:
    world = saving()
    world.saves = SnapshotStatus.RUNNING
    world.until(lambda w: bool(w.snapshots))
    world.slow.add("v2")
    world.commit(spec(G, green="v2"))
    world.until(lambda w: bool(w.state.transition and w.state.transition.starts))
    assert world.ended() is Phase.ROLLED_BACK
    (back,) = happened(world, RollbackBegan)
    assert back.condition == "ProgressDeadlineExceeded"
