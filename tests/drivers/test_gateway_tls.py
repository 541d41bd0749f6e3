"""Gateways that users reach by HTTPS: the exam once more, and the renewal of a certificate while they serve."""

from __future__ import annotations

import os
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("gateway_exam", "gateway_users_exam", "gateway_load", "gateway_haproxy_rig")

from corp import DAY, Corp, keys, shown  # noqa: E402
from gateway_exam import BLUE, GREEN, ByHandExam, GatewayExam, ask, put  # noqa: E402
from gateway_haproxy_rig import External, Managed, needed  # noqa: E402
from gateway_load import Load, until  # noqa: E402
from gateway_upstream import Upstream  # noqa: E402
from gateway_users_exam import SessionsExam, own_green, shared_apps  # noqa: E402, F401
from test_gateway_envoy import EnvoyRig  # noqa: E402
from test_gateway_envoy import rig as envoy_rig  # noqa: E402, F401

from reconciler.clock import SYSTEM  # noqa: E402
from reconciler.core.model import Routing, Slot, all_on, share  # noqa: E402
from reconciler.core.reading import CertificateReading  # noqa: E402
from reconciler.drivers.certificates import pair as pairs  # noqa: E402
from reconciler.drivers.certificates import pem  # noqa: E402
from reconciler.drivers.certificates.shown import Shown  # noqa: E402
from reconciler.drivers.http import Client  # noqa: E402
from reconciler.drivers.journey import Step  # noqa: E402
from reconciler.drivers.local.deadline import Deadline  # noqa: E402
from reconciler.drivers.protocols import Gateway, Renewing, Road  # noqa: E402
from reconciler.errors import Fenced, Refused, Unreachable  # noqa: E402
from reconciler.measure.request import send  # noqa: E402

pytestmark = pytest.mark.real
Rig = EnvoyRig | Managed


@pytest.fixture
def corp(tmp_path: Path) -> Corp:
    return Corp(tmp_path / "corp")


@pytest.fixture(params=["envoy", "haproxy"])
def rig(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    shared_apps: dict[tuple[str, Slot], Upstream],
    monkeypatch: pytest.MonkeyPatch,
    corp: Corp,
) -> Iterator[Rig]:
    corp.made().put(corp.folder)
    if request.param == "envoy":
        found: Rig = request.getfixturevalue("envoy_rig")
        found.certificate = corp.table()
        yield found
        return
    needed()
    found = Managed(tmp_path, dict(shared_apps), monkeypatch)
    found.certificate = corp.table()
    yield found
    found.end()


class TestExam:
    """What of the exam TLS has a part in: starts, roads, counters, secrets, the scripts. All of it was passed once
    (docs/decisions/027-tls.md); weights and fence go by the same socket as without."""

    test_a_restart_keeps_the_weights = GatewayExam.test_a_restart_keeps_the_weights
    test_reading_changes_nothing = GatewayExam.test_reading_changes_nothing
    test_no_message_and_no_reading_holds_a_secret = GatewayExam.test_no_message_and_no_reading_holds_a_secret
    test_the_forced_road_leads_to_its_slot = GatewayExam.test_the_forced_road_leads_to_its_slot_whatever_the_weights
    test_users_are_counted_and_probes_are_not = GatewayExam.test_users_are_counted_and_probes_are_not
    test_no_script_holds_a_secret = ByHandExam.test_no_script_holds_a_secret_and_making_one_touches_nothing
    test_a_person_moves_all = ByHandExam.test_a_person_moves_all_traffic_without_us_and_the_gateway_says_so
    test_being_examined_finds_nothing_wrong = (
        GatewayExam.test_being_examined_changes_nothing_and_finds_nothing_wrong_where_it_serves
    )
    test_a_sticky_client_stays = SessionsExam.test_a_sticky_client_stays_with_its_slot_for_every_member_while_it_drains


def renewing(gateway: Gateway) -> Renewing:
    assert isinstance(gateway, Renewing)
    return gateway


def reading(gateway: Gateway) -> CertificateReading:
    found = gateway.read().certificate
    assert found is not None
    return found


def settled(patch: pytest.MonkeyPatch) -> None:
    """The files were put there a while ago: what is wrong with them now is nobody's renewal under way."""
    patch.setattr("reconciler.drivers.certificates.shown.SETTLING", 0.0)


class Probes:
    """Our own requests by the forced road, each on a connection of its own, as a sampler sends them."""

    def __init__(self, road: Road) -> None:
        self.errors: list[str] = []
        self.sent = 0
        self._road, self._over = road, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Probes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        goal = self.sent + more
        until(lambda: self.sent >= goal, "the probes do not get on")

    def _run(self) -> None:
        while not self._over.wait(0.002):
            reply = send(Step("look", "GET", "/"), self._road, 30.0)
            self.sent += 1
            self.errors += [reply.error] if reply.error else []


class TestRenewal:
    def test_ten_renewals_lose_no_request_of_users_or_of_ours(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50)))
        users = corp.users()
        with Load(gateway.users(), users=users) as load, Probes(gateway.address(GREEN)) as probes:
            for number in range(10):
                new = corp.made()
                new.put(corp.folder, half=True)
                with pytest.raises(Refused, match="is not the key of"):
                    renewing(gateway).renew(1)
                assert shown(rig.port, users) != new.serial, "served on with the old one"
                new.put(corp.folder)
                assert renewing(gateway).renew(1)
                assert shown(rig.port, users) == reading(gateway).serial == new.serial, number
                load.wait_for(10)
                probes.wait_for(3)
        assert load.failed == 0, load.outcomes
        assert (probes.errors, probes.sent > 20) == ([], True)

    def test_what_is_shown_is_not_renewed_again_and_another_handle_knows_it(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        assert not renewing(gateway).renew(1)
        assert not reading(gateway).newer
        corp.made().put(corp.folder)
        assert reading(rig.open(read_only=True)).newer
        renewing(gateway).renew(1)
        assert reading(rig.open(read_only=True)) == reading(gateway)
        assert not reading(gateway).newer

    def test_a_wrong_pair_is_told_once_it_has_settled_and_survives_no_restart(
        self, rig: Rig, corp: Corp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        before = reading(gateway).serial
        corp.made().put(corp.folder, half=True)
        for name in ("chain.pem", "key.pem"):  # moved here, as it was written long ago
            os.utime(corp.folder / name, (1e9, 1e9))
        assert reading(gateway).problem == ""
        settled(monkeypatch)
        assert "is not the key of" in reading(gateway).problem
        rig.restart(gateway)
        assert shown(rig.port, corp.users()) == reading(gateway).serial == before

    def test_a_restart_begins_with_what_was_shown_last(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        new = corp.made()
        new.put(corp.folder)
        renewing(gateway).renew(1)
        rig.restart(gateway)
        assert shown(rig.port, corp.users()) == new.serial
        assert ask(gateway.users()).slot == BLUE

    def test_one_that_is_over_is_not_begun_with_where_there_is_a_new_one(
        self, rig: Rig, corp: Corp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        new = corp.made(ends=400 * DAY)
        new.put(corp.folder)
        monkeypatch.setattr(Shown, "_wall", property(lambda _: time.time() + 200 * 86400))
        rig.restart(gateway)
        assert shown(rig.port, corp.users()) == new.serial

    def test_without_any_pair_nothing_starts_and_the_place_is_named(self, rig: Rig, corp: Corp) -> None:
        (corp.folder / "key.pem").unlink()
        with pytest.raises(Refused, match=r"certificate 'corp'.*key\.pem cannot be read"):
            put(rig.open(), Routing(all_on(BLUE)))
        assert not rig.open().read().up

    def test_an_older_generation_renews_nothing(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        gateway.seal(2)
        corp.made().put(corp.folder)
        with pytest.raises(Fenced):
            renewing(gateway).renew(1)
        assert reading(gateway).newer

    def test_what_the_product_does_not_take_is_put_back(self, rig: Rig, corp: Corp) -> None:
        """What our OpenSSL takes and the product does not, such as a curve that it has not."""
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        before, product = shown(rig.port, corp.users()), gateway._shown._product  # type: ignore[attr-defined]
        one, other = corp.made(), corp.made()
        one.put(corp.folder)
        bad = replace(pairs.read(corp.table()), key=other.key().decode())
        with pytest.raises(Refused, match="shows the former one") as refused:
            product.show(bad, Deadline(SYSTEM, 10.0, "renewing"))
        assert other.key().decode().splitlines()[1] not in str(refused.value)
        assert shown(rig.port, corp.users()) == before
        assert pem.leaf(product.kept()) != one.chain.decode()
        assert renewing(gateway).renew(1)
        assert shown(rig.port, corp.users()) == one.serial


class TestWay:
    def test_the_key_is_its_owners_only_and_nobody_speaks_plain_or_old(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        line = keys(rig.certificate)[0]
        holders = [one for one in rig.state.rglob("*") if one.is_file() and line in one.read_text("latin-1")]
        assert holders, "it must lie there, or this proves nothing"
        assert [one for one in holders if one.stat().st_mode & 0o077] == []
        old = corp.users()
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shown(rig.port, old)

    def test_somebody_elses_certificate_is_believed_by_nobody_of_us(self, rig: Rig, corp: Corp, tmp_path: Path) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        stranger = corp.made()  # of the same authority, for the same names
        (tmp_path / "stranger.pem").write_bytes(stranger.chain)
        road = replace(gateway.users(), trust=(str(tmp_path / "stranger.pem"),))
        assert "CERTIFICATE_VERIFY_FAILED" in send(Step("look", "GET", "/"), road, 30.0).error
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            Client().ask("GET", road.url, deadline=30, max_bytes=100, trust=road.trust)
        assert Client().ask("GET", road.url, deadline=30, max_bytes=999, trust=gateway.users().trust).status == 200

    def test_who_looked_just_before_a_renewal_looks_again(
        self, rig: Rig, corp: Corp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two renewals between the look at whom to believe and the handshake."""
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        road, renewals = gateway.users(), [corp.made() for _ in range(4)]
        context = ssl.SSLContext.wrap_socket

        def late(self: ssl.SSLContext, *given: Any, **named: Any) -> ssl.SSLSocket:
            while len(renewals) % 2 or len(renewals) == pending[0]:
                renewals.pop().put(corp.folder)
                renewing(gateway).renew(1)
            return context(self, *given, **named)

        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
        pending = [4]
        assert send(Step("look", "GET", "/"), road, 30.0).error == ""
        pending = [2]
        assert Client().ask("GET", road.url, deadline=30, max_bytes=999, trust=road.trust).status == 200
        assert renewals == []

    def test_apps_and_browsers_know_that_it_is_https(self, rig: Rig, corp: Corp) -> None:
        gateway = rig.open(sessions="sticky")
        put(gateway, Routing(all_on(BLUE)))
        answer = ask(gateway.users())
        assert answer.body["headers"]["x-forwarded-proto"] == "https"
        assert answer.headers["set-cookie"].endswith("; Secure")

    def test_a_listener_does_not_become_https_under_traffic(self, rig: Rig) -> None:
        defined, rig.certificate = rig.certificate, None
        before = put(rig.open(), Routing(all_on(BLUE)))
        rig.end()
        assert before.certificate is None
        put(rig.open(), Routing(all_on(BLUE)), 2)
        rig.certificate = defined
        with pytest.raises(Refused, match="reconcile down"):
            rig._open.pop().close()
            put(rig.open(), Routing(share(GREEN, 10)), 2)


class TestOperatorsOwn:
    def test_his_haproxy_is_told_his_files_and_renewed_by_him(
        self,
        tmp_path: Path,
        corp: Corp,
        shared_apps: dict[tuple[str, Slot], Upstream],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        needed()
        first = corp.made()
        first.put(corp.folder)
        (corp.folder / "key.pem").rename(corp.folder / "chain.pem.key")
        rig = External(tmp_path, dict(shared_apps), monkeypatch, tcp=False)
        rig.certificate = corp.table().model_copy(update={"key": "chain.pem.key"})
        try:
            gateway = rig.open()
            put(gateway, Routing(all_on(BLUE)))
            assert renewing(gateway).renew(1), "from here on it is known whom to believe"
            new = corp.made()
            new.put(corp.folder)
            (corp.folder / "key.pem").rename(corp.folder / "chain.pem.key")
            assert ask(gateway.users()).slot == BLUE, "he shows the old one until he reloads"
            assert reading(gateway).newer
            assert renewing(gateway).renew(1)
            assert not renewing(gateway).renew(1)
            settled(monkeypatch)
            told = reading(gateway)
            assert (told.serial, told.newer) == (first.serial, False)
            assert told.problem.endswith("reload it")
            assert ask(gateway.users()).slot == BLUE
            rig.reload()
            assert shown(rig.port, corp.users()) == new.serial
            assert (reading(gateway).serial, reading(gateway).problem) == (new.serial, "")
            assert ask(gateway.users()).slot == BLUE
        finally:
            rig.end()

    def test_a_key_that_his_haproxy_would_not_find_is_refused_with_the_cure(self, tmp_path: Path, corp: Corp) -> None:
        corp.made().put(corp.folder)
        rig = External(tmp_path, {}, pytest.MonkeyPatch(), tcp=False)
        rig.apps = {(member, slot): Nowhere() for member in ("api", "web") for slot in Slot}  # type: ignore[misc]
        rig.certificate = corp.table()
        with pytest.raises(Refused, match=r"ln -s .*key\.pem .*chain\.pem\.key"):
            Managed.open(rig).configuration()


class Nowhere:
    address = "127.0.0.1:1"
