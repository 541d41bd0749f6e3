"""`oldVersionWorks: false`: stable does not work with the data any more. Nothing leads back to it but a person."""

from __future__ import annotations

from core_story import AT_ONCE, FAILED, ONE_WAY, acts, happened, migrating, outgrowing
from core_world import ON_BLUE, ON_GREEN, STOPPED, B, G, World, at, spec, switching

from reconciler.core.events import Adopted, HoldBegan, Migrated, Phase, Requested, RollbackBegan, Verb
from reconciler.core.model import Admission, Release
from reconciler.core.preview import preview
from reconciler.core.reading import MemberStatus, MigrationStatus
from reconciler.core.rest import rollback_refusal
from reconciler.core.simulate import WhatIf
from reconciler.core.steps import Route
from reconciler.loop.keeper import _fair


def outgrown() -> World:
    """All traffic is on green@v2, and blue@v1 does not work with its data."""
    return migrating(ONE_WAY, steps=AT_ONCE).until(at(100))


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


def test_a_migration_that_failed_leaves_the_old_version_as_it_was_and_goes_back() -> None:
    world = migrating(ONE_WAY, steps=AT_ONCE)
    world.migrates = MigrationStatus.FAILED
    assert world.ended() is Phase.ROLLED_BACK
    assert not happened(world, HoldBegan)


def test_after_an_abort_the_next_attempt_still_knows_it() -> None:
    world = outgrowing().until(at(100))
    world.say(Verb.ABORT)
    assert world.ended() is Phase.ABORTED
    world.say(Verb.RETRY)
    world.until(at(100))
    assert world.gateway.fallback is None
    world.verdicts["v2"] = FAILED
    world.waits("Holding", limit=60)
    assert world.weights == ON_GREEN


def test_so_does_the_version_that_superseded_it() -> None:
    world = outgrowing().until(at(100))
    world.data.add("v3")  # the same schema
    world.commit(spec(G, green="v3", migration=ONE_WAY, steps=AT_ONCE))
    world.until(
        lambda w: bool(
            w.state.transition and w.state.transition.newcomer.version == "v3" and w.state.transition.rung == 100
        )
    )
    assert world.gateway.fallback is None
    world.verdicts["v3"] = FAILED
    world.waits("Holding", limit=60)
    assert world.weights == ON_GREEN


def test_so_it_does_where_nobody_saw_whether_it_was_applied() -> None:
    """The command ran in the first attempt; nobody saw whether it was applied, and it was."""
    world = outgrowing()
    world.migrates = MigrationStatus.UNKNOWN
    world.waits("MigrationUnknown")
    world.data.add("v2")
    world.say(Verb.ABORT)
    world.ended()
    world.say(Verb.RETRY)
    world.until(at(100))
    world.verdicts["v2"] = FAILED
    for _ in range(10):
        world.tick()
    assert world.weights == ON_GREEN


def test_the_preview_of_the_next_attempt_says_what_a_failure_leads_to() -> None:
    """Same world, same failure: the preview says Holding, and what is done is RolledBack."""
    world = outgrowing().until(at(100))
    world.say(Verb.ABORT)
    world.ended()
    world.say(Verb.RETRY)
    shown = preview(world.desired, world.look(), world.state, world.now, WhatIf(100, FAILED))
    world.until(at(100))
    world.verdicts["v2"] = FAILED
    for _ in range(5):
        world.tick()
    done = "Holding" if world.state.transition and world.state.transition.holding_since is not None else "back"
    assert (shown.end.reason == "Holding") == (done == "Holding"), (shown.end, world.state.last)


def test_nobody_is_led_back_by_a_cookie() -> None:
    world = outgrowing().until(at(100))
    assert world.gateway.admission[B] is Admission.CLOSED


def test_nor_after_success() -> None:
    world = outgrowing()
    world.ended()
    world.settled()
    assert world.gateway.admission[B] is Admission.CLOSED


def test_a_failed_newcomer_holds_also_while_the_old_version_dies_on_the_migrated_data() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.frail.add("v1")
    world.put(B, STOPPED, None, "api")
    world.verdicts["v2"] = FAILED
    for _ in range(100):
        world.tick()
    assert [one.reason.partition(":")[0] for one in happened(world, HoldBegan)] == ["AnalysisFailed"]


def test_what_users_meet_is_held_against_the_newcomer_while_the_old_version_is_not_ready() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.put(B, MemberStatus.UNREADY, "v1", "api")
    found = world.look()
    assert _fair(found, world.head, world.state)  # else every reading is about another window, and none ever counts


def test_a_check_that_says_no_makes_the_old_version_as_good_as_ever() -> None:
    """Somebody restored the data, and the next attempt's migration failed."""
    world = outgrown()
    world.say(Verb.ABORT)
    world.ended()
    world.data.clear()
    world.migrates = MigrationStatus.FAILED
    world.say(Verb.RETRY)
    assert world.ended() is Phase.ROLLED_BACK
    assert world.state.behind == ()


def test_a_person_who_adopts_says_what_is_good() -> None:
    world = outgrown()
    world.say(Verb.ABORT)
    world.ended()
    world.say(Verb.ADOPT, slot=B)
    world.until(lambda w: bool(happened(w, Adopted)))
    assert world.state.behind == ()


def test_the_next_attempt_begins_also_where_the_old_version_is_not_ready_any_more() -> None:
    """There is no way back to wait for."""
    world = outgrown()
    world.say(Verb.ABORT)
    world.ended()
    world.slow.add("v1")
    world.put(B, MemberStatus.UNREADY, "v1", "api")
    world.say(Verb.RETRY)
    assert world.ended() is Phase.SUCCEEDED
