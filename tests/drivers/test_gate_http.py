"""The gate `http`: the exam, and what a manifest may say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import pytest
from gate_exam import (
    FOR_EVER,
    SECRET,
    WINDOW,
    Behaviour,
    GateExam,
    answers,
    babbles,
    cut_off,
    floods,
    hangs,
    never_ends,
    resets,
    says_nothing,
    server,
    trickles,
)
from ports import free_port
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import Window
from reconciler.drivers.gates import http
from reconciler.drivers.http import Client
from reconciler.drivers.lookup import addresses
from reconciler.drivers.protocols import Gate, GateContext, Road
from reconciler.errors import Unreachable

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}

BEHAVIOURS: dict[str, tuple[Behaviour, set[Outcome]]] = {
    "good": (answers(), GOOD),
    "another status": (answers(500), FAILED),
    "a redirect": (answers(302, Location="http://127.0.0.1/elsewhere"), FAILED),
    "another text": (answers(body=b"all is lost"), FAILED),
    "a gigabyte": (floods, FAILED),
    "a body without end": (never_ends, FAILED),
    "a compressed bomb": (answers(body=b"\x1f\x8b not unpacked", Content_Encoding="gzip"), FAILED),
    "a trickling body": (trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), ERROR),
    "a trickling head": (trickles(b"HTTP/1.1 200 OK\r\nX-Long: "), ERROR),
    "silence": (hangs, ERROR),
    "a reset": (resets, ERROR),
    "a body cut off": (cut_off, ERROR),
    "another protocol": (babbles, ERROR),
    "no head at all": (says_nothing, ERROR),
    "a head without end": (trickles(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000), ERROR),
}


def refuses(_: Window) -> Road:
    raise Unreachable("the gateway does not answer")


def context(road: Any = refuses, allowed: tuple[str, ...] = ("127.0.0.1",)) -> GateContext:
    return GateContext("production", "healthy", dict, road, allowed.__contains__, deadline=FOR_EVER)


def settings(**said: Any) -> http.Settings:
    return http.Settings.model_validate(said)


@contextmanager
def opened(where: str, **said: Any) -> Iterator[Gate]:
    """A gate that asks `path` at the newcomer, whose road has a secret header."""
    road = Road(f"http://{where}", {"x-forced-road": SECRET})
    gate = http.open(
        context(lambda _: road), settings(**{"path": "/healthz?full=1", "contains": "well", "timeout": "30s", **said})
    )
    yield gate
    gate.close()


class TestHttp(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in BEHAVIOURS.items()} | {
        "nobody listens": ERROR,
        "no road": ERROR,
        "host not allowed": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str) -> Iterator[Gate]:
        with ExitStack() as stack:
            if case == "no road":
                yield http.open(context(), settings(path="/"))
            elif case == "host not allowed":
                yield http.open(context(), settings(url="http://elsewhere.example/"))
            else:
                nobody = f"127.0.0.1:{free_port()}"
                behaviour = BEHAVIOURS.get(case)
                where = stack.enter_context(server(behaviour[0])) if behaviour else nobody
                timeout = "300ms" if self.CASES[case] == ERROR else "30s"
                yield stack.enter_context(opened(where, timeout=timeout))


def test_the_newcomers_road_is_taken_with_its_header_and_the_path() -> None:
    heads: list[bytes] = []
    windows: list[Window] = []
    with server(answers(), heads) as where:
        road = Road(f"http://{where}", {"x-forced-road": SECRET})
        gate = http.open(context(lambda window: windows.append(window) or road), settings(path="/healthz?full=1"))
        assert gate.run(WINDOW).outcome is Outcome.SUCCESSFUL
        gate.close()
    assert windows == [WINDOW]
    (head,) = heads
    assert head.startswith(b"GET /healthz?full=1 HTTP/1.1\r\n")
    assert f"x-forced-road: {SECRET}".encode() in head


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"X_Reconciler_Upstream": "127.0.0.1:9002"}, Outcome.SUCCESSFUL),
        ({"X_Reconciler_Upstream": "127.0.0.1:9001"}, Outcome.ERROR),
        ({}, Outcome.ERROR),
    ],
)
def test_an_answer_that_is_not_the_newcomers_is_no_answer(said: dict[str, str], outcome: Outcome) -> None:
    with server(answers(**said)) as where:
        road = Road(f"http://{where}", {"x-forced-road": SECRET}, ("127.0.0.1:9002",))
        gate = http.open(context(lambda _: road), settings(path="/"))
        found = gate.run(WINDOW)
        gate.close()
    assert found.outcome is outcome
    assert (outcome is Outcome.SUCCESSFUL) or "answered instead of 127.0.0.1:9002" in found.reason


def test_an_address_outside_is_asked_only_where_the_operator_allows_it() -> None:
    with server(answers()) as where:
        for allowed, outcome in ((("127.0.0.1",), Outcome.SUCCESSFUL), (("10.0.0.1",), Outcome.ERROR)):
            gate = http.open(context(allowed=allowed), settings(url=f"http://{where}/x?token={SECRET}"))
            found = gate.run(WINDOW)
            gate.close()
            assert found.outcome is outcome
            assert SECRET not in f"{found.reason}{found.value}"
    assert "allow_hosts" in found.reason


def test_an_error_shows_the_place_without_the_query() -> None:
    gate = http.open(context(), settings(url=f"http://127.0.0.1:{free_port()}/x?token={SECRET}"))
    found = gate.run(WINDOW)
    gate.close()
    assert "/x: no connection" in found.reason
    assert SECRET not in found.reason


def test_a_reason_says_what_was_expected() -> None:
    with server(answers(302, Location="http://127.0.0.1/elsewhere")) as where, opened(where, expectStatus=204) as gate:
        found = gate.run(WINDOW)
    assert found.reason == "status 302 instead of 204 (redirects are not followed)"
    assert (found.limit, found.samples) == ("status 204", 1)
    assert found.value.startswith("status 302 in ")


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with server(answers()) as where, opened(where) as gate:
        assert gate.run(WINDOW).outcome is Outcome.SUCCESSFUL


def test_a_name_is_looked_up_and_an_unknown_one_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(answers()) as where:
        port = where.rpartition(":")[2]
        gate = http.open(context(allowed=("localhost",)), settings(url=f"http://localhost:{port}/"))
        assert gate.run(WINDOW).outcome is Outcome.SUCCESSFUL
        gate.close()
    never = threading.Event()

    def silent(*_: Any, **__: Any) -> None:
        never.wait(FOR_EVER)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", silent)
    gate = http.open(context(allowed=("localhost",)), settings(url="http://localhost:1/", timeout="300ms"))
    found = gate.run(WINDOW)
    gate.close()
    never.set()
    assert found.outcome is Outcome.ERROR
    assert "no complete answer within 0.3 s" in found.reason


def test_the_client_gives_what_was_read_and_whether_it_was_all() -> None:
    client = Client()
    with server(answers(body=b"0123456789", X_Kind="odd")) as where:
        whole = client.ask("GET", f"http://{where}/", deadline=FOR_EVER, max_bytes=10)
        part = client.ask("GET", f"http://{where}/", deadline=FOR_EVER, max_bytes=9)
    with pytest.raises(Unreachable, match="no usable answer"):
        client.ask("GET", "http://[::1", deadline=1, max_bytes=9)
    client.close()
    assert (whole.status, whole.body, whole.whole, whole.headers["x-kind"]) == (200, b"0123456789", True, "odd")
    assert (part.body, part.whole) == (b"012345678", False)
    assert addresses("::1", 80, 1.0) == ["::1"]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"path": "/a", "url": "http://127.0.0.1/"},
        {"path": "no-slash"},
        {"path": "/with space"},
        {"path": "/line\r\nX-Smuggled: 1"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "file:///etc/passwd"},
        {"url": "http:///nowhere"},
        {"url": "http://anna:secret@127.0.0.1/"},
        {"url": "http://127.0.0.1:99999/"},
        {"path": "/", "expectStatus": 99},
        {"path": "/", "expectStatus": "200"},
        {"path": "/", "expect_status": 200},
        {"path": "/", "maxBytes": 1 << 21},
        {"path": "/", "timeout": 2},
        {"path": "/", "timeout": "0s"},
        {"path": "/", "contains": ""},
        {"path": "/", "surprise": True},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**said)
