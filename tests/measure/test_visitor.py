"""One visitor against a real server: what loses a session, what proves nothing, and what a browser does as well."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import SimpleNamespace

import pytest

from reconciler.drivers.journey import MAX_BODY, USE, Journey, Step, Visits
from reconciler.drivers.protocols import Road
from reconciler.measure import request
from reconciler.measure.request import Line, Reply, whole
from reconciler.measure.visitor import Visitor

FOR_EVER = 30.0
WRITE = Step("write", "POST", "/basket", body='{"item": "{content}"}')
READ = Step(USE, "GET", "/basket")
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """A shop with baskets; `shop.instead` answers in its place, once it is set."""

    protocol_version = "HTTP/1.1"
    shop: Shop

    def do_GET(self) -> None:
        self.answer("")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def answer(self, body: str) -> None:
        self.shop.heard.append((self.client_address[1], self.path, self.headers.get("Cookie") or ""))
        if self.shop.instead:
            return self.shop.instead(self)
        sid = (self.headers.get("Cookie") or "").partition("SessionId=")[2]
        if sid in self.shop.baskets:
            self.shop.baskets[sid] = body or self.shop.baskets[sid]
            return self.send(200, self.shop.baskets[sid])
        self.shop.baskets[sid := secrets.token_hex(8)] = body
        return self.send(200, body, f"SessionId={sid}; Path=/")

    def send(self, status: int, body: str, *cookies: str) -> None:
        self.send_response(status)
        self.send_header("X-Slot", "green")
        self.send_header("Content-Length", str(len(body)))
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


class Shop:
    def __init__(self) -> None:
        self.baskets: dict[str, str] = {}
        self.heard: list[tuple[int, str, str]] = []  # the client's port, path, cookies
        self.instead: Answer | None = None
        self.visitors: list[Visitor] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"shop": self}))
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def visitor(self, *steps: Step, cookie: str = "") -> Visitor:
        road = Road(f"http://127.0.0.1:{self.server.server_port}")
        visits = Visits(1, cookie, "t1")
        journey = Journey(steps or (WRITE, READ), {"users": road}, 1.0, FOR_EVER, visits)
        self.visitors.append(Visitor(7, journey, visits, road))
        return self.visitors[-1]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    for visitor in shop.visitors:
        visitor.close()
    shop.server.shutdown()
    shop.server.server_close()


def go(visitor: Visitor) -> Reply:
    errand = visitor.errand()
    assert errand
    assert errand.session == 7
    return errand.send()


def opened(shop: Shop) -> Visitor:
    visitor = shop.visitor()
    assert [go(visitor).error for _ in range(3)] == ["", "", ""]
    return visitor


def test_a_session_is_opened_written_and_read_with_its_cookie_on_one_connection(shop: Shop) -> None:
    visitor = shop.visitor(Step("open", "GET", "/login"), WRITE, READ)
    replies = [go(visitor) for _ in range(5)]
    assert {(reply.status, reply.slot, reply.error, reply.lost) for reply in replies} == {(200, "green", "", False)}
    ports, paths, cookies = zip(*shop.heard, strict=True)
    assert paths == ("/login", "/basket", "/basket", "/basket", "/basket")
    (sid, content), *others = shop.baskets.items()
    assert cookies == ("", *[f"SessionId={sid}"] * 4)
    assert len(set(ports)) == 1
    assert not others
    assert content.startswith('{"item": "')
    assert len(content) > 40


def test_no_two_sessions_store_the_same(shop: Shop) -> None:
    for _ in range(3):
        opened(shop)
    assert len(set(shop.baskets.values())) == 3


def sends(status: int, body: str, *cookies: str) -> Answer:
    return lambda handler: handler.send(status, body, *cookies)


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (sends(200, "a new basket", "SessionId=other; Path=/"), "another session's id"),
        (sends(500, "sorry", "SessionId=other"), "another session's id"),
        (sends(200, "bye", "SessionId=gone; Max-Age=0"), "another session's id, or none"),
        (sends(200, "an empty basket"), "what it had stored is gone"),
        (sends(401, "who are you?"), "status 401 instead of 200"),
        (sends(302, ""), "status 302 instead of 200"),
    ],
)
def test_an_answer_that_knows_the_session_no_more_loses_it_for_good(shop: Shop, instead: Answer, why: str) -> None:
    visitor = opened(shop)
    shop.instead = instead
    found = go(visitor)
    assert (found.lost, found.slot) == (True, "green")
    assert why in found.error
    shop.instead = None
    assert visitor.errand() is None


def breaks_off(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
    handler.close_connection = True


def trickles(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not threading.Event().wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def never_ends(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def says_nothing(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@pytest.mark.parametrize(
    ("instead", "status"),
    [
        (sends(500, "sorry"), 500),
        (sends(503, "busy"), 503),
        (sends(429, "too many"), 429),
        (sends(200, "x" * (MAX_BODY + 1)), 200),
        (breaks_off, 200),
        (trickles, 200),
        (never_ends, 200),
        (says_nothing, None),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_no_whole_answer_proves_nothing_and_the_session_is_asked_again(
    shop: Shop, instead: Answer, status: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = opened(shop)
    if instead is trickles:
        ticks = count(step=FOR_EVER / 20)  # time goes by with each look at it: no head comes too late
        monkeypatch.setattr(request, "SYSTEM", SimpleNamespace(monotonic=lambda: next(ticks)))
    shop.instead = instead
    found = go(visitor)
    assert (found.status, found.lost) == (status, False)
    assert found.error
    shop.instead = None
    assert go(visitor).error == ""


def test_a_connection_that_was_closed_meanwhile_is_made_anew_as_a_browser_does(shop: Shop) -> None:
    visitor = opened(shop)
    closed = threading.Event()

    def answers_and_closes(handler: Handler) -> None:
        shop.instead = None
        handler.answer("")
        handler.close_connection = True  # without a word of it
        closed.set()

    shop.instead = answers_and_closes
    assert go(visitor).error == ""
    assert closed.wait(FOR_EVER)
    assert go(visitor).error == ""
    assert len({port for port, _, _ in shop.heard}) == 2


def test_a_refused_connection_is_unknown_and_no_secret_is_told(shop: Shop) -> None:
    visitor = opened(shop)
    (sid,) = shop.baskets
    shop.instead = says_nothing
    first = go(visitor)
    assert first.status is None
    assert sid not in repr(first)


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (sends(500, "sorry"), "status 500 instead of 200"),
        (sends(404, "no such page"), "status 404 instead of 200"),
        (lambda handler: handler.send(200, "thanks"), "what it had stored is gone"),
    ],
)
def test_what_cannot_be_opened_is_no_loss_and_begins_again(shop: Shop, instead: Answer, why: str) -> None:
    visitor = shop.visitor()
    shop.instead = instead
    found = [go(visitor) for _ in range(2)]
    assert not any(reply.lost for reply in found)
    assert why in {reply.error for reply in found}
    shop.instead = None
    assert "" in [go(visitor).error for _ in range(2)]


@pytest.mark.parametrize(("cookie", "why"), [("", ""), ("SessionId", ""), ("JSESSIONID", "no cookie 'JSESSIONID'")])
def test_the_cookie_that_names_the_session_must_be_there(shop: Shop, cookie: str, why: str) -> None:
    visitor = shop.visitor(cookie=cookie)
    go(visitor)
    assert why in go(visitor).error


def test_an_id_may_change_until_the_session_is_open(shop: Shop) -> None:
    """As with one that changes at a login, or one whose content is signed into the cookie."""
    visitor = shop.visitor(Step("open", "GET", "/login"), WRITE, READ)
    shop.instead = sends(200, "hello", "SessionId=before-the-login")
    go(visitor)
    shop.instead = None
    assert [go(visitor).error for _ in range(3)] == ["", "", ""]


def test_one_request_at_a_time(shop: Shop) -> None:
    visitor = shop.visitor()
    errand = visitor.errand()
    assert errand
    assert visitor.errand() is None
    errand.send()
    assert visitor.errand() is not None


def test_a_line_that_nobody_reads_to_the_end_is_not_used_again(shop: Shop) -> None:
    line = Line(Road(f"http://127.0.0.1:{shop.server.server_port}"))
    shop.instead = sends(200, "left unread")
    assert line.ask(READ, FOR_EVER, lambda step, response, reply: reply, {}).status == 200
    found = line.ask(READ, FOR_EVER, lambda step, response, reply: Reply(1, whole(response)[0].decode()), {})
    assert found.slot == "left unread"
    line.close()
