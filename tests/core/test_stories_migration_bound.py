"""What is found out about a migration is bound to the one that was begun, and is found out on the way back too."""

from __future__ import annotations

from dataclasses import replace

from core_story import AT_ONCE, BOTH_WORK, FAILED, ONE_WAY, acts, happened, migrating, outgrowing
from core_world import G, at, spec, switching

from reconciler.core.events import Applied, Intended, Migrated, Phase, StagePassed, Verb
from reconciler.core.model import GateSpec, Migration, Mode, Outcome, Stage
from reconciler.core.preview import preview
from reconciler.core.reading import MigrationReading, MigrationStatus
from reconciler.core.steps import Migrate, Result

DRY_RUN = GateSpec("dry-run", "migration", Stage.MIGRATE, Mode.ENFORCE)
APPLIED, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.UNKNOWN


def test_what_was_begun_one_way_stays_so_whatever_a_commit_says_while_it_runs() -> None:
    world = outgrowing().until(lambda w: bool(w.migrations))
    world.commit(spec(G, green="v2", migration=BOTH_WORK, steps=AT_ONCE))
    world.until(lambda w: bool(happened(w, Migrated)))
    assert happened(world, Migrated)[0].one_way


def test_another_migration_that_a_commit_asks_for_meanwhile_is_asked_about_too() -> None:
    world = outgrowing().until(lambda w: bool(w.migrations))
    other = Migration("other", "other-done", True)
    world.commit(spec(G, green="v2", migration=other, steps=AT_ONCE))
    world.until(at(100))
    assert len(acts(world, Migrate)) == 2  # its own check was never asked, its command never run


def test_a_migration_that_is_taken_out_before_it_began_is_not_asked_for() -> None:
    world = switching(migration=BOTH_WORK, gates=(DRY_RUN,))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    for _ in range(10):
        world.tick()
    assert not acts(world, Migrate)
    world.verdicts.clear()
    world.commit(spec(G, green="v2"))
    world.ended()
    assert not acts(world, Migrate)  # the real driver refuses it: StepRefused, and the version is held


def test_nor_does_the_preview_show_it() -> None:
    world = switching(migration=BOTH_WORK, gates=(DRY_RUN,))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    for _ in range(10):
        world.tick()
    world.commit(spec(G, green="v2"))
    shown = preview(world.desired, world.look(), world.state, world.now)
    assert not [one for one in shown.steps if isinstance(one.what, Migrate)]


def test_what_was_migrated_without_users_is_asked_about_anew_when_git_names_another_migration() -> None:
    world = migrating().until(lambda w: bool(w.state.transition and w.state.transition.migrated))
    other = Migration("other", "other-done", old_version_works=True)
    world.commit(spec(G, green="v2", migration=other))
    world.until(at(10))
    assert [act.migration for act in acts(world, Migrate)] == [BOTH_WORK, other]
    assert [event.migration for event in happened(world, Migrated)] == [BOTH_WORK, other]


def test_a_word_that_is_taken_back_after_it_ran_counts_too() -> None:
    """`oldVersionWorks: true` was a mistake, found before anybody is on the new version."""
    world = migrating().until(lambda w: bool(w.state.transition and w.state.transition.migrated))
    world.commit(spec(G, green="v2", migration=ONE_WAY, steps=AT_ONCE))
    world.until(at(100))
    world.verdicts["v2"] = FAILED
    assert world.waits("Holding")


def test_one_that_is_taken_out_after_it_began_waits_for_a_person_where_nobody_knows_its_end() -> None:
    world = migrating()
    world.migrates = UNKNOWN
    world.waits("MigrationUnknown")
    world.commit(spec(G, green="v2"))
    world.observed = replace(world.observed, migration=MigrationReading())
    wait = world.waits("MigrationUnknown")
    assert "put `migrate` back" in wait.message
    assert wait.blocked
    assert len(acts(world, Migrate)) == 1


def test_after_an_abort_a_new_process_asks_what_became_of_the_data_and_runs_nothing() -> None:
    world = outgrowing().until(lambda w: bool(w.migrations))
    world.say(Verb.ABORT)
    world.tick()
    world.observed = replace(world.observed, migration=MigrationReading())  # a new process knows of none
    assert world.ended() is Phase.ABORTED
    assert happened(world, Migrated)


def test_an_abort_with_an_unknown_outcome_says_that_nobody_knows_about_the_data() -> None:
    world = outgrowing()
    world.migrates = MigrationStatus.UNKNOWN
    world.waits("MigrationUnknown")
    world.say(Verb.ABORT)
    world.ended()
    assert world.state.last
    assert "whether its data were migrated is not known" in world.state.last.reason


def test_a_check_that_could_not_tell_at_first_is_no_run() -> None:
    """Nothing ever ran (`ran` is False on record of the driver); a failure should go back as ever."""
    world = outgrowing()
    world.data.add("v2")
    world.until(lambda w: bool(acts(w, Migrate)))
    t = world.state.transition
    assert t
    world.observed = replace(
        world.observed, migration=MigrationReading(MigrationStatus.UNKNOWN, t.id, ran=False, migration=ONE_WAY)
    )
    world.until(at(100))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK


def test_one_that_could_not_be_begun_yet_is_no_run() -> None:
    """Another one was under way: the driver says so, and nothing was begun."""
    world = outgrowing().until(lambda w: StagePassed(Stage.MIGRATE) in w.events)
    t = world.state.transition
    assert t
    for _ in range(2):
        world.fold(Intended(Migrate(G, "v2", t.id, ONE_WAY), "migrate"))
        world.fold(Applied(Result.CONFLICT, "a migration has not ended yet"))
    world.data.add("v2")
    world.until(at(100))
    world.verdicts["v2"] = FAILED
    assert world.ended() is Phase.ROLLED_BACK
