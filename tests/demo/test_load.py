"""The demo's users, against the real sample system and against one that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import io
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.clock import SYSTEM
from reconciler.demo import account
from reconciler.demo.account import Outcome
from reconciler.demo.client import Client
from reconciler.demo.load import Load, Schedule

ROOT = Path(__file__).parents[2]
HTML = "<title>Sample 1.0</title> served by the blue slot </html>"


class Site(http.server.ThreadingHTTPServer):
    """Answers as the sample does, or as `spoil` turns it: (path, status, body) -> (status, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.spoil: Callable[[str, int, bytes], tuple[int, bytes] | None] = lambda _path, status, body: (status, body)
        self.files: dict[str, bytes] = {}
        self.jobs: list[str] = []
        self.connections = 0
        self.address = f"127.0.0.1:{self.server_port}"

    def process_request(self, *arguments: Any) -> None:
        self.connections += 1
        super().process_request(*arguments)


class Page(http.server.BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/api/search"):
            word = self.path.partition("=")[2]
            self.reply(200, json.dumps({"query": word, "results": [f"one {word}"]}).encode())
        elif self.path == "/api/session":
            self.reply(200, b'{"sid": "s1", "basket": "full"}', {"Set-Cookie": "sid=s1; Path=/"})
        elif self.path.startswith("/api/files/"):
            self.reply(200, self.server.files[self.path])
        else:
            self.reply(200, HTML.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/jobs":
            self.server.jobs.append(json.loads(body)["job"])
            self.reply(202, body)
        else:
            self.server.files[self.path] = body
            self.reply(201, json.dumps({"sha256": hashlib.sha256(body).hexdigest()}).encode())

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        spoilt = self.server.spoil(self.path, status, body)
        if spoilt is None:
            self.close_connection = True
            return
        self.send_response(spoilt[0])
        for name, value in {"X-Version": "1.0", "X-Slot": "blue", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(spoilt[1])))
        self.end_headers()
        self.wfile.write(spoilt[1])


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    one = Client(0, site.address, "run", SYSTEM, fresh=False, timeout=5)
    yield one
    one.close()


def rounds(client: Client, count: int = 20) -> list[account.Request]:
    return [client.send(0.0) for _ in range(count)]


def test_every_kind_of_request_is_ok_against_a_good_system(site: Site, client: Client) -> None:
    sent = rounds(client)
    assert {each.kind for each in sent} == {"search", "page", "session", "upload", "download", "job"}
    assert {each.outcome for each in sent} == {Outcome.OK}
    assert {(each.version, each.slot) for each in sent} == {("1.0", "blue")}
    assert [each.job for each in sent if each.job] == site.jobs
    assert site.connections == 1, "a kept connection is kept"


def test_a_fresh_client_makes_a_connection_per_request(site: Site) -> None:
    one = Client(1, site.address, "run", SYSTEM, fresh=True, timeout=5)
    assert {each.outcome for each in rounds(one, 10)} == {Outcome.OK}
    assert site.connections == 10


@pytest.mark.parametrize("kind", ["search", "page", "session", "upload", "download", "job"])
@pytest.mark.parametrize("wrong", [b"", b"{}", b'{"results": []}', b"\xff"])
def test_the_right_status_with_the_wrong_content_is_a_failure(
    site: Site, client: Client, kind: str, wrong: bytes
) -> None:
    rounds(client)
    site.spoil = lambda _path, status, _body: (status, wrong)
    found = next(each for each in iter(lambda: client.send(0.0), None) if each.kind == kind)
    assert (found.outcome, found.status in (200, 201, 202)) == (Outcome.FAILED, True)


def test_a_download_is_compared_byte_for_byte(site: Site, client: Client) -> None:
    site.spoil = lambda path, status, body: (status, body[:-1] + b"!" if path in site.files and status == 200 else body)
    sent = rounds(client)
    assert {each.outcome for each in sent if each.kind == "download"} == {Outcome.FAILED}
    assert {each.outcome for each in sent if each.kind == "upload"} == {Outcome.OK}


def test_an_error_answer_is_a_failure(site: Site, client: Client) -> None:
    site.spoil = lambda _path, _status, body: (500, body)
    assert {(each.status, each.outcome) for each in rounds(client)} == {(500, Outcome.FAILED)}


def test_no_answer_is_unknown_and_the_next_request_goes_on(site: Site, client: Client) -> None:
    site.spoil = lambda *_: None
    broken = rounds(client, 5)
    assert {(each.status, each.outcome) for each in broken} == {(None, Outcome.UNKNOWN)}
    assert all(each.error for each in broken)
    site.spoil = lambda _path, status, body: (status, body)
    assert {each.outcome for each in rounds(client)} == {Outcome.OK}


def test_a_closed_door_is_unknown() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        one = Client(0, f"127.0.0.1:{taken.getsockname()[1]}", "run", SYSTEM, fresh=False, timeout=5)
        assert {each.outcome for each in rounds(one, 3)} == {Outcome.UNKNOWN}


def test_a_file_whose_upload_got_no_answer_is_not_asked_for(site: Site, client: Client) -> None:
    site.spoil = lambda path, status, body: None if path.startswith("/api/files") else (status, body)
    assert "download" not in {each.kind for each in rounds(client)}


def test_how_late_a_request_was_sent_is_recorded(client: Client) -> None:
    now = SYSTEM.monotonic()
    assert client.send(now - 3).late >= 3
    assert client.send(now + 60).late == 0


# ---- the schedule and the whole -------------------------------------------------------------------------------------


def test_a_slow_answer_does_not_move_the_schedule() -> None:
    schedule = Schedule(first=10.0, period=0.2)
    assert schedule.take(10.0) == pytest.approx(10.0)
    assert schedule.take(10.5) == pytest.approx(10.2), "0.3 s late"
    assert schedule.take(10.5) == pytest.approx(10.4)
    assert schedule.take(10.5) == pytest.approx(10.6), "and in time again"
    assert schedule.skipped == 0


def test_what_was_missed_by_far_is_skipped_and_counted() -> None:
    schedule = Schedule(first=10.0, period=0.25)
    assert schedule.take(15.1) == pytest.approx(15.0)
    assert schedule.skipped == 20


def test_half_of_the_requests_are_on_fresh_connections_and_all_are_accounted_for(site: Site) -> None:
    load, out, served = Load(f"http://{site.address}", rate=200, clients=4), io.StringIO(), itertools.count(1)

    def spoil(_path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if next(served) == 40:
            load.stop.set()
        return status, body

    site.spoil = spoil
    load.run(out)
    lines = out.getvalue().splitlines(keepends=True)
    sent, last = account.read(lines), json.loads(lines[-1])
    assert len(sent) == len(lines) - 1 > 20
    assert last["totals"] == {"sent": len(sent), "ok": len(sent), "failed": 0, "unknown": 0}
    assert {each.fresh for each in sent} == {True, False}
    assert len({(each.client, each.id) for each in sent}) == len(sent)
    assert [each.job for each in sent if each.job and each.job not in site.jobs] == []


@pytest.mark.parametrize("end", ["signal", "end of input"])
def test_it_ends_with_its_parent_and_on_a_signal_and_writes_its_totals(site: Site, tmp_path: Path, end: str) -> None:
    out = tmp_path / "records.jsonl"
    command = [sys.executable, "-m", "reconciler.demo.load", "--url", f"http://{site.address}", "--out", str(out)]
    process = subprocess.Popen([*command, "--rate", "100"], stdin=subprocess.PIPE, cwd=ROOT)
    limit = time.monotonic() + 30
    while not (out.exists() and out.read_text().count("\n") > 10):
        assert time.monotonic() < limit
        time.sleep(0.02)
    if end == "signal":
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    process.communicate(timeout=30)
    assert process.returncode == 0
    lines = out.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["totals"]["sent"] == len(account.read(lines)) == len(lines) - 1
