"""IIS with ARR when things go wrong: answers that are lost, strangers, recycles and reboots, what is missing there."""

# ruff: noqa: F811

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "windows_arr_rig")

from gateway_exam import BLUE, GREEN, JOURNAL, ask, draw, put  # noqa: E402
from gateway_load import Load  # noqa: E402
from gateway_users_exam import CLOSED, DRAINING, OPEN, cookie, shared_apps  # noqa: E402, F401
from windows_arr import Configuration  # noqa: E402
from windows_arr_rig import ArrRig, rig  # noqa: E402, F401
from windows_faults import Cut  # noqa: E402

from reconciler.core.model import Pair, Routing, all_on, share  # noqa: E402
from reconciler.core.reading import GatewayReading  # noqa: E402
from reconciler.drivers.entry import parse  # noqa: E402
from reconciler.drivers.examining import Grade  # noqa: E402
from reconciler.drivers.iis_arr import scripts, served  # noqa: E402
from reconciler.drivers.protocols import Road  # noqa: E402
from reconciler.drivers.roads import ROAD_HEADER, UPSTREAM_HEADER  # noqa: E402
from reconciler.errors import Conflict, Fenced, ReconcilerError, Refused, Unreachable  # noqa: E402

MAP, WEB = "reconciler-production", "reconciler-production.web"
CURE = "run there what `reconcile gateway production` prints"
HALF = Routing(share(GREEN, 50))
DRAINED = Routing(all_on(BLUE), Pair(OPEN, DRAINING))


def weigh(farm: str, slot: str, weight: int, enabled: bool = True) -> Callable[[Configuration], None]:
    """As somebody does it in IIS Manager."""

    def change(found: Configuration) -> None:
        server = found.farms[farm].server(f"{slot}.production.{farm.rpartition('.')[2]}")
        assert server is not None
        server.weight, server.enabled = weight, enabled

    return change


# ---- answers that are lost -------------------------------------------------------------------------------------------


def test_an_answer_that_is_lost_after_the_commit_is_asked_for_again_and_changes_nothing_twice(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    version = rig.arr.version
    rig.arr.meanwhile = lambda: rig.wsman.faults.strike("Receive", Cut(taken=True))
    gateway.write(HALF, before, 1)
    assert rig.wsman.faults.struck == ["Receive"]
    assert gateway.read().weights == share(GREEN, 50)
    assert rig.arr.version == version + 1


def test_without_any_answer_nobody_knows_and_the_next_look_tells(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    rig.arr.meanwhile = lambda: rig.wsman.faults.strike("Receive", *[Cut(taken=True)] * 30)
    with pytest.raises(Unreachable):
        gateway.write(HALF, before, 1)
    rig.wsman.faults.forget()
    found = gateway.read()
    assert found.weights == share(GREEN, 50)
    assert found.stamp is not None
    assert before.stamp is not None
    assert found.stamp.sequence == before.stamp.sequence + 1


def test_a_write_returns_when_the_process_that_serves_goes_by_it(rig: ArrRig, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        assert draw(gateway.users(), 2) == {"blue": 2}
        if len(waits) == 3:
            rig.arr.catch_up()

    monkeypatch.setattr(served, "wait", wait)
    rig.arr.lags = True
    gateway.write(Routing(all_on(GREEN)), before, 1)
    assert len(waits) == 3
    assert draw(gateway.users(), 3) == {"green": 3}


def test_a_change_that_the_process_never_takes_is_not_acknowledged(rig: ArrRig) -> None:
    gateway = rig.open(deadline=2.0)
    before = put(rig.open(), Routing(all_on(BLUE)))
    rig.arr.lags = True
    with pytest.raises(Unreachable):
        gateway.write(Routing(all_on(GREEN)), before, 1)
    if rig.arr.configuration.maps[MAP]["routing"].startswith("0/100/"):  # in time for the commit at least
        with pytest.raises(Unreachable, match="is written, but within"):
            gateway.read()
    rig.arr.catch_up()
    put(rig.open(), Routing(share(GREEN, 99)))


# ---- strangers -------------------------------------------------------------------------------------------------------


def test_a_commit_of_a_strangers_between_look_and_commit_is_a_conflict_and_stays(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    rig.arr.meanwhile = lambda: rig.arr.change(weigh(WEB, "green", 7))
    with pytest.raises(Conflict):
        gateway.write(HALF, before, 1)
    server = rig.arr.configuration.farms[WEB].server("green.production.web")
    assert server is not None
    assert (server.enabled, server.weight) == (True, 7)


def test_a_commit_of_a_strangers_behind_ours_is_a_conflict(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    rig.arr.afterwards = lambda: rig.arr.change(weigh(WEB, "green", 7))
    with pytest.raises(Conflict):
        gateway.write(HALF, before, 1)


def test_who_writes_back_an_old_file_is_seen_by_the_next_look(rig: ArrRig) -> None:
    """Nothing in IIS keeps a stranger from it, or an older one of us: `detect`."""
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    old = rig.arr.configuration
    put(gateway, HALF)
    seen = gateway.read()
    rig.arr.commit(old)
    found = gateway.read()
    assert found.weights == all_on(BLUE)
    assert found.stamp != seen.stamp
    with pytest.raises(Conflict):
        gateway.write(Routing(share(GREEN, 60)), seen, 1)


def test_a_seal_between_look_and_commit_fences(rig: ArrRig) -> None:
    def seal(found: Configuration) -> None:
        found.maps[MAP]["routing"] = parse(found.maps[MAP]["routing"]).seal(9).dump()

    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    rig.arr.meanwhile = lambda: rig.arr.change(seal)
    with pytest.raises(Fenced, match="generation 9"):
        gateway.write(HALF, before, 1)
    assert gateway.read().weights == all_on(BLUE)


def test_what_is_read_is_what_is_in_force_and_not_what_the_map_claims(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    for farm in (WEB, "reconciler-production.api"):
        rig.arr.change(weigh(farm, "green", 100))
    assert gateway.read().weights == share(GREEN, 50)
    healed = put(gateway, Routing(all_on(BLUE)))
    assert healed.weights == all_on(BLUE)
    assert draw(gateway.users(), 5) == {"blue": 5}


def test_farms_that_do_not_agree_are_a_split_that_nobody_wrote(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, HALF)
    rig.arr.change(weigh(WEB, "green", 40))
    assert gateway.read().weights == Pair(0, 0)
    assert put(gateway, HALF).weights == share(GREEN, 50)


def test_an_algorithm_that_does_not_draw_by_weight_is_no_split_of_ours(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, HALF)
    rig.arr.change(lambda found: [setattr(one, "algorithm", "LeastRequests") for one in found.farms.values()] and None)
    assert gateway.read().weights == Pair(0, 0)


def test_a_map_that_was_changed_past_recognition_equals_nothing_and_is_healed(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, HALF)
    rig.arr.change(lambda found: found.maps[MAP].update(routing="nonsense"))
    found = gateway.read()
    assert (found.weights, found.stamp) == (share(GREEN, 50), None)
    gateway.seal(2)
    assert put(gateway, HALF, generation=2).stamp is not None


def test_a_move_by_hand_is_told_by_the_map(rig: ArrRig) -> None:
    """As `rollback.ps1` writes it."""

    def moved(found: Configuration) -> None:
        written = parse(found.maps[MAP]["routing"])
        assert written.stamp is not None
        stamp = replace(written.stamp, sequence=written.stamp.sequence + 1, by_hand=True)
        routing = Routing(all_on(BLUE), Pair(OPEN, CLOSED))
        found.maps[MAP]["routing"] = replace(written, routing=routing, stamp=stamp).dump()
        for farm in found.farms:
            weigh(farm, "blue", 100)(found)
            weigh(farm, "green", 1, enabled=False)(found)

    gateway = rig.open()
    before = put(gateway, HALF)
    rig.arr.change(moved)
    found = gateway.read()
    assert (found.weights, found.admission) == (all_on(BLUE), Pair(OPEN, CLOSED))
    assert found.stamp is not None
    assert found.stamp.by_hand
    with pytest.raises(Conflict):
        gateway.write(HALF, before, 1)
    after = put(gateway, Routing(all_on(BLUE), found.admission))
    assert after.stamp is not None
    assert not after.stamp.by_hand


# ---- what is unknown, and what is not now ----------------------------------------------------------------------------


def test_a_file_that_is_just_being_written_is_unknown_also_behind_our_own_commit(rig: ArrRig) -> None:
    """IIS reads it without a lock. A no would be no lie only where nothing was changed."""
    gateway = rig.open()
    before, version = put(gateway, Routing(all_on(BLUE))), rig.arr.version
    rig.arr.torn = True
    for act in (gateway.read, lambda: gateway.write(HALF, before, 1), lambda: gateway.seal(2), gateway.check):
        with pytest.raises(Unreachable, match=r"ARR: webFarms cannot be read: .*not well-formed XML; is it"):
            act()
    assert rig.arr.version == version
    rig.arr.torn = False
    rig.arr.afterwards = lambda: setattr(rig.arr, "torn", True)
    with pytest.raises(Unreachable, match="not well-formed XML"):
        gateway.write(HALF, before, 1)
    rig.arr.torn = False
    assert (gateway.read().weights, rig.arr.version) == (share(GREEN, 50), version + 1)


def test_a_change_that_is_under_way_there_is_a_conflict_as_it_may_be_our_own(rig: ArrRig) -> None:
    """The first try of a call, whose connection broke, still holds the mutex."""
    gateway = rig.open()
    before, version = put(gateway, Routing(all_on(BLUE))), rig.arr.version
    rig.arr.busy = True
    for act in (lambda: gateway.write(HALF, before, 1), lambda: gateway.seal(2)):
        with pytest.raises(Conflict, match="under way there; try again"):
            act()
    assert (gateway.read(), rig.arr.version) == (before, version)
    rig.arr.busy = False
    gateway.write(HALF, before, 1)


# ---- recycles and reboots --------------------------------------------------------------------------------------------


def test_a_recycle_in_mid_drain_is_told_and_healed_and_gives_nearly_nothing_away(rig: ArrRig) -> None:
    """The process forgets who drains. Until the next look the slot gets one in a hundred."""
    gateway = rig.open(sessions="sticky")
    put(gateway, HALF)
    mine = cookie(gateway, GREEN)
    drained = put(gateway, DRAINED)
    assert (drained.weights, drained.admission) == (all_on(BLUE), Pair(OPEN, DRAINING))
    rig.arr.recycle()
    found = gateway.read()
    assert found.weights == share(GREEN, 1), "told, and not taken for what was written"
    assert found.incarnation != drained.incarnation
    healed = put(gateway, DRAINED)
    assert (healed.weights, healed.admission) == (all_on(BLUE), Pair(OPEN, DRAINING))
    assert ask(gateway.users(), "/", mine).slot == GREEN
    assert draw(gateway.users(), 20) == {"blue": 20}


def test_where_the_first_request_starts_the_process_who_drains_is_told_to_it_then(rig: ArrRig) -> None:
    gateway = rig.open(sessions="sticky")
    put(gateway, HALF)
    rig.arr.always = False
    rig.arr.recycle()
    asleep = gateway.read()
    assert (asleep.weights, asleep.incarnation, asleep.counters) == (share(GREEN, 50), "", Pair(None, None))
    found = put(gateway, DRAINED)
    assert (found.weights, found.admission) == (all_on(BLUE), Pair(OPEN, DRAINING))


def test_a_reboot_keeps_what_is_written_and_begins_to_count_anew(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(share(GREEN, 30), Pair(OPEN, OPEN), BLUE))
    draw(gateway.users(), 5)
    rig.arr.windows.reboot()
    after = gateway.read()
    assert replace(after, incarnation="", counters=Pair(None, None)) == replace(
        before, incarnation="", counters=Pair(None, None)
    )
    assert after.incarnation != before.incarnation
    assert after.counters.blue is not None
    assert after.counters.blue.requests == 0


def test_a_recycle_under_load_loses_no_request(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, HALF)
    with Load(gateway.users()) as load:
        for weight in (60, 70, 80):
            load.wait_for(20)
            rig.arr.recycle()
            put(gateway, Routing(share(GREEN, weight)))
    assert load.failed == 0, load.outcomes


# ---- what is missing there -------------------------------------------------------------------------------------------


def balanced(rig: ArrRig) -> None:
    rig.arr.change(lambda found: setattr(found.farms[WEB], "algorithm", "LeastRequests"))


def gone(rig: ArrRig) -> None:
    rig.arr.change(lambda found: found.farms.pop(WEB) and None)


def other_cookie(rig: ArrRig) -> None:
    rig.arr.change(lambda found: setattr(found.farms[WEB], "cookie", "ARRAffinity"))


def other_plan(rig: ArrRig) -> None:
    rig.arr.change(lambda found: found.maps[MAP].update(setup="0123456789ab"))


def no_plan(rig: ArrRig) -> None:
    rig.arr.change(lambda found: found.maps[MAP].pop("setup") and None)


def no_arr(rig: ArrRig) -> None:
    rig.arr.arr = False


def no_rewrite(rig: ArrRig) -> None:
    rig.arr.rewrite = False


def unreadable(rig: ArrRig) -> None:
    rig.arr.unreadable = True


@pytest.mark.parametrize(
    ("breaks", "told", "readable", "raised"),
    [
        (
            balanced,
            f"{WEB} is balanced by LeastRequests, by which weights do not count",
            True,
            Refused,
        ),
        (gone, f"there is no server farm {WEB} on arr1; {CURE}", False, Refused),
        (other_cookie, f"{WEB} has the cookie ARRAffinity, and sessions are shared; {CURE}", True, Refused),
        (other_plan, f"was set up with other members, addresses or sessions; {CURE}", True, Refused),
        (no_plan, f"the gateway of 'production' was not set up; {CURE}", True, Refused),
        (no_arr, "ARR: webFarms cannot be read: ", False, Unreachable),
        (no_rewrite, "URL Rewrite: system.webServer/rewrite/rewriteMaps cannot be read: ", False, Unreachable),
        (unreadable, "the user needs more rights there", False, Refused),
    ],
)
def test_what_is_not_as_it_must_be_is_told_with_what_to_do(
    rig: ArrRig,
    breaks: Callable[[ArrRig], None],
    told: str,
    readable: bool,
    raised: type[ReconcilerError],
) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    breaks(rig)
    version = rig.arr.version
    for act in (lambda: gateway.write(HALF, before, 1), gateway.check):
        with pytest.raises(raised) as caught:
            act()
        assert type(caught.value) is raised
        assert told in str(caught.value)
    assert rig.arr.version == version
    if readable:
        assert gateway.read().weights == all_on(BLUE)
    else:
        with pytest.raises(Unreachable):
            gateway.read()
    assert Grade.FAILED in {one.grade for one in gateway.examine()}


@pytest.mark.parametrize("what", ["site", "pool"])
def test_a_gateway_that_is_stopped_is_unreachable_with_what_starts_it(rig: ArrRig, what: str) -> None:
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    setattr(rig.arr, f"{what}_state", "Stopped")
    with pytest.raises(Unreachable, match=r"is stopped; Start-Web"):
        gateway.read()


def test_an_answer_that_makes_no_sense_is_none(rig: ArrRig) -> None:
    gateway = rig.open()
    before = put(gateway, Routing(all_on(BLUE)))
    for said in ({}, {"entry": 3}, {**rig.arr._stand(_asked(rig)), "farms": []}, {"entry": "x" * 5000}):
        rig.arr.windows.plays(scripts.FARM, lambda *_, said=said: said)
        with pytest.raises(Unreachable, match=r"farm\.ps1: its answer"):
            gateway.read()
        with pytest.raises(Unreachable, match=r"farm\.ps1: its answer"):
            gateway.write(HALF, before, 1)


def _asked(rig: ArrRig) -> dict[str, Any]:
    return {"Site": "Portal", "Pool": "Portal", "Map": MAP, "Farms": list(rig.arr.configuration.farms)}


# ---- what it tells ---------------------------------------------------------------------------------------------------


def test_check_finds_a_rule_that_somebody_has_removed(rig: ArrRig) -> None:
    gateway = rig.open()
    gateway.check()
    rig.arr.change(lambda found: setattr(found, "rules", found.rules[:-1]))
    with pytest.raises(Refused, match=rf"the site Portal lacks the rules {WEB}; "):
        gateway.check()


def test_the_doctor_says_what_is_not_well_and_what_mends_it(rig: ArrRig) -> None:
    gateway = rig.open()
    arr = rig.arr
    arr.recycled, arr.idle, arr.always = 1740, 20, False
    arr.change(lambda found: setattr(found.farms[WEB], "tested", "http://x/healthz"))
    arr.change(lambda found: setattr(found, "proxy", False))
    arr.here = {rig.apps["web", BLUE].port: "production-web-blue"}
    found = {one.found: one for one in gateway.examine() if one.grade is not Grade.OK}
    for told, cure in {
        "Portal recycles every 1740 minutes": "-Name recycling.periodicRestart.time -Value '00:00:00'",
        "Portal ends after 20 idle minutes": r"Set-ItemProperty 'IIS:\AppPools\Portal' -Name processModel.idleTimeout",
        "Portal starts with the first request": "-Name startMode -Value AlwaysRunning",
        f"{WEB} has a health test: it takes stable out as well, and moves its users to the newcomer": "clear the URL",
        "ARR is installed, and its proxy is switched off": "Enable proxy",
    }.items():
        assert cure in found[told].cure
    assert len(found) == 5, "members in the same IIS are no trap without a module that restarts them"
    arr.modules.append("httpPlatformHandler")
    told = next(one for one in gateway.examine() if one.what == "members")
    assert (told.grade, "production-web-blue run in the same IIS" in told.found) == (Grade.WARNING, True)
    rig.arr.pool = "Other"
    assert "there is no application pool Portal" in str(gateway.examine())
    rig.arr.unreadable = True
    assert gateway.examine()[-1].grade is Grade.FAILED


def test_a_change_that_restarts_members_on_that_machine_is_told(
    rig: ArrRig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The trap of decision 029; and nothing is committed where nothing differs."""

    def restarted() -> None:
        rig.arr.processes = {one.replace("4", "5") for one in rig.arr.processes}

    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    rig.arr.processes, rig.arr.changed = {"node.exe 4", "w3wp.exe 3"}, [restarted]
    with caplog.at_level(logging.WARNING, "reconciler.iis-arr"):
        put(gateway, Routing(all_on(BLUE)))
        assert caplog.messages == []
        put(gateway, HALF)
    assert len(caplog.messages) == 1
    assert "applicationHost.config ended node.exe 4: see" in caplog.messages[0]


def test_a_health_test_of_somebodys_own_is_told_as_an_ejection(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, HALF)
    assert rig.arr.worker is not None
    rig.arr.worker.of(WEB, "green.production.web").healthy = False
    found = gateway.read()
    assert (found.ejected, found.weights) == (Pair(False, True), share(GREEN, 50))


def test_what_drains_counts_sockets_too_and_no_counter_is_no_zero(rig: ArrRig) -> None:
    gateway = rig.open()
    found = put(gateway, HALF)
    assert found.counters.blue is not None
    stand = rig.arr._stand(_asked(rig))
    for farm in stand["farms"]:
        for server in farm["servers"]:
            server.update(current=None)
    rig.arr.windows.plays(scripts.FARM, lambda *_: stand)
    assert gateway.read().counters == Pair(None, None)


# ---- roads -----------------------------------------------------------------------------------------------------------


def test_a_probe_is_told_who_answered_and_no_member_sees_the_secret(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    answer = ask(gateway.address(GREEN), "/api/x?y=%2F")
    assert answer.headers[UPSTREAM_HEADER] == rig.apps["api", GREEN].address
    assert ROAD_HEADER not in answer.body["headers"]
    assert UPSTREAM_HEADER not in ask(gateway.users()).headers
    wrong = Road(gateway.users().url, {ROAD_HEADER: "guessed-green"})
    assert ask(wrong).slot == BLUE, "it is a user"
    assert (rig.state / "road.secret").read_text() not in gateway.configuration()


def test_a_state_folder_that_was_lost_gets_new_roads_with_the_next_write(rig: ArrRig) -> None:
    gateway = rig.open()
    put(gateway, Routing(all_on(BLUE)))
    old = gateway.address(GREEN)
    (rig.state / "road.secret").unlink()
    put(gateway, Routing(all_on(BLUE)))
    assert ask(gateway.address(GREEN)).slot == GREEN
    assert ask(old).slot == BLUE


def test_sticky_with_members_behind_farms_of_their_own_is_refused(rig: ArrRig) -> None:
    with pytest.raises(Refused, match="sticky needs all weighted members of a slot at one address"):
        rig._made(True, JOURNAL, 1.0, "sticky")


def test_everything_else_of_that_iis_is_left_alone(rig: ArrRig) -> None:
    mine = {"name": "theirs", "url": "^old$", "conditions": [], "set": [], "type": "Redirect", "to": "/new"}

    def others(found: Configuration) -> None:
        found.rules.append(mine)
        found.maps["theirs"] = {"a": "b"}

    rig.arr.change(others)
    rig.arr.set_up(rig._made(True, JOURNAL, 1.0, "shared").configuration())
    gateway = rig.open()
    put(gateway, HALF)
    gateway.seal(2)
    rig.arr.set_up(gateway.configuration())
    assert rig.arr.configuration.rules[-1] == mine
    assert rig.arr.configuration.maps["theirs"] == {"a": "b"}
    found: GatewayReading = gateway.read()
    assert found.weights == share(GREEN, 50), "set up again, it leaves weights and routing alone"
    gateway.check()
