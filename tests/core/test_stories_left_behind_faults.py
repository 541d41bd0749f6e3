"""What dies, reboots, or is moved by hand, while stable does not work with the data any more."""

from __future__ import annotations

from core_story import AT_ONCE, FAILED, ONE_WAY, happened, migrating, outgrowing
from core_world import API, ON_BLUE, ON_GREEN, READY, STANDBY, STOPPED, WARM, WEB, B, G, World, at, spec

from reconciler.core.events import HoldBegan, LetGo, Migrated, Phase, Verb
from reconciler.core.model import GateSpec, Mode, Outcome, Stage, share
from reconciler.core.reading import MemberStatus

DRAINED = GateSpec("drained", "queue-drained", Stage.HAND_OVER, Mode.ENFORCE)


def outgrown() -> World:
    """All traffic is on green@v2, and blue@v1 does not work with its data."""
    return migrating(ONE_WAY, steps=AT_ONCE).until(at(100))


def test_after_a_reboot_in_the_soak_the_worker_is_owned_again_while_a_person_is_asked() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.reboot()
    world.waits("Holding")
    for _ in range(60):
        world.tick()
    assert world.observed.members[G][0].status is READY
    assert READY in [world.observed.members[slot][1].status for slot in (B, G)]


def test_and_resume_goes_on() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.put(G, STOPPED, None, "worker")
    world.waits("Holding")
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED


def test_the_old_worker_is_not_made_owner_again_and_who_is_waited_for_is_said() -> None:
    same = {"members": (API, WARM), "gates": (WEB, DRAINED)}
    world = World(head=spec(**same)).settled()
    world.commit(spec(G, green="v2", **same, migration=ONE_WAY, steps=AT_ONCE))
    world.until(lambda w: bool(happened(w, LetGo)))
    world.verdicts["v2"] = FAILED
    world.waits("Holding")
    for _ in range(20):
        world.tick()
    assert world.observed.members[B][1].status is STANDBY


def test_down_and_resume_do_not_lead_users_back() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.say(Verb.DOWN)
    world.waits("Down")
    world.say(Verb.RESUME)
    for _ in range(60):
        world.tick()
    assert world.weights == ON_GREEN


def test_half_by_hand_is_not_kept_half() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))

    world.set_gateway(weights=share(G, 50))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    for _ in range(30):
        world.tick()
    assert world.weights in (ON_GREEN, ON_BLUE)


def test_a_hand_that_led_users_back_is_followed_only_when_the_newcomer_is_not_ready() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.slow.add("v2")
    world.put(G, MemberStatus.UNREADY, "v2", "api")
    world.set_gateway(weights=share(G, 50))
    for _ in range(20):
        world.tick()
    assert world.weights == share(G, 50)
    world.slow.clear()
    world.until(lambda w: w.weights == ON_GREEN)


def broken_by_its_data(**changes: object) -> World:
    world = outgrowing(**changes).until(lambda w: bool(happened(w, Migrated)))
    world.slow.add("v1")
    world.put(B, MemberStatus.UNREADY, "v1", "api")
    return world


def test_an_old_version_that_is_not_ready_any_more_does_not_keep_users_from_the_new_one() -> None:
    world = broken_by_its_data()
    world.until(at(100), limit=100)


def test_nor_does_it_after_a_hold_and_resume() -> None:
    world = broken_by_its_data()
    world.verdicts["v2"] = FAILED
    world.waits("Holding")
    world.verdicts.clear()
    world.say(Verb.RESUME)
    world.until(at(100), limit=100)


def test_after_a_reboot_before_the_switch_the_newcomer_is_up_and_a_person_may_adopt_it() -> None:
    world = broken_by_its_data()
    world.reboot()
    for _ in range(20):
        world.tick()
    world.say(Verb.ADOPT, slot=G)
    for _ in range(400):
        world.tick()
    assert world.weights, (world.state.request_refused, world.edges[-1].decision)


def test_before_the_switch_a_reboot_names_the_person_and_the_way_out() -> None:
    world = broken_by_its_data()
    world.reboot()
    wait = world.waits("NotReady")
    world.until(lambda w: w.observed.members[G][0].status is READY)
    wait = world.waits("NotReady")
    assert wait.blocked
    assert "reconcile adopt demo --stable green" in wait.message
    world.slow.clear()  # the old version gets ready after all: it goes on as ever
    assert world.ended() is Phase.SUCCEEDED


def test_after_down_and_resume_it_goes_on_where_it_stood() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.say(Verb.DOWN)
    world.waits("Down")
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED
    assert not happened(world, HoldBegan)


def test_one_that_does_not_come_up_again_after_down_holds() -> None:
    world = outgrowing(soak=50.0).until(at(100, Phase.SOAKING))
    world.say(Verb.DOWN)
    world.waits("Down")
    world.frail.add("v2")
    world.say(Verb.RESUME)
    world.until(lambda w: bool(happened(w, HoldBegan)))
    assert happened(world, HoldBegan)[0].reason.startswith("NeverReady")


def test_a_dead_newcomer_from_which_nothing_leads_back_is_started_again_while_a_person_is_asked() -> None:
    world = outgrown()
    world.put(G, STOPPED, None, "api")
    world.waits("Holding")
    world.until(lambda w: w.observed.members[G][0].status is READY)
    world.say(Verb.RESUME)
    assert world.ended() is Phase.SUCCEEDED
