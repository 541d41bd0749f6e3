"""Real HTTP through the simulated IIS: URL Rewrite's rules as they are configured, then a farm's draw, or a member.

Each request goes by the configuration that the process had when it came in, as with the real one.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO
from urllib.parse import unquote

from windows_arr import AVAILABLE, DRAINS, Arr, Configuration, Farm, Runtime, Server, Worker

BUFFER = 65536
HOP = ("connection", "keep-alive", "transfer-encoding", "upgrade")


@dataclass
class Rewritten:
    """What the rules make of a request."""

    headers: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    to: str = ""  # http://HOST[:PORT]/...; empty: no rule fits
    redirect: str = ""
    forbidden: str = ""  # a variable that rules may not set


def rewritten(configuration: Configuration, target: str, headers: dict[str, str]) -> Rewritten:
    path = unquote(target.partition("?")[0]).removeprefix("/")
    found = Rewritten(dict(headers))
    for rule in configuration.rules:
        if not re.search(rule["url"], path, re.IGNORECASE):
            continue
        said = [(_expanded(configuration, one["input"], target, found), one["pattern"]) for one in rule["conditions"]]
        if not all(re.search(pattern, text, re.IGNORECASE) for text, pattern in said):
            continue
        to = _expanded(configuration, rule["to"], target, found)
        for one in rule["set"]:
            if one["name"] not in configuration.variables:
                found.forbidden = one["name"]
            elif one["name"].startswith("HTTP_"):
                found.headers[_header(one["name"])] = one["value"]
                if not one["value"]:
                    del found.headers[_header(one["name"])]
            else:
                found.variables[one["name"]] = one["value"]
        found.redirect, found.to = (to, "") if rule["type"] == "Redirect" else ("", to)
        break
    return found


def _header(variable: str) -> str:
    return variable.removeprefix("HTTP_").lower().replace("_", "-")


def _expanded(configuration: Configuration, text: str, target: str, found: Rewritten) -> str:
    """From the inside out: `{map:{HTTP_X}}`."""
    while True:
        inner = re.search(r"\{([^{}]*)\}", text)
        if inner is None:
            return text
        text = text[: inner.start()] + _value(configuration, inner[1], target, found) + text[inner.end() :]


def _value(configuration: Configuration, name: str, target: str, found: Rewritten) -> str:
    map_, colon, key = name.partition(":")
    if colon:
        entries = {one.lower(): value for one, value in configuration.maps.get(map_, {}).items()}
        return entries.get(key.lower(), "")
    if name == "UNENCODED_URL":
        return target
    if name.startswith("HTTP_"):
        return re.sub(r"[{}]", "", found.headers.get(_header(name), ""))
    return found.variables.get(name, "")


@dataclass
class Drawn:
    """A server of a farm, and the cookie by which the client stays with it; empty where it has that, or none is set."""

    server: Server
    known: Runtime
    cookie: str = ""


def drawn(worker: Worker, farm: Farm, cookies: str) -> Drawn | None:
    """None: there is nobody to ask."""
    if not farm.enabled:
        return None
    each = [(one, worker.of(farm.name, one.address)) for one in farm.servers if one.enabled]
    mine = dict(part.strip().partition("=")[::2] for part in cookies.split(";"))
    if farm.cookie in mine:
        for one, known in each:
            if mine[farm.cookie] == affinity(farm, one) and known.state in (AVAILABLE, DRAINS):
                return Drawn(one, known)
    free = [(one, known) for one, known in each if known.state == AVAILABLE and known.healthy]
    if not free:
        return None
    weighted = farm.algorithm == "WeightedRoundRobin"
    one, known = random.choices(free, [one.weight if weighted else 1 for one, _ in free])[0]
    return Drawn(one, known, f"{farm.cookie}={affinity(farm, one)}" if farm.cookie else "")


def affinity(farm: Farm, server: Server) -> str:
    """Which server, in words that only ARR knows."""
    return hashlib.sha256(f"{farm.name}/{server.address}".encode()).hexdigest()


class Gateway(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, arr: Arr, port: int = 0, log: TextIO | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.arr, self.log = arr, log
        self.port: int = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        arr = self.server.arr
        with arr.lock:
            worker = arr.serving()
            configuration = worker.goes_by if worker else None
        if worker is None or configuration is None:
            self._said(503)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = rewritten(configuration, self.path, headers)
        if found.forbidden:
            self._said(500)
        elif found.redirect:
            self._said(302, [("Location", found.redirect)])
        elif not found.to or not configuration.proxy:
            self._said(404)
        else:
            self._proxied(worker, configuration, found, body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _proxied(self, worker: Worker, configuration: Configuration, found: Rewritten, body: bytes) -> None:
        place, _, path = found.to.removeprefix("http://").partition("/")
        if not configuration.host:
            found.headers["host"] = place
        said = [(_answered(one["variable"]), one["input"].strip("{}")) for one in configuration.outbound]
        more = [(name, found.variables[variable]) for name, variable in said if found.variables.get(variable)]
        farm = configuration.farms.get(place)
        began = time.time()
        if farm is None:
            host, _, port = place.rpartition(":")
            status = self._ask(host, int(port), f"/{path}", found.headers, body, more)
            self._log(began, place, status, "probe/forced")
            return
        with self.server.arr.lock:
            chosen = drawn(worker, farm, found.headers.get("cookie", ""))
            if chosen is not None:
                chosen.known.total += 1
                chosen.known.current += 1
        if chosen is None:
            self._said(503, more)
            self._log(began, "-", 503)
            return
        if chosen.cookie:
            more.append(("Set-Cookie", f"{chosen.cookie};Path=/;Domain=portal.corp.example"))
        host = self.server.arr.hosts.get(chosen.server.address, chosen.server.address)
        good, status = False, 0
        try:
            status = self._ask(host, chosen.server.port, f"/{path}", found.headers, body, more)
            good = status < 500 or (status != 502 and not self.server.arr.counts_errors)
        finally:
            with self.server.arr.lock:
                chosen.known.failed += not good
                chosen.known.current -= 1
            self._log(began, f"{host}:{chosen.server.port}", status)

    def _log(self, began: float, upstream: str, status: int, route: str = "") -> None:
        if self.server.log is not None:
            start = datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds")
            took = round((time.time() - began) * 1000)
            said = {"start": start, "id": self.headers.get("x-request-id", ""), "status": status, "route": route}
            self.server.log.write(json.dumps({**said, "upstream": upstream, "milliseconds": took}) + "\n")

    def _ask(
        self, host: str, port: int, path: str, headers: dict[str, str], body: bytes, more: list[tuple[str, str]]
    ) -> int:
        """A member, once: what cannot be reached is a 502, and nobody else is tried."""
        connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=30)
        upgrade = "upgrade" in headers
        said = {name: value for name, value in headers.items() if name not in HOP or (upgrade and name != "keep-alive")}
        try:
            connection.request(self.command, path, body or None, said)
            sock = connection.sock
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._said(502, more)
            return 502
        with contextlib.closing(connection):
            left = (*HOP, "content-length")
            kept = [(name, value) for name, value in response.getheaders() if name.lower() not in left]
            if response.status == 101:
                self._tunnel(sock, [*response.getheaders(), *more])
            else:
                self._relay(response, [*kept, *more])
            return response.status

    def _relay(self, response: http.client.HTTPResponse, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(response.status)
        for name, value in headers:
            self.send_header(name, value)
        length = response.getheader("content-length")
        self.send_header(*(("Content-Length", length) if length else ("Transfer-Encoding", "chunked")))
        self.end_headers()
        while piece := response.read1(BUFFER):
            self.wfile.write(piece if length else b"%x\r\n%s\r\n" % (len(piece), piece))
        if not length:
            self.wfile.write(b"0\r\n\r\n")

    def _tunnel(self, member: socket.socket, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(101)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        client = self.connection

        def back() -> None:
            with contextlib.suppress(OSError):
                while data := member.recv(BUFFER):
                    client.sendall(data)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        with contextlib.suppress(OSError):
            while data := client.recv(BUFFER):
                member.sendall(data)
            member.shutdown(socket.SHUT_RDWR)

    def _said(self, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in headers or ():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _answered(variable: str) -> str:
    return variable.removeprefix("RESPONSE_").replace("_", "-")


@contextlib.contextmanager
def serving(arr: Arr, port: int = 0, log: TextIO | None = None) -> Iterator[Gateway]:
    """`log`: where a line of JSON is written for each request, in the words of `evidence.access`."""
    gateway = Gateway(arr, port, log)
    thread = threading.Thread(target=gateway.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.shutdown()
        thread.join()
        gateway.server_close()
