"""One synthetic request: whatever the other side does, it ends, and it is accounted for."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest

from reconciler.drivers.journey import MAX_BODY, Step
from reconciler.drivers.protocols import Road
from reconciler.measure import request
from reconciler.measure.request import NotSent, send

FOR_EVER = 30.0
STEP = Step("search", "GET", "/search", contains="well")


def whole_request(connection: socket.socket) -> bytes:
    """Head and body, in however many pieces they come."""
    with connection.makefile("rb") as stream:
        lines = list(iter(stream.readline, b"\r\n"))
        sizes = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length")]
        return b"".join(lines) + b"\r\n" + stream.read(sum(sizes))


@contextmanager
def server(behave: Callable[[socket.socket], None], heard: list[bytes] | None = None) -> Iterator[Road]:
    """A road to a server that treats every connection by `behave`."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(FOR_EVER)
                said = whole_request(connection)
                if heard is not None:
                    heard.append(said)
                behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Road(f"http://127.0.0.1:{listener.getsockname()[1]}", {"x-forced-road": "green"})
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(FOR_EVER)


def answers(status: int = 200, body: bytes = b"all is well") -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 {status} Said\r\nX-Slot: green\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def says_nothing(_: socket.socket) -> None:
    """Not even a head: the connection is closed at once."""


def trickles(start: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while not threading.Event().wait(0.05):
            connection.sendall(b"x")

    return behave


def test_the_expected_answer_is_ok_and_names_its_slot() -> None:
    with server(answers()) as road:
        reply = send(STEP, road, FOR_EVER)
    assert (reply.status, reply.slot, reply.error) == (200, "green", "")


def test_the_request_is_sent_as_it_was_asked_on_a_connection_of_its_own() -> None:
    heard: list[bytes] = []
    with server(answers(), heard) as road:
        send(Step("job", "POST", "/jobs?a=1", body='{"é": 1}'), road, FOR_EVER)
        send(STEP, road, FOR_EVER)
    first, second = (said.decode() for said in heard)
    assert first.startswith("POST /jobs?a=1 HTTP/1.1\r\n")
    assert first.endswith('\r\n\r\n{"é": 1}')
    assert "Content-Type: application/json\r\n" in first
    for said in (first, second):
        assert "x-forced-road: green\r\n" in said
        assert "Connection: close\r\n" in said


@pytest.mark.parametrize(
    ("behave", "status", "error"),
    [
        (answers(500), 500, "status 500 instead of 200"),
        (answers(body=b"all is lost"), 200, "without the expected text"),
        (answers(body=b"x" * (MAX_BODY + 1)), 200, "more than"),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nall is well"), 200, "cut off"),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall"), 200, "IncompleteRead"),
        (says_nothing, None, "no complete answer"),
        (lambda c: c.sendall(b"220 mail.example ESMTP\r\n"), None, "BadStatusLine"),
        (lambda c: c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1" + b"\0" * 7), None, "no complete answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_other_answer_is_failed_and_no_answer_is_unknown(
    behave: Callable[[socket.socket], None], status: int | None, error: str
) -> None:
    with server(behave) as road:
        reply = send(STEP, road, FOR_EVER)
    assert reply.status == status
    assert error in reply.error


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"", None),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 200),
    ],
)
def test_no_trickle_of_bytes_keeps_a_request(start: bytes, status: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count(step=FOR_EVER / 10)  # time goes by with each look at it: no head comes too late
    monkeypatch.setattr(request, "SYSTEM", SimpleNamespace(monotonic=lambda: next(ticks)))
    with server(trickles(start)) as road:
        done: list[request.Reply] = []
        thread = threading.Thread(target=lambda: done.append(send(STEP, road, FOR_EVER)), daemon=True)
        thread.start()
        thread.join(2 * FOR_EVER)
    assert [reply.status for reply in done] == [status]
    assert done[0].error


@pytest.mark.parametrize(
    ("told", "void", "error"),
    [
        ("X-Reconciler-Upstream: 10.0.0.1:9002", False, ""),
        ("X-Reconciler-Upstream: 10.0.0.1:9001", True, "10.0.0.1:9001 answered instead of 10.0.0.1:9002"),
        ("X-Else: 1", True, "somebody else answered instead of 10.0.0.1:9002"),
    ],
)
def test_an_answer_by_whom_the_road_does_not_lead_to_is_void(told: str, void: bool, error: str) -> None:
    answer = f"HTTP/1.1 200 Said\r\n{told}\r\nContent-Length: 11\r\n\r\nall is well".encode()
    with server(lambda connection: connection.sendall(answer)) as road:
        reply = send(STEP, replace(road, expects=("10.0.0.1:9002",)), FOR_EVER)
    assert (reply.void, reply.error) == (void, error)


def test_nobody_listening_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = send(STEP, Road(f"http://127.0.0.1:{port}"), FOR_EVER)
    assert (reply.status, reply.error) == (None, "no complete answer: Connection refused")


@pytest.mark.parametrize("number", sorted(request.OURS))
def test_what_this_machine_lacks_is_not_held_against_the_other_side(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, errno.errorcode[number])

    monkeypatch.setattr("socket.create_connection", fails)
    with pytest.raises(NotSent, match=errno.errorcode[number]):
        send(STEP, Road("http://127.0.0.1:1"), FOR_EVER)
