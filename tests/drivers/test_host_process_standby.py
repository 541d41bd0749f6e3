"""The host `process` with a member that stands by: the sample's worker, and what other processes may say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("host_exam")
from host_exam import BLUE, GREEN, StandbyExam, owning, standing_by, until  # noqa: E402
from pydantic import ValidationError  # noqa: E402
from test_host_process import SAMPLE, World  # noqa: E402

from reconciler.core.model import Pair, Pin  # noqa: E402
from reconciler.core.reading import MemberReading, MemberStatus  # noqa: E402
from reconciler.drivers.hosts import process  # noqa: E402
from reconciler.drivers.process import ownership  # noqa: E402
from reconciler.drivers.process.app import App  # noqa: E402
from reconciler.drivers.process.ownership import Ownership  # noqa: E402
from reconciler.drivers.protocols import HostContext  # noqa: E402
from reconciler.errors import Refused, Unreachable  # noqa: E402

ALIVE = MemberReading(MemberStatus.READY, "1.0")


class Warm(World):
    """The same folder, with the sample's worker in it. Only what a reading could change is traced: it works."""

    def __init__(self, folder: Path) -> None:
        command = ["{python}", str(SAMPLE), "worker", "--port", "{port}", "--version", "{version}", "--release"]
        command += ["{release}", "--slot", "{slot}", "--data", str(folder / "data"), "--ownership", "{ownership}"]
        super().__init__(folder, command=command, standby=True, stop_timeout="500ms")

    def open(self) -> process.ProcessHost:
        context = HostContext("production", "api", self.state, self.app, self.patience, standby=True)
        self.opened.append(process.open(context, process.Settings(app="demo")))
        return self.opened[-1]

    def lives(self, slot: Any) -> int:
        return super().lives(slot)

    def traces(self) -> dict[str, tuple[int, int]]:
        return {path: found for path, found in super().traces().items() if "/state/members" in path}


class TestProcessStandby(StandbyExam):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[Warm]:
        world = Warm(tmp_path)
        yield world
        world.clear()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"role": "owner", "number": 7}, MemberStatus.READY),
        ({"role": "owner", "number": 6}, MemberStatus.UNREADY),
        ({"role": "standby", "number": 7}, MemberStatus.UNREADY),
        ({"role": "letting-go", "number": 7}, MemberStatus.UNREADY),
        ({"role": "owner"}, MemberStatus.UNREADY),
        ({"role": "chief", "number": 7}, MemberStatus.UNREADY),
        ({}, MemberStatus.UNREADY),
    ],
)
def test_who_is_named_is_ready_only_by_its_own_word_and_number(said: dict[str, Any], status: MemberStatus) -> None:
    assert ownership.judge(BLUE, Ownership(BLUE, 7, Pair(7, 5)), ALIVE, said).status is status


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"role": "standby", "number": 5}, MemberStatus.STANDBY),
        ({"role": "standby", "number": 7}, MemberStatus.STANDBY),
        ({"role": "standby", "number": 4}, MemberStatus.STOPPING),  # it has not read yet that it is to let go
        ({"role": "owner", "number": 4}, MemberStatus.STOPPING),
        ({"role": "letting-go", "number": 4}, MemberStatus.STOPPING),
        ({}, MemberStatus.UNREADY),
    ],
)
def test_who_is_not_named_proves_that_it_let_go_only_by_a_number_that_is_new_enough(
    said: dict[str, Any], status: MemberStatus
) -> None:
    assert ownership.judge(GREEN, Ownership(BLUE, 7, Pair(7, 5)), ALIVE, said).status is status


def test_a_file_that_cannot_be_read_is_unknown_and_not_nobody(tmp_path: Path) -> None:
    file = tmp_path / "api.ownership.json"
    for text in ("", "{}", "[]", '{"owner": "red", "number": 1, "since": {"blue": 1, "green": 1}}'):
        file.write_text(text)
        with pytest.raises(Unreachable, match="who owns is unknown"):
            ownership.load(file)


def test_the_file_is_what_the_documentation_says(tmp_path: Path) -> None:
    ownership.grant(tmp_path / "o.json", GREEN, 17)
    assert json.loads((tmp_path / "o.json").read_text()) == {
        "owner": "green",
        "number": 17,
        "since": {"blue": 0, "green": 17},
    }


def shell(line: str) -> str:
    done = subprocess.run(["sh", "-ec", line], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


def test_without_a_reconciler_a_person_hands_it_over_line_by_line(tmp_path: Path) -> None:
    """With real workers; whoever comes back later finds a number that it can go on from."""
    world = Warm(tmp_path / "a folder's")
    try:
        host = world.open()
        standing_by(host, BLUE, world.good)
        owning(host, GREEN, world.other, 7)
        here, there = host.by_hand(BLUE, world.good), host.by_hand(GREEN, world.other)
        assert shell(there.let_go) == ""
        until(host, GREEN, lambda found: found.status is MemberStatus.STANDBY)
        until(host, BLUE, lambda found: found.status is MemberStatus.STANDBY)  # nobody owns in between
        assert json.loads(shell(there.role))["role"] == "standby"
        shell(here.own)
        until(host, BLUE, lambda found: found.status is MemberStatus.READY)
        assert json.loads(shell(here.role))["role"] == "owner"
        assert host.read(GREEN).status is MemberStatus.STANDBY
        with pytest.raises(Refused, match="number 9 was given already"):
            host.grant(GREEN, 9)
        host.release(BLUE, 10)
        host.grant(GREEN, 11)
        until(host, GREEN, lambda found: found.status is MemberStatus.READY)
    finally:
        world.clear()


def test_who_cannot_stand_by_is_not_named_by_hand(tmp_path: Path) -> None:
    app = App(command=["x"])
    host = process.open(HostContext("demo", "worker", tmp_path, app), process.Settings(app="w"))
    assert host.by_hand(GREEN, Pin("2")).own == ""


def test_an_app_that_stands_by_must_be_told_and_must_tell() -> None:
    said = {"command": [sys.executable, "{port}"], "ports": {"blue": 1, "green": 2}}
    with pytest.raises(ValidationError, match="`standby` needs"):
        App.model_validate({**said, "standby": True, "ready": "/healthz"})
    with pytest.raises(ValidationError, match="standby = true"):
        App.model_validate({**said, "command": ["x", "{ownership}"]})


@pytest.mark.parametrize("wanted", [True, False])
def test_manifest_and_operators_file_must_agree(tmp_path: Path, wanted: bool) -> None:
    app = App.model_validate({"command": ["x"]}) if wanted else Warm(tmp_path).app
    with pytest.raises(Refused, match="stand by" if wanted else "standby: true"):
        process.open(HostContext("production", "api", tmp_path, app, standby=wanted), process.Settings(app="demo"))
