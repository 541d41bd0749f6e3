"""A newcomer whose data must be migrated first. Each name is a promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import AT_ONCE, BOTH_WORK, FAILED, ONE_WAY, acts, happened, migrating, outgrowing, shares
from core_world import API, ON_BLUE, READY, STOPPED, WARM, WEB, B, G, World, at, serving, spec, switching

from reconciler.core.conditions import status
from reconciler.core.events import Intended, Migrated, MigrationNoted, Phase, RollbackBegan, StagePassed, Verb
from reconciler.core.model import GateSpec, Mode, OnFailure, Outcome, Stage
from reconciler.core.plan import decide
from reconciler.core.preview import preview
from reconciler.core.reading import MemberStatus, MigrationReading, MigrationStatus
from reconciler.core.steps import Migrate, StageFiles, Start

DRY_RUN = GateSpec("dry-run", "migration", Stage.MIGRATE, Mode.ENFORCE)
APPLIED, MISSING, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN


def beneath(world: World, member: int = 0) -> MemberStatus:
    """How a member of the newcomer read when its migration was begun last."""
    begun = [edge for edge in world.edges if isinstance(getattr(edge.decision.answer, "act", None), Migrate)]
    return begun[-1].observed.members[G][member].status


def order(world: World) -> list[type]:
    return [type(event.act) for event in world.events if isinstance(event, Intended)]


def test_the_data_is_migrated_once_before_anything_of_the_newcomer_starts() -> None:
    world = migrating()
    assert world.ended() is Phase.SUCCEEDED
    ours = [act for act in (*acts(world, StageFiles), *acts(world, Migrate), *acts(world, Start)) if act.slot is G]
    assert [type(act) for act in ours][:3] == [StageFiles, Migrate, Start]
    assert order(world).index(Migrate) < order(world).index(Start, order(world).index(Migrate))
    assert world.migrations == ["v2"]


def test_the_files_come_before_the_data() -> None:
    """Missing files are found out while nothing was changed for them."""
    world = migrating()
    world.until(lambda w: bool(w.migrations))
    assert world.state.files[G] == "v2"


def test_a_staged_pin_waits_for_its_data_and_is_not_started() -> None:
    world = serving()
    world.commit(spec(green="v2", migration=BOTH_WORK))
    world.settled()
    assert world.state.files[G] == "v2"
    assert not [act for act in acts(world, Start) if act.slot is G]
    assert world.migrations == []


def test_nothing_is_migrated_before_the_dry_run_is_good() -> None:
    world = migrating(gates=(DRY_RUN,))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.migrations == []
    assert world.state.is_held("v2")
    assert shares(world) == [0]


def test_a_good_dry_run_is_on_record_and_not_asked_again() -> None:
    world = migrating(gates=(DRY_RUN,))
    world.until(lambda w: bool(w.migrations))
    assert StagePassed(Stage.MIGRATE, "dry-run Successful") in world.events
    world.verdicts["v2"] = FAILED  # it would now say that there is nothing to migrate
    assert world.ended() is Phase.SUCCEEDED


def test_a_migration_that_fails_moves_nobody_and_holds_the_version() -> None:
    world = migrating()
    world.migrates = MISSING
    assert world.ended() is Phase.ROLLED_BACK
    assert world.weights == ON_BLUE
    assert shares(world) == [0]
    assert [event.condition for event in happened(world, RollbackBegan)] == ["MigrationFailed"]
    assert world.migrations == ["v2"]
    assert not [act for act in acts(world, Start) if act.slot is G]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_the_migration_never_runs_it_twice(when: str) -> None:
    world = migrating()
    world.until(lambda w: StagePassed(Stage.MIGRATE) in w.events)
    world.crash = when
    assert world.ended() is Phase.SUCCEEDED
    assert world.migrations == ["v2"]


def test_where_the_check_cannot_tell_a_person_is_asked_and_nothing_starts() -> None:
    world = migrating()
    world.migrates = UNKNOWN
    wait = world.waits("MigrationUnknown")
    assert wait.blocked
    assert wait.alert
    assert not [act for act in acts(world, Start) if act.slot is G]
    world.now += 10_000  # no deadline makes it go back, or on
    assert world.waits("MigrationUnknown").blocked
    world.migrates = APPLIED
    assert world.ended() is Phase.SUCCEEDED


def test_a_long_migration_is_not_taken_for_a_lack_of_progress() -> None:
    world = migrating(progress_deadline=30.0)
    world.until(lambda w: bool(w.migrations))
    world.observed = replace(
        world.observed,
        migration=MigrationReading(MigrationStatus.RUNNING, world.state.transition.id),  # type: ignore[union-attr]
    )
    world.now += 3600
    assert world.ended() is Phase.SUCCEEDED


def test_what_was_migrated_is_asked_about_again_and_not_run_again() -> None:
    """Somebody may have restored the data in between: only the check can tell."""
    world = migrating()
    world.until(at(10))
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    world.say(Verb.RETRY)
    assert world.ended() is Phase.SUCCEEDED
    assert len(acts(world, Migrate)) == 2
    assert world.migrations == ["v2"]


def test_the_next_version_has_a_migration_of_its_own() -> None:
    world = migrating()
    world.ended()
    world.settled()
    world.commit(spec(B, blue="v3", green="v2", migration=BOTH_WORK))
    assert world.ended() is Phase.SUCCEEDED
    assert world.migrations == ["v2", "v3"]
    assert [event.version for event in happened(world, Migrated)] == ["v2", "v3"]


def test_a_policy_commit_while_it_runs_does_not_ask_for_the_dry_run_again() -> None:
    world = migrating(gates=(DRY_RUN,))
    world.until(lambda w: bool(w.migrations))
    world.verdicts["v2"] = FAILED  # the data are locked now
    world.commit(spec(G, green="v2", migration=BOTH_WORK, gates=(DRY_RUN,), soak=7.0))
    assert world.ended() is Phase.SUCCEEDED


def test_the_preview_shows_the_migration_at_its_place() -> None:
    world = migrating()
    shown = preview(world.desired, world.observed, world.state, world.now)
    rules = [planned.rule for planned in shown.steps]
    assert rules.index("migrate") < rules.index("bring-up")
    assert shown.ended
    assert shown.ended.phase is Phase.SUCCEEDED


def test_the_other_way_round_a_failure_goes_back_as_ever() -> None:
    world = migrating(on_failure=OnFailure.ROLLBACK).until(at(10))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.observed.members[B][0].status is READY


def test_what_was_staged_before_the_migration_was_declared_does_not_run_while_its_data_is_migrated() -> None:
    world = serving()
    world.commit(spec(green="v2"))
    world.settled()
    assert world.observed.members[G][0].status is READY
    world.commit(spec(G, green="v2", migration=BOTH_WORK))
    world.until(at(10))
    assert beneath(world) is STOPPED


def test_nor_does_a_newcomer_that_was_up_without_users_when_it_was_declared() -> None:
    world = switching(gates=(GateSpec("pre", "http", Stage.PREFLIGHT, Mode.ENFORCE), WEB))
    world.verdicts["v2"] = Outcome.RUNNING
    world.until(lambda w: bool(w.state.transition and w.state.transition.up))
    world.commit(spec(G, green="v2", migration=BOTH_WORK))
    world.verdicts.clear()
    world.until(at(10))
    assert beneath(world) is STOPPED


def test_nor_does_what_is_left_of_an_aborted_attempt() -> None:
    world = switching(migration=BOTH_WORK).until(at(10))
    world.say(Verb.ABORT)
    world.ended()
    world.data.clear()  # somebody has restored the data
    world.say(Verb.RETRY)
    world.until(at(10))
    assert beneath(world) is STOPPED


def test_nor_does_a_worker_that_stands_by() -> None:
    """`staged` exclusives that stand by run already, too."""
    world = World(head=spec(members=(API, WARM))).settled()
    world.commit(spec(green="v2", members=(API, WARM)))
    world.settled()
    world.commit(spec(G, green="v2", members=(API, WARM), migration=BOTH_WORK))
    world.until(at(10))
    assert beneath(world, 1) is STOPPED


def test_a_shorter_deadline_that_is_committed_meanwhile_does_not_turn_it_back() -> None:
    world = outgrowing(gates=(DRY_RUN,))
    world.verdicts["v2"] = Outcome.RUNNING
    world.until(lambda w: bool(w.state.transition and w.state.transition.spent > 50))
    world.verdicts.clear()
    world.until(lambda w: bool(w.migrations))
    world.commit(spec(G, green="v2", migration=ONE_WAY, steps=AT_ONCE, gates=(DRY_RUN,), progress_deadline=30.0))
    for _ in range(10):
        world.tick()
    assert not happened(world, RollbackBegan)


def test_whoever_only_looks_is_told_that_a_person_is_asked() -> None:
    world = switching(migration=BOTH_WORK)
    world.migrates = MigrationStatus.UNKNOWN
    assert world.waits("MigrationUnknown").blocked
    world.migrates = MigrationStatus.UNKNOWN
    seen = replace(world.look(), migration=MigrationReading())  # `reconcile status`: a process of its own
    for later in (0.0, 6.0):
        found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now + later))
        assert (found.reason, found.exit_code) == ("MigrationUnknown", 3)


def test_what_becomes_known_of_it_is_on_record_once() -> None:
    world = migrating()
    world.ended()
    noted = [event.status for event in happened(world, MigrationNoted)]
    assert noted == [MigrationStatus.RUNNING, APPLIED]
