"""A newcomer whose data must be migrated first. Each name is a promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_story import FAILED, acts, happened, shares
from core_world import ON_BLUE, ON_GREEN, READY, STOPPED, B, G, World, at, serving, spec, switching

from reconciler.core.events import HoldBegan, Intended, Migrated, Phase, Requested, RollbackBegan, StagePassed, Verb
from reconciler.core.model import GateSpec, HandOver, Migration, Mode, OnFailure, Outcome, Release, SetWeight, Stage
from reconciler.core.preview import preview
from reconciler.core.reading import MigrationReading, MigrationStatus
from reconciler.core.rest import rollback_refusal
from reconciler.core.steps import Migrate, Route, StageFiles, Start

BOTH_WORK, ONE_WAY = Migration("migrate", "migrated", True), Migration("migrate", "migrated", False)
DRY_RUN = GateSpec("dry-run", "migration", Stage.MIGRATE, Mode.ENFORCE)
AT_ONCE = (SetWeight(100), HandOver(("worker",)))
APPLIED, MISSING, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN


def migrating(migration: Migration = BOTH_WORK, **changes: object) -> World:
    """At rest on blue@v1, and a commit asks for green@v2, whose data is not ready."""
    return switching(migration=migration, **changes)


def outgrown() -> World:
    """All traffic is on green@v2, and blue@v1 does not work with its data."""
    return migrating(ONE_WAY, steps=AT_ONCE).until(at(100))


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


# ---- oldVersionWorks: false ------------------------------------------------------------------------------------------


def test_after_a_migration_that_stable_does_not_bear_a_failure_holds_and_asks() -> None:
    world = outgrown()
    world.verdicts["v2"] = FAILED
    wait = world.waits("Holding")
    assert wait.until is None
    assert "does not work with the migrated data" in wait.message
    world.now += 10_000  # no timeout leads back
    assert world.waits("Holding")
    assert world.weights == ON_GREEN


def test_it_holds_even_before_it_has_users() -> None:
    world = migrating(ONE_WAY, steps=AT_ONCE).until(lambda w: bool(happened(w, Migrated)))
    world.frail.add("v2")
    world.waits("Holding")
    assert happened(world, HoldBegan)
    assert not happened(world, RollbackBegan)


def test_abort_is_a_persons_word_and_goes_back_all_the_same() -> None:
    world = outgrown()
    world.verdicts["v2"] = FAILED
    world.waits("Holding")
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    assert world.weights == ON_BLUE


def test_a_late_rollback_onto_data_that_it_does_not_work_with_is_refused() -> None:
    world = outgrown()
    world.ended()
    world.settled()
    assert world.in_force
    assert "does not work with it" in rollback_refusal(world.in_force, world.state, world.now)
    world.fold(Requested(Verb.ROLLBACK))
    world.settled()
    assert world.state.stable == Release(G, "v2")


def test_the_commit_that_takes_the_declaration_away_does_not_make_the_old_version_work() -> None:
    """What was done is on record; the manifest in force says nothing about it."""
    world = outgrown()
    world.commit(spec(G, green="v2", steps=AT_ONCE))
    world.verdicts["v2"] = FAILED
    world.waits("Holding")
    world.verdicts.clear()
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED
    world.settled()
    assert world.in_force
    assert "does not work with it" in rollback_refusal(world.in_force, world.state, world.now)


def test_a_version_whose_data_need_nothing_may_come_back() -> None:
    """A commit back to v1, whose check says `applied` though nothing ran: v2 is what the data were made for."""
    world = outgrown()
    world.ended()
    world.settled()
    world.data.add("v1")
    world.commit(spec(B, blue="v1", green="v2", migration=ONE_WAY, steps=AT_ONCE))
    world.until(at(100))
    world.verdicts["v1"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.state.stable == Release(G, "v2")


def test_nobody_is_led_back_by_a_fallback_a_reboot_or_a_gateway_that_comes_again() -> None:
    world = outgrown()
    assert world.gateway.fallback is None
    world.reboot()
    world.until(lambda w: w.weights == ON_GREEN and w.gateway.up)
    assert [act.after.weights for act in acts(world, Route)][-1] == ON_GREEN
    assert not happened(world, RollbackBegan)


def test_a_dead_newcomer_from_which_nothing_leads_back_is_started_again_while_a_person_is_asked() -> None:
    world = outgrown()
    world.put(G, STOPPED, None, "api")
    world.waits("Holding")
    world.until(lambda w: w.observed.members[G][0].status is READY)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_a_policy_commit_while_it_runs_does_not_ask_for_the_dry_run_again() -> None:
    world = migrating(gates=(DRY_RUN,))
    world.until(lambda w: bool(w.migrations))
    world.verdicts["v2"] = FAILED  # the data are locked now
    world.commit(spec(G, green="v2", migration=BOTH_WORK, gates=(DRY_RUN,), soak=7.0))
    assert world.ended() is Phase.SUCCEEDED


def test_an_abort_waits_for_a_migration_that_runs_and_says_what_it_left() -> None:
    world = migrating(ONE_WAY, steps=AT_ONCE)
    world.until(lambda w: bool(w.migrations))
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    assert happened(world, Migrated)[0].one_way
    assert world.state.last
    assert "does not work with them" in world.state.last.reason


def test_a_migration_that_is_declared_under_users_counts_from_the_next_transition() -> None:
    world = switching().until(at(50))
    world.commit(spec(G, green="v2", migration=ONE_WAY, steps=AT_ONCE))
    assert world.ended() is Phase.SUCCEEDED
    assert world.migrations == []


def test_a_hold_that_a_person_has_mended_goes_on() -> None:
    """Neither the attempts nor the time of before count any more."""
    world = switching(on_failure=OnFailure.HOLD, progress_deadline=30.0).until(at(10))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    world.now += 100
    world.waits("Holding")
    world.verdicts.clear()
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_a_migration_that_failed_leaves_the_old_version_as_it_was_and_goes_back() -> None:
    world = migrating(ONE_WAY, steps=AT_ONCE)
    world.migrates = MISSING
    assert world.ended() is Phase.ROLLED_BACK
    assert not happened(world, HoldBegan)


def test_the_other_way_round_a_failure_goes_back_as_ever() -> None:
    world = migrating(on_failure=OnFailure.ROLLBACK).until(at(10))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert world.observed.members[B][0].status is READY


def test_the_preview_shows_the_migration_at_its_place() -> None:
    world = migrating()
    shown = preview(world.desired, world.observed, world.state, world.now)
    rules = [planned.rule for planned in shown.steps]
    assert rules.index("migrate") < rules.index("bring-up")
    assert shown.ended
    assert shown.ended.phase is Phase.SUCCEEDED
