"""The host `windows-service`: through real WS-Man, on a simulated machine, with real processes as its services."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import windows_faults as faults
from services_world import FOLDER, Warm, World
from windows_machine import Broken
from wsman_server import Rig

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("host_exam")
from host_exam import BLUE, GREEN, HostExam, StandbyExam, owning, ready, standing_by, stopped, until  # noqa: E402

from reconciler.core.model import Pin  # noqa: E402
from reconciler.core.reading import MemberReading, MemberStatus  # noqa: E402
from reconciler.drivers.examining import Grade  # noqa: E402
from reconciler.drivers.windows import kept  # noqa: E402
from reconciler.errors import Conflict, Refused, Unreachable  # noqa: E402

STOPPED, READY, UNREADY, STOPPING = (
    MemberStatus.STOPPED,
    MemberStatus.READY,
    MemberStatus.UNREADY,
    MemberStatus.STOPPING,
)
FAR = 10_000.0  # seconds
Make = Callable[..., World]


@pytest.fixture
def make(plain: Rig, tmp_path: Path, password: Path) -> Iterator[Make]:
    made: list[World] = []

    def world(kind: type[World] = World, **changes: Any) -> World:
        made.append(kind(plain, tmp_path, **changes))
        return made[-1]

    yield world
    for each in made:
        each.clear()


class TestWindowsService(HostExam):
    @pytest.fixture
    def subject(self, make: Make) -> World:
        return make()


class TestWindowsServiceStandby(StandbyExam):
    @pytest.fixture
    def subject(self, make: Make) -> World:
        return make(Warm)


# ---- what Windows does by itself -------------------------------------------------------------------------------------


def test_what_runs_comes_back_after_a_reboot_and_what_was_stopped_does_not(make: Make) -> None:
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    ready(host, GREEN, world.other)
    before = world.life().pid
    stopped(host, GREEN)
    world.rig.windows.reboot()
    assert until(host, BLUE, lambda found: found.status is READY).version == "1.0"
    assert world.life().pid != before
    assert host.read(GREEN).status is STOPPED
    assert (world.service(BLUE).mode, world.service(GREEN).mode) == ("Auto", "Disabled")


def test_what_will_start_with_the_machine_in_a_while_is_not_stopped(make: Make) -> None:
    """Nobody else may own what it will own."""
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    world.services.late = 120.0
    world.rig.windows.reboot()
    found = host.read(BLUE)
    assert (found.status, found.detail) == (UNREADY, "Windows was started, and will start it (after some two minutes)")
    world.services.ahead += 120
    until(host, BLUE, lambda found: found.status is READY)
    world.rig.windows.reboot()
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPED
    world.services.ahead += FAR
    assert world.service().state == "Stopped"


def test_a_service_that_dies_at_once_is_not_stopped_while_windows_starts_it_again(make: Make) -> None:
    world = make()
    world.release("1.0", die_at_start=True)
    host = world.open()
    host.start(BLUE, world.good)
    found = until(host, BLUE, lambda found: "ended" in found.detail)
    assert found.status is UNREADY
    assert found.detail == "its process ended without a word (1067); Windows starts it again"
    world.release("1.0")
    world.services.ahead += 5
    assert until(host, BLUE, lambda found: found.status is READY).version == "1.0"


def test_once_it_was_stopped_nothing_starts_it_again(make: Make) -> None:
    world = make()
    world.release("1.0", die_at_start=True)
    host = world.open()
    host.start(BLUE, world.good)
    until(host, BLUE, lambda found: "ended" in found.detail)
    host.stop(BLUE)
    found = host.read(BLUE)
    assert (found.status, found.detail) == (STOPPED, "its process ended without a word (1067)")
    world.services.ahead += FAR
    world.rig.windows.reboot()
    assert host.read(BLUE).status is STOPPED
    assert world.lives(BLUE) == 0


def test_one_that_somebody_stopped_there_reads_as_stopped_and_can_be_started(make: Make) -> None:
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    world.processes.ask(world.life())
    found = until(host, BLUE, lambda found: found.status is STOPPED)
    assert found.detail == "ended"
    ready(host, BLUE, world.good)


def test_what_could_not_be_started_with_the_machine_is_stopped_and_can_be_started(make: Make) -> None:
    """Windows does not try that again: its account could not log on, as the domain was not there yet."""
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    world.services.no_logon = {r"NT AUTHORITY\LocalService"}
    world.rig.windows.reboot()
    found = host.read(BLUE)
    assert (found.status, found.detail) == (STOPPED, "its account may not log on as a service (1069)")
    world.services.no_logon = set()
    ready(host, BLUE, world.good)


class Alone(World):
    exclusive = True


def test_of_an_exclusive_member_the_one_in_the_other_slot_loses_its_way_back(make: Make) -> None:
    """It ended by itself, so nobody has asked it to stop: and it would start again with the machine."""
    world = make(Alone)
    host = world.open()
    ready(host, BLUE, world.good)
    world.processes.ask(world.life())
    until(host, BLUE, lambda found: found.status is STOPPED)
    assert world.service(BLUE).mode == "Auto"
    ready(host, GREEN, world.other)
    world.rig.windows.reboot()
    until(host, GREEN, lambda found: found.status is READY)
    assert (world.lives(BLUE), world.lives(GREEN)) == (0, 1)


def test_an_exclusive_member_is_not_started_while_the_other_slots_runs(make: Make) -> None:
    world = make(Alone)
    host = world.open()
    ready(host, BLUE, world.good)
    with pytest.raises(Conflict, match="demo-api-blue is Running; of these two only one may run"):
        host.start(GREEN, world.good)
    assert world.lives(GREEN) == 0
    assert host.read(BLUE).status is READY


# ---- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["start", "stop"])
def test_without_the_right_to_it_nothing_changes_and_the_message_says_what_is_needed(make: Make, act: str) -> None:
    world = make()
    host = world.open()
    if act == "stop":
        ready(host, BLUE, world.good)
    world.services.denied = True
    with pytest.raises(Refused, match="more rights"):
        host.start(BLUE, world.good) if act == "start" else host.stop(BLUE)
    assert host.read(BLUE).status is (STOPPED if act == "start" else READY)


def test_what_may_not_be_looked_at_is_unknown(make: Make) -> None:
    world = make()
    host = world.open()
    world.services.blind = True
    for act in (lambda: host.read(BLUE), lambda: host.start(BLUE, world.good), lambda: host.stop(BLUE)):
        with pytest.raises(Refused, match="denied"):
            act()


def test_a_machine_that_does_not_answer_is_unknown(make: Make) -> None:
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    world.rig.faults.strike("Create", *[faults.Cut()] * 9)
    with pytest.raises(Unreachable):
        host.read(BLUE)
    world.rig.faults.forget()
    assert host.read(BLUE).status is READY


@pytest.mark.parametrize("blow", [faults.Cut(), faults.Reboot(), faults.LoseShell()], ids=["cut", "reboot", "shell"])
def test_an_answer_that_is_lost_after_the_start_is_one_start(make: Make, blow: Any) -> None:
    world = make()
    host = world.open()
    world.services.meanwhile = lambda: world.rig.faults.strike("Receive", blow)
    host.start(BLUE, world.good)
    assert world.rig.faults.struck == ["Receive"]
    until(host, BLUE, lambda found: found.status is READY)
    assert world.lives(BLUE) == 1


@pytest.mark.parametrize("late", [0.0, FAR])
def test_a_reboot_in_the_middle_of_a_start_ends_as_one_start(make: Make, late: float) -> None:
    """Either Windows starts it, or we do when we try again: it was to run, so it does."""
    world = make()
    host = world.open()
    world.services.late = late

    def reboots() -> None:
        world.rig.shells.lose()
        world.rig.windows.reboot()
        raise Broken("the machine is switched off")

    world.services.meanwhile = reboots
    host.start(BLUE, world.good)
    until(host, BLUE, lambda found: found.status is READY)
    assert world.lives(BLUE) == 1


def test_a_service_that_hangs_in_its_stop_is_ended_by_force_after_its_timeout_and_not_before(make: Make) -> None:
    world = make(stop_timeout="10m")
    world.services.deaf = {"demo-api-blue"}
    host = world.open()
    ready(host, BLUE, world.good)
    host.stop(BLUE)
    assert host.read(BLUE) == MemberReading(STOPPING, "1.0")
    world.services.ahead += 500
    host.stop(BLUE)
    assert world.life().alive
    with pytest.raises(Refused, match="asked to stop"):
        host.start(BLUE, world.good)
    with pytest.raises(Refused, match="asked to stop"):
        host.start(BLUE, world.other)
    world.services.ahead += 200
    world.open().stop(BLUE)  # also by the next reconciler: when it was asked stands there
    assert host.read(BLUE).status is STOPPED
    assert world.service().mode == "Disabled"
    assert world.lives(BLUE) == 0


def test_a_stop_of_the_life_before_does_not_count_for_this_one(make: Make) -> None:
    world = make(stop_timeout="30s")
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    ready(host, BLUE, world.good)
    world.services.deaf = {"demo-api-blue"}
    world.life().deaf = True
    world.services.ahead += 60
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPING
    assert world.life().alive


def test_one_that_cannot_take_a_stop_yet_is_asked_again(make: Make) -> None:
    world = make()
    world.services.slow = {"demo-api-blue"}
    host = world.open()
    host.start(BLUE, world.good)
    assert host.read(BLUE).status is UNREADY
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPING
    world.service().state = "Running"
    assert host.read(BLUE).status is STOPPING
    stopped(host, BLUE)


def test_a_start_that_does_not_come_to_be_is_told_in_words_and_leaves_the_slot_stopped(make: Make) -> None:
    world = make(command=[r"D:\tools\tool.exe", "{slot}"], ready=None)
    world.services.place(r"D:\tools\tool.exe")
    host = world.open()
    with pytest.raises(Unreachable, match=r"demo-api-blue\) cannot be started on 127.0.0.1: it did not answer .*\(7\)"):
        host.start(BLUE, world.good)
    assert host.read(BLUE).status is STOPPED
    world.services.no_logon = {r"NT AUTHORITY\LocalService"}
    with pytest.raises(Unreachable, match=r"may not log on as a service.*\(15\)"):
        host.start(BLUE, world.good)
    assert host.read(BLUE).detail == "its account may not log on as a service (1069)"


def test_a_taken_port_is_refused_with_port_and_table_before_anything_changes(make: Make) -> None:
    world = make()
    other = make(ports=dict(world.table["ports"]), service="squatter-{slot}")
    other.services = world.services  # the same machine
    ready(other.open(), BLUE, world.good)
    traces = world.traces()
    with pytest.raises(Refused, match=rf"port {world.table['ports']['blue']} .*another one"):
        world.open().start(BLUE, world.good)
    assert world.traces() == traces


def test_a_service_of_somebody_else_is_not_touched_by_a_start(make: Make) -> None:
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    world.record().unlink()
    before = world.traces()
    with pytest.raises(Refused, match=r"demo-api-blue that no reconciler has made; stop it, then `sc.exe delete"):
        host.start(BLUE, world.good)
    assert world.traces() == before


def test_what_was_started_by_another_line_than_ours_is_not_taken_for_ours(make: Make) -> None:
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    service = world.service()
    service.line = service.line.replace("1.0", "1.1")
    service.mode = "Manual"
    world.services.begin(service)
    found = host.read(BLUE)
    assert (found.status, found.version) == (UNREADY, "1.1")
    assert "another command line" in found.detail
    with pytest.raises(Conflict, match="runs something else than it was given; it must be stopped"):
        host.start(BLUE, world.good)
    stopped(host, BLUE)


def test_what_a_dead_service_has_started_and_left_behind_is_seen_and_ended(make: Make) -> None:
    """Its program stands behind another one, which is the service, and which is ended alone."""
    world = make(stop_timeout="30s")
    host = world.open()
    ready(host, BLUE, world.good)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = world.processes.start(sleeper, "child.exe", deaf=True, of=world.life().pid)
    host.stop(BLUE)
    found = until(host, BLUE, lambda found: "service has stopped" in found.detail)
    assert (found.status, str(child.pid) in found.detail) == (STOPPING, True)
    with pytest.raises(Conflict, match="wait until it has"):
        host.start(BLUE, world.good)
    world.services.ahead += 31
    host.stop(BLUE)
    assert host.read(BLUE).status is STOPPED
    assert not child.alive


def test_files_that_somebody_else_has_changed_meanwhile_are_not_written_over(make: Make) -> None:
    world = make(Warm)
    host = world.open()
    owning(host, BLUE, world.good, 3)
    look = host._look(files=host.place.files(BLUE))
    other = world.open()
    standing_by(other, GREEN, world.good)
    other.grant(GREEN, 4)
    host._look = lambda *_, **__: look  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="was changed by somebody else"):
        host.grant(BLUE, 5)
    assert until(other, GREEN, lambda found: found.status is READY).version == "1.0"


# ---- what runs -------------------------------------------------------------------------------------------------------


def test_the_pins_configuration_lies_there_and_the_process_is_told_where(make: Make) -> None:
    import psutil

    world = make()
    ready(world.open(), BLUE, world.other)
    file = world.services.real(rf"{FOLDER}\demo-api-blue.config.json")
    assert file.read_text() == '{"greeting": "hi"}'
    assert psutil.Process(world.life().pid).environ()["SLOT_CONFIG"] == str(file)
    assert world.service().account == r"NT AUTHORITY\LocalService"


def test_without_a_path_to_ask_the_version_is_that_of_the_folder_it_runs_from(make: Make) -> None:
    world = make(ready=None)
    host = world.open()
    host.start(BLUE, world.other)
    assert host.read(BLUE) == MemberReading(READY, world.other.label)
    service = world.service()
    service.line = world.life().line = service.line.replace("1.1", "1.0")
    world.record().write_text(json.dumps({**json.loads(world.record().read_text()), "line": service.line}))
    found = host.read(BLUE)
    assert (found.status, found.version, found.detail) == (UNREADY, "1.0", "it runs from the folder of version 1.0")


def test_one_look_is_for_both_slots_and_for_nothing_that_came_after_a_change(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "FRESH", 60.0)  # seconds for one look, on a machine that is busy with other tests
    world = make()
    host = world.open()
    ready(host, BLUE, world.good)
    host.read(GREEN)
    world.rig.windows.ran.clear()
    host.read(BLUE)
    host.read(GREEN)
    assert [name for name, _ in world.rig.windows.ran] == ["service_look.ps1"]
    for _ in range(2):  # the same slot again is looked at again
        host.read(BLUE)
    assert len(world.rig.windows.ran) == 3
    host.start(GREEN, world.good)
    assert host.read(GREEN).status is not STOPPED


def test_an_unasked_start_of_the_same_owner_owns_on_by_the_number_that_it_has(make: Make) -> None:
    """Windows has started it again: nobody else was named meanwhile."""
    world = make(Warm)
    host = world.open()
    owning(host, BLUE, world.good, 3)
    world.rig.windows.reboot()
    until(host, BLUE, lambda found: found.status is READY)


def test_that_it_was_to_let_go_once_does_not_end_it_when_it_owns_again(make: Make) -> None:
    world = make(Warm, stop_timeout="30s")
    host = world.open()
    owning(host, BLUE, world.good, 3)
    kept = json.loads(world.record().read_text())
    asked = {"at": world.services.uptime - 29, "of": f"{world.life().pid}@{world.life().started}"}
    world.record().write_text(json.dumps({**kept, "release": asked}))
    host.grant(BLUE, 5)
    assert json.loads(world.record().read_text())["release"] is None
    world.services.ahead += 10
    until(host, BLUE, lambda found: found.status is READY)
    host.release(BLUE, 6)
    until(host, BLUE, lambda found: found.status is MemberStatus.STANDBY)


# ---- by hand, and beforehand -----------------------------------------------------------------------------------------


def test_a_person_is_told_lines_of_powershell(make: Make) -> None:
    from windows_syntax import of, tree

    host = make(Warm).open()
    typed = host.by_hand(BLUE, Pin("1.0"))
    at = "in a PowerShell of an administrator on 127.0.0.1: "
    lines = [typed.stop, typed.let_go, typed.role, typed.own]
    assert all(line.startswith(at) for line in [*lines, typed.start])
    for line in lines:
        root = tree(line.removeprefix(at))
        assert not root.has_error, [node.text for node in of(root, "ERROR")]
    assert typed.stop.endswith("Set-Service 'demo-worker-blue' -StartupType Disabled; Stop-Service 'demo-worker-blue'")
    assert """'{{"owner": "blue", "number": {0}, "since": {{"blue": {0}, "green": {0}}}}}' -f ($n + 1)""" in typed.own
    assert '"owner": null' in typed.let_go
    assert make(ready=None).open().by_hand(BLUE, Pin("1.0")).own == ""


def test_what_is_wrong_there_is_found_beforehand_with_a_cure(make: Make) -> None:
    world = make()
    host = world.open()
    found = {one.what: one for one in host.examine()}
    assert {one.grade for one in found.values()} == {Grade.OK}
    assert found["service blue"].found == "demo-api-blue is not there yet; the first start makes it"
    ready(host, BLUE, world.good)
    ready(host, GREEN, world.good)
    world.services.administrator = False
    world.service(BLUE).mode = "Manual"
    world.record(GREEN).unlink()
    found = {one.what: one for one in host.examine()}
    assert found["rights"].cure == r"net localgroup Administrators CORP\reconcile /add there, with the user's own name"
    assert found["service blue"].grade is Grade.WARNING
    assert found["service blue"].cure == "Set-Service demo-api-blue -StartupType Automatic there"
    assert found["service green"].grade is Grade.FAILED
    world.rig.faults.strike("Create", *[faults.Cut()] * 9)
    assert [one.grade for one in host.examine()] == [Grade.FAILED]
