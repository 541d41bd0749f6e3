"""Drills: the same road with stable's own version, and everything as before at its end, whatever happens on the way."""

from __future__ import annotations

import pytest
from core_story import FAILED, ONE_WAY, SHARED, acts, happened, shares
from core_world import WEB, B, G, World, at, serving, spec

from reconciler.cli.rehearsals import compared
from reconciler.core.diff import standing
from reconciler.core.drill import PUNCTUAL
from reconciler.core.events import (
    Accepted,
    Began,
    DrillBegan,
    DrillEnded,
    DrillMissed,
    DrillScheduled,
    Ended,
    Intended,
    Phase,
    Requested,
    RequestRefused,
    RestoreTried,
    RollbackBegan,
    SnapshotTaken,
    Verb,
)
from reconciler.core.history import fold
from reconciler.core.model import (
    Approvals,
    DrillKind,
    DrillPolicy,
    GateSpec,
    Migration,
    Mode,
    OnFailure,
    Outcome,
    Pair,
    Release,
    SetWeight,
    Slot,
    Stage,
)
from reconciler.core.plan import drill_refusal
from reconciler.core.preview import preview
from reconciler.core.reading import Agenda, Closed, SnapshotStatus, Trial
from reconciler.core.situation import Wait
from reconciler.core.steps import Note, PutBack, StageFiles, Start, TakeSnapshot, TryRestore
from reconciler.wording import describe

HOME = Release(B, "v1")
LATER = spec(green="v2", soak=5.0)  # a pin of the next version: another desired state, and users stay where they are
NEXT = spec(G, green="v2")


def drilling(kind: DrillKind = DrillKind.SWITCH_AND_BACK, **changes: object) -> World:
    """At rest on blue@v1, and somebody asks for a drill."""
    world = serving(head=spec(**changes), tells=True)  # type: ignore[arg-type]
    world.say(Verb.DRILL, drill=kind)
    return world


def over(world: World) -> DrillEnded:
    world.until(lambda w: w.tick() and bool(happened(w, DrillEnded)), 3000)
    return happened(world, DrillEnded)[-1]


def refused(world: World) -> str:
    world.say(Verb.DRILL)
    world.until(lambda w: w.state.drill_asked is None)
    assert not world.state.drill
    assert happened(world, RequestRefused)
    return happened(world, RequestRefused)[-1].reason


def told_at_once(world: World) -> str:
    """What whoever asks for one now is told, before it is on record."""
    asked = fold(world.state, Requested(Verb.DRILL))
    return drill_refusal(world.desired, world.look(), asked, world.now)


def as_before(world: World) -> None:
    """At rest at home, nothing held, nothing said in git, and nothing of it left in the idle slot."""
    world.settled()
    state = world.state
    assert (state.stable, world.weights, state.held, state.drill) == (HOME, Pair(100, 0), (), None)
    assert not world.notes
    assert not acts(world, PutBack) + acts(world, Note)
    assert world.observed.members[B][1].status == "ready"
    world.until(lambda w: (w.tick() and w.state.leftover is None) or w.state.leftover.stopped, 3000)
    world.settled()
    assert world.observed.members[G][0].status == "stopped"


def test_a_switch_and_back_takes_the_whole_road_twice_and_ends_where_it_began() -> None:
    world = drilling()
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    assert shares(world)[1:] == [10, 50, 100, 90, 50, 0]
    assert [(event.newcomer, event.drill) for event in happened(world, Began)] == [
        (Release(G, "v1"), DrillKind.SWITCH_AND_BACK),
        (HOME, DrillKind.SWITCH_AND_BACK),
    ]
    assert [event.phase for event in happened(world, Ended)] == [Phase.SUCCEEDED, Phase.SUCCEEDED]
    as_before(world)
    assert world.state.last is None


def test_a_rollback_is_rehearsed_from_full_weight_with_all_handed_over_and_measured() -> None:
    world = drilling(DrillKind.ROLLBACK)
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    (back,) = happened(world, RollbackBegan)
    assert (back.condition, back.hold) == ("Drill", False)
    assert shares(world)[1:] == [10, 50, 100, 0]
    assert happened(world, Ended)[-1].phase is Phase.ROLLED_BACK
    (last,) = world.state.drilled
    assert last.safety is not None
    assert 0 <= last.safety <= 2 < last.took
    as_before(world)


def test_a_drill_neither_migrates_nor_plans_to_ask_what_is_asked_before_a_migration() -> None:
    dry_run = GateSpec("dry-run", "migration", Stage.MIGRATE, Mode.ENFORCE)
    world = drilling(migration=Migration("up", "check", True), gates=(WEB, dry_run))
    world.until(lambda w: w.tick() and w.state.transition is not None)
    in_force = standing(world.desired, world.state).spec
    assert in_force
    assert (in_force.migration, in_force.gates) == (None, (WEB,))
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    world.settled()
    again = standing(world.desired, world.state).spec
    assert again
    assert again.gates == (WEB, dry_run), "git's own word counts again"


def test_what_was_retired_in_the_idle_slot_is_not_brought_up_by_a_drill() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.ended()
    world.now += 2000.0  # the rollback window is over, too
    world.until(lambda w: w.tick() and w.state.leftover is not None and w.state.leftover.stopped, 3000)
    world.say(Verb.DRILL)
    over(world)
    assert world.state.stable == Release(G, "v2")
    world.until(lambda w: w.tick() and w.state.leftover is not None and w.state.leftover.stopped, 3000)
    world.settled()
    assert world.observed.members[B][0].status == "stopped"
    assert acts(world, StageFiles)[-1] == StageFiles(B, "v2")
    world.say(Verb.DRILL)
    world.until(lambda w: w.tick() and len(happened(w, DrillEnded)) == 2, 3000)
    assert len(world.state.drilled) == 2


# ---- refused -----------------------------------------------------------------------------------------------------


def test_it_is_refused_while_the_idle_slot_holds_a_staged_pin() -> None:
    assert "green holds v2, staged for its switch" in refused(serving(head=spec(green="v2")))


def test_it_is_refused_while_there_is_a_release_to_return_to() -> None:
    world = serving()
    world.commit(spec(G, green="v2"))
    world.ended()
    assert "blue@v1 is still up" in refused(world.settled())
    world.until(lambda w: w.tick() and w.state.leftover is not None and w.state.leftover.stopped, 3000)
    assert "blue@v1 can still be returned to" in refused(world.settled())


def test_it_is_refused_in_a_transition() -> None:
    world = serving()
    world.commit(NEXT)
    world.until(at(10))
    assert "green@v2 is under way" in refused(world)


@pytest.mark.parametrize("stop", [Verb.PAUSE, Verb.SUSPEND, Verb.DOWN])
def test_it_is_refused_while_it_stands_still(stop: Verb) -> None:
    world = serving()
    world.say(stop, reason="for lunch")
    assert "for lunch" in refused(world)


def test_it_is_refused_while_a_version_is_held() -> None:
    world = serving()
    world.verdicts["v2"] = FAILED
    world.commit(NEXT)
    world.ended()
    world.waits("RevisionHeld")
    assert "RevisionHeld" in refused(world)


def test_it_is_refused_while_the_head_is() -> None:
    world = serving()
    world.commit(None)
    assert "DesiredInvalid" in refused(world)


def test_it_is_refused_where_it_would_not_fit_before_a_window_closes() -> None:
    world = serving()
    world.closed = (Closed(world.now + 100.0, world.now + 5000.0, "deny 0 0 24 12 *", "2026-12-27 00:00 KST"),)
    said = refused(world)
    assert "does not fit in the windows: deny 0 0 24 12 *; it opens at 2026-12-27 00:00 KST" in said


def test_an_override_of_windows_is_none_for_a_drill() -> None:
    world = serving()
    world.closed = (Closed(world.now - 1.0, None, "for ever"),)
    world.say(Verb.RESUME, override=True, reason="urgent")
    assert "does not fit in the windows" in refused(world)


def test_it_is_refused_in_a_drill() -> None:
    world = drilling().until(at(50))
    world.say(Verb.DRILL)
    world.until(lambda w: w.state.drill_asked is None)
    assert "a drill is under way" in happened(world, RequestRefused)[-1].reason


def test_one_that_nobody_could_begin_in_time_is_refused() -> None:
    world = serving()
    world.agenda = Agenda(over=True)
    assert "ask again" in refused(world)


def test_what_is_to_be_done_anyway_comes_first() -> None:
    """A drift is healed, and then the drill begins."""
    world = drilling()
    world.set_gateway(weights=Pair(90, 10))
    world.until(lambda w: w.state.drill is not None)
    assert world.weights == Pair(100, 0)


# ---- what may happen on the way --------------------------------------------------------------------------------------


def test_a_newcomer_that_fails_in_a_drill_is_not_held() -> None:
    world = drilling()
    world.until(at(50))
    world.verdicts["v1"] = FAILED
    found = over(world)
    assert found.phase is Phase.ROLLED_BACK
    assert found.reason.startswith("AnalysisFailed")
    as_before(world)


MOVING = (DrillKind.SWITCH_AND_BACK, DrillKind.ROLLBACK)  # users


@pytest.mark.parametrize("kind", MOVING)
@pytest.mark.parametrize("rung", [10, 50, 100])
def test_an_abort_ends_it_at_home(kind: DrillKind, rung: int) -> None:
    world = drilling(kind)
    world.until(at(rung))
    world.say(Verb.ABORT, reason="enough")
    assert over(world).phase is Phase.ABORTED
    as_before(world)


@pytest.mark.parametrize("head", [NEXT, LATER, spec(soak=5.0)], ids=["switch", "pin", "policy"])
def test_a_commit_on_the_way_out_ends_it_and_is_done(head: object) -> None:
    world = drilling().until(at(50))
    world.commit(head)  # type: ignore[arg-type]
    assert over(world).phase is Phase.SUPERSEDED
    world.until(lambda w: w.tick() and w.state.transition is None)
    assert happened(world, Ended)[0].phase is Phase.SUPERSEDED
    assert not world.state.held
    world.settled()
    assert world.state.stable == head.target  # type: ignore[attr-defined]


@pytest.mark.parametrize("head", [NEXT, LATER, spec(soak=5.0)], ids=["switch", "pin", "policy"])
def test_a_commit_on_the_way_home_waits_until_users_are_there(head: object) -> None:
    world = drilling().until(lambda w: w.tick() and w.state.stable == Release(G, "v1"))
    world.until(lambda w: w.tick() and w.state.transition is not None and w.state.transition.rung == 50)
    world.commit(head)  # type: ignore[arg-type]
    found = over(world)
    assert found.phase is Phase.SUPERSEDED
    assert [event.phase for event in happened(world, Ended)] == [Phase.SUCCEEDED, Phase.SUCCEEDED]
    assert world.state.stable == HOME
    assert [event.digest for event in happened(world, Accepted)][-1] == head.digest  # type: ignore[attr-defined]
    world.settled()
    assert world.state.stable == head.target  # type: ignore[attr-defined]


def test_a_commit_that_asks_for_what_is_rehearsed_makes_it_the_real_thing() -> None:
    world = drilling().until(at(50))
    world.commit(spec(G, green="v1"))
    assert over(world).phase is Phase.SUPERSEDED
    assert world.state.transition
    world.settled()
    assert world.state.stable == Release(G, "v1")
    assert [event.phase for event in happened(world, Ended)] == [Phase.SUCCEEDED]
    assert world.state.last
    assert world.notes


@pytest.mark.parametrize("head", [None, spec(blue="v9")], ids=["nobody can read it", "it changes stable in place"])
@pytest.mark.parametrize("home", [False, True], ids=["out", "home"])
def test_a_head_that_is_refused_disturbs_no_drill(head: object, home: bool) -> None:
    world = drilling().until(lambda w: w.tick() and (w.state.stable == Release(G, "v1") if home else at(50)(w)))
    world.commit(head)  # type: ignore[arg-type]
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    assert (world.state.stable, world.weights) == (HOME, Pair(100, 0))


def test_a_way_home_that_fails_is_tried_again_only_when_somebody_says_so() -> None:
    world = drilling().until(lambda w: w.tick() and w.state.stable == Release(G, "v1"))
    world.until(lambda w: w.tick() and w.state.transition is not None and w.state.transition.rung == 50)
    world.verdicts["v1"] = FAILED
    wait = world.waits("DrillAway")
    assert wait.blocked
    assert "reconcile retry demo" in wait.message
    assert (world.state.stable, world.weights, world.state.held) == (Release(G, "v1"), Pair(0, 100), ())
    world.verdicts.clear()
    ends = len(happened(world, Ended))
    world.now += 5000.0
    world.waits("DrillAway")
    assert len(happened(world, Ended)) == ends
    world.say(Verb.RETRY)
    assert over(world).phase is Phase.ROLLED_BACK
    as_before(world)


def test_away_from_home_its_version_is_started_again_where_it_serves() -> None:
    world = drilling().until(lambda w: w.tick() and w.state.stable == Release(G, "v1"))
    world.verdicts["v1"] = FAILED
    world.waits("DrillAway")
    world.put(G, world.observed.members[G][0].status.STOPPED, None, "api")
    world.waits("DrillAway")
    assert world.observed.members[G][0].version == "v1"


def test_away_from_home_a_commit_may_say_where_to_go() -> None:
    world = drilling().until(lambda w: w.tick() and w.state.stable == Release(G, "v1"))
    world.verdicts["v1"] = FAILED
    world.waits("DrillAway")
    world.verdicts.clear()
    world.commit(spec(B, blue="v2", green="v1"))
    assert over(world).phase is Phase.SUPERSEDED
    world.settled()
    assert world.state.stable == Release(B, "v2")


@pytest.mark.parametrize("kind", MOVING)
def test_one_whose_time_is_over_on_its_way_out_goes_back(kind: DrillKind) -> None:
    world = drilling(kind, drill=DrillPolicy(kind, expires=30.0), steps=(SetWeight(10), SetWeight(100)), soak=300.0)
    world.until(lambda w: w.tick() and w.state.transition is not None and w.state.transition.up)
    world.verdicts["v1"] = Outcome.INCONCLUSIVE
    found = over(world)
    assert (found.phase, found.reason) == (Phase.ABORTED, "DrillExpired: the drill's time is over")
    as_before(world)


def test_the_wall_clock_ends_it_too() -> None:
    """The loop was down for days in its midst: what was watched is not all that counts."""
    world = drilling().until(at(50))
    world.agenda = Agenda(over=True)
    assert over(world).phase is Phase.ABORTED
    as_before(world)


def test_one_that_nobody_approves_expires() -> None:
    asked = Approvals((Stage.PREFLIGHT,))
    world = drilling(approvals=asked, drill=DrillPolicy(expires=500.0))
    world.waits("WaitingApproval")
    world.now += 600.0
    assert over(world).phase is Phase.ABORTED
    as_before(world)


def test_who_approves_the_way_out_is_not_asked_about_the_way_home() -> None:
    world = drilling(approvals=Approvals((Stage.SHIFT,)))
    world.waits("WaitingApproval")
    world.vote()
    assert over(world).phase is Phase.SUCCEEDED
    as_before(world)


def test_a_no_ends_it_and_holds_nothing() -> None:
    world = drilling(approvals=Approvals((Stage.SHIFT,)))
    world.waits("WaitingApproval")
    world.vote(approve=False)
    assert over(world).phase is Phase.ABORTED
    as_before(world)


def test_a_window_that_closes_over_it_stops_its_forward_steps_only_and_may_be_overridden() -> None:
    world = drilling().until(at(50))
    world.closed = (Closed(world.now - 1.0, None, "for ever"),)
    world.waits("Frozen")
    world.say(Verb.RESUME, override=True, reason="let it end")
    world.until(at(100))


def test_nothing_is_migrated_in_a_drill() -> None:
    world = drilling(migration=ONE_WAY, steps=(SetWeight(100),))
    assert over(world).phase is Phase.SUCCEEDED
    assert not world.migrations
    as_before(world)


def test_down_in_its_midst_ends_it_and_everything() -> None:
    world = drilling().until(at(50))
    world.say(Verb.DOWN, reason="a power cut is announced")
    world.waits("Down")
    assert not world.gateway.up
    world.say(Verb.RESUME)
    assert over(world).phase is Phase.ABORTED
    as_before(world)


@pytest.mark.parametrize("stop", [Verb.PAUSE, Verb.SUSPEND])
def test_what_stands_still_between_its_ways_goes_home_when_it_may(stop: Verb) -> None:
    world = drilling().until(lambda w: w.tick() and w.state.stable == Release(G, "v1"))
    world.say(stop, reason="for lunch")
    world.waits("Paused" if stop is Verb.PAUSE else "Suspended")
    world.now += 20000.0
    world.tick()
    assert (world.state.stable, world.weights) == (Release(G, "v1"), Pair(0, 100))
    world.say(Verb.RESUME)
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    as_before(world)


def test_moved_back_by_hand_in_its_midst_holds_nothing() -> None:
    world = drilling().until(at(50))
    world.move_by_hand(Slot.BLUE)
    world.waits("Suspended")
    assert world.state.held == ()
    world.say(Verb.RESUME)
    world.settled()
    assert (world.state.held, world.state.stable, world.weights) == ((), HOME, Pair(100, 0))


def test_adopting_ends_it() -> None:
    world = drilling().until(at(50))
    before = world.state.duty
    world.say(Verb.ADOPT, slot=Slot.BLUE)
    world.settled()
    assert (world.state.drill, world.state.stable) == (None, HOME)
    assert world.state.drilled[-1].phase is Phase.SUPERSEDED
    assert world.state.duty == before  # git is told nothing of a drill


def test_a_crash_in_its_midst_changes_nothing() -> None:
    """Everything about it is in memory, and that is folded from the journal."""
    world = drilling()
    for crash in ("before", "after") * 8:
        world.crash = crash
        world.until(lambda w: not w.crash or bool(happened(w, DrillEnded)), 300)
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    as_before(world)


def test_the_very_version_that_serves_is_nothing_to_roll_back_to() -> None:
    world = serving(head=spec(green="v1"))
    world.say(Verb.DRILL)
    over(world)
    world.say(Verb.ROLLBACK)
    world.settled()
    assert "is the very version that serves" in world.state.request_refused
    assert world.observed.members[G][0].status == "ready"  # git pins it there: it stays up


# ---- a restore -------------------------------------------------------------------------------------------------------


def restoring(**changes: object) -> World:
    return drilling(DrillKind.RESTORE, **{"snapshot": SHARED} | changes)


def at_home(world: World) -> None:
    """Nobody was moved, nothing was started in the other slot, and nothing is left of it."""
    as_before(world)
    assert shares(world) in ([], [0])
    assert not [act for act in acts(world, Start) if act.slot is G]


def test_a_restore_is_rehearsed_on_the_recovery_point_that_was_just_taken_and_moves_nobody() -> None:
    world = restoring()
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    done = [type(event.act) for event in happened(world, Intended) if getattr(event.act, "slot", None) is G]
    assert done == [StageFiles, TakeSnapshot, TryRestore]
    assert {act.drill for act in acts(world, TakeSnapshot)} == {DrillKind.RESTORE}, "it is marked as a drill's"
    (taken,), (tried,) = happened(world, SnapshotTaken), happened(world, RestoreTried)
    assert (tried.name, tried.digest, tried.trial, tried.before) == (taken.name, taken.digest, world.trial, None)
    (back,) = happened(world, RollbackBegan)
    assert (back.condition, back.hold) == ("Drill", False)
    (last,) = world.state.drilled
    assert (last.trial, last.safety) == (world.trial, None)
    at_home(world)


def test_a_restore_is_compared_with_the_one_before_it() -> None:
    world = restoring()
    over(world)
    first, world.trial = world.trial, Trial(4, 900, 2.5)
    world.until(lambda w: w.tick() and w.state.leftover is not None and w.state.leftover.stopped, 3000)
    world.say(Verb.DRILL, drill=DrillKind.RESTORE)
    world.until(lambda w: w.tick() and len(happened(w, DrillEnded)) == 2, 3000)
    assert [event.before for event in happened(world, RestoreTried)] == [None, first]
    assert compared(world.state.drilled).endswith("put back: 4 files, 900 bytes in 2.5s (before: 700 bytes in 2s)")


def test_a_restore_without_a_recovery_point_in_the_manifest_is_refused() -> None:
    world = serving()
    world.say(Verb.DRILL, drill=DrillKind.RESTORE)
    world.until(lambda w: w.state.drill_asked is None)
    assert not world.state.drill
    assert "its manifest has no `snapshot`" in happened(world, RequestRefused)[-1].reason


@pytest.mark.parametrize("onfailure", list(OnFailure))
@pytest.mark.parametrize("asked", [None, Approvals((Stage.PREFLIGHT,))], ids=["", "approvals"])
def test_what_cannot_be_put_back_ends_the_drill_at_once_and_holds_nothing(
    onfailure: OnFailure, asked: Approvals | None
) -> None:
    world = restoring(on_failure=onfailure, approvals=asked)
    world.tries = SnapshotStatus.FAILED
    if asked:
        world.waits("WaitingApproval")
        world.vote()
    found = over(world)
    assert (found.phase, found.reason) == (Phase.ROLLED_BACK, "RestoreFailed: it ended failed")
    assert (len(world.trials), world.state.drilled[-1].trial) == (1, None)
    at_home(world)


def test_a_recovery_point_that_cannot_be_taken_is_not_tried() -> None:
    world = restoring()
    world.saves = SnapshotStatus.FAILED
    assert over(world).reason.startswith("SnapshotFailed")
    assert not world.trials
    at_home(world)


@pytest.mark.parametrize("crash", ["before", "after"])
def test_a_crash_in_mid_restore_has_it_done_anew(crash: str) -> None:
    world = restoring()
    world.until(lambda w: bool(happened(w, SnapshotTaken)))
    world.crash = crash
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    assert len(acts(world, TryRestore)) == 2
    assert len(happened(world, RestoreTried)) == len(happened(world, SnapshotTaken)) == 1
    at_home(world)


def in_midst(**changes: object) -> World:
    """It is being put back, and that takes long."""
    world = restoring(**changes)
    world.tries = SnapshotStatus.TRYING
    return world.until(lambda w: w.tick() and bool(w.trials) and not w.state.intent)


def test_in_mid_restore_it_is_waited_for_without_a_deadline() -> None:
    world = in_midst()
    world.waits("TryingRestore")
    world.now += 2000.0
    world.waits("TryingRestore")
    world.tries = SnapshotStatus.TRIED
    assert over(world) == DrillEnded(Phase.SUCCEEDED)


def test_an_abort_in_mid_restore_ends_it() -> None:
    world = in_midst()
    world.say(Verb.ABORT, reason="enough")
    assert over(world).phase is Phase.ABORTED
    assert not happened(world, RestoreTried)
    at_home(world)


def test_a_restore_whose_time_is_over_ends() -> None:
    world = in_midst(drill=DrillPolicy(DrillKind.RESTORE, expires=300.0))
    world.now += 300.0
    found = over(world)
    assert (found.phase, found.reason) == (Phase.ABORTED, "DrillExpired: the drill's time is over")
    at_home(world)


@pytest.mark.parametrize("head", [NEXT, LATER, spec(soak=5.0)], ids=["switch", "pin", "policy"])
def test_a_commit_in_mid_restore_ends_it_and_is_done(head: object) -> None:
    world = in_midst()
    world.commit(head)  # type: ignore[arg-type]
    assert over(world).phase is Phase.SUPERSEDED
    world.settled()
    assert world.state.stable == head.target  # type: ignore[attr-defined]
    assert not happened(world, RestoreTried)


def test_a_commit_that_asks_for_what_a_restore_stages_makes_it_the_real_thing() -> None:
    world = in_midst()
    world.commit(spec(G, green="v1", snapshot=SHARED))
    assert over(world).phase is Phase.SUPERSEDED
    world.settled()
    assert world.state.stable == Release(G, "v1")
    assert not happened(world, RestoreTried)


@pytest.mark.parametrize("stop", [Verb.PAUSE, Verb.SUSPEND])
def test_a_restore_stands_still_where_everything_does(stop: Verb) -> None:
    world = restoring()
    world.until(lambda w: w.tick() and w.state.transition is not None)
    world.say(stop, reason="for lunch", leave_split=True)
    world.waits("Paused" if stop is Verb.PAUSE else "Suspended")
    assert not world.trials
    world.say(Verb.RESUME)
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    at_home(world)


def test_the_way_of_a_restore_is_previewed() -> None:
    world = restoring()
    road = preview(world.desired, world.look(), world.state, world.now)
    told = [describe(planned.what) for planned in road.steps]
    assert any(one.startswith("put the recovery point back beside") for one in told)
    assert not [planned for planned in road.steps if isinstance(planned.what, Start)]
    assert road.state.drilled[-1].phase is Phase.SUCCEEDED


def test_drills_of_other_kinds_take_a_recovery_point_and_put_none_back() -> None:
    world = drilling(snapshot=SHARED)
    assert over(world) == DrillEnded(Phase.SUCCEEDED)
    assert len(world.snapshots) == 2
    assert not world.trials


# ---- by the schedule -------------------------------------------------------------------------------------------------

MONTHLY = "0 3 1 * * Asia/Seoul"
DUE = "2026-11-30T18:00:00Z"


def scheduled(**changes: object) -> World:
    world = serving(head=spec(drill=DrillPolicy(), **changes))  # type: ignore[arg-type]
    world.agenda = Agenda(MONTHLY, "2026-10-31T18:00:00Z", late=1e6)
    world.settled()
    return world


def test_what_was_due_before_a_schedule_was_known_is_nobodys_business() -> None:
    world = scheduled()
    assert happened(world, DrillScheduled) == [DrillScheduled(MONTHLY, "2026-10-31T18:00:00Z")]
    assert not happened(world, DrillBegan) + happened(world, DrillMissed)


def test_one_that_is_due_begins_once() -> None:
    world = scheduled()
    world.agenda = Agenda(MONTHLY, DUE, late=2.0, now="2026-11-30T18:00:02Z", until="2026-11-30T22:00:02Z")
    world.until(lambda w: w.tick() and bool(happened(w, DrillBegan)))
    (began,) = happened(world, DrillBegan)
    assert (began.due, began.until, began.at) == (DUE, world.agenda.until, world.agenda.now)
    over(world)
    as_before(world)
    assert len(happened(world, DrillBegan)) == 1


def test_one_that_was_missed_is_said_and_not_made_up_for() -> None:
    world = scheduled()
    world.agenda = Agenda(MONTHLY, DUE, late=PUNCTUAL + 1)
    world.settled()
    assert happened(world, DrillMissed) == [DrillMissed(DUE, "nobody was here to begin it then")]
    assert world.state.missed.startswith(DUE)
    assert not happened(world, DrillBegan)


def test_what_stands_in_its_way_for_some_minutes_makes_it_missed() -> None:
    world = scheduled()
    world.say(Verb.PAUSE, reason="a fair")
    world.agenda = Agenda(MONTHLY, DUE, late=2.0)
    assert isinstance(world.tick().answer, Wait)
    world.agenda = Agenda(MONTHLY, DUE, late=PUNCTUAL + 1)
    world.until(lambda w: w.tick() and bool(happened(w, DrillMissed)))
    assert "Paused: a fair" in happened(world, DrillMissed)[0].reason


def test_it_begins_as_soon_as_nothing_stands_in_its_way_any_more() -> None:
    world = scheduled()
    world.say(Verb.PAUSE)
    world.agenda = Agenda(MONTHLY, DUE, late=2.0)
    world.tick()
    world.say(Verb.RESUME)
    world.until(lambda w: w.state.drill is not None)
    assert not happened(world, DrillMissed)


def test_another_schedule_begins_anew() -> None:
    world = scheduled()
    world.agenda = Agenda("0 3 * * * UTC", "2026-11-29T03:00:00Z", late=50.0)
    world.settled()
    assert happened(world, DrillScheduled)[-1].schedule == "0 3 * * * UTC"
    assert not happened(world, DrillBegan)


@pytest.mark.parametrize("verb", [None, Verb.PAUSE, Verb.SUSPEND])
def test_what_is_told_at_once_is_what_the_loop_would_say(verb: Verb | None) -> None:
    """With no word before it: the next version is staged in the idle slot."""
    world = serving(head=spec() if verb else LATER, tells=True)
    world.settled()
    if verb:
        world.say(verb, reason="lunch")
        world.tick()
    told = told_at_once(world)
    assert told
    assert refused(world) == told


def test_nothing_is_told_at_once_where_one_would_begin_or_something_is_done_first() -> None:
    world = serving(head=spec(), tells=True)
    world.settled()
    assert told_at_once(world) == ""
    world.set_gateway(weights=Pair(70, 30))
    assert told_at_once(world) == "", "a drift is healed first, and then it begins"
    assert not world.state.drill_asked, "looking asks for nothing"
