"""The doctor beside machines that are slow or silent: each driver answers by itself, and a silent machine is named."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wsman_logon
from windows_machine import Session
from wsman_server import Rig

from reconciler.configuration import parse
from reconciler.desired.manifest import Manifest, read
from reconciler.doctor import drivers
from reconciler.doctor.drivers import Drivers
from reconciler.doctor.questions import answers
from reconciler.drivers.examining import Finding, Grade
from reconciler.drivers.windows.script import PING
from reconciler.world import World

TABLES = """
[security]
allow_hosts = ["127.0.0.1"]
[machines.web1]
address = "{web1}"
user = '{user}'
password_file = "password"
[machines.gw1]
address = "http://127.0.0.1:{gw1}"
user = '{user}'
password_file = "password"
deadline = "300ms"
[farms.{farm}]
machine = "gw1"
users = "http://127.0.0.1:9"
site = "Portal"
pool = "Portal"
[services.worker]
machine = "gw1"
command = ['{{release}}\\worker.exe', '{{version}}', '{{release}}', '{{slot}}']
releases = 'D:\\releases\\{{version}}'
[sites.portal]
machine = "web1"
releases = 'D:\\releases\\{{version}}'
ports = {{blue = 9001, green = 9002}}
"""
MANIFEST = b"""
apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {name: production}
spec:
  activeSlot: blue
  slots: {blue: {version: "1.0"}, green: {version: "1.1"}}
  gateway: {kind: iis-arr, farm: portal}
  members:
    - {name: web, traffic: weighted, host: {kind: iis, site: portal}}
    - {name: worker, traffic: exclusive, host: {kind: windows-service, service: worker}}
  strategy: {steps: [{setWeight: 100}, {handOver: [worker]}]}
  gates:
    preflight:
      - {name: one, kind: windows-event-log, machine: web1}
      - {name: other, kind: windows-event-log, machine: web1}
"""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of one that takes a connection, and nothing from it."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        yield hole.getsockname()[1]


@pytest.fixture
def looking(plain: Rig, silent: int, tmp_path: Path, password: Path) -> Callable[..., Drivers]:
    plain.windows.clock = ""

    def made(farm: str = "portal") -> Drivers:
        user = rf"{wsman_logon.DOMAIN}\{wsman_logon.USER}"
        text = TABLES.format(web1=plain.address, gw1=silent, user=user, farm=farm)
        manifest = read(MANIFEST, "environments/production.yaml")
        assert isinstance(manifest, Manifest), manifest
        return Drivers(manifest, parse(text, tmp_path / "reconciler.toml"), "a-journal")

    return made


def told(looking: Drivers) -> dict[str, tuple[Finding, ...]]:
    return {one.question.what: one.findings for one in answers(looking.questions())}


def test_a_silent_machine_is_named_and_hides_nobody_elses_answer(looking: Callable[..., Drivers], silent: int) -> None:
    found = told(looking())
    assert list(found) == ["drivers", "gateway", "web host", "worker host", "one gate", "other gate"]
    for what in ("gateway", "worker host"):
        (only,) = found[what]
        assert (only.grade, only.what.endswith("machine")) == (Grade.FAILED, True)
        assert only.found.startswith("gw1 (127.0.0.1): ")
        assert only.cure == f"run `winrm quickconfig` there, and let port {silent} through its firewall"
    for what in ("web", "one", "other"):
        by_name = {one.what: one for name in (f"{what} host", f"{what} gate") for one in found.get(name, ())}
        assert by_name[f"{what} machine"].grade is Grade.OK
    assert [one.what for one in found["web host"]].count("web release") == 2


def test_they_are_asked_at_the_same_time(looking: Callable[..., Drivers], plain: Rig) -> None:
    """Each waits for the others: asked one after the other, none would answer."""
    all_three, met, usual = threading.Barrier(3), threading.Event(), plain.windows._plays[PING.name][1]

    def meets(arguments: dict[str, Any], session: Session) -> Any:
        if not met.is_set():
            all_three.wait(10)
            met.set()
        return usual(arguments, session)

    plain.windows.plays(PING, meets)
    found = told(looking())
    assert all(found[what][0].grade is not Grade.FAILED for what in ("web host", "one gate", "other gate"))


def test_one_that_is_given_up_is_a_failure_and_all_is_closed_behind_it(
    looking: Callable[..., Drivers], plain: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    never, closed, usual = threading.Event(), threading.Event(), World.close
    monkeypatch.setattr(drivers, "FAR", 0.5)
    monkeypatch.setattr(World, "close", lambda world: (usual(world), closed.set()))
    plain.windows.plays(PING, lambda *_: never.wait(20) and {})
    found = told(looking())
    assert found["one gate"][0].grade is Grade.FAILED
    assert found["one gate"][0].found == "web1 (127.0.0.1) does not answer within 500ms"
    assert f"port {plain.port}" in found["one gate"][0].cure
    assert not closed.is_set()
    never.set()
    assert closed.wait(20)


def test_what_cannot_be_opened_is_one_line(looking: Callable[..., Drivers]) -> None:
    found = told(looking(farm="another"))
    assert [one.grade for one in found.pop("drivers")] == [Grade.FAILED]
    assert set(found.values()) == {()}
