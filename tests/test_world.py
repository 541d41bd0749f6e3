"""What a world asks of the gateway's forced roads before a slot counts as warm."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.configuration import parse
from reconciler.core.model import Outcome, Pair, Release, Slot
from reconciler.core.reading import Window
from reconciler.desired.claims import judge_one
from reconciler.desired.manifest import Manifest, read
from reconciler.drivers.protocols import Endpoint, Road
from reconciler.errors import Unreachable
from reconciler.world import World, open_world, roads

GREEN = "10.0.0.1:9002"
ENDPOINTS = (Endpoint("api", "/api", Pair("10.0.0.1:9001", GREEN)), Endpoint("page", "/", Pair("a:1", "b:2")))


class Front:
    """A gateway that says who answered, or does not."""

    def __init__(self) -> None:
        self.upstream: str | None = GREEN
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                if front.upstream is not None:
                    self.send_header("x-reconciler-upstream", front.upstream)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def address(self, slot: Slot) -> Road:
        return Road(self.users().url, {"x-reconciler-road": f"secret-{slot}"})

    def users(self) -> Road:
        return Road(f"http://127.0.0.1:{self.server.server_port}")


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front()
    thread = threading.Thread(target=front.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield front
    front.server.shutdown()
    front.server.server_close()
    thread.join()


def world(front: Front) -> World:
    nothing: Any = SimpleNamespace()
    return World(nothing, front, {}, ENDPOINTS[:1], *(nothing,) * 7)  # type: ignore[arg-type]


def test_a_slot_is_warm_when_its_own_members_answered(front: Front) -> None:
    world(front).warm(Slot.GREEN)


@pytest.mark.parametrize(("upstream", "who"), [(None, "somebody else"), ("10.0.0.1:9001", "10.0.0.1:9001")])
def test_a_slot_is_not_warm_by_the_answers_of_another(front: Front, upstream: str | None, who: str) -> None:
    front.upstream = upstream
    with pytest.raises(Unreachable, match=f"api in green: {who} answered instead of {GREEN}"):
        world(front).warm(Slot.GREEN)


def test_forced_roads_know_who_must_answer_and_the_users_road_takes_whoever_does(front: Front) -> None:
    found = roads(front, ENDPOINTS)  # type: ignore[arg-type]
    assert found["users"].expects == ()
    assert found["green"].expects == (GREEN, "b:2")
    assert found["blue"].expects == ("10.0.0.1:9001", "a:1")


# ---- what the operator's file gives to gates -------------------------------------------------------------------------

OPERATOR = """\
[apps.api]
command = ["/bin/true"]
ports = {blue = 18081, green = 18082}
[commands.dry-run]
argv = ["/bin/echo", "{version}", "{slot}", "{environment}", "{transition}"]
[queries.left]
url = "sqlite:///jobs.db"
sql = "SELECT count(*) FROM jobs"
[folders.inbox]
path = "inbox"
[shares.drive]
unc = "drive"
[shares.remote]
unc = '\\\\files\\drive'
machine = "web1"
[machines.web1]
address = "https://web1.corp.example:5986"
user = "u"
password_env = "NOT_SET"
"""
MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {name: production}
spec:
  activeSlot: blue
  slots: {blue: {version: "1.0"}}
  gateway: {kind: envoy, listen: "127.0.0.1:18080"}
  members: [{name: api, traffic: weighted, host: {kind: process, app: api}}]
  gates:
    preflight:
      - {kind: migration, command: dry-run}
      - {name: table, kind: queue-drained, sql: left, apart: 1ms}
      - {name: inbox, kind: queue-drained, folder: inbox, apart: 1ms}
      - {kind: share, share: drive}
"""


def test_gates_get_what_the_operators_file_defines_under_the_names_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "drive").mkdir()
    (tmp_path / "inbox" / "job").touch()
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as database:
        database.execute("CREATE TABLE jobs (id INTEGER)")
    operator = parse(OPERATOR, tmp_path / "reconciler.toml")
    manifest = judge_one(read(MANIFEST.encode(), "production.yaml"), operator)
    assert isinstance(manifest, Manifest), str(manifest)
    rung: list[str] = []
    opened = open_world(manifest, operator, "journal", read_only=True, alarm=lambda: rung.append("now"))
    window = Window("000018-green-1.1", Release(Slot.GREEN, "1.1"), Release(Slot.BLUE, "1.0"), 0, 0.0)
    found = {name: gate.run(window) for name, gate in opened.gates._gates.items()}
    assert opened.gates._alarm
    opened.gates._alarm()
    assert rung == ["now"], "a gate's late answer wakes the loop"
    opened.close()
    assert found["migration"].value == "exit code 0 | 1.1 green production 000018-green-1.1"
    assert found["table"].outcome is Outcome.SUCCESSFUL
    assert found["inbox"].reason == "not drained yet: 1 left"
    assert found["share"].outcome is Outcome.SUCCESSFUL


def test_a_machine_that_may_not_be_asked_is_told_of_also_where_only_a_share_names_it(tmp_path: Path) -> None:
    operator = parse(OPERATOR, tmp_path / "reconciler.toml")
    found = judge_one(read(MANIFEST.replace("share: drive", "share: remote").encode(), "production.yaml"), operator)
    assert "production.yaml:14:30: the host 'web1.corp.example' may not be asked: add it to allow_hosts in" in str(
        found
    )
    operator = parse(OPERATOR.replace("[machines.web1]", "[machines.web2]"), tmp_path / "reconciler.toml")
    found = judge_one(read(MANIFEST.replace("share: drive", "share: remote").encode(), "production.yaml"), operator)
    assert "unknown machine 'web1'; did you mean 'web2'?" in str(found)
