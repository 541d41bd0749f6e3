"""The scripts in a pack: what they are for, what they do not do, and who may run them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from core_world import API, WARM, G, at, spec, switching

from reconciler.core.model import Member, Migration, Pin, Slot, Snapshot, Spec, Traffic
from reconciler.core.state import Transition
from reconciler.drivers.hosts import process
from reconciler.drivers.identity import Identity
from reconciler.drivers.process import record
from reconciler.drivers.process.app import App
from reconciler.drivers.protocols import ByHand, HostContext
from reconciler.evidence.pack import by_hand
from reconciler.evidence.pack.place import Pack

WORKER = Member("worker", Traffic.EXCLUSIVE)


@dataclass
class Gateway:
    """What it was asked to write a script for."""

    asked: list[tuple[Slot, str, Sequence[str]]] = field(default_factory=list)
    starts: Sequence[str] = ()

    def by_hand(self, slot: Slot, title: str = "", undone: Sequence[str] = (), starts: Sequence[str] = ()) -> ByHand:
        self.asked.append((slot, title, undone))
        self.starts = starts
        return ByHand(f"shell {len(self.asked)}", "power")


def transition() -> Transition:
    found = switching().until(at(50)).state.transition
    assert found
    return found


def told(found: Spec, **hosts: object) -> tuple[Slot, str, str]:
    gateway = Gateway()
    by_hand.scripts(gateway, hosts, found, transition())  # type: ignore[arg-type]
    slot, title, undone = gateway.asked[0]
    return slot, title, "\n".join(undone)


def test_it_leads_back_to_stable_and_says_from_where() -> None:
    slot, title, undone = told(spec(G, green="v2"))
    assert slot is Slot.BLUE
    assert "blue@v1 serves, green@v2 comes. This leads all users back to blue@v1." in title
    assert "git: it still asks for green@v2" in undone


def test_who_has_one_owner_is_handed_back_by_a_person_and_how_is_said(tmp_path: Path) -> None:
    app = App(command=["{python}", "--password", "hunter2"], env={"TOKEN": "hunter3"})
    host = process.open(HostContext("demo", "worker", tmp_path, app), process.Settings(app="demo-worker"))
    _, _, undone = told(spec(G, green="v2", members=(API, WORKER)), worker=host)
    assert "it must have ended there before it starts in blue" in undone
    assert f'kill -TERM "$(sed -n \'s/.*"pid": \\([0-9]*\\), "identity".*/\\1/p\' {tmp_path}' in undone
    assert "worker-green.json" in undone
    assert "[apps.demo-worker]" in undone
    assert "hunter" not in undone, "an argument may be a secret"
    assert list(tmp_path.iterdir()) == []


def test_how_those_are_started_that_users_are_led_to_is_said(tmp_path: Path) -> None:
    app = App(command=["{python}", "--password", "hunter2"], ports={"blue": 8081, "green": 8082})
    host = process.open(HostContext("demo", "api", tmp_path, app), process.Settings(app="demo-api"))
    gateway = Gateway()
    by_hand.scripts(gateway, {"api": host}, spec(G, green="v2"), transition())  # type: ignore[arg-type]
    (start,) = gateway.starts
    assert start.startswith("api in blue: by the command of [apps.demo-api] in the operator's file")
    assert "slot blue, version v1, port 8081" in start
    assert "hunter" not in start


def test_where_a_recovery_point_was_asked_for_it_is_named() -> None:
    saved = told(spec(G, green="v2", snapshot=Snapshot(("shared",))))[2]
    assert "reconcile restore demo --list" in saved
    assert "restore" not in told(spec(G, green="v2"))[2]


def test_who_can_stand_by_is_handed_back_by_resume_or_without_a_reconciler_line_by_line(tmp_path: Path) -> None:
    found = spec(G, green="v2", members=(API, WARM))
    assert "`reconcile resume` hands it back to blue" in told(found)[2]
    ports, command = {"blue": 9001, "green": 9002}, ["{python}", "{ownership}", "--password", "hunter2"]
    app = App(command=command, ports=ports, ready="/healthz", standby=True)  # type: ignore[arg-type]
    host = process.open(HostContext("demo", "worker", tmp_path, app, standby=True), process.Settings(app="worker"))
    undone = told(found, worker=host)[2]
    steps = [line.strip() for line in undone.splitlines() if line.strip()[:2] in ("1.", "2.", "3.", "4.", "5.")]
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4.", "5."]
    assert '"owner": null' in steps[0]
    assert steps[1].endswith("curl -s http://127.0.0.1:9002/healthz")
    assert steps[2].endswith("curl -s http://127.0.0.1:9001/healthz")
    assert '"owner": "blue"' in steps[3]
    assert "hunter" not in undone


def test_what_was_made_of_the_data_is_said() -> None:
    kept = told(spec(G, green="v2", migration=Migration("migrate", "migrated", True)))[2]
    assert "'migrate' may have been run for green@v2; blue@v1 works with what it makes" in kept
    lost = told(spec(G, green="v2", migration=Migration("migrate", "migrated", False)))[2]
    assert "blue@v1 DOES NOT WORK WITH what it makes" in lost


def test_they_are_written_once_for_their_owner_to_run(tmp_path: Path) -> None:
    pack, gateway = Pack(tmp_path / "demo" / "000007-green-v2"), Gateway()
    for _ in range(2):
        made = by_hand.scripts(gateway, {}, spec(G, green="v2"), transition())  # type: ignore[arg-type]
        by_hand.keep(pack, made)
    files = {path.name: path for path in pack.folder.iterdir()}
    assert {name: oct(path.stat().st_mode & 0o777) for name, path in files.items()} == {
        "rollback.sh": "0o700",
        "rollback.ps1": "0o600",
    }
    assert files["rollback.sh"].read_text() == "shell 1"


def test_the_process_that_is_to_end_is_the_one_on_record(tmp_path: Path) -> None:
    """The line that is typed, on a record as it is written."""
    app = App(command=["x"])
    host = process.open(HostContext("demo", "worker", tmp_path, app), process.Settings(app="w"))
    me = Identity(4242, "1", "b")
    kept = record.Record("v2", "v2", "t", Identity(1, "1", "b"), "now", 0, pid=4242, identity=me)
    record.save(tmp_path / "members" / "worker-green.json", kept)
    typed = host.by_hand(Slot.GREEN, Pin("v2")).stop.replace("kill -TERM", "echo")
    assert subprocess.run(["sh", "-c", typed], capture_output=True, text=True).stdout == "4242\n"
