"""What Windows answers to a start or a stop of a service, what that says of a version, and who else acts there
meanwhile: through real WS-Man."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services_world import FOLDER, Warm, World
from windows_calls import machine
from windows_processes import ended
from wsman_server import Rig

sys.path.append(str(Path(__file__).parents[1] / "drivers"))
pytest.register_assert_rewrite("host_exam")
from host_exam import BLUE, GREEN, owning, ready, standing_by, stopped  # noqa: E402

from reconciler.clock import SystemClock  # noqa: E402
from reconciler.core.reading import MemberReading, MemberStatus  # noqa: E402
from reconciler.drivers.hosts.windows_service import WindowsServiceHost  # noqa: E402
from reconciler.drivers.process import ownership  # noqa: E402
from reconciler.drivers.windows_service.looking import FILES, LOOK, START, STOP, Look  # noqa: E402
from reconciler.errors import Conflict, ReconcilerError, Refused, Unreachable  # noqa: E402

STOPPED, UNREADY, STOPPING = MemberStatus.STOPPED, MemberStatus.UNREADY, MemberStatus.STOPPING
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
OURS = r"NT AUTHORITY\LocalService"


class Alone(World):
    exclusive = True


class Jumping(SystemClock):
    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.fixture
def world(plain: Rig, tmp_path: Path, password: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    kind: type[World] = getattr(request, "param", World)
    made = kind(plain, tmp_path, **({"stop_timeout": "30s"} if kind is World else {}))
    yield made
    made.clear()


def error(world: World, host: WindowsServiceHost, code: int) -> ReconcilerError:
    """What is made of it when Windows answers a start so."""
    world.services.answers = [code]
    with pytest.raises(ReconcilerError, match=rf"demo-api-blue\) cannot be started on 127.0.0.1: .*\({code}\)$") as no:
        host.start(BLUE, world.good)
    return no.value


# ---- a start ---------------------------------------------------------------------------------------------------------


def test_what_may_go_well_in_a_moment_says_nothing_of_the_version(world: World) -> None:
    """A program that is slow to come up while the machine is busy, say: it is tried again."""
    host = world.open()
    for code in (7, 8, 11, 13, 15, 17):
        assert type(error(world, host, code)) is Unreachable
        assert (host.read(BLUE).status, world.service().mode) == (STOPPED, "Disabled")
    ready(host, BLUE, world.good)


def test_what_will_not_go_well_by_itself_is_refused(world: World) -> None:
    host = world.open()
    for code in (2, 9, 14, 16, 21, 22):
        assert type(error(world, host, code)) is Refused
        assert (host.read(BLUE).status, world.service().mode) == (STOPPED, "Disabled")


def test_a_start_is_given_the_time_in_which_windows_itself_waits(world: World, tmp_path: Path) -> None:
    """Half a minute, and a machine's deadline is no longer: what it then does to the service would not be done."""
    clock, context = Jumping(), world.open().context
    table = world.named("services", "shop")
    host = WindowsServiceHost(context, "shop", table, machine(world.rig, tmp_path, deadline="30s"), clock)
    world.opened.append(host)
    world.services.answers = [7]
    world.services.meanwhile = lambda: setattr(clock, "ahead", 31.0)
    with pytest.raises(Unreachable, match="did not answer Windows in time"):
        host.start(BLUE, world.good)
    assert [name for name, _ in world.rig.windows.ran].count(START.name) == 1
    assert (clock.ahead, world.service().mode) == (31.0, "Disabled")


def test_a_service_that_is_marked_for_deletion_is_refused_in_words(world: World) -> None:
    """Somebody has deleted it while services.msc was open: it is there until that is closed, and takes no change."""
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    world.services.marked = {"demo-api-blue"}
    for pin in (world.good, world.other):  # sc.exe is refused, and a new line
        with pytest.raises(Refused, match=r"marked for deletion; close whatever shows it, such as services.msc \(16\)"):
            host.start(BLUE, pin)
    world.services.marked = set()
    ready(host, BLUE, world.good)


def test_an_account_that_windows_does_not_take_is_refused_in_words(world: World) -> None:
    world.services.no_account = {OURS}
    with pytest.raises(Refused, match=r"account is not valid there.* must be installed there \(22\)"):
        world.open().start(BLUE, world.good)
    assert world.services.all == {}


def test_a_locked_list_of_services_says_nothing_of_the_version(world: World) -> None:
    host = world.open()
    world.services.locked = True
    with pytest.raises(Unreachable, match="the new service demo-api-blue: Windows answers 11"):
        host.start(BLUE, world.good)
    world.services.locked = False
    ready(host, BLUE, world.good)


@pytest.mark.parametrize("script", [LOOK, FILES, START], ids=lambda one: one.name)
def test_an_answer_that_makes_no_sense_is_unknown_for_something_may_have_changed(world: World, script: Any) -> None:
    world.rig.windows.plays(script, lambda *_: {"code": -1})
    with pytest.raises(Unreachable, match=f"{script.name}: its answer makes no sense, so nothing is known"):
        world.open().start(BLUE, world.good)


def test_an_answer_about_another_service_is_unknown(world: World) -> None:
    look = world.services.scripts._look
    swapped = lambda said, session: look({**said, "Names": said["Names"][::-1]}, session)  # noqa: E731
    world.rig.windows.plays(LOOK, swapped)
    with pytest.raises(Unreachable, match="makes no sense"):
        world.open().read(BLUE)


# ---- a stop ----------------------------------------------------------------------------------------------------------


def test_what_windows_answers_to_a_stop_is_told_until_it_has_stopped(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    world.services.needed = {"demo-api-blue"}
    host.stop(BLUE)
    found = host.read(BLUE)
    said = "asked to stop, finishing its work; to the last stop Windows answered: services that depend on it run (3)"
    assert (found, found.detail) == (MemberReading(STOPPING, "1.0"), said)
    world.services.needed = set()
    host.stop(BLUE)
    assert "Windows answered" not in host.read(BLUE).detail
    stopped(host, BLUE)


def test_a_process_that_cannot_be_ended_is_told_and_keeps_no_other(world: World) -> None:
    world.services.deaf = {"demo-api-blue"}
    host = world.open()
    ready(host, BLUE, world.good)
    child = world.processes.start(SLEEPER, "child.exe", of=world.life().pid)
    host.stop(BLUE)
    world.services.ahead += 31
    world.services.lasting = {world.life().pid: 8}
    host.stop(BLUE)
    assert host.read(BLUE).detail.endswith("; to the last stop Windows answered: an unknown failure (8)")
    assert not child.alive
    world.services.lasting = {world.life().pid: 3}
    with pytest.raises(Refused, match=r"ending process .*: Windows answers 3 .*more rights there"):
        host.stop(BLUE)
    world.services.lasting = {}
    stopped(host, BLUE)


def test_a_process_that_ends_by_itself_right_before_it_is_ended_keeps_no_other(world: World) -> None:
    """As a child does whose parent was ended."""
    world.services.deaf = {"demo-api-blue"}
    host = world.open()
    ready(host, BLUE, world.good)
    children = [world.processes.start(SLEEPER, "child.exe", of=world.life().pid) for _ in range(2)]
    host.stop(BLUE)
    world.services.dying = {children[0].pid}
    world.services.ahead += 31
    host.stop(BLUE)
    for child in children:
        ended(child)
    assert (host.read(BLUE).status, host.read(BLUE).detail) == (STOPPED, "its process ended without a word (1067)")


def test_one_that_is_marked_for_deletion_can_be_stopped(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    world.services.marked = {"demo-api-blue"}
    stopped(host, BLUE)


def test_an_answer_to_a_stop_that_makes_no_sense_is_unknown(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    world.rig.windows.plays(STOP, lambda *_: {"state": "Stopped"})
    with pytest.raises(Unreachable, match=r"service_stop.ps1: its answer makes no sense"):
        host.stop(BLUE)


# ---- somebody else acts there ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [Alone], indirect=True)
@pytest.mark.parametrize("mode", ["Auto", "Manual", "Disabled"])
def test_an_old_owner_that_somebody_starts_right_before_the_new_one_runs_on_as_it_was(world: World, mode: str) -> None:
    """The next look sees it, and stops it: no switch goes back for that."""
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    world.service().mode = mode
    world.services.disabling = lambda: world.services.begin(world.service())  # type: ignore[assignment,return-value]
    with pytest.raises(Conflict, match="demo-api-blue is Running; of these two only one may run"):
        host.start(GREEN, world.other)
    assert (world.lives(BLUE), world.lives(GREEN)) == (1, 0)
    assert world.service().mode == mode
    stopped(host, BLUE)
    ready(host, GREEN, world.other)


def test_what_somebody_starts_right_before_a_start_is_left_alone(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    world.services.before = lambda: world.services.begin(world.service())  # type: ignore[assignment,return-value]
    with pytest.raises(Conflict, match="demo-api-blue is Running, with another command line"):
        host.start(BLUE, world.other)
    assert host.read(BLUE).status is UNREADY
    assert world.lives(BLUE) == 1


def test_what_somebody_asks_to_stop_right_before_a_start_is_left_alone(world: World) -> None:
    world.services.deaf = {"demo-api-blue"}
    host = world.open()
    ready(host, BLUE, world.good)
    world.processes.kill(world.life())
    host.stop(BLUE)

    def started_and_stopped() -> None:
        world.services.begin(world.service())
        world.services.ask(world.service())

    world.services.before = started_and_stopped
    with pytest.raises(Conflict, match="demo-api-blue was asked to stop, and has not yet"):
        host.start(BLUE, world.good)


def test_one_that_has_to_stop_first_is_no_evidence_about_the_version_that_is_to_start(
    world: World,
) -> None:
    world.services.deaf = {"demo-api-blue"}
    host = world.open()
    ready(host, BLUE, world.good)
    with pytest.raises(Conflict, match=r"runs 1.0; it must be stopped before 1.1#0a1b2c3d can start"):
        host.start(BLUE, world.other)
    host.stop(BLUE)
    with pytest.raises(Conflict, match=r"still runs 1.0, which was asked to stop; wait until it has"):
        host.start(BLUE, world.other)


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [Warm], indirect=True)
def test_what_somebody_writes_right_before_a_file_is_replaced_stays(world: World) -> None:
    """By hand, as the manual says it: nothing keeps a person from it."""
    host = world.open()
    owning(host, BLUE, world.good, 3)
    standing_by(host, GREEN, world.other)
    file, by_hand = rf"{FOLDER}\demo-worker.ownership.json", ownership.written(ownership.Ownership(None, 9))
    world.services.files.meanwhile = lambda: world.services.place(file, by_hand)  # type: ignore[assignment,return-value]
    with pytest.raises(Conflict, match=r"ownership\.json was changed by somebody else; nothing is written over it"):
        host.grant(GREEN, 5)
    assert world.services.real(file).read_text() == by_hand


@pytest.mark.parametrize("world", [Warm], indirect=True)
def test_while_one_script_writes_no_other_of_ours_does(world: World) -> None:
    """One of a call that was cut off goes on for a while: what it has compared must not have changed when it writes."""
    host, other = world.open(), world.open()
    owning(host, BLUE, world.good, 3)
    world.services.files.patience = 0.0
    refused: list[str] = []

    def grants() -> None:
        with pytest.raises(Conflict) as no:
            other.grant(BLUE, 6)
        refused.append(str(no.value))

    world.services.files.meanwhile = grants
    host.grant(BLUE, 5)
    assert refused == ["127.0.0.1: Another script writes the files of services there."]
    other.grant(BLUE, 6)
    assert '"number": 6' in world.services.real(rf"{FOLDER}\demo-worker.ownership.json").read_text()


def test_of_several_files_none_is_written_where_one_is_another_than_was_expected(world: World) -> None:
    host = world.open()
    ready(host, BLUE, world.good)
    stopped(host, BLUE)
    look, before = host._look, []

    def then_somebody_writes(*words: Any, **more: Any) -> Look:
        found = look(*words, **more)
        world.record().write_text(world.record().read_text() + " ")
        before.append(world.traces())
        return found

    host._look = then_somebody_writes  # type: ignore[method-assign]
    with pytest.raises(Conflict, match=r"demo-api-blue\.json was changed by somebody else"):
        host.start(BLUE, world.other)  # whose configuration would come first
    assert [world.traces()] == before
