"""A recovery point, put back: as it was, beside or into its place, and nothing is lost that was there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from snapshot_shelf import dumping, looks, never, shared, take, taking

from reconciler.drivers.folders.folder import Folder
from reconciler.drivers.snapshots import restoring
from reconciler.drivers.snapshots.entry import Entry, Kind
from reconciler.drivers.snapshots.reading import Archive
from reconciler.drivers.snapshots.restoring import Halfway, InPlace, beside
from reconciler.errors import Refused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="snapshots are taken on Linux and macOS only")
LOAD = "import pathlib, sys; pathlib.Path('rows').write_text(pathlib.Path(sys.argv[1]).read_text())"
STAMP = "20261130-080000"


def archived(tmp_path: Path, *names: str, dump: bool = False) -> Path:
    made = taking(tmp_path, *names, command=dumping(tmp_path) if dump else None)
    return made.shelf.folder / take(made).name


def in_place(tmp_path: Path, *names: str, **changes: object) -> InPlace:
    folders = {name: Folder(path=name, base=tmp_path) for name in names}
    made = InPlace(folders, None, tmp_path / "snapshots" / "demo", STAMP)
    return replace(made, **changes)  # type: ignore[arg-type]


def put_back(work: InPlace, path: Path) -> str:
    with Archive(path) as archive:
        return work.run(archive, never)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".half-" in path.name]


# ---- beside ----------------------------------------------------------------------------------------------------------


def test_beside_it_everything_is_as_it_was(tmp_path: Path) -> None:
    root = shared(tmp_path)
    before, path = looks(root), archived(tmp_path, "shared", dump=True)
    with Archive(path) as archive:
        beside(archive, tmp_path / "back", never)
    assert looks(tmp_path / "back" / "folders" / "shared") == before
    assert (tmp_path / "back" / "dump" / "db-backup").read_text() == "all rows"
    assert looks(root) == before
    assert not hidden(tmp_path)


def test_an_empty_folder_may_be_there_already_and_any_other_may_not(tmp_path: Path) -> None:
    shared(tmp_path)
    path = archived(tmp_path, "shared")
    (tmp_path / "empty").mkdir()
    with Archive(path) as archive:
        beside(archive, tmp_path / "empty", never)
        for taken in (tmp_path / "empty", path, tmp_path / "shared" / "dangling"):
            with pytest.raises(Refused, match="there already"):
                beside(archive, taken, never)


def test_whoever_interrupts_it_finds_nothing_half_done(tmp_path: Path) -> None:
    shared(tmp_path)
    path, looked = archived(tmp_path, "shared"), []

    def check() -> None:
        looked.append(1)
        if len(looked) > 30:
            raise KeyboardInterrupt

    with Archive(path) as archive, pytest.raises(KeyboardInterrupt):
        beside(archive, tmp_path / "back", check)
    assert not (tmp_path / "back").exists()
    assert not hidden(tmp_path)


def test_what_a_crash_has_left_of_another_is_taken_away(tmp_path: Path) -> None:
    shared(tmp_path)
    path = archived(tmp_path, "shared")
    (tmp_path / ".back.half-dead" / "folders").mkdir(parents=True)
    with Archive(path) as archive:
        beside(archive, tmp_path / "back", never)
    assert not hidden(tmp_path)


# ---- what an archive must not be able to do --------------------------------------------------------------------------


def forged(tmp_path: Path, *entries: Entry, said: tuple[str, ...] = ("x",)) -> Path:
    """An archive whose list is consistent in itself, whatever it says."""
    path = tmp_path / "forged.zip"
    lines = b"".join(entry.line for entry in entries)
    known = {
        "environment": "demo",
        "transition": "t",
        "journal": "j",
        "slot": "green",
        "version": "2",
        "label": "2",
        "taken": "",
    }
    manifest = {**known, "folders": said, "command": "", "digests": hashlib.sha256(lines).hexdigest(), "entries": {}}
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            if entry.member:
                archive.writestr(entry.member, b"evil")
        archive.writestr("digests.jsonl", lines)
        archive.writestr("manifest.json", json.dumps({**manifest, "bytes": 0, "changed": []}))
    return path


def content(path: bytes, kind: Kind = Kind.FILE, tree: str = "folders/x") -> Entry:
    return Entry(tree, path, kind, member=f"m/{path!r}", size=4, digest=hashlib.sha256(b"evil").hexdigest())


ROOT = Entry("folders/x", b"", Kind.FOLDER, 0o755)


@pytest.mark.parametrize(
    "entries",
    [
        (ROOT, content(b"../out")),
        (ROOT, content(b"/tmp/out")),
        (ROOT, content(b"a/../../out")),
        (ROOT, content(b"x", tree="folders/..")),
        (ROOT, content(b"x", tree="folders/other")),
        (ROOT, content(b"link", Kind.LINK), content(b"link/through")),
        (ROOT, content(b"link", Kind.LINK), Entry("folders/x", b"link", Kind.FOLDER, 0o755)),
        (ROOT, content(b"a"), replace(content(b"a"), member="m/again")),
        (content(b"a"),),
    ],
)
def test_nothing_is_ever_written_outside_of_its_folder(tmp_path: Path, entries: tuple[Entry, ...]) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = forged(tmp_path, *entries)
    before = sorted(one for one in tmp_path.rglob("*"))
    with Archive(path) as archive, pytest.raises(Refused):
        beside(archive, tmp_path / "deep" / "er" / "back", never)
    assert sorted(one for one in tmp_path.rglob("*")) == before


def test_a_content_that_is_not_the_one_of_its_digest_is_never_put_anywhere(tmp_path: Path) -> None:
    path = forged(tmp_path, ROOT, replace(content(b"a"), digest="0" * 64))
    with Archive(path) as archive, pytest.raises(Refused, match="'x': a is not what its digest says"):
        beside(archive, tmp_path / "back", never)
    assert not (tmp_path / "back").exists()


# ---- in place --------------------------------------------------------------------------------------------------------


def test_in_place_everything_is_as_it_was_and_what_was_there_is_kept(tmp_path: Path) -> None:
    root = shared(tmp_path)
    before, path = looks(root), archived(tmp_path, "shared")
    (root / "docs" / "a.txt").write_text("spoilt")
    (root / "new").write_text("since then")
    spoilt = looks(root)
    said = put_back(in_place(tmp_path, "shared"), path)
    assert looks(root) == before
    assert looks(tmp_path / f"shared.before-{STAMP}") == spoilt
    assert f"shared.before-{STAMP}" in said
    assert not hidden(tmp_path)


def test_a_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    root = shared(tmp_path)
    before, path = looks(root), archived(tmp_path, "shared")
    shutil.rmtree(root)
    put_back(in_place(tmp_path, "shared"), path)
    assert looks(root) == before


def test_a_folder_that_is_named_by_a_link_is_put_where_it_really_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    shutil.move(shared(tmp_path), tmp_path / "disk" / "real")
    os.symlink(tmp_path / "disk" / "real", tmp_path / "shared")
    before, path = looks(tmp_path / "disk" / "real"), archived(tmp_path, "shared")
    (tmp_path / "shared" / "new").touch()
    put_back(in_place(tmp_path, "shared"), path)
    assert (tmp_path / "shared").is_symlink()
    assert looks(tmp_path / "disk" / "real") == before
    assert (tmp_path / "disk" / f"real.before-{STAMP}" / "new").exists()


def test_a_dump_is_loaded_by_its_command(tmp_path: Path) -> None:
    shared(tmp_path)
    path = archived(tmp_path, "shared", dump=True)
    said = put_back(in_place(tmp_path, "shared", load=dumping(tmp_path, LOAD)), path)
    assert (tmp_path / "rows").read_text() == "all rows"
    assert "the dump of 'db-backup' is loaded" in said


def test_a_dump_that_nothing_can_load_is_found_out_before_anything_is_moved(tmp_path: Path) -> None:
    root = shared(tmp_path)
    path, before = archived(tmp_path, "shared", dump=True), looks(root)
    with pytest.raises(Refused, match=r"restore = \{db-backup = \"NAME\"\}"):
        put_back(in_place(tmp_path, "shared"), path)
    assert looks(root) == before
    assert not (tmp_path / f"shared.before-{STAMP}").exists()


def test_a_dump_that_is_not_loaded_leaves_the_folders_as_they_are(tmp_path: Path) -> None:
    root = shared(tmp_path)
    path = archived(tmp_path, "shared", dump=True)
    (root / "new").touch()
    failing = dumping(tmp_path, "import sys; print('no such role'); sys.exit(2)")
    with pytest.raises(Halfway, match=r"was not loaded: .* exit code 2 .* no such role"):
        put_back(in_place(tmp_path, "shared", load=failing), path)
    assert (root / "new").exists()
    assert not hidden(tmp_path)


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_all_folders_are_put_back_or_none(tmp_path: Path, fails_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders are four renames; whichever of them fails, or is interrupted."""
    first, second = shared(tmp_path), tmp_path / "second"
    second.mkdir()
    path = archived(tmp_path, "shared", "second")
    for root in (first, second):
        (root / "new").touch()
    now, real, renames = [looks(first), looks(second)], os.rename, []

    def rename(old: Path, new: Path) -> None:
        renames.append(1)
        if len(renames) == fails_at:
            raise KeyboardInterrupt
        real(old, new)

    monkeypatch.setattr(restoring.os, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        put_back(in_place(tmp_path, "shared", "second"), path)
    assert [looks(first), looks(second)] == now
    assert not hidden(tmp_path)
    assert not [one for one in tmp_path.iterdir() if ".before-" in one.name]


@pytest.mark.parametrize(("load", "fails", "halfway"), [(None, {1}, False), (LOAD, {1}, True), (None, {2, 3}, True)])
def test_a_refusal_says_whether_anything_was_done(
    tmp_path: Path, load: str | None, fails: set[int], halfway: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails before anything was moved, after the dump was loaded, or so that not even the way back is left."""
    shared(tmp_path)
    path = archived(tmp_path, "shared", dump=load is not None)
    real, renames = os.rename, []

    def rename(old: Path, new: Path) -> None:
        renames.append(1)
        if len(renames) in fails:
            raise OSError(5, "the disk is broken")
        real(old, new)

    monkeypatch.setattr(restoring.os, "rename", rename)
    with pytest.raises(Refused) as refused:
        put_back(in_place(tmp_path, "shared", load=load and dumping(tmp_path, load)), path)
    assert isinstance(refused.value, Halfway) is halfway


def test_what_one_that_did_not_end_has_kept_is_told_and_stays(tmp_path: Path) -> None:
    root = shared(tmp_path)
    before, path = looks(root), archived(tmp_path, "shared")
    (root / "new").touch()
    first, own = tmp_path / "shared.before-20261130-070000", tmp_path / f"shared.before-{STAMP}"
    (tmp_path / "shared.before-20261129-070000").mkdir()  # of one that has ended
    root.rename(first)
    said = put_back(in_place(tmp_path, "shared", since="20261130-070000"), path)
    assert str(first) in said
    assert "20261129" not in said
    assert (looks(root), (first / "new").exists(), own.exists()) == (before, True, False)


def test_what_was_kept_in_the_same_second_stays_too(tmp_path: Path) -> None:
    root = shared(tmp_path)
    path, first = archived(tmp_path, "shared"), tmp_path / f"shared.before-{STAMP}"
    (root / "new").touch()
    root.rename(first)
    shared(tmp_path)
    said = put_back(in_place(tmp_path, "shared", since=STAMP), path)
    assert (first / "new").exists()
    assert str(first) in said.rpartition("has kept of before it is in ")[2]
    assert (tmp_path / f"shared.before-{STAMP}-2").exists()


def test_a_disk_that_would_not_hold_it_is_found_out_before_anything_is_moved(tmp_path: Path) -> None:
    root = shared(tmp_path)
    path, before = archived(tmp_path, "shared"), looks(root)
    with pytest.raises(Refused, match=r"may need .*shared 2.0 MB.* are free in"):
        put_back(in_place(tmp_path, "shared", free=lambda _: 1 << 20), path)
    assert looks(root) == before
