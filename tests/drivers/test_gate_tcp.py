"""The gate `tcp`: the exam, with real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from gate_exam import FOR_EVER, SECRET, WINDOW, GateExam, hangs, resets, server
from ports import free_port
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading
from reconciler.drivers.gates import tcp
from reconciler.drivers.protocols import Gate, GateContext

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}
NOWHERE = "255.255.255.255"  # everybody, so nobody to connect to


def opened(host: str, port: int, *allowed: str, timeout: str = "30s") -> Gate:
    context = GateContext("production", "port", dict, lambda _: None, allowed.__contains__, deadline=FOR_EVER)
    return tcp.open(context, tcp.Settings.model_validate({"host": host, "port": port, "timeout": timeout}))


def asked(host: str, port: int, *allowed: str, timeout: str = "30s") -> GateReading:
    return opened(host, port, *allowed, timeout=timeout).run(WINDOW)


class TestTcp(GateExam):
    CASES: ClassVar = {
        "good": GOOD,
        "it says nothing": GOOD,
        "it ends what it took": GOOD,
        "nobody listens": FAILED,
        "no way leads there": ERROR,
        "silence, as of a host that is down": ERROR,
        "a name that nobody knows": ERROR,
        "a name that is none": ERROR,
        "not allowed": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
        with ExitStack() as stack:
            where = stack.enter_context(server(hangs if case == "it says nothing" else resets))
            port = int(where.rpartition(":")[2])
            match case:
                case "nobody listens":
                    yield opened("127.0.0.1", free_port(), "127.0.0.1")
                case "no way leads there":
                    yield opened(NOWHERE, 80, NOWHERE)
                case "silence, as of a host that is down":
                    yield opened("127.0.0.1", stack.enter_context(Full()), "127.0.0.1", timeout="200ms")
                case "a name that nobody knows":
                    yield opened("nobody.invalid", 80, "nobody.invalid", timeout="5s")
                case "a name that is none":
                    yield opened("a" * 200, 80, "a" * 200, timeout="5s")
                case "not allowed":
                    yield opened("127.0.0.1", port, "localhost")
                case _:
                    yield opened("127.0.0.1", port, "127.0.0.1")


class Full:
    """A port whose listener takes nobody any more: connections are neither made nor refused."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        port: int = self._listener.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(4)]
        for one in self._waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        return port

    def __exit__(self, *_: object) -> None:
        for one in (*self._waiting, self._listener):
            one.close()


def test_the_answer_says_where_and_how_long() -> None:
    with server(hangs) as where:
        found = asked("127.0.0.1", int(where.rpartition(":")[2]), "127.0.0.1")
    assert found.reason == f"{where} takes connections"
    assert found.value.startswith("connected in ")
    assert (found.limit, found.samples) == ("takes connections", 1)


def test_a_refusal_and_silence_are_told_apart() -> None:
    port = free_port()
    assert asked("127.0.0.1", port, "127.0.0.1").reason == f"nobody listens at 127.0.0.1:{port}"
    with Full() as busy:
        found = asked("127.0.0.1", busy, "127.0.0.1", timeout="100ms")
    assert found.reason == f"127.0.0.1:{busy} does not answer within 100ms"


def test_a_host_that_is_not_allowed_is_not_asked() -> None:
    with server(resets) as where:
        found = asked("127.0.0.1", int(where.rpartition(":")[2]), "10.0.0.1")
    assert "the host '127.0.0.1' may not be asked: add it to allow_hosts" in found.reason


def known_as(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """Every name has these addresses."""
    real = socket.getaddrinfo

    def told(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host != "many.example":
            return real(host, port, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

    monkeypatch.setattr("socket.getaddrinfo", told)


def test_one_of_a_names_addresses_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, "127.0.0.2", "127.0.0.1")
    with server(resets) as where:
        found = asked("many.example", int(where.rpartition(":")[2]), "many.example")
    assert found.outcome is Outcome.SUCCESSFUL


def test_a_refusal_counts_only_when_every_address_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    known_as(monkeypatch, "127.0.0.2", "127.0.0.1")
    assert asked("many.example", free_port(), "many.example").outcome is Outcome.FAILED
    known_as(monkeypatch, "127.0.0.2", NOWHERE)
    assert asked("many.example", free_port(), "many.example").outcome is Outcome.ERROR
    known_as(monkeypatch)
    assert "the name has no address" in asked("many.example", 80, "many.example").reason


def test_a_name_service_that_does_not_answer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: never.wait(FOR_EVER) and [])
    found = asked("slow.example", 80, "slow.example", timeout="200ms")
    never.set()
    assert (found.outcome, found.reason) == (Outcome.ERROR, "slow.example:80 does not answer within 200ms")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"port": 80},
        {"host": "127.0.0.1"},
        {"host": "", "port": 80},
        {"host": "a b", "port": 80},
        {"host": "-a", "port": 80},
        {"host": "http://a", "port": 80},
        {"host": f"anna:{SECRET}@a", "port": 80},
        {"host": "/run/x.sock", "port": 80},
        {"host": "a", "port": 0},
        {"host": "a", "port": 65536},
        {"host": "a", "port": "80"},
        {"host": "a", "port": 80, "timeout": "0s"},
        {"host": "a", "port": 80, "timeout": "2m"},
        {"host": "a", "port": 80, "send": "x"},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        tcp.Settings.model_validate(said)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "db.corp.example", "db.corp.example.", "localhost"])
def test_names_and_numbers_are_taken(host: str) -> None:
    assert tcp.Settings(host=host, port=5432).host == host
