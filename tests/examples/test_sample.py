"""The sample system, each member run for real."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

SAMPLE = Path(__file__).parents[2] / "examples" / "sample"


def release(folder: Path, version: str, **misbehave: Any) -> Path:
    command = [sys.executable, str(SAMPLE / "release.py"), str(folder), version, "--misbehave", json.dumps(misbehave)]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


class Running:
    """One member as a process of its own."""

    def __init__(self, member: str, place: Path, data: Path, slot: str = "blue", config: Path | None = None) -> None:
        self.port = free_port()
        command = [sys.executable, str(SAMPLE / "sample.py"), member, "--port", str(self.port), "--version", place.name]
        command += ["--release", str(place), "--slot", slot, "--data", str(data)]
        command += ["--config", str(config)] if config else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def health(self) -> tuple[int, dict[str, Any]]:
        status, body, _ = self.ask("GET", "/healthz")
        return status, json.loads(body)

    def listening(self) -> bool:
        try:
            self.health()
        except OSError:
            return False
        return True

    def ready(self) -> Running:
        wait_for(lambda: self.listening() and self.health()[0] == 200)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        self.said = self.process.communicate(timeout=30)[0]
        return self.process.returncode


def wait_for(true: Callable[[], bool]) -> None:
    latest = time.monotonic() + 30
    while not true():
        assert time.monotonic() < latest, "it never came about"
        time.sleep(0.01)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(member: str, version: str = "1.0", slot: str = "blue", **misbehave: Any) -> Running:
        place = release(tmp_path / "releases", version, **misbehave)
        started.append(Running(member, place, tmp_path / "data", slot))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.end()


def done(tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "data" / "done.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_answer_says_which_version_and_slot_gave_it(run: Callable[..., Running]) -> None:
    api = run("api", "1.4.2", "green").ready()
    for path in ("/api/search?q=blue", "/healthz", "/nothing-here"):
        headers = api.ask("GET", path)[2]
        assert (headers["X-Version"], headers["X-Slot"]) == ("1.4.2", "green")
    assert api.health() == (
        200,
        {"status": "ok", "version": "1.4.2", "pid": api.process.pid, "slot": "green", "member": "api"},
    )


def test_a_search_finds_every_line_that_holds_all_words(run: Callable[..., Running]) -> None:
    status, body, _ = run("api").ready().ask("GET", "/api/search?q=blue%20green")
    assert status == 200
    assert json.loads(body)["results"] == ["traffic moves in stages from blue to green"]


def test_what_was_uploaded_to_one_slot_comes_back_byte_for_byte_from_the_other(run: Callable[..., Running]) -> None:
    blue, green = run("api", slot="blue").ready(), run("api", slot="green").ready()
    content = bytes(range(256)) * 500
    assert blue.ask("POST", "/api/files/a.bin", content)[0] == 201
    assert green.ask("GET", "/api/files/a.bin")[:2] == (200, content)


@pytest.mark.parametrize("name", ["..", "../secret", "%2e%2e%2fsecret", ".hidden", "a/b", ""])
def test_a_file_name_cannot_lead_out_of_the_folder(run: Callable[..., Running], tmp_path: Path, name: str) -> None:
    api = run("api").ready()
    (tmp_path / "data" / "secret").write_text("mine")
    assert api.ask("POST", f"/api/files/{name}", b"x")[0] == 400
    assert api.ask("GET", f"/api/files/{name}")[0] == 404
    assert (tmp_path / "data" / "secret").read_text() == "mine"


def test_a_session_keeps_its_id_and_content_across_the_slots(run: Callable[..., Running]) -> None:
    blue, green = run("api", slot="blue").ready(), run("api", slot="green").ready()
    _, opened, headers = blue.ask("GET", "/api/session")
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert cookie == f"sid={json.loads(opened)['sid']}"
    status, again, headers = green.ask("GET", "/api/session", Cookie=cookie)
    assert (status, again, headers["Set-Cookie"]) == (200, opened, None)


def test_a_session_holds_what_was_posted_into_it(run: Callable[..., Running]) -> None:
    blue, green = run("api", slot="blue").ready(), run("api", slot="green").ready()
    _, opened, headers = blue.ask("POST", "/api/session", b"three apples")
    cookie = headers["Set-Cookie"].split(";")[0]
    assert json.loads(opened)["basket"] == "three apples"
    _, _, headers = green.ask("POST", "/api/session", b"four pears", Cookie=cookie)
    assert "Set-Cookie" not in headers
    assert json.loads(blue.ask("GET", "/api/session", Cookie=cookie)[1])["basket"] == "four pears"


def test_a_version_that_forgets_sessions_knows_its_own_alone(run: Callable[..., Running]) -> None:
    good, bad = run("api", "1.0", "blue").ready(), run("api", "2.0", "green", forget_sessions=True).ready()
    cookie = good.ask("GET", "/api/session")[2]["Set-Cookie"].split(";")[0]
    status, _, headers = bad.ask("GET", "/api/session", Cookie=cookie)
    assert status == 200
    other = headers["Set-Cookie"].split(";")[0]
    assert other != cookie
    assert "Set-Cookie" not in bad.ask("GET", "/api/session", Cookie=other)[2]
    assert "Set-Cookie" not in good.ask("GET", "/api/session", Cookie=cookie)[2]


def test_an_unknown_session_id_is_not_taken_over(run: Callable[..., Running]) -> None:
    _, body, headers = run("api").ready().ask("GET", "/api/session", Cookie="sid=../../etc/passwd")
    assert json.loads(body)["sid"] in headers["Set-Cookie"]


def test_the_page_says_its_version_slot_and_greeting_harmlessly(run: Callable[..., Running], tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"greeting": "<b>hello</b>"}))
    frontend = Running("frontend", release(tmp_path / "releases", "2.0"), tmp_path / "data", "green", config)
    try:
        page = frontend.ready().ask("GET", "/")[1].decode()
    finally:
        frontend.stop()
    assert "Sample 2.0" in page
    assert "green slot" in page
    assert "&lt;b&gt;hello&lt;/b&gt;" in page


def test_200_jobs_are_each_done_exactly_once_across_a_hand_over(run: Callable[..., Running], tmp_path: Path) -> None:
    api, blue = run("api").ready(), run("worker", "1.0", "blue").ready()
    wanted = {f"job-{number}" for number in range(200)}
    for number, job in enumerate(sorted(wanted)):
        assert api.ask("POST", "/api/jobs", json.dumps({"job": job}).encode())[0] == 202
        if number == 100:
            wait_for(lambda: len(done(tmp_path)) > 5)
            assert blue.stop() == 0
            green = run("worker", "1.1", "green").ready()
    wait_for(lambda: green.health()[1]["queue"] == 0)
    assert green.stop() == 0
    records = done(tmp_path)
    assert Counter(record["job"] for record in records) == Counter(wanted)
    assert {record["slot"] for record in records} == {"blue", "green"}
    assert all(a["ended"] <= b["started"] for a, b in itertools.pairwise(records))


def test_a_killed_workers_job_is_done_by_the_next_one(run: Callable[..., Running], tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "claimed").mkdir(parents=True)
    (data / "claimed" / f"{1:020d}-unfinished.1").touch()
    (data / "claimed" / f"{2:020d}-recorded.1").touch()
    (data / "done.jsonl").write_text(json.dumps({"job": "recorded", "attempt": 1}) + "\n")
    run("worker").ready()
    wait_for(lambda: len(done(tmp_path)) == 2 and not any((data / "claimed").iterdir()))
    assert [(record["job"], record["attempt"]) for record in done(tmp_path)] == [("recorded", 1), ("unfinished", 2)]


def test_a_worker_killed_in_the_middle_of_its_queue_loses_no_job(run: Callable[..., Running], tmp_path: Path) -> None:
    api, first = run("api").ready(), run("worker").ready()
    jobs = {json.loads(api.ask("POST", "/api/jobs")[1])["job"] for _ in range(30)}
    wait_for(lambda: len(done(tmp_path)) > 3)
    first.stop(signal.SIGKILL)
    second = run("worker", slot="green").ready()
    wait_for(lambda: second.health()[1]["queue"] == 0)
    assert second.stop() == 0
    assert {record["job"] for record in done(tmp_path)} == jobs


def test_the_queue_is_measured_by_depth_and_age(run: Callable[..., Running], tmp_path: Path) -> None:
    queue = tmp_path / "data" / "queue"
    queue.mkdir(parents=True)
    (queue / f"{time.time_ns() - 5 * 10**9:020d}-old.1").touch()
    worker = run("worker", never_ready=True)
    wait_for(worker.listening)
    status, health = worker.health()
    assert (status, health["queue"]) == (503, 1)
    assert 5 <= health["oldest_s"] < 60


def test_a_stopped_member_finishes_the_request_in_hand(run: Callable[..., Running]) -> None:
    api = run("api", delay_ms=400).ready()
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as asking:
        asking.sendall(b"GET /api/search?q=blue HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\n\r\n")
        assert asking.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n", "it says that it has the request"
        assert api.stop() == 0
        assert asking.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_a_kept_alive_connection_does_not_hold_a_stop_up(run: Callable[..., Running]) -> None:
    api = run("api").ready()
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)
    for _ in range(2):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    assert api.stop() == 0
    connection.close()


def test_every_fifth_search_of_a_20_percent_release_fails(run: Callable[..., Running]) -> None:
    api = run("api", "1.5.0", search_errors=0.2).ready()
    statuses = [api.ask("GET", "/api/search?q=blue")[0] for _ in range(20)]
    assert statuses == [200, 200, 200, 200, 500] * 4
    assert api.ask("GET", "/api/session")[0] == 200


def test_a_release_that_dies_at_start_says_so(run: Callable[..., Running]) -> None:
    api = run("api", die_at_start=True)
    assert api.end() == 3
    assert "dies at start" in api.said


def test_a_release_that_is_never_ready_answers_503(run: Callable[..., Running]) -> None:
    api = run("api", never_ready=True)
    wait_for(api.listening)
    time.sleep(0.2)
    assert api.health()[0] == 503


def test_a_release_that_lies_about_its_version_reports_the_other_one(run: Callable[..., Running]) -> None:
    api = run("api", "1.0", report_version="0.9").ready()
    assert api.health()[1]["version"] == "0.9"


def test_a_release_that_dies_later_ends_abruptly(run: Callable[..., Running]) -> None:
    api = run("api", die_after_s=0.3)
    assert api.end() == 4


def test_a_taken_port_is_an_error_that_names_it(run: Callable[..., Running], tmp_path: Path) -> None:
    api = run("api").ready()
    command = [sys.executable, str(SAMPLE / "sample.py"), "api", "--port", str(api.port), "--version", "1"]
    command += ["--release", str(tmp_path), "--slot", "blue", "--data", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert str(api.port) in ended.stdout


def test_misspelt_misbehaviour_is_refused(tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(json.dumps({"misbehave": {"serach_errors": 0.2}}))
    command = [sys.executable, str(SAMPLE / "sample.py"), "api", "--port", str(free_port()), "--version", "1"]
    command += ["--release", str(tmp_path), "--slot", "blue", "--data", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert "serach_errors" in ended.stderr
