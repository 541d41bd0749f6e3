"""The host `iis`, through real WS-Man, against the simulated IIS with the sample system as its members."""

from __future__ import annotations

import copy
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import windows_faults as faults
import wsman_logon
from ports import slot_ports
from windows_calls import machine
from windows_iis import Iis, Place, Pool, real, release
from windows_machine import Broken, Windows
from windows_processes import Processes, ended
from wsman_server import Rig, listening

from reconciler.core.model import Pin, Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.examining import Finding, Grade
from reconciler.drivers.hosts import iis as driver
from reconciler.drivers.hosts.iis import IisHost, Settings
from reconciler.drivers.iis import scripts
from reconciler.drivers.iis.site import Site
from reconciler.drivers.protocols import HostContext
from reconciler.drivers.windows import kept
from reconciler.errors import Conflict, InvalidConfiguration, Refused, Unreachable

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("host_exam")
from host_exam import BLUE, GREEN, HostExam, ready, stopped, until  # noqa: E402

STOPPED, READY, UNREADY = MemberStatus.STOPPED, MemberStatus.READY, MemberStatus.UNREADY
STOPPING = MemberStatus.STOPPING
SECRET = "hunter2-password"
DEADLINE = 6.0
PATIENCE = 60.0  # seconds for one look, on a machine that is busy with other tests
NAMES = {BLUE: "production-api-blue", GREEN: "production-api-green"}
DENIED = "insufficient permissions"


class World:
    """A Windows machine with IIS, and an operator's file that names it."""

    good, other = Pin("1.0"), Pin("1.1", (("greeting", "hi"),), "0a1b2c3d")
    missing, liar = Pin("7.7"), Pin("6.6")
    secret = SECRET
    exclusive = False

    def __init__(self, rig: Rig, folder: Path, **changes: Any) -> None:
        self.rig, self.folder, self.disk = rig, folder, folder / "disk"
        self.processes = Processes(rig.windows)
        self.iis = Iis(rig.windows, self.processes, self.disk)
        for version, wrong in (("1.0", {}), ("1.1", {}), ("6.6", {"report_version": "6.5"})):
            release(self.disk, version, **wrong)
        table = {"machine": "web1", "releases": r"D:\releases\{version}", "ports": slot_ports(), **changes}
        self.site = Site.model_validate(table)
        self.machine = machine(rig, folder)
        self.opened: list[IisHost] = []
        for name in NAMES.values():  # an administrator's variable, in a pool that ours is
            ours = {"idle": 0.0, "recycle": 0.0, "rapid_fail": False}
            self.iis.config.pools[name] = Pool(auto=False, variables={"DATABASE_PASSWORD": SECRET}, **ours)
            self.iis.pools[name] = "Stopped"

    def open(self) -> IisHost:
        context = HostContext(
            "production", "api", self.folder / "state", None, DEADLINE, False, self.named, self.exclusive
        )
        self.opened.append(driver.open(context, Settings(site="portal")))
        return self.opened[-1]

    def named(self, section: str, name: str) -> Any:
        return {("sites", "portal"): self.site, ("machines", "web1"): self.machine}[section, name]

    def lives(self, slot: Slot) -> int:
        return self.iis.lives(NAMES[slot])

    def pid(self, slot: Slot) -> int:
        found = self.iis.member(NAMES[slot])
        assert found is not None
        return found.pid

    def traces(self) -> Any:
        files = {str(file): file.stat().st_mtime_ns for file in self.disk.rglob("*")}
        lives = [(one.pid, one.alive) for one in self.processes.lives]
        return files, self.iis.commits, copy.deepcopy(self.iis.config), dict(self.iis.pools), lives

    def freeze(self, slot: Slot) -> None:
        process = psutil.Process(self.pid(slot))
        process.send_signal(signal.SIGSTOP)
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)

    def damage(self, slot: Slot) -> None:
        self.iis.ill = True

    def deadline(self) -> float:
        return DEADLINE

    def clear(self) -> None:
        for host in self.opened:
            host.close()
        self.processes.down()


@pytest.fixture
def make(tmp_path: Path, password: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []
    with listening("ntlm", windows=Windows(clock="")) as rig:

        def world(**changes: Any) -> World:
            made.append(World(rig, tmp_path, **changes))
            return made[-1]

        yield world
        for each in made:
            each.clear()


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


class TestIisHost(HostExam):
    @pytest.fixture
    def subject(self, world: World) -> World:
        return world


# ---- what is made of a slot ------------------------------------------------------------------------------------------


def test_a_pool_runs_for_ever_while_it_should_and_comes_back_after_a_reboot(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.other)
    assert world.iis.config.pools[NAMES[BLUE]] == Pool(
        runtime="",
        auto=True,
        always=True,
        idle=0.0,
        shutdown=30.0,
        recycle=0.0,
        rapid_fail=False,
        steady=True,
        variables={
            "DATABASE_PASSWORD": SECRET,
            "SLOT_RELEASE": "1.1#0a1b2c3d",
            "SLOT_CONFIG": r"C:\ProgramData\reconciler\sites\production-api-blue.json",
        },
    )
    place = world.iis.config.sites[NAMES[BLUE]]
    assert (place.path, place.pool, place.auto, place.preload) == (r"D:\releases\1.1", NAMES[BLUE], True, True)
    assert place.ports == {world.site.ports.blue}
    config = real(world.disk, world.iis.config.pools[NAMES[BLUE]].variables["SLOT_CONFIG"])
    assert json.loads(config.read_text()) == {"greeting": "hi"}


def test_after_a_reboot_what_should_run_runs_and_what_was_stopped_does_not(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    ready(host, GREEN, world.other)
    stopped(host, GREEN)
    world.rig.windows.reboot()
    assert until(host, BLUE, lambda found: found.status is READY).version == "1.0"
    assert host.read(GREEN) == MemberReading(STOPPED)
    assert world.lives(GREEN) == 0


def test_a_start_is_one_change_of_the_configuration_a_stop_is_one_and_nothing_is_none(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    assert world.iis.commits == 1
    host.start(BLUE, world.good)
    host.stage(BLUE, world.good)
    assert world.iis.commits == 1
    stopped(host, BLUE)
    host.stop(BLUE)
    assert world.iis.commits == 2
    ready(host, BLUE, world.other)
    assert world.iis.commits == 3, "only the path, the label and whether it should run differ: one change"


def test_a_bound_port_of_before_goes_and_what_an_administrator_has_added_stays(world: World) -> None:
    extra = ("https", "*:8443:portal.corp.example")
    old = Place(r"D:\elsewhere", (("http", "*:8080:"), extra), auto=False)
    world.iis.commit(lambda config: config.sites.update({NAMES[BLUE]: old}))
    ready(world.open(), BLUE, world.good)
    found = world.iis.config.sites[NAMES[BLUE]]
    assert found.bindings == (("http", f"*:{world.site.ports.blue}:"), extra)
    assert world.iis.config.pools[NAMES[BLUE]].variables["DATABASE_PASSWORD"] == SECRET


def test_nothing_that_is_done_to_one_slot_touches_the_other(world: World) -> None:
    """Stable's configuration, its process, and that it serves, before and after each act."""
    host = world.open()
    ready(host, BLUE, world.good)

    def stable() -> Any:
        config = copy.deepcopy(world.iis.config)
        return config.pools[NAMES[BLUE]], config.sites[NAMES[BLUE]], world.pid(BLUE), world.lives(BLUE)

    def force() -> None:
        world.freeze(GREEN)
        world.iis.marks[NAMES[GREEN]] = (-1e9, {one["pid"] for one in world.iis._family(NAMES[GREEN])})
        stopped(host, GREEN)

    before = stable()
    for act in (
        lambda: host.lacking(GREEN, world.missing),
        lambda: host.stage(GREEN, world.other),
        lambda: ready(host, GREEN, world.other),
        lambda: host.start(GREEN, world.other),
        lambda: host.examine(),
        force,
        lambda: ready(host, GREEN, world.good),
        lambda: stopped(host, GREEN),
    ):
        act()
        assert stable() == before
        assert host.read(BLUE) == MemberReading(READY, "1.0")
        assert host.read(BLUE).detail == ""


def test_its_address_is_the_machines_unless_it_is_told(make: Callable[..., World]) -> None:
    world = make(ports={"blue": 9001, "green": 9002})
    assert [world.open().address(slot) for slot in Slot] == ["127.0.0.1:9001", "127.0.0.1:9002"]
    world = make(ports={"blue": 9001, "green": 9002}, address="web1.corp.example")
    assert world.open().address(GREEN) == "web1.corp.example:9002"
    assert make(ports={"blue": 9001, "green": 9002}, address="::1").open().address(BLUE) == "[::1]:9001"


def test_a_release_without_web_config_is_refused_by_name(world: World) -> None:
    (real(world.disk, r"D:\releases\1.0") / "web.config").unlink()
    host = world.open()
    for act in (host.stage, host.start):
        with pytest.raises(Refused, match=r"web\.config") as caught:
            act(BLUE, world.good)
        assert r"D:\releases\1.0" in str(caught.value)
    assert "web.config" in host.lacking(BLUE, world.good)
    assert world.iis.commits == 0


@pytest.mark.parametrize("version", ["1.0.", "con", "NUL.1"])
def test_a_version_that_windows_takes_for_another_name_is_refused(world: World, version: str) -> None:
    with pytest.raises(Refused, match="folder's name on Windows"):
        world.open().stage(BLUE, Pin(version))


def test_first_requests_are_ours_and_it_is_ready_only_after_them(make: Callable[..., World], tmp_path: Path) -> None:
    world = make(warm_up=["/slow", "/other"])
    log, gate = tmp_path / "asked", tmp_path / "gate"
    world.iis.program = lambda _name, place, _v, port, _disk: [
        sys.executable,
        "-c",
        LISTENER.format(port=port, version=place.path[-3:], log=str(log), gate=str(gate)),
    ]
    host = world.open()
    host.start(BLUE, world.good)
    found = until(host, BLUE, lambda found: "warmed up" in found.detail)
    assert (found.status, found.version) == (UNREADY, "1.0")
    gate.touch()
    until(host, BLUE, lambda found: found.status is READY)
    asked = log.read_text().split()
    assert asked.count("/other") == 1
    host.read(BLUE)
    assert log.read_text().split().count("/other") == 1, "once in a life"


LISTENER = """
import json, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with open({log!r}, "a") as log: log.write(self.path + "\\n")
        if self.path == "/slow" and not os.path.exists({gate!r}):
            self.connection.close(); return
        body = json.dumps({{"version": {version!r}, "pid": os.getpid()}}).encode()
        self.send_response(200 if self.path == "/healthz" else 500)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
ThreadingHTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


def test_whoever_answers_must_be_a_process_of_the_pool(world: World) -> None:
    """A stranger on the port, who says the right version."""
    host = world.open()
    ready(host, BLUE, world.good)
    for worker in world.iis.workers:  # the pool's own process is another one, which could not have the port
        worker.member = world.processes.start([sys.executable, "-c", "import time; time.sleep(60)"])
    found = host.read(BLUE)
    assert found.status is UNREADY
    assert "none of this pool's" in found.detail


def test_a_site_that_somebody_else_has_made_and_runs_is_read_and_not_started_over(world: World) -> None:
    """As it is before a reconciler is: adopted as what it says of itself."""
    place = Place(r"D:\releases\1.0", (("http", f"*:{world.site.ports.blue}:"),), NAMES[BLUE])
    world.iis.commit(lambda config: config.sites.update({NAMES[BLUE]: place}))
    world.iis.pools[NAMES[BLUE]] = "Started"
    host = world.open()
    assert until(host, BLUE, lambda found: found.status is READY).version == "1.0"
    with pytest.raises(Conflict, match="has not started; it must be stopped"):
        host.start(BLUE, world.good)


# ---- ending ----------------------------------------------------------------------------------------------------------


def test_a_stopped_pool_whose_processes_live_is_stopping_until_they_are_gone(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    world.freeze(BLUE)
    host.stop(BLUE)
    found = host.read(BLUE)
    assert (found.status, found.version) == (STOPPING, "1.0")
    assert f"node.exe {world.pid(BLUE)}" in found.detail
    with pytest.raises(Conflict, match="asked to stop; wait"):
        host.start(BLUE, world.other)
    psutil.Process(world.pid(BLUE)).send_signal(signal.SIGCONT)
    until(host, BLUE, lambda found: found.status is STOPPED)


def test_one_that_outlives_its_stop_is_ended_by_force_also_after_a_restart_of_ours(world: World) -> None:
    ready(world.open(), BLUE, world.good)
    world.iis.outlives = True
    world.open().stop(BLUE)
    life = world.iis.member(NAMES[BLUE])
    assert life is not None
    host = world.open()
    host.stop(BLUE)
    assert life.alive, "not before its time"
    assert host.read(BLUE).status is STOPPING
    asked, pids = world.iis.marks[NAMES[BLUE]]
    world.iis.marks[NAMES[BLUE]] = (asked - world.site.stop_timeout, pids)
    host.stop(BLUE)
    ended(life)
    assert host.read(BLUE).status is STOPPED
    assert world.iis.marks == {}


# ---- one owner at a time ---------------------------------------------------------------------------------------------


@pytest.fixture
def alone(world: World) -> World:
    world.exclusive = True
    return world


def pool_of(world: World) -> list[Pool]:
    return [world.iis.config.pools[name] for name in NAMES.values()]


def test_of_an_exclusive_member_the_one_in_the_other_slot_loses_its_way_back(alone: World) -> None:
    """Somebody stopped its pool there, so nobody has asked us to: and it would start again with the machine."""
    host = alone.open()
    ready(host, BLUE, alone.good)
    alone.iis._end(NAMES[BLUE])
    until(host, BLUE, lambda found: found.status is STOPPED)
    assert (pool_of(alone)[0].auto, alone.iis.config.sites[NAMES[BLUE]].auto) == (True, True)
    commits, between = alone.iis.commits, []
    alone.iis.at["changed"] = lambda: between.append([one.auto for one in pool_of(alone)])
    ready(host, GREEN, alone.other)
    assert between == [[False, False]], "there is no moment in which both would start with the machine"
    assert alone.iis.commits == commits + 2
    alone.rig.windows.reboot()
    until(host, GREEN, lambda found: found.status is READY)
    assert (alone.lives(BLUE), alone.lives(GREEN)) == (0, 1)
    assert host.read(BLUE).status is STOPPED


def test_an_owner_that_runs_already_takes_the_others_way_back_too(alone: World) -> None:
    host = alone.open()
    ready(host, GREEN, alone.good)
    alone.iis.commit(lambda config: setattr(config.pools[NAMES[BLUE]], "auto", True))
    before, commits = alone.pid(GREEN), alone.iis.commits
    host.start(GREEN, alone.good)
    host.start(GREEN, alone.good)
    assert alone.iis.config.pools[NAMES[BLUE]].auto is False
    assert (alone.pid(GREEN), alone.iis.commits) == (before, commits + 1)


def test_an_exclusive_member_is_not_started_while_the_other_slots_runs_or_ends(alone: World) -> None:
    host = alone.open()
    ready(host, BLUE, alone.good)
    for stops in (False, True):
        if stops:
            alone.freeze(BLUE)
            host.stop(BLUE)
        before = copy.deepcopy(alone.iis.config)
        with pytest.raises(Conflict, match="production-api-blue runs, or has processes left; of these two only one"):
            host.start(GREEN, alone.good)
        assert (alone.lives(GREEN), alone.iis.config) == (0, before)


def by_hand(world: World, slot: Slot) -> Callable[[], None]:
    """Windows, or somebody, starts it."""

    def start() -> None:
        world.iis.pools[NAMES[slot]] = "Started"
        world.iis._tend()

    return start


def test_one_that_comes_up_before_the_other_slot_is_set_keeps_it_from_starting(alone: World) -> None:
    """Somebody stopped it there: Windows may bring it back until our change takes its way back."""
    host = alone.open()
    ready(host, BLUE, alone.good)
    alone.iis._end(NAMES[BLUE])
    until(host, BLUE, lambda found: found.status is STOPPED)
    commits, green = alone.iis.commits, copy.deepcopy(alone.iis.config.pools[NAMES[GREEN]])
    alone.iis.at["changed"] = by_hand(alone, BLUE)
    with pytest.raises(Conflict, match="production-api-blue runs, or has processes left; of these two only one"):
        host.start(GREEN, alone.other)
    assert (alone.lives(BLUE), alone.lives(GREEN)) == (1, 0)
    assert alone.iis.config.pools[NAMES[GREEN]] == green
    assert (pool_of(alone)[0].auto, alone.iis.commits) == (False, commits + 1)


def test_one_that_comes_up_behind_our_own_change_sends_ours_back_to_rest(alone: World) -> None:
    """A new pool starts by itself: it is stopped again, and does not come back."""
    host = alone.open()
    ready(host, BLUE, alone.good)
    stopped(host, BLUE)
    alone.iis.commit(lambda config: config.pools.pop(NAMES[GREEN]) and None)
    alone.iis.at["changed"] = by_hand(alone, BLUE)
    with pytest.raises(Conflict, match="production-api-blue runs, or has processes left; of these two only one"):
        host.start(GREEN, alone.other)
    until(host, GREEN, lambda found: found.status is STOPPED)
    pool, site = pool_of(alone)[1], alone.iis.config.sites[NAMES[GREEN]]
    assert (pool.auto, pool.always, site.auto) == (False, False, False)
    assert (alone.lives(BLUE), alone.lives(GREEN)) == (1, 0)
    stopped(host, BLUE)
    ready(host, GREEN, alone.other)


def test_an_owner_that_runs_is_not_stopped_for_one_that_comes_up_beside_it(alone: World) -> None:
    """Which of two is to go is the loop's to say, and no start's."""
    host = alone.open()
    ready(host, GREEN, alone.good)
    owner = alone.pid(GREEN)
    alone.iis.commit(lambda config: setattr(config.pools[NAMES[BLUE]], "auto", True))
    alone.iis.at["changed"] = by_hand(alone, BLUE)
    with pytest.raises(Conflict, match="production-api-blue is Started; of these two only one may run"):
        host.start(GREEN, alone.good)
    assert (alone.pid(GREEN), [one.auto for one in pool_of(alone)]) == (owner, [False, True])


def test_a_weighted_member_leaves_the_other_slot_its_way_back(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    world.iis._end(NAMES[BLUE])
    until(host, BLUE, lambda found: found.status is STOPPED)
    host.start(GREEN, world.good)
    assert world.iis.config.pools[NAMES[BLUE]].auto is True


# ---- faults ----------------------------------------------------------------------------------------------------------


def test_without_rights_everything_is_refused_and_says_so(world: World) -> None:
    world.iis.denied = True
    host = world.open()
    with pytest.raises(Refused, match=f"{DENIED}.*more rights"):
        host.read(BLUE)
    with pytest.raises(Refused, match=DENIED):
        host.start(BLUE, world.good)
    with pytest.raises(Refused, match=DENIED):
        host.stop(BLUE)


def test_where_there_is_no_iis_it_says_how_to_get_one(world: World) -> None:
    world.iis.installed = False
    with pytest.raises(Refused, match="Install-WindowsFeature Web-Server"):
        world.open().read(BLUE)


def test_a_password_that_is_wrong_is_in_no_message(world: World) -> None:
    (world.folder / "password").write_text("wrong-" + wsman_logon.PASSWORD)
    with pytest.raises(Unreachable, match="password was refused") as caught:
        world.open().read(BLUE)
    assert wsman_logon.PASSWORD not in str(caught.value)


@pytest.mark.parametrize("point", ["changing", "changed", "started"])
def test_a_reboot_in_mid_start_leads_to_the_same_end(world: World, point: str) -> None:
    host = world.open()

    def reboot() -> None:
        world.rig.shells.lose()
        world.rig.windows.reboot()
        raise Broken("The machine is shutting down.")  # nobody hears of it: its shell is lost

    world.iis.at[point] = reboot
    try:
        host.start(BLUE, world.good)
    except Unreachable:
        host.start(BLUE, world.good)
    until(host, BLUE, lambda found: found.status is READY)
    assert world.lives(BLUE) == 1
    assert world.iis.commits == 1


@pytest.mark.parametrize("blow", [faults.Cut(), faults.Reboot()])
def test_an_answer_that_is_lost_after_the_effect_is_asked_for_again(world: World, blow: faults.Blow) -> None:
    host = world.open()
    world.rig.faults.strike("Receive", blow)
    host.start(BLUE, world.good)
    until(host, BLUE, lambda found: found.status is READY)
    assert (world.lives(BLUE), world.iis.commits) == (1, 1)
    world.rig.faults.strike("Receive", blow)
    host.stop(BLUE)
    until(host, BLUE, lambda found: found.status is STOPPED)
    assert (world.lives(BLUE), world.iis.commits) == (0, 2)


def test_an_answer_that_never_comes_is_unknown_and_the_next_look_knows(world: World) -> None:
    host = world.open()
    world.rig.faults.strike("Receive", *[faults.Cut()] * 3)
    with pytest.raises(Unreachable):
        host.start(BLUE, world.good)
    until(host, BLUE, lambda found: found.status is READY)
    assert world.lives(BLUE) == 1


def test_of_two_slots_that_cannot_be_looked_at_each_is_unknown_by_one_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the second one would wait as long as the first."""
    monkeypatch.setattr(kept, "FRESH", PATIENCE)
    host = world.open()
    world.iis.ill = True
    for slot in Slot:
        with pytest.raises(Unreachable, match="0x80070426"):
            host.read(slot)
    assert world.rig.shells.seen.count("Command") == 1
    world.iis.ill = False
    assert host.read(BLUE).status is STOPPED, "each half of a look counts once"


@pytest.mark.parametrize("times", [1, 4])
def test_a_commit_of_somebody_elses_before_ours_is_no_matter(world: World, times: int) -> None:
    """ServerManager refuses ours then. It is looked at anew, and what he has written stays."""
    host, left = world.open(), [times] * 2

    def stranger(part: int) -> None:
        left[part] -= 1
        world.iis.commit(lambda config: config.pools[NAMES[GREEN]].variables.update(THEIRS=f"{part} {left[part]}"))
        if left[part]:
            world.iis.at["changing"] = lambda: stranger(part)

    for part, act in enumerate((lambda: ready(host, BLUE, world.good), lambda: stopped(host, BLUE))):
        world.iis.at["changing"] = lambda part=part: stranger(part)
        act()
        assert world.iis.config.pools[NAMES[GREEN]].variables["THEIRS"] == f"{part} 0"
    assert world.iis.commits == 2 * (times + 1)


def test_what_a_stranger_has_made_meanwhile_is_looked_at_before_ours_is_tried_again(world: World) -> None:
    intruder = Place(r"C:\inetpub\wwwroot", (("http", f"*:{world.site.ports.blue}:"),))
    world.iis.at["changing"] = lambda: world.iis.commit(lambda config: config.sites.update({"Other": intruder}))
    with pytest.raises(Refused, match="taken by the site Other"):
        world.open().start(BLUE, world.good)
    assert (list(world.iis.config.sites), world.iis.commits) == (["Other"], 1)


def test_a_file_that_somebody_writes_all_the_time_is_unknown_and_nothing_is_changed(world: World) -> None:
    def stranger() -> None:
        world.iis.commit(lambda _: None)
        world.iis.at["changing"] = stranger

    world.iis.at["changing"] = stranger
    with pytest.raises(Unreachable, match="has changed on disk"):
        world.open().start(BLUE, world.good)
    assert world.iis.config.sites == {}
    assert world.open().read(BLUE).status is STOPPED


def test_a_pool_that_takes_no_word_is_ended_by_force_all_the_same(world: World) -> None:
    """It hangs in Starting; what Windows says of it is told each time."""
    host = world.open()
    ready(host, BLUE, world.good)
    life = world.iis.member(NAMES[BLUE])
    assert life is not None
    world.iis.hung, world.iis.pools[NAMES[BLUE]] = True, "Starting"
    with pytest.raises(Unreachable, match="0x80070425"):
        host.stop(BLUE)
    assert life.alive
    asked, pids = world.iis.marks[NAMES[BLUE]]
    world.iis.marks[NAMES[BLUE]] = (asked - world.site.stop_timeout, pids)
    with pytest.raises(Unreachable, match="0x80070425"):
        host.stop(BLUE)
    ended(life)
    world.iis.hung = False
    stopped(host, BLUE)


def test_a_port_that_is_taken_behind_our_look_leaves_a_site_that_says_where_to_look(world: World) -> None:
    host, port = world.open(), world.site.ports.blue
    world.iis.at["changing"] = lambda: world.iis.listening.add(port)
    with pytest.raises(Unreachable, match="0x80070020"):
        host.start(BLUE, world.good)
    found = host.read(BLUE)
    assert found.status is UNREADY
    assert found.detail == f"its pool runs, and its site is stopped; see whether port {port} is taken"


def test_where_was_does_not_answer_nothing_is_taken_for_stopped_and_nothing_is_made(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    before, commits = copy.deepcopy(world.iis.config), world.iis.commits
    world.iis.ill = True
    for act in (lambda: host.read(BLUE), lambda: host.start(BLUE, world.good), lambda: host.stop(BLUE)):
        with pytest.raises(Unreachable, match="0x80070426"):
            act()
    assert (world.iis.config, world.iis.commits, world.lives(BLUE)) == (before, commits, 1)


def test_a_port_that_another_site_or_program_has_is_refused_before_anything_is_changed(world: World) -> None:
    host = world.open()
    world.iis.listening.add(world.site.ports.blue)
    with pytest.raises(Refused, match=f"Port {world.site.ports.blue} is taken by another program"):
        host.start(BLUE, world.good)
    world.iis.listening.clear()
    intruder = Place(r"C:\inetpub\wwwroot", (("http", f"*:{world.site.ports.blue}:"),))
    world.iis.commit(lambda config: config.sites.update({"Default Web Site": intruder}))
    with pytest.raises(Refused, match="taken by the site Default Web Site"):
        host.start(BLUE, world.good)
    assert world.iis.commits == 1, "the stranger's"
    assert host.read(BLUE).status is STOPPED


def test_a_pool_that_iis_switches_off_at_once_is_stopped_and_says_where_to_look(world: World) -> None:
    world.iis.disables = True
    host = world.open()
    host.start(BLUE, world.good)
    found = host.read(BLUE)
    assert found.status is STOPPED
    assert "IIS itself has stopped its pool" in found.detail
    assert "Microsoft-Windows-WAS" in found.detail


def test_a_member_that_crashes_at_once_is_alive_and_not_ready_for_iis_starts_it_again(world: World) -> None:
    """Rapid-fail protection would switch a pool off, stable's too, until somebody comes."""
    release(world.disk, "1.0", die_at_start=True)
    host = world.open()
    host.start(BLUE, world.good)
    first = world.processes.lives[-1]
    ended(first)
    found = until(host, BLUE, lambda _: world.processes.lives[-1] is not first)
    assert found.status is UNREADY
    release(world.disk, "1.0")
    until(host, BLUE, lambda found: found.status is READY)


def test_a_member_that_is_never_ready_is_alive_and_says_why(world: World) -> None:
    release(world.disk, "1.0", never_ready=True)
    host = world.open()
    host.start(BLUE, world.good)
    seen = []
    until(host, BLUE, lambda found: bool(seen.append(found)) or len([one for one in seen if one.version]) == 3)
    assert {one.status for one in seen} == {UNREADY}
    assert seen[-1].detail == "/healthz answers 503"


def test_a_slot_is_found_out_of_the_world_when_somebody_moved_it(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)

    def moved(config: Any) -> None:
        config.sites[NAMES[BLUE]].path = r"D:\releases\1.1"
        config.pools[NAMES[BLUE]].steady = False

    world.iis.commit(moved)
    found = until(host, BLUE, lambda found: r"not 1.0; it lies in D:\releases\1.1" in found.detail)
    assert (found.status, found.version) == (UNREADY, "1.1")


def test_an_answer_that_makes_no_sense_is_unknown(world: World) -> None:
    for nonsense in ({}, {"stands": []}, {"stands": [{"name": "x"}] * 2}):
        world.rig.windows.plays(scripts.LOOK, lambda *_, said=nonsense: said)
        with pytest.raises(Unreachable, match="makes no sense"):
            world.open().read(BLUE)


def test_one_look_serves_both_slots_once_and_not_after_a_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FRESH", PATIENCE)
    host = world.open()
    ready(host, BLUE, world.good)
    looks = lambda: [name for name, _ in world.rig.windows.ran].count("look.ps1")  # noqa: E731
    before = looks()
    host.read(BLUE)
    host.read(GREEN)
    assert looks() == before + 1
    host.read(GREEN)
    host.stop(BLUE)
    host.read(BLUE)
    assert looks() == before + 3


# ---- the trap: a change that restarts the other slot -----------------------------------------------------------------


def test_a_restart_of_the_other_slot_by_our_change_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    old = world.pid(BLUE)
    world.iis.platform = True
    with caplog.at_level(logging.WARNING, "reconciler.iis"):
        host.start(GREEN, world.other)
    found = until(host, BLUE, lambda found: found.status is READY)
    assert world.pid(BLUE) != old
    assert found.detail.startswith(f"node.exe {old} ended when the configuration was changed for green")
    assert f"production/api in blue: node.exe {old} ended" in caplog.text
    until(host, GREEN, lambda found: found.status is READY)
    pids = world.pid(BLUE), world.pid(GREEN)
    host.start(GREEN, world.other)
    host.start(BLUE, world.good)
    assert (world.pid(BLUE), world.pid(GREEN)) == pids, "where nothing differs nothing is changed"


def test_a_restart_that_comes_later_is_told_by_the_next_look(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    old = world.pid(BLUE)
    ready(host, GREEN, world.other)
    assert host.read(BLUE).detail == ""
    world.iis.platform = True
    world.iis.commit(lambda _: None)
    found = until(host, BLUE, lambda found: found.status is READY)
    assert f"node.exe {old} ended" in found.detail


# ---- people ----------------------------------------------------------------------------------------------------------


def test_what_a_person_types_is_powershell_and_touches_nothing(world: World) -> None:
    before = world.traces()
    typed = world.open().by_hand(BLUE, world.good)
    assert "Stop-Website 'production-api-blue'; Stop-WebAppPool 'production-api-blue'" in typed.stop
    assert "autoStart $false" in typed.stop
    assert "Start-WebAppPool 'production-api-blue'" in typed.start
    back = r"'IIS:\AppPools\production-api-blue' autoStart $true"
    assert 0 < typed.start.index(back) < typed.start.index("Start-WebAppPool"), "or a reboot would undo it"
    assert r"'IIS:\AppPools\production-api-blue' startMode AlwaysRunning" in typed.start
    assert r"'IIS:\Sites\production-api-blue' serverAutoStart $true" in typed.start
    assert r"D:\releases\1.0" in typed.start
    assert world.traces() == before


def told(world: World) -> dict[str, Finding]:
    return {one.what: one for one in world.open().examine()}


def test_the_doctor_is_told_what_is_missing(world: World) -> None:
    world.iis.modules = ("httpPlatformHandler",)
    world.iis.listening.add(world.site.ports.green)
    world.iis.commit(lambda config: config.pools.update({NAMES[BLUE]: Pool()}))
    found = told(world)
    assert (found["node"].grade, found["warm-up"].grade) == (Grade.WARNING, Grade.WARNING)
    assert "may restart" in found["node"].found
    assert found["port green"].grade is Grade.FAILED
    assert found["port blue"].found == f"{world.site.ports.blue} is free"
    assert found["pool"].grade is Grade.WARNING
    world.iis.denied = True
    assert told(world)["rights"].grade is Grade.FAILED
    world.iis.denied, world.iis.installed = False, False
    assert told(world)["iis"].cure.startswith("Install-WindowsFeature")


def test_the_doctor_hears_of_a_machine_that_does_not_answer_once(world: World) -> None:
    world.rig.faults.strike("Create", *[faults.Reboot(away=True)] * 9)
    assert [(one.what, one.grade) for one in world.open().examine()] == [("machine", Grade.FAILED)]


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_opening_touches_nothing_and_refuses_what_cannot_be(world: World) -> None:
    with pytest.raises(Refused, match="cannot stand by"):
        driver.open(HostContext("e", "m", world.folder, standby=True, named=world.named), Settings(site="portal"))
    with pytest.raises(Refused, match="64 characters"):
        driver.open(HostContext("e" * 60, "m", world.folder, named=world.named), Settings(site="portal"))

    def unknown(section: str, name: str) -> Any:
        raise InvalidConfiguration(f"unknown {section} {name}")

    with pytest.raises(InvalidConfiguration, match="unknown sites portal"):
        driver.open(HostContext("e", "m", world.folder, named=unknown), Settings(site="portal"))
    for act in (world.open().grant, world.open().release):
        with pytest.raises(Refused, match="cannot stand by"):
            act(BLUE, 1)
    assert world.rig.windows.ran == []
