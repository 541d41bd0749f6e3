"""A recovery point before a switch, and put back after it: a real folder, a real database, real crashes."""

from __future__ import annotations

import json
import signal
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest
from e2e_laws import assert_lawful, changes
from e2e_manifest import RUNGS, SEARCH
from e2e_playground import PATIENCE, Playground, until
from e2e_users import assert_nothing_lost
from test_e2e_evidence import finished

from reconciler.core.events import Intended, Phase, RestoreBegan, Restored, RestoreTried, RollbackBegan, SnapshotTaken
from reconciler.core.steps import Migrate, Start, TakeSnapshot, TryRestore
from reconciler.demo.place import ENVIRONMENT, sample
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.verify import verify

pytestmark = pytest.mark.real

BACKUP = """
import os, sqlite3, sys, time
while not os.path.exists(sys.argv[3]):
    time.sleep(0.02)
source, target = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
source.backup(target)
target.close()
"""
SAVES = SEARCH + "  snapshot: {folders: [shared], command: db-backup}\n"
MIGRATES = SAVES + "  migrate: {command: migrate, check: migrated, oldVersionWorks: true}\n"


@pytest.fixture
def ground(playground: Playground) -> Playground:
    """1.0.0 serves; its users' data are a folder and a database, and the operator has said how they are saved."""
    playground.release("1.0.0", schema=1)
    shared = playground.root / "shared"
    (shared / "empty").mkdir(parents=True)
    (shared / "logo.txt").write_text("of before")
    database = str(playground.place.data / "notes.db")
    with playground.place.config.open("a", encoding="utf-8") as file:
        file.write(f"\n[folders.shared]\npath = {json.dumps(str(shared))}\n")
        file.write('\n[snapshots]\nrestore = {db-backup = "db-restore"}\n')
    may_dump(playground).touch()
    playground.command("db-backup", "{python}", "-c", BACKUP, database, "{dump}", str(may_dump(playground)))
    playground.command("db-restore", "{python}", "-c", BACKUP, "{dump}", database, "{dump}")
    words = ("{python}", str(sample() / "migrate.py"), str(playground.place.data), str(playground.root / "releases"))
    for name, option in (("migrate", ()), ("migrated", ("--check",))):
        playground.command(name, *words, "{version}", *option)
    playground.commit("blue", "1.0.0", "1.0.0")
    playground.run()
    playground.until(lambda state: state.warm.green == "1.0.0")
    return playground


def may_dump(ground: Playground) -> Path:
    """Without this file a dump of the database goes on for ever."""
    return ground.root / "may-dump"


def shelf(ground: Playground) -> Path:
    return ground.place.state / "snapshots" / ENVIRONMENT


def archives(ground: Playground) -> list[str]:
    return sorted(path.name for path in shelf(ground).iterdir() if path.name != ".lock")


def note(ground: Playground, text: str = "") -> list[str]:
    url = f"http://127.0.0.1:{ground.place.port}/api/notes"
    if text:
        urllib.request.urlopen(urllib.request.Request(url, data=text.encode(), method="POST"), timeout=5).close()
    with urllib.request.urlopen(url, timeout=5) as answer:
        return [one["text"] for one in json.load(answer)["notes"]]


def kinds(ground: Playground) -> list[type]:
    """What was done for green after the commit that asks for it, each kind once."""
    begun = next(e.seq for e in ground.entries() if isinstance(e.event, Intended) and _takes(e.event))
    done = [e.event.act for e in ground.entries() if e.seq >= begun and isinstance(e.event, Intended)]
    return list(dict.fromkeys(type(act) for act in done))


def _takes(event: Any) -> bool:
    return isinstance(event, Intended) and isinstance(event.act, TakeSnapshot)


def test_what_is_saved_before_a_switch_can_be_put_back_after_it(ground: Playground) -> None:
    note(ground, "before")
    ground.release("2.0.0", schema=2)
    users = ground.users()
    ground.commit("green", "1.0.0", "2.0.0", gates=MIGRATES)
    ground.until_stable("green", "2.0.0")
    assert_nothing_lost(users.stop())
    assert_lawful(ground.entries(), RUNGS)
    assert [kind for kind in kinds(ground) if kind in (TakeSnapshot, Migrate, Start)] == [TakeSnapshot, Migrate, Start]
    (taken,) = ground.events(SnapshotTaken)
    assert archives(ground) == [taken.name]
    with zipfile.ZipFile(shelf(ground) / taken.name) as archive:
        assert archive.read("folders/shared/logo.txt") == b"of before"

    note(ground, "after")
    (ground.root / "shared" / "logo.txt").write_text("of after")
    refused = ground.reconcile("restore", ENVIRONMENT, "--in-place", "--yes")
    assert refused.returncode == 64
    assert "api in green is ready" in refused.stderr
    assert f"reconcile down {ENVIRONMENT}" in refused.stderr

    beside = ground.reconcile("restore", ENVIRONMENT, "--into", str(ground.root / "looked-at"))
    assert beside.returncode == 0, beside.stderr
    assert (ground.root / "looked-at" / "folders" / "shared" / "logo.txt").read_text() == "of before"
    assert (ground.root / "shared" / "logo.txt").read_text() == "of after"

    assert ground.reconcile("down", ENVIRONMENT, "--yes").returncode == 0
    done = ground.reconcile("restore", ENVIRONMENT, "--in-place", "--yes", "-m", "the new notes are wrong")
    assert done.returncode == 0, done.stderr
    assert (ground.root / "shared" / "logo.txt").read_text() == "of before"
    (kept,) = ground.root.glob("shared.before-*")
    assert (kept / "logo.txt").read_text() == "of after"
    (began,), (restored,) = ground.events(RestoreBegan), ground.events(Restored)
    assert began.digest == restored.digest == taken.digest
    assert began.reason == "the new notes are wrong"
    assert "reconcile rollback demo" in done.stdout
    ground.ask("rollback", "-m", "with the data of before")
    ground.ask("resume")
    ground.until_stable("blue", "1.0.0")
    assert note(ground) == ["before"]
    history = ground.reconcile("history", ENVIRONMENT).stdout
    assert f"there is a recovery point {taken.name}" in history
    assert f"recovery point {taken.name} was put back" in history


def test_a_reconciler_killed_while_it_is_taken_leaves_no_half_of_one(ground: Playground) -> None:
    may_dump(ground).unlink()
    ground.commit("green", "1.0.0", "1.1.0", gates=SAVES)
    until(lambda: [p for p in ground.processes() if "source.backup(target)" in " ".join(p)], "the dump", ground.story)
    ground.stop_run(signal.SIGKILL)
    halves = [name for name in archives(ground) if name.startswith(".half-")]
    assert halves
    assert not ground.events(SnapshotTaken)
    may_dump(ground).touch()
    ground.run()
    ground.until_stable("green", "1.1.0")
    (taken,) = ground.events(SnapshotTaken)
    assert archives(ground) == [taken.name]


def test_a_reconciler_killed_when_it_has_just_begun_takes_it_again(ground: Playground) -> None:
    """That it was begun is on record, and nothing of it lives. (One that is whole is found: test_snapshot_taking.)"""
    ground.stop_run()
    ground.commit("green", "1.0.0", "1.1.0", gates=SAVES)
    run = ground.run_until_struck("outcome-written", 2)  # the files are staged; the snapshot is begun
    run.wait(PATIENCE)
    ground.run()
    ground.until_stable("green", "1.1.0")
    (taken,) = ground.events(SnapshotTaken)
    assert archives(ground) == [taken.name]


def test_without_a_recovery_point_nobody_is_moved(ground: Playground) -> None:
    users = ground.users()
    (ground.place.data / "notes.db").rename(ground.place.data / "gone.db")
    (ground.place.data / "notes.db").mkdir()
    ground.commit("green", "1.0.0", "1.1.0", gates=SAVES, more=("rollback: {git: note}",))
    state = ground.until(lambda state: state.last is not None)
    assert state.last
    assert state.last.phase is Phase.ROLLED_BACK
    (back,) = ground.events(RollbackBegan)
    assert back.condition == "SnapshotFailed"
    assert "'db-backup' ended with exit code 1" in back.reason
    assert archives(ground) == []
    assert {request.slot for request in users.stop()} == {"blue"}
    ground.until_status(lambda status: status["reason"] == "RevisionHeld")


def test_the_preview_says_what_will_be_saved(ground: Playground) -> None:
    ground.stop_run()
    ground.commit("green", "1.0.0", "1.1.0", gates=MIGRATES)
    steps = [line for line in ground.reconcile("--once").stdout.splitlines() if line.startswith("  +")]
    (saves,) = (at for at, line in enumerate(steps) if "take a recovery point" in line and "shared" in line)
    assert saves < min(at for at, line in enumerate(steps) if "migrate the data" in line)
    assert not shelf(ground).exists()


# ---- rehearsed -------------------------------------------------------------------------------------------------------


def saving(ground: Playground) -> None:
    """At rest, with a recovery point asked for before each transition."""
    revision = ground.commit("blue", "1.0.0", "1.0.0", gates=SAVES)
    ground.until_status(lambda status: status["revision"] == revision and status["reason"] == "InSync")


def test_a_restore_is_rehearsed_beside_and_compared_with_the_last_and_nobody_is_moved(ground: Playground) -> None:
    saving(ground)
    users = ground.users()
    first, again = (ground.reconcile("drill", ENVIRONMENT, "--kind", "restore", "--wait") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr + ground.story()
    assert "last restore Succeeded" in first.stdout
    assert again.stdout.count("(before: ") == 2
    requests = users.stop()
    assert_nothing_lost(requests)
    assert {request.slot for request in requests} == {"blue"}
    assert_lawful(ground.entries(), RUNGS)
    assert changes(ground.entries()) == [(100, 0)]
    tried, taken = ground.events(RestoreTried), ground.events(SnapshotTaken)
    assert [one.trial.files for one in tried] == [2, 2]  # logo.txt, and the dump
    assert [one.before for one in tried] == [None, tried[0].trial]
    assert [one.name for one in taken] == [one.name for one in tried]
    assert archives(ground) == [tried[-1].name], "of drills the latest alone is kept"
    assert (ground.root / "shared" / "logo.txt").read_text() == "of before"
    assert not list(ground.root.glob("shared.before-*"))
    assert f"the recovery point {taken[0].name} was put back beside" in ground.reconcile("history").stdout


def test_a_rehearsed_restore_leaves_a_pack_that_tells_of_it(ground: Playground) -> None:
    ground.stop_run()
    root = ground.record()
    ground.run()
    saving(ground)
    done = ground.reconcile("drill", ENVIRONMENT, "--kind", "restore", "--wait")
    assert done.returncode == 0, done.stderr
    pack = finished(root)
    assert verify(pack).findings == ()
    assert gather(pack).agreement.agrees
    (tried,) = ground.events(RestoreTried)
    for name in ("switch.log", "logbook.md"):
        assert f"{tried.name} was put back beside" in pack.file(name).read_text("utf-8")
    assert "put back beside, read and compared: 2 files" in pack.file("report.html").read_text("utf-8")


def test_a_reconciler_killed_in_mid_restore_does_it_anew_and_leaves_nothing_of_it(ground: Playground) -> None:
    saving(ground)
    ground.stop_run()
    ground.reconcile("drill", ENVIRONMENT, "--kind", "restore")
    struck = ground.run_until_struck("effect-done", 2)  # it is saved, and that is being put back
    assert struck.wait(PATIENCE) == -signal.SIGKILL, ground.log
    assert isinstance([event.act for event in ground.events(Intended)][-1], TryRestore)
    left = shelf(ground) / ".half-of-then" / "it"  # as if it had been killed when half of it lay there
    left.mkdir(parents=True)
    (left / "secret").write_text("of a user")
    ground.run()
    state = ground.until(lambda state: state.drilled and not state.intent)
    assert [one.phase for one in state.drilled] == [Phase.SUCCEEDED], ground.story()
    (taken,), (tried,) = ground.events(SnapshotTaken), ground.events(RestoreTried)
    assert archives(ground) == [taken.name] == [tried.name]


def test_a_recovery_point_that_was_spoilt_ends_the_drill_and_holds_nothing(ground: Playground) -> None:
    saving(ground)
    ground.stop_run()
    ground.reconcile("drill", ENVIRONMENT, "--kind", "restore")
    struck = ground.run_until_struck("intent-written", 2)
    assert struck.wait(PATIENCE) == -signal.SIGKILL, ground.log
    (taken,) = ground.events(SnapshotTaken)
    path = shelf(ground) / taken.name
    path.write_bytes(path.read_bytes()[:-1])
    ground.run()
    state = ground.until(lambda state: state.drilled and not state.intent)
    (last,) = state.drilled
    assert (last.phase, last.trial, state.held) == (Phase.ROLLED_BACK, None, ())
    assert "RestoreFailed" in last.reason
    assert "not the one that the journal knows" in last.reason
    ground.until_status(lambda status: status["reason"] == "InSync")
