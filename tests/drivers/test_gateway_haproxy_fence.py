"""HAProxy's fence, its file and its life: on a real one, with writers that are late, paused, killed or faster."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "gateway_haproxy_rig")

from gateway_exam import BLUE, GREEN, ask, draw, put  # noqa: E402
from gateway_haproxy_rig import ENVIRONMENT, External, Managed, needed  # noqa: E402
from gateway_load import Load, download, listens, until  # noqa: E402
from gateway_upstream import Upstream  # noqa: E402
from gateway_users_exam import own_green, shared_apps  # noqa: E402, F401

from reconciler.core.model import Pair, Routing, Slot, all_on, share  # noqa: E402
from reconciler.core.reading import GatewayReading, Stamp  # noqa: E402
from reconciler.drivers.entry import Entry, parse  # noqa: E402
from reconciler.drivers.haproxy import server, table  # noqa: E402
from reconciler.drivers.haproxy.files import MapFile  # noqa: E402
from reconciler.drivers.roads import ROAD_HEADER, UPSTREAM_HEADER  # noqa: E402
from reconciler.errors import Conflict, Fenced, Refused, Unreachable  # noqa: E402

pytestmark = pytest.mark.real


@pytest.fixture
def rig(
    tmp_path: Path, shared_apps: dict[tuple[str, Slot], Upstream], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Managed]:
    needed()
    rig = Managed(tmp_path, dict(shared_apps), monkeypatch)
    yield rig
    rig.end()


@pytest.fixture(params=[True, False], ids=["maps", "elsewhere"])
def edge(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    shared_apps: dict[tuple[str, Slot], Upstream],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[External]:
    """An operator's own, with its maps on this machine or not."""
    needed()
    rig = External(tmp_path, dict(shared_apps), monkeypatch, tcp=not request.param, maps=request.param)
    yield rig
    rig.end()


@contextlib.contextmanager
def just_before(patch: pytest.MonkeyPatch, command: str, act: Any) -> Iterator[None]:
    """Within, `act` happens once, in the moment before HAProxy is sent the first such command."""
    whole, over = table.Connection.ask, threading.Event()

    def ask_late(connection: Any, *commands: str) -> list[str]:
        if not over.is_set() and any(one.startswith(command) for one in commands):
            over.set()
            act()
        return whole(connection, *commands)

    with patch.context() as inside:
        inside.setattr(table.Connection, "ask", ask_late)
        yield
    assert over.is_set(), f"nobody sent '{command}', so this proves nothing"


def kept(rig: Managed) -> Entry:
    return parse(rig.map_file.read_text().partition(" ")[2].strip())


class TestFence:
    @pytest.mark.parametrize("moment", ["prepare map", "add map", "show map", "commit map"])
    def test_a_seal_that_comes_in_the_middle_of_a_write_fences_it(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        old, new = rig.open(), rig.open()
        before = put(old, Routing(all_on(BLUE)), generation=1)
        with just_before(monkeypatch, moment, lambda: new.seal(2)), pytest.raises(Fenced):
            old.write(Routing(share(GREEN, 50)), before, 1)
        assert new.read().weights == all_on(BLUE)

    @pytest.mark.parametrize("moment", ["prepare map", "add map", "commit map"])
    def test_a_write_in_the_middle_of_a_seal_is_kept_or_fenced_and_never_lost_unseen(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        old, new = rig.open(), rig.open()
        before = put(old, Routing(share(GREEN, 50)), generation=1)
        outcome: list[str] = []

        def back() -> None:
            try:
                old.write(Routing(all_on(BLUE)), before, 1)
                outcome.append("done")
            except (Conflict, Fenced) as error:
                outcome.append(type(error).__name__)

        with just_before(monkeypatch, moment, back):
            new.seal(2)
        wanted = all_on(BLUE) if outcome == ["done"] else share(GREEN, 50)
        assert new.read().weights == wanted, outcome
        with pytest.raises(Fenced):
            old.write(Routing(share(GREEN, 10)), old.read(), 1)

    @pytest.mark.parametrize("moment", ["prepare map", "add map", "commit map"])
    def test_of_two_writes_at_once_one_is_done_and_the_other_told_of_a_conflict(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        first, second = rig.open(), rig.open()
        before = put(first, Routing(all_on(BLUE)))
        meanwhile = just_before(monkeypatch, moment, lambda: second.write(Routing(share(GREEN, 10)), before, 1))
        with meanwhile, pytest.raises(Conflict) as caught:
            first.write(Routing(share(GREEN, 50)), before, 1)
        assert not isinstance(caught.value, Fenced)
        assert first.read().weights == share(GREEN, 10)

    def test_what_an_old_leader_has_prepared_cannot_be_committed_after_a_seal(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)), generation=1)
        file = rig.map_file
        prepared = rig.say(f"prepare map {file}").split(":")[1].strip()
        rig.say(f"add map @{prepared} {file} routing {Entry(Routing(all_on(GREEN)), Stamp('j', 1, 9), 1).dump()}")
        gateway.seal(2)
        assert "out of range" in rig.say(f"commit map @{prepared} {file}")
        assert gateway.read().weights == all_on(BLUE)

    def test_a_version_that_a_dead_writer_left_behind_stands_in_nobodys_way(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        for _ in range(3):
            rig.say(f"prepare map {rig.map_file}")
        assert put(gateway, Routing(share(GREEN, 10))).weights == share(GREEN, 10)
        gateway.seal(2)
        assert put(gateway, Routing(share(GREEN, 20)), generation=2).weights == share(GREEN, 20)

    def test_what_slips_in_while_a_gap_is_closed_is_put_back_with_the_seal(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)), generation=1)
        file = rig.map_file
        late = rig.say(f"prepare map {file}").split(":")[1].strip()
        rig.say(f"add map @{late} {file} routing {Entry(Routing(all_on(BLUE)), Stamp('j', 1, 9), 1).dump()}")
        said: list[str] = []
        with just_before(monkeypatch, "add map", lambda: said.append(rig.say(f"commit map @{late} {file}"))):
            gateway.seal(2)
        assert said == ["\n"], "it was taken"
        assert gateway.read().weights == all_on(BLUE)
        with pytest.raises(Fenced):
            gateway.write(Routing(share(GREEN, 10)), gateway.read(), 1)

    def test_a_write_prepared_before_a_restart_is_never_applied_after_it(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old, other = rig.open(), rig.open()
        before = put(old, Routing(all_on(BLUE)))
        with just_before(monkeypatch, "commit map", lambda: rig.restart(other)), pytest.raises(Unreachable):
            old.write(Routing(share(GREEN, 50)), before, 1)
        assert old.read().weights == all_on(BLUE)

    def test_a_write_that_an_old_worker_takes_after_a_reload_is_not_acknowledged(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        with just_before(monkeypatch, "commit map", rig.reload), pytest.raises((Unreachable, Conflict)):
            gateway.write(Routing(share(GREEN, 50)), before, 1)
        assert gateway.read().weights == all_on(BLUE)
        assert kept(rig).routing == Routing(all_on(BLUE))


class TestMapFile:
    def test_a_seal_that_only_the_file_knows_fences_too(self, rig: Managed) -> None:
        """As after a reload that read the file just before the seal, and took over just after."""
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)), generation=1)
        rig.map_file.write_text(f"routing {replace(kept(rig), sealed=2).dump()}\n")
        with pytest.raises(Fenced):
            gateway.write(Routing(share(GREEN, 50)), before, 1)
        assert put(gateway, Routing(share(GREEN, 10)), generation=2).weights == share(GREEN, 10)

    def test_a_paused_leader_puts_no_old_file_back(self, rig: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
        old, new = rig.open(), rig.open()
        before = put(old, Routing(all_on(BLUE)), generation=1)
        keep = MapFile.keep

        def paused(file: MapFile, *given: Any) -> None:
            monkeypatch.setattr(MapFile, "keep", keep)
            new.seal(2)
            put(new, Routing(share(GREEN, 10)), generation=2)
            keep(file, *given)

        monkeypatch.setattr(MapFile, "keep", paused)
        old.write(Routing(share(GREEN, 50)), before, 1)
        assert kept(rig).routing == Routing(share(GREEN, 10))
        assert kept(rig).sealed == 2

    def test_a_crash_before_the_file_is_mended_by_the_next_seal(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(MapFile, "keep", _die)
            put(gateway, Routing(all_on(BLUE)))
        assert kept(rig).routing == Routing(share(GREEN, 50)), "one write behind"
        rig.open().seal(2)
        assert kept(rig).routing == Routing(all_on(BLUE))

    def test_a_restart_in_that_gap_serves_what_was_acknowledged_before_and_is_seen(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(MapFile, "keep", _die)
            put(gateway, Routing(all_on(BLUE)))
        unaware = gateway.read()
        rig.kill()
        assert gateway.read().weights == share(GREEN, 50)
        with pytest.raises(Conflict):
            gateway.write(Routing(all_on(BLUE)), unaware, 1)
        after = put(gateway, Routing(all_on(BLUE)))
        assert after.weights == all_on(BLUE)
        assert after.incarnation != unaware.incarnation

    def test_a_file_that_makes_no_sense_is_neither_absent_nor_ours(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        rig.kill()
        rig.map_file.write_text("routing by/hand\n")
        found = gateway.read()
        assert (found.up, found.weights, found.stamp) == (False, Pair(0, 0), None)
        assert put(gateway, Routing(all_on(BLUE))).weights == all_on(BLUE)

    def test_a_file_that_cannot_be_read_is_unknown(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        rig.kill()
        rig.map_file.write_bytes(b"\xff\xfe")
        with pytest.raises(Unreachable, match="put a good copy back"):
            gateway.read()

    @pytest.mark.parametrize("text", ["by-hand", "25/75/open/open/-/0/0/0/-"])
    def test_what_was_changed_by_hand_is_seen_sealed_over_and_healed(self, rig: Managed, text: str) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        rig.say(f"set map {rig.map_file} routing {text}")
        found = gateway.read()
        assert found.stamp is None
        assert found.weights == (Pair(25, 75) if "/" in text else Pair(0, 0))
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 10)), before, 1)
        gateway.seal(1)
        assert gateway.read().weights == found.weights
        assert put(gateway, Routing(all_on(BLUE))).weights == all_on(BLUE)


def _die(*_: object) -> None:
    raise KeyboardInterrupt


class TestLife:
    def test_either_process_takes_the_other_with_it_and_the_weights_stay(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 30), fallback=BLUE))
        for victim in (rig.master, lambda: rig.workers()[0]):
            master, (worker,) = rig.master(), rig.workers()
            victim().signal(signal.SIGKILL)
            until(lambda one=master, other=worker: not one.alive() and not other.alive(), "half of it lives on")
            down = gateway.read()
            assert (down.up, down.weights) == (False, share(GREEN, 30))
            gateway.write(Routing(share(GREEN, 30), fallback=BLUE), down, 1)
            assert gateway.read().up

    def test_a_reload_under_load_keeps_the_weights(self, rig: Managed) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 30), fallback=BLUE))
        with Load(gateway.users()) as load:
            load.wait_for(50)
            reloads = rig.reload()
            load.wait_for(100)
        after = gateway.read()
        assert after.incarnation != before.incarnation
        assert replace(after, incarnation="", counters=Pair(None, None)) == replace(
            before, incarnation="", counters=Pair(None, None)
        )
        # What a reload itself costs: kept connections that were closed just then, one each at most.
        assert load.failed <= 4 * reloads, load.outcomes

    def test_two_hundred_switches_under_load_lose_nothing(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        with Load(gateway.users(), clients=6) as load:
            for number in range(200):
                weight = (10, 50, 100, 50, 0)[number % 5]
                put(gateway, Routing(share(GREEN, weight), fallback=BLUE if weight else None))
                load.wait_for(3)
        assert load.failed == 0, load.outcomes
        assert min(load.outcomes["blue"], load.outcomes["green"]) > 0

    def test_a_taken_port_is_refused_by_name_and_nothing_is_left_behind(self, rig: Managed) -> None:
        gateway = rig.open()
        with socket.create_server(("127.0.0.1", rig.port)), pytest.raises(Refused, match=f"127.0.0.1:{rig.port}.*free"):
            put(gateway, Routing(all_on(BLUE)))
        assert (gateway.read().up, gateway.read().weights) == (False, None)

    def test_one_that_ends_while_it_starts_says_why(self, rig: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway = rig.open()
        monkeypatch.setattr(server, "check_free", lambda *_: None)
        with socket.create_server(("127.0.0.1", rig.port)), pytest.raises(Refused, match=r"[Aa]ddress already in use"):
            put(gateway, Routing(all_on(BLUE)))
        assert (gateway.read().up, gateway.read().weights) == (False, None)

    def test_a_missing_haproxy_is_refused_saying_what_to_install(
        self, rig: Managed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shutil.which", lambda *_, **__: None)
        with pytest.raises(Refused, match="apt-get install haproxy"):
            put(rig.open(), Routing(all_on(BLUE)))

    def test_one_that_nobody_recorded_is_found_again_and_not_started_twice(self, rig: Managed) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        (rig.state / "process.json").unlink()  # as when we are killed between starting and recording
        assert gateway.read() == before, "what serves is no gateway that is down"
        assert not (rig.state / "process.json").exists(), "reading records nothing"
        after = put(gateway, Routing(all_on(GREEN)))
        assert (after.incarnation, after.weights) == (before.incarnation, all_on(GREEN))
        assert (rig.state / "process.json").exists()

    def test_members_that_moved_are_refused_while_the_old_ones_are_served(self, rig: Managed) -> None:
        put(rig.open(), Routing(all_on(BLUE)))
        rig.apps["web", GREEN], rig.apps["web", BLUE] = rig.apps["web", BLUE], rig.apps["web", GREEN]
        second = rig.open()
        with pytest.raises(Refused, match="reconcile down"):
            put(second, Routing(all_on(GREEN)))
        second.close_listener()
        assert put(second, Routing(all_on(GREEN))).weights == all_on(GREEN)
        assert ask(second.users()).slot == BLUE, "the one that moved to green"

    def test_stopping_lets_answers_under_way_end(self, rig: Managed, own_green: Upstream) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(GREEN)))
        with download(gateway.users(), own_green) as body:
            stopper = threading.Thread(target=gateway.close_listener)
            stopper.start()
            until(lambda: not listens(rig.port), "the listener stays open")
            own_green.finish.set()
            assert body().endswith(b"end")
            stopper.join()
        assert not gateway.read().up

    def test_a_silent_one_is_stopped_by_force(self, rig: Managed) -> None:
        opener = rig.open()
        put(opener, Routing(all_on(BLUE)))
        opener.close()
        gateway = rig.open(deadline=2.0)
        everyone = [rig.master(), *rig.workers()]
        with rig.silent():
            gateway.close_listener()
        assert [one for one in everyone if one.alive()] == []

    def test_a_path_too_long_for_a_socket_works_and_one_with_a_space_is_refused(
        self, rig: Managed, tmp_path: Path
    ) -> None:
        rig.state = tmp_path / "a b"
        with pytest.raises(Refused, match="a space"):
            put(rig.open(), Routing(all_on(BLUE)))
        rig.state = tmp_path / ("long" * 30) / "gateway"
        assert put(rig.open(), Routing(all_on(BLUE))).up
        assert Path((rig.state / "admin.path").read_text()).parent.stat().st_mode & 0o077 == 0


class TestRoad:
    def test_no_app_sees_the_secret_and_only_a_probe_learns_who_answered(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        probed, used = ask(gateway.address(GREEN)), ask(gateway.users())
        assert ROAD_HEADER not in probed.body["headers"]
        assert probed.headers[UPSTREAM_HEADER] == rig.apps["web", GREEN].address
        assert UPSTREAM_HEADER not in used.headers

    @pytest.mark.parametrize("guess", ["green", "-green", "x-green", ""])
    def test_who_does_not_know_the_secret_forces_nothing(self, rig: Managed, guess: str) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        answer = ask(gateway.users(), "/", {ROAD_HEADER: guess})
        assert answer.slot == BLUE
        assert ROAD_HEADER not in answer.body["headers"]

    def test_the_secret_stands_in_one_file_only_and_nobody_else_reads_that(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        (secret,) = rig.secrets()
        files = [path for path in rig.state.rglob("*") if path.is_file()]
        holders = [path.name for path in files if secret in path.read_text(errors="replace")]
        assert holders == ["road.secret"]
        assert (rig.state / "road.secret").stat().st_mode & 0o077 == 0

    def test_closed_on_both_sides_or_never_written_lets_nobody_in(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        rig.say(f"clear map {rig.map_file}")
        assert gateway.read() == replace(GatewayReading(True, None), incarnation=gateway.read().incarnation), (
            "never written is not zero"
        )
        assert ask(gateway.users()).status == 503
        assert draw(gateway.address(GREEN), 2) == {"green": 2}

    def test_the_access_log_names_who_really_answered_and_never_the_query(self, rig: Managed) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        ask(gateway.users(), "/find?q=private", {"x-request-id": "our-own-id"})
        ask(gateway.address(GREEN))
        log = rig.state / "access.log"
        until(lambda: log.read_text().count("\n") >= 2, "nothing was logged")
        assert "private" not in log.read_text()
        from reconciler.evidence.access import read

        slots = {rig.apps["web", slot].address: slot for slot in Slot}
        (served,) = read(log.read_text().splitlines(), slots)
        assert (served.slot, served.status, served.id) == (BLUE, 200, "our-own-id")


class TestYourOwn:
    def test_weights_survive_a_restart_if_the_maps_are_here(self, edge: External) -> None:
        gateway = edge.open()
        before = put(gateway, Routing(share(GREEN, 30)))
        assert gateway.capabilities.lasting == (edge.proxy().maps is not None)
        edge.restart(gateway)
        after = gateway.read()
        assert after.incarnation != before.incarnation
        assert after.weights == (share(GREEN, 30) if gateway.capabilities.lasting else None)

    def test_another_configuration_than_ours_is_refused_naming_the_command(self, edge: External) -> None:
        gateway = edge.open()
        put(gateway, Routing(all_on(BLUE)))
        edge.apps["web", GREEN], edge.apps["web", BLUE] = edge.apps["web", BLUE], edge.apps["web", GREEN]
        with pytest.raises(Refused, match="reconcile gateway"):
            put(edge.open(), Routing(all_on(GREEN)))

    def test_a_socket_without_the_right_to_write_is_refused_naming_the_level(self, edge: External) -> None:
        gateway = edge.open()
        before = put(gateway, Routing(all_on(BLUE)))
        edge.kill()
        edge.level = "user"
        edge.start()
        with pytest.raises(Refused, match="level admin"):
            put(gateway, Routing(share(GREEN, 10), fallback=BLUE))
        assert gateway.read().weights == (before.weights if gateway.capabilities.lasting else None)

    def test_nobody_there_is_unreachable_for_reading_writing_and_sealing(self, edge: External) -> None:
        gateway = edge.open()
        before = put(gateway, Routing(all_on(BLUE)))
        edge.kill()
        for act in (gateway.read, lambda: gateway.write(Routing(all_on(GREEN)), before, 1), lambda: gateway.seal(2)):
            with pytest.raises(Unreachable, match="no HAProxy answers"):
                act()

    def test_haproxy_itself_accepts_what_has_to_be_included(self, edge: External) -> None:
        gateway = edge.open()
        gateway.check()
        assert f"frontend {ENVIRONMENT}" in gateway.configuration()

    def test_a_folder_of_maps_that_is_not_there_is_refused_before_anything_is_changed(self, edge: External) -> None:
        gateway = edge.open()
        before = put(gateway, Routing(all_on(BLUE)))
        if not gateway.capabilities.lasting:
            pytest.skip("its maps are elsewhere")
        edge.folder.rename(edge.root / "moved")
        with pytest.raises(Refused, match="folder of maps"):
            gateway.write(Routing(all_on(GREEN)), before, 1)
        assert gateway.read() == before
