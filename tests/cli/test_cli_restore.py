"""`reconcile restore`: what it refuses, and says, without anything that runs."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_folder import Folder, listing

from reconciler.clock import SYSTEM
from reconciler.core.events import Began, Ended, Event, Phase, SnapshotTaken
from reconciler.core.model import Release, SetWeight, Slot, Snapshot
from reconciler.drivers.folders.folder import Folder as Named
from reconciler.drivers.snapshots.policy import Policy
from reconciler.drivers.snapshots.shelf import Shelf
from reconciler.drivers.snapshots.taking import Taking
from reconciler.journal.sqlite import open_journal

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
SAID = '\n[folders.shared]\npath = "shared"\n'


@pytest.fixture
def saved(folder: Folder) -> Folder:
    """production was never started; its `shared` was saved, and has changed since."""
    folder.reconcile("init")
    folder.commit()
    with (folder.root / "reconciler.toml").open("a", encoding="utf-8") as file:
        file.write(SAID)
    (folder.root / "shared").mkdir()
    (folder.root / "shared" / "a").write_text("before")
    take(folder, "000007-green-2")
    (folder.root / "shared" / "a").write_text("after")
    return folder


def shelf(folder: Folder, name: str = "production") -> Shelf:
    return Shelf(folder.root / "state" / "snapshots" / name)


def take(folder: Folder, transition: str, name: str = "production", drill: str = "") -> str:
    """Take one, and write it down as the loop does; its name."""
    values = {"environment": name, "transition": transition, "slot": "green", "version": "2"}
    named, snapshot = {"shared": Named(path="shared", base=folder.root)}, Snapshot(("shared",))
    taking = Taking(snapshot, named, None, values, shelf(folder, name), Policy(), "j", "2", SYSTEM, drill=drill)
    made = taking.run(lambda: None)
    record(folder, SnapshotTaken(made.name, made.digest, made.size, snapshot, made.detail), name)
    return made.name


def record(folder: Folder, event: Event, name: str = "production") -> None:
    (folder.root / "state").mkdir(exist_ok=True)
    journal = open_journal(f"sqlite:///{folder.root / 'state' / 'journal.db'}")
    journal.append(name, event, actor="loop")
    journal.close()


def content(folder: Folder) -> str:
    return (folder.root / "shared" / "a").read_text()


def test_the_list_says_which_there_are_and_what_they_hold(saved: Folder) -> None:
    said = saved.reconcile("restore", "production", "--list").stdout
    assert "000007-green-2.zip" in said
    assert "folders shared (1 files, 6 bytes)" in said
    assert f"in {shelf(saved).folder}; " in said
    (found,) = json.loads(saved.reconcile("restore", "production", "--list", "--output", "json").stdout)
    assert (found["transition"], found["folders"], found["environment"]) == ("000007-green-2", ["shared"], "production")


def test_one_of_a_drill_is_listed_as_such_and_is_put_back_only_by_its_name(saved: Folder) -> None:
    drill = take(saved, "000019-green-1", drill="rollback")
    said = saved.reconcile("restore", "production", "--list").stdout.splitlines()
    assert said[0].startswith(drill)
    assert said[0].endswith("of a drill (rollback)")
    assert "drill" not in said[1]
    listed = json.loads(saved.reconcile("restore", "production", "--list", "--output", "json").stdout)
    assert [one["drill"] for one in listed] == ["rollback", ""]
    for words, content in (((), "before"), (("--snapshot", "000019-green-1"), "after")):
        into = saved.root / f"into-{content}"
        assert saved.reconcile("restore", "production", *words, "--into", str(into)).returncode == 0
        assert (into / "folders" / "shared" / "a").read_text() == content


def test_where_there_are_only_those_of_drills_it_says_so(saved: Folder) -> None:
    (earnest,) = shelf(saved).folder.glob("*.zip")
    earnest.unlink()
    take(saved, "000019-green-1", drill="rollback")
    done = saved.reconcile("restore", "production", "--into", "x")
    assert done.returncode == 64
    assert "the only one is of a drill: to put that back: --snapshot" in done.stderr


def test_the_list_names_one_that_cannot_be_opened(saved: Folder) -> None:
    (shelf(saved).folder / "20200101-000000-000001-green-0.zip").write_bytes(b"no zip file")
    said = saved.reconcile("restore", "production", "--list")
    assert (said.returncode, "damaged: " in said.stdout) == (0, True)


def test_where_to_must_be_said_and_only_once(saved: Folder) -> None:
    for words in ((), ("--into", "x", "--in-place")):
        done = saved.reconcile("restore", "production", *words)
        assert (done.returncode, "--into FOLDER puts it into a folder of its own" in done.stderr) == (64, True)


def test_one_that_is_not_there_is_told_with_those_that_are(saved: Folder) -> None:
    done = saved.reconcile("restore", "production", "--snapshot", "../../../etc/passwd", "--into", "x")
    assert done.returncode == 64
    assert "unknown recovery point" in done.stderr
    assert saved.reconcile("restore", "nobody", "--list").returncode == 64


def test_without_any_it_says_where_it_looked(folder: Folder) -> None:
    folder.reconcile("init")
    folder.commit()
    assert "there is none in " in folder.reconcile("restore", "production", "--list").stdout
    done = folder.reconcile("restore", "production", "--into", "x")
    assert (done.returncode, "there is no recovery point in" in done.stderr) == (64, True)


@pytest.mark.parametrize("which", [(), ("--snapshot", "000007-green-2")])
def test_into_a_folder_of_its_own_nothing_else_is_touched(saved: Folder, which: tuple[str, ...]) -> None:
    before = listing(saved.root / "shared", saved.root / "state" / "journal.db")
    done = saved.reconcile("restore", "production", *which, "--into", "looked/at")
    assert done.returncode == 0, done.stderr
    assert "verified" in done.stdout
    assert (saved.root / "looked" / "at" / "folders" / "shared" / "a").read_text() == "before"
    assert listing(saved.root / "shared", saved.root / "state" / "journal.db") == before


def test_in_place_what_was_there_is_kept_and_it_is_on_record(saved: Folder) -> None:
    done = saved.reconcile("restore", "production", "--in-place", "--yes", "-m", "wrong")
    assert done.returncode == 0, done.stderr
    assert content(saved) == "before"
    (kept,) = saved.root.glob("shared.before-*")
    assert (kept / "a").read_text() == "after"
    assert str(kept) in done.stdout
    lines = saved.reconcile("history", "production", "--output", "json").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines][-2:] == ["RestoreBegan", "Restored"]


def test_where_nobody_can_be_asked_nothing_is_replaced(saved: Folder) -> None:
    done = saved.reconcile("restore", "production", "--in-place")
    assert (done.returncode, "add --yes" in done.stderr) == (64, True)
    assert content(saved) == "after"


def test_in_the_midst_of_a_transition_it_is_refused_but_for_a_reason(saved: Folder) -> None:
    record(saved, Began("000009-green-2", BLUE, GREEN, "d", "r" * 40, (SetWeight(100),)))
    refused = saved.reconcile("restore", "production", "--in-place", "--yes")
    assert (refused.returncode, "transition 000009-green-2 is under way" in refused.stderr) == (64, True)
    assert "reconcile abort production" in refused.stderr
    assert saved.reconcile("restore", "production", "--in-place", "--yes", "--force").returncode == 64
    assert content(saved) == "after"
    forced = saved.reconcile("restore", "production", "--in-place", "--yes", "--force", "-m", "nobody writes")
    assert (forced.returncode, content(saved)) == (0, "before"), forced.stderr
    record(saved, Ended(Phase.ABORTED))


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)


def forged(path: Path) -> None:
    """Consistent in itself, and not the one that was taken."""
    with zipfile.ZipFile(path) as archive:
        names = {name: archive.read(name) for name in archive.namelist()}
    lines = names["digests.jsonl"].replace(hashlib.sha256(b"before").hexdigest().encode(), _sha(b"forged").encode())
    names |= {"folders/shared/a": b"forged", "digests.jsonl": lines}
    names["manifest.json"] = json.dumps({**json.loads(names["manifest.json"]), "digests": _sha(lines)}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content_ in names.items():
            archive.writestr(name, content_)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def a_strangers(path: Path) -> None:
    other = path.parent.parent / "staging"
    path.write_bytes(next(one for one in other.iterdir() if one.suffix == ".zip").read_bytes())


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (damaged, "recovery point .*: "),
        (forged, "not the one that the journal knows"),
        (a_strangers, "is one of 'staging'"),
    ],
)
def test_one_that_is_not_what_was_taken_is_put_nowhere(saved: Folder, spoil: Callable[[Path], None], why: str) -> None:
    take(saved, "000003-green-2", "staging")
    spoil(shelf(saved).folder / shelf(saved).names()[0])
    for words in (("--into", "x"), ("--in-place", "--yes")):
        done = saved.reconcile("restore", "production", *words)
        assert done.returncode == 1
        assert re.search(why, done.stderr), done.stderr
    assert not (saved.root / "x").exists()
    assert content(saved) == "after"


def test_a_folder_that_the_operator_does_not_know_any_more_is_told(saved: Folder) -> None:
    saved.edit("reconciler.toml", SAID, "")
    done = saved.reconcile("restore", "production", "--in-place", "--yes")
    assert (done.returncode, "unknown folder 'shared'" in done.stderr) == (1, True)
    assert content(saved) == "after"


def test_an_archive_that_the_journal_does_not_know_is_put_back_and_that_is_said(saved: Folder) -> None:
    path = shelf(saved).folder / shelf(saved).names()[0]
    path.rename(path.with_name("20300101-000000-000007-green-2.zip"))
    done = saved.reconcile("restore", "production", "--into", "x")
    assert (done.returncode, "the journal does not know it" in done.stderr) == (0, True)
