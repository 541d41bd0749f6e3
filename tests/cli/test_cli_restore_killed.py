"""`reconcile restore --in-place`, killed at each point of it: that is on record, and done again nothing is lost."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import preloaded
import pytest
from cli_folder import PATIENCE, Folder

from reconciler.clock import SYSTEM
from reconciler.core.events import Event, RestoreBegan, SnapshotTaken
from reconciler.core.model import Snapshot
from reconciler.drivers.folders.folder import Folder as Named
from reconciler.drivers.snapshots.policy import Policy
from reconciler.drivers.snapshots.shelf import Shelf
from reconciler.drivers.snapshots.taking import Taking
from reconciler.journal.sqlite import open_journal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="snapshots are taken on Linux and macOS only")
NAMES = ("first", "second")
WORDS = ("restore", "production", "--in-place", "--yes", "-m", "wrong")
LAST = 8  # points: unpacked, per folder two renames and a sync, then on record
STRUCK = """
import os, signal, sys
from reconciler.cli import main, restore
from reconciler.drivers.snapshots import restoring
at, met = int(sys.argv.pop(1)), []

def struck(real):
    def do(*words):
        met.append(real)
        if len(met) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words)
    return do

class Names:
    rename = staticmethod(struck(os.rename))
    def __getattr__(self, name):
        return getattr(os, name)

restoring.os = Names()
restoring.sync_folder = struck(restoring.sync_folder)
restoring.unpack = struck(restoring.unpack)
restore.Restored = struck(restore.Restored)
main()
"""


@pytest.fixture
def saved(folder: Folder) -> Folder:
    """production was never started; two folders of it were saved, and have changed since."""
    folder.reconcile("init")
    folder.commit()
    with (folder.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.writelines(f'\n[folders.{name}]\npath = "{name}"\n' for name in NAMES)
    for name in NAMES:
        (folder.root / name).mkdir()
        (folder.root / name / "a").write_text(f"{name} before")
    take(folder)
    for name in NAMES:
        (folder.root / name / "a").write_text(f"{name} after")
    return folder


def take(folder: Folder, transition: str = "000007-green-2") -> str:
    values = {"environment": "production", "transition": transition, "slot": "green", "version": "2"}
    named, snapshot = {name: Named(path=name, base=folder.root) for name in NAMES}, Snapshot(NAMES)
    shelf = Shelf(folder.root / "state" / "snapshots" / "production")
    made = Taking(snapshot, named, None, values, shelf, Policy(), "j", "2", SYSTEM).run(lambda: None)
    record(folder, SnapshotTaken(made.name, made.digest, made.size, snapshot, made.detail))
    return made.name


def record(folder: Folder, event: Event) -> None:
    journal = open_journal(f"sqlite:///{folder.root / 'state' / 'journal.db'}")
    journal.append("production", event, actor="loop")
    journal.close()


def killed(folder: Folder, at: int) -> None:
    struck = folder.root.parent / "struck.py"
    struck.write_text(STRUCK, encoding="utf-8")
    words = (str(struck), str(at), *WORDS)
    done = preloaded.run(*words, folder=folder.root, environ=folder.environ, patience=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr


def content(folder: Folder) -> list[str]:
    return [(folder.root / name / "a").read_text() for name in NAMES]


def kept(root: Path, text: str) -> list[str]:
    """Where what was there is now: the folders' names."""
    return [path.parent.name for path in root.glob("*/a") if path.read_text() == text]


def kinds(folder: Folder) -> list[str]:
    lines = folder.reconcile("history", "production", "--output", "json").stdout.splitlines()
    return [json.loads(line)["kind"] for line in lines if "Restore" in json.loads(line)["kind"]]


@pytest.mark.parametrize("at", range(1, LAST + 1))
def test_whenever_it_is_killed_it_is_told_and_done_again_nothing_is_lost(saved: Folder, at: int) -> None:
    killed(saved, at)
    told = saved.reconcile("status", "production")
    assert (told.returncode, "RestoreUnfinished" in told.stdout) == (3, True), told.stdout
    assert "reconcile restore production --in-place" in told.stdout
    preview = saved.reconcile("--once").stdout
    assert "comes to rest on RestoreUnfinished" in preview
    assert "start " not in preview
    again = saved.reconcile(*WORDS)
    assert again.returncode == 0, again.stderr
    assert content(saved) == ["first before", "second before"]
    for name in NAMES:
        (place,) = kept(saved.root, f"{name} after")
        assert place.startswith(f"{name}.before-")
        assert place in again.stdout
    assert not list(saved.root.glob(".*.half-*"))
    assert kinds(saved) == ["RestoreBegan", "RestoreBegan", "Restored"]
    assert "RestoreUnfinished" not in saved.reconcile("status", "production").stdout


def test_one_that_is_never_struck_reaches_every_point(saved: Folder) -> None:
    """So that no point is missing above."""
    with pytest.raises(AssertionError):
        killed(saved, LAST + 1)
    assert content(saved) == ["first before", "second before"]


def test_killed_twice_what_was_there_first_is_still_found(saved: Folder) -> None:
    killed(saved, 3)
    killed(saved, 5)
    done = saved.reconcile(*WORDS)
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        (place,) = kept(saved.root, f"{name} after")
        assert place in done.stdout


def test_nothing_starts_on_such_data(saved: Folder) -> None:
    killed(saved, 4)
    done = saved.reconcile("--once", "--apply")
    assert (done.returncode, "RestoreUnfinished" in done.stdout + done.stderr) == (3, True)
    assert not (saved.root / "state" / "production" / "members").exists()


def test_without_a_name_the_one_that_has_not_ended_goes_on_and_no_other(saved: Folder) -> None:
    killed(saved, 4)
    later = take(saved, "000009-green-2")
    other = saved.reconcile(*WORDS, "--snapshot", later)
    assert (other.returncode, "has not ended" in other.stderr) == (64, True)
    done = saved.reconcile(*WORDS)
    assert (done.returncode, later in done.stdout) == (0, False), done.stderr
    assert content(saved) == ["first before", "second before"]


def test_a_person_who_has_put_the_data_right_says_so_and_why(saved: Folder) -> None:
    assert saved.reconcile("restore", "production", "--settled", "-m", "none was begun").returncode == 64
    killed(saved, 4)
    assert saved.reconcile("restore", "production", "--settled").returncode == 64
    assert saved.reconcile("restore", "production", "--settled", "--in-place", "-m", "both").returncode == 64
    done = saved.reconcile("restore", "production", "--settled", "-m", "copied by hand")
    assert done.returncode == 0, done.stderr
    assert kinds(saved) == ["RestoreBegan", "RestoreGivenUp"]
    assert "RestoreUnfinished" not in saved.reconcile("status", "production").stdout


def test_one_that_is_refused_before_anything_was_touched_is_over(saved: Folder) -> None:
    (saved.root / "second" / "a").unlink()
    (saved.root / "second").rmdir()
    (saved.root / "second").write_text("no folder")
    done = saved.reconcile(*WORDS)
    assert (done.returncode, "is no folder" in done.stderr) == (1, True)
    assert kinds(saved) == ["RestoreBegan", "RestoreGivenUp"]
    assert "RestoreUnfinished" not in saved.reconcile("status", "production").stdout


def test_one_that_is_refused_after_another_was_killed_ends_nothing(saved: Folder) -> None:
    record(saved, RestoreBegan(take(saved), "d", "", "20200101-000000"))
    (saved.root / "second").rename(saved.root / "away")
    (saved.root / "second").write_text("no folder")
    done = saved.reconcile(*WORDS)
    assert (done.returncode, "until that has ended" in done.stderr) == (1, True)
    assert saved.reconcile("status", "production").returncode == 3
