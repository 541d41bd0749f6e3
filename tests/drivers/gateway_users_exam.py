"""More of the exam of the Gateway contract: what users meet. Sessions, a dying newcomer, long answers, switches under
load. A test module subclasses these beside `GatewayExam`, with a rig whose apps can be killed."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest
from gateway_exam import BLUE, GREEN, ask, draw, put
from gateway_load import Load, download, flying, until
from gateway_upstream import Upstream

from reconciler.core.model import Admission, Pair, Routing, Slot, all_on, share
from reconciler.drivers.protocols import Gateway, Road
from reconciler.errors import Refused

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
OPEN, DRAINING, CLOSED = Admission.OPEN, Admission.DRAINING, Admission.CLOSED


class UsersRig(Protocol):
    """A rig as in `gateway_exam`, and:"""

    port: int  # where users come in
    apps: dict[tuple[str, Slot], Upstream]  # by member and slot; changed before the first `open`

    def open(self, **settings: Any) -> Gateway:
        """`sessions="sticky"` makes it so."""


@pytest.fixture(scope="module")
def shared_apps() -> Iterator[dict[tuple[str, Slot], Upstream]]:
    apps = {(member, slot): Upstream(member, slot) for member in ("api", "web") for slot in Slot}
    yield apps
    for app in apps.values():
        app.die()


@pytest.fixture
def own_green(rig: UsersRig) -> Iterator[Upstream]:
    """A web app in green that the test may kill."""
    app = rig.apps["web", GREEN] = Upstream("web", GREEN)
    yield app
    with contextlib.suppress(OSError):
        app.die()


def crowd(road: Road, number: int) -> Counter[str]:
    """As `draw`, twenty at a time: a gateway may try for a second before it says that nobody answers."""
    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(lambda _: ask(road).slot, range(number)))


def cookie(gateway: Gateway, slot: Slot) -> dict[str, str]:
    """The cookie of a client that was drawn to `slot`, by asking until one is."""
    for _ in range(200):
        answer = ask(gateway.users())
        if answer.slot == slot:
            return {"cookie": "theme=dark; " + answer.headers["set-cookie"].partition(";")[0] + "; lang=de"}
    raise AssertionError(f"nobody was drawn to {slot}")


class SessionsExam:
    def test_a_sticky_client_stays_with_its_slot_for_every_member_while_it_drains(self, rig: UsersRig) -> None:
        gateway = rig.open(sessions="sticky")
        assert gateway.capabilities.sticky
        put(gateway, Routing(share(GREEN, 50)))
        mine = cookie(gateway, GREEN)
        put(gateway, Routing(all_on(BLUE), Pair(OPEN, DRAINING)))
        for path in ("/", "/api/x"):
            answer = ask(gateway.users(), path, mine)
            assert answer.slot == GREEN
            assert "set-cookie" not in answer.headers
        assert draw(gateway.users(), 20) == {"blue": 20}, "nobody new"

    def test_a_closed_slot_keeps_nobody_and_its_clients_belong_elsewhere_from_then_on(self, rig: UsersRig) -> None:
        gateway = rig.open(sessions="sticky")
        put(gateway, Routing(share(GREEN, 50)))
        mine = cookie(gateway, GREEN)
        put(gateway, Routing(all_on(BLUE), Pair(OPEN, CLOSED)))
        answer = ask(gateway.users(), "/", mine)
        assert answer.slot == BLUE
        anew = answer.headers["set-cookie"].partition(";")[0]
        assert anew.startswith("reconciler-production=")
        assert anew not in mine["cookie"]
        put(gateway, Routing(share(GREEN, 99)))
        assert {ask(gateway.users(), "/", {"cookie": anew}).slot for _ in range(5)} == {"blue"}

    def test_shared_sessions_set_no_cookie_and_obey_none(self, rig: UsersRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        answer = ask(gateway.users(), "/", {"cookie": "reconciler-production=green"})
        assert answer.slot == BLUE
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("admission", [DRAINING, CLOSED])
    def test_a_slot_that_takes_nobody_new_cannot_have_weight(self, rig: UsersRig, admission: Admission) -> None:
        gateway = rig.open()
        before = put(gateway, Routing(all_on(BLUE)))
        with pytest.raises(Refused, match="green is"):
            gateway.write(Routing(share(GREEN, 10), Pair(OPEN, admission)), before, 1)


class UsersExam:
    SWITCHES = 50

    def test_fifty_switches_lose_no_request(self, rig: UsersRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(BLUE)))
        with Load(gateway.users()) as load:
            for number in range(self.SWITCHES):
                weight = (10, 50, 100, 50, 0)[number % 5]
                put(gateway, Routing(share(GREEN, weight), fallback=BLUE if weight else None))
                load.wait_for(5)
        assert load.failed == 0, load.outcomes
        assert load.outcomes["blue"] > 0
        assert load.outcomes["green"] > 0

    def test_without_a_fallback_nobody_stands_in_for_a_dead_slot(self, rig: UsersRig, own_green: Upstream) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(BLUE, 50), fallback=None))
        own_green.die()
        seen = crowd(gateway.users(), 60)
        assert seen[""] >= 10, "about half of them"

    def test_the_fallback_itself_is_never_replaced_by_the_newcomer(self, rig: UsersRig, own_green: Upstream) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(BLUE, 50), fallback=GREEN))
        own_green.die()
        seen = crowd(gateway.users(), 60)
        assert seen["blue"] > 0
        assert seen[""] >= 10, "green's half fails, and blue does not get it"

    def test_a_version_that_answers_errors_is_not_hidden_by_the_fallback(self, rig: UsersRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(GREEN), fallback=BLUE))
        assert [ask(gateway.users(), "/status/500").slot for _ in range(8)] == ["green"] * 8
        assert gateway.read().ejected == Pair(False, False)

    def test_a_long_download_is_counted_in_flight_and_not_cut_by_a_switch(
        self, rig: UsersRig, own_green: Upstream
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(GREEN)))
        with download(gateway.users(), own_green) as body:
            after = put(gateway, Routing(all_on(BLUE), Pair(OPEN, CLOSED)))
            assert (flying(after.counters.blue), flying(after.counters.green)) == (0, 1)
            own_green.finish.set()
            assert body().endswith(b"end")
        until(lambda: flying(gateway.read().counters.green) == 0, "it never lands")

    def test_a_websocket_lives_through_a_switch(self, rig: UsersRig) -> None:
        gateway = rig.open()
        put(gateway, Routing(all_on(GREEN)))
        with socket.create_connection(("127.0.0.1", rig.port), timeout=30) as client:
            client.sendall(HANDSHAKE)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += client.recv(1)
            assert b"101" in answer.splitlines()[0]
            put(gateway, Routing(all_on(BLUE)))
            client.sendall(b"still there?")
            assert client.recv(100) == b"still there?"


class FallbackExam:
    """Of a gateway with `Capabilities.fallback`: stable stands in, at once, for a newcomer that dies."""

    def test_a_newcomer_that_dies_at_half_the_weight_costs_at_most_a_handful(
        self, rig: UsersRig, own_green: Upstream
    ) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50), fallback=BLUE))
        with Load(gateway.users()) as load:
            load.wait_for(100)
            own_green.die()
            for answers in range(300, 1000, 100):  # until users were really sent to the one that is dead
                load.wait_for(answers)
                seen = gateway.read()
                if seen.counters.green and seen.counters.green.errors:
                    break
        assert load.failed <= 8, load.outcomes
        assert load.outcomes["green"] > 0
        green = seen.counters.green
        assert green is not None
        assert green.errors > 0, "it moved traffic without a command of ours, so it must be told"
        assert seen.weights == share(GREEN, 50)

    def test_the_gateway_says_that_it_gave_the_dead_slot_up(self, rig: UsersRig, own_green: Upstream) -> None:
        gateway = rig.open()
        put(gateway, Routing(share(GREEN, 50), fallback=BLUE))
        assert gateway.read().ejected == Pair(False, False)
        own_green.die()

        def given_up() -> bool:
            draw(gateway.users(), 20)
            return gateway.read().ejected == Pair(False, True)

        until(given_up, "it is sent to on and on")
