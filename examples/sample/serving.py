"""The HTTP part that the three members share: kept-alive connections, /healthz, a graceful end."""

from __future__ import annotations

import json
import os
import select
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from release import Misbehave

WARM_S = 0.05  # from start to ready
IDLE_S = 75.0  # longer than any gateway keeps an idle connection, so that it is never us who close one under it
QUIET_S = 0.1  # after the last request; a shorter wait could miss one that is on its way
GRACE_S = 10.0  # at most, for requests that are being answered
LARGEST = 64 * 1024 * 1024  # bytes of a request's body


@dataclass(frozen=True)
class Me:
    """Who answers."""

    member: str
    version: str
    slot: str


@dataclass(frozen=True)
class Given:
    """All that a member is told at its start."""

    me: Me
    data: Path  # shared by both slots
    config: Mapping[str, str]
    told: Misbehave
    schema: int = 0  # of the notes' database that this version needs
    ownership: Path | None = None  # where its host says who owns; None: it owns from its start to its end


@dataclass(frozen=True)
class Request:
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case: gateways change them
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(status: int, content: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers=headers)


class Member:
    """What the three have in common; each overrides what it does itself. None as an answer: no such thing here."""

    def __init__(self, given: Given) -> None:
        self.given = given

    def get(self, request: Request) -> Answer | None:  # noqa: ARG002
        return None

    def post(self, request: Request) -> Answer | None:  # noqa: ARG002
        return None

    def health(self) -> dict[str, Any]:
        """What /healthz tells beyond the usual."""
        return {}

    def work(self, stop: threading.Event) -> None:
        """Runs once the member is warm, until `stop`; returns when what it held is done."""
        stop.wait()


class Server(socketserver.ThreadingTCPServer):
    """Answers for one member until it is told to stop."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int, member: Member) -> None:
        self.member, self.me, self.told = member, member.given.me, member.given.told
        self.began = time.monotonic()
        self.draining = False
        self._lock = threading.Lock()
        self._open = 0  # requests being answered
        self._last = 0.0  # when one was answered last
        super().__init__(("127.0.0.1", port), Handler)

    def run(self, stop: threading.Event) -> None:
        """Serve and work until `stop`, then finish what was begun."""
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        if self.told.die_after_s:
            threading.Thread(target=self._die, daemon=True).start()
        if not stop.wait(WARM_S):
            self.member.work(stop)
        self._drain()

    def ready(self) -> bool:
        return not self.told.never_ready and time.monotonic() - self.began >= WARM_S

    def count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self._last = time.monotonic()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _drain(self) -> None:
        """Take what has already connected, then nothing more, and let what is being answered finish."""
        self.draining = True
        self._last = time.monotonic()
        self.shutdown()
        self.timeout = 0
        while select.select([self.socket], [], [], 0)[0]:
            self.handle_request()
        self.socket.close()
        latest = time.monotonic() + GRACE_S
        while not self._quiet() and time.monotonic() < latest:
            time.sleep(0.01)

    def _quiet(self) -> bool:
        with self._lock:
            return self._open == 0 and time.monotonic() - self._last >= QUIET_S

    def _die(self) -> None:
        time.sleep(self.told.die_after_s)
        print(f"{self.me.member} {self.me.version}: dies, as its release tells it", flush=True)
        os._exit(4)


class Handler(BaseHTTPRequestHandler):
    """One connection. Answers are written in one piece."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def handle_one_request(self) -> None:
        self.counted = False
        try:
            super().handle_one_request()
        finally:
            if self.counted:
                self.server.count(-1)

    def parse_request(self) -> bool:
        self.counted = True
        self.server.count(+1)
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        """Told at once: who asks for leave sends no body before."""
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def do_GET(self) -> None:
        self._respond(self.server.member.get)

    def do_POST(self) -> None:
        self._respond(self.server.member.post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing per request: the load would fill the log."""

    def _respond(self, handle: Callable[[Request], Answer | None]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            return self._send(answer(413, {"error": f"at most {LARGEST} bytes"}))
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        if parts.path == "/healthz":
            return self._send(self._health())
        time.sleep(self.server.told.delay_ms / 1000)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        found = handle(Request(parts.path, query, {name.lower(): value for name, value in self.headers.items()}, body))
        return self._send(found or answer(404, {"error": f"no {self.command} {parts.path} here"}))

    def _health(self) -> Answer:
        ready, me = self.server.ready(), self.server.me
        said = {"status": "ok" if ready else "warming", "version": me.version, "pid": os.getpid()}
        said |= {"slot": me.slot, "member": me.member, **self.server.member.health()}
        return answer(200 if ready else 503, said)

    def _send(self, what: Answer) -> None:
        me = self.server.me
        self.send_response(what.status)
        self.send_header("Content-Type", what.kind)
        self.send_header("Content-Length", str(len(what.body)))
        self.send_header("X-Version", me.version)
        self.send_header("X-Slot", me.slot)
        for name, value in what.headers.items():
            self.send_header(name.replace("_", "-"), value)
        if self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(what.body)
        self.wfile.flush()
