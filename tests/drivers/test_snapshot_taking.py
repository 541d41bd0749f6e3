"""A recovery point, taken: what is in it, what keeps it from being one, and that half of one never counts."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from snapshot_shelf import Shown, dumping, never, shared, take, taking

from reconciler.core.model import Snapshot
from reconciler.core.reading import SnapshotStatus
from reconciler.drivers.snapshots import tree, writing
from reconciler.drivers.snapshots.entry import Entry, Kind, of_line
from reconciler.drivers.snapshots.reading import Archive
from reconciler.drivers.snapshots.saver import Saver
from reconciler.drivers.snapshots.taking import Taking
from reconciler.drivers.snapshots.tree import Found
from reconciler.drivers.snapshots.watch import Watch
from reconciler.errors import Conflict, Refused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="snapshots are taken on Linux and macOS only")
ROOT = os.geteuid() == 0


def left(made: Taking) -> list[str]:
    """What lies in the folder of recovery points, its lock apart."""
    return sorted(path.name for path in made.shelf.folder.iterdir() if path.name != ".lock")


# ---- what is in it ---------------------------------------------------------------------------------------------------


def test_everything_is_in_it_under_a_name_of_its_own_with_its_digest(tmp_path: Path) -> None:
    root, made = shared(tmp_path), taking(tmp_path, "shared", command=dumping(tmp_path))
    found = take(made)
    path = made.shelf.folder / found.name
    assert found.status is SnapshotStatus.TAKEN
    assert found.name == "20261129-191633-000007-green-2.0.zip"
    assert (found.digest, found.size) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert left(made) == [found.name]
    with zipfile.ZipFile(path) as archive:
        assert archive.read("folders/shared/docs/a.txt") == b"alpha"
        assert archive.read("dump/db-backup") == b"all rows"
        assert archive.read("folders/shared/big.bin") == (root / "big.bin").read_bytes()
        assert "folders/shared/docs/empty/" in archive.namelist()
        lines = [json.loads(line) for line in archive.read("digests.jsonl").splitlines()]
    by_path = {line["path"]: line for line in lines if line["tree"] == "folders/shared" and "path" in line}
    assert by_path["docs/a.txt"]["digest"] == hashlib.sha256(b"alpha").hexdigest()
    assert by_path["out"]["kind"] == "link"
    assert by_path["socket"] == {**by_path["socket"], "kind": "other"}
    assert "member" not in by_path["socket"]
    assert "1 sockets, pipes or devices are named only" in found.detail


def test_it_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    found = take(made)
    assert (made.shelf.folder / found.name).stat().st_mode & 0o077 == 0
    assert made.shelf.folder.stat().st_mode & 0o077 == 0


def test_a_link_is_saved_as_a_link_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    found = take(made)
    with zipfile.ZipFile(made.shelf.folder / found.name) as archive:
        assert archive.read("folders/shared/out") == b"/etc"
        assert not [name for name in archive.namelist() if name.startswith("folders/shared/out/")]


def test_names_that_are_no_unicode_come_back_as_they_were(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    found = take(made)
    with Archive(made.shelf.folder / found.name) as archive:
        names = {entry.path: entry.member for entry in archive.entries(never)}
    assert names[b"caf\xe9"].startswith("raw/")
    assert names[b"d\xff/inner"].startswith("raw/")
    assert names["한글.txt".encode()] == "folders/shared/한글.txt"


def test_a_line_of_the_list_comes_back_as_it_was() -> None:
    for path in (b"", b"a/b", b"\xff/x", "é\n".encode()):
        entry = Entry("folders/x", path, Kind.FILE, 0o640, 12, 1, 2, "raw/1", 3, "a" * 64, True)
        assert of_line(entry.line) == entry


@pytest.mark.parametrize(
    "spoilt",
    [
        *({"path": path} for path in (b"../x", b"/x", b"a//b", b"a/./b", b"a\0", b"a/..")),
        *({"tree": tree} for tree in ("folders/..", "folders/a/b", "folders/", "elsewhere", "")),
        *({"mode": 1 << 20}, {"digest": "x" * 64}, {"size": -1}, {"member": ""}),
    ],
)  # fmt: skip
def test_a_line_that_leads_out_of_its_folder_is_refused(spoilt: dict[str, object]) -> None:
    entry = Entry("folders/x", b"a", Kind.FILE, member="m", digest="a" * 64)
    with pytest.raises(Refused, match="list of digests"):
        of_line(replace(entry, **spoilt).line)  # type: ignore[arg-type]


def test_a_folder_that_is_named_through_a_link_is_saved(tmp_path: Path) -> None:
    shared(tmp_path)
    os.symlink(tmp_path / "shared", tmp_path / "named")
    found = take(taking(tmp_path, "named"))
    assert found.status is SnapshotStatus.TAKEN


# ---- what keeps it from being one ------------------------------------------------------------------------------------


def test_a_disk_that_would_not_hold_it_is_found_out_before_anything_is_written(tmp_path: Path) -> None:
    shared(tmp_path)
    said = tmp_path / "said"
    code = f"import pathlib; pathlib.Path({str(said)!r}).touch()"
    made = taking(tmp_path, "shared", command=dumping(tmp_path, code), free=lambda _: 65 << 20)
    with pytest.raises(Refused, match=r"may need 66.* \(shared 2.* MB, and 64.0 MB .*, and 65.0 MB are free in .*demo"):
        take(made)
    assert left(made) == []
    assert not said.exists()


def test_a_dump_for_which_there_is_no_room_twice_is_found_out_before_the_archive(tmp_path: Path) -> None:
    shared(tmp_path)
    free = iter([200 << 20, 66 << 20])
    made = taking(tmp_path, "shared", command=dumping(tmp_path), free=lambda _: next(free))
    with pytest.raises(Refused, match=r"db-backup .*, shared"):
        take(made)
    assert left(made) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(Refused, match="No space left on device"):
        take(made)
    assert left(made) == []


@pytest.mark.skipif(ROOT, reason="root reads everything")
def test_a_file_that_we_may_not_read_is_named_as_nobody(tmp_path: Path) -> None:
    (shared(tmp_path) / "docs" / "a.txt").chmod(0)
    with pytest.raises(Refused, match=r"'shared': docs/a.txt cannot be read"):
        take(taking(tmp_path, "shared"))


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared(tmp_path)

    def closed(found: Found) -> int:
        if found.name == b"a.txt":
            raise PermissionError(13, "Permission denied")
        return real(found)

    real = Found.open
    monkeypatch.setattr(tree.Found, "open", closed)
    made = taking(tmp_path, "shared")
    with pytest.raises(Refused, match=r"'shared': docs/a.txt cannot be read: Permission denied"):
        take(made)
    assert left(made) == []


def test_a_folder_that_is_not_there_or_not_the_real_one_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="folder 'gone'"):
        take(taking(tmp_path, "gone"))
    (tmp_path / "share").mkdir()
    made = taking(tmp_path, "share")
    made.folders["share"].__dict__["marker"] = ".mounted"
    with pytest.raises(Refused, match="is it mounted"):
        take(made)
    (tmp_path / "share" / ".mounted").touch()
    found = take(made)
    with zipfile.ZipFile(made.shelf.folder / found.name) as archive:
        assert "folders/share/.mounted" in archive.namelist()


def test_archives_within_what_they_save_are_refused(tmp_path: Path) -> None:
    made = replace(taking(tmp_path), folders=taking(tmp_path.parent, tmp_path.name).folders)
    with pytest.raises(Refused, match="saved again and again"):
        take(made)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; print('the password is hunter22'); sys.exit(3)", r"exit code 3 .*saying: the password is \*\*\*"),
        ("pass", "wrote nothing to `{dump}`"),
        ("import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", "wrote nothing to `{dump}`"),
    ],
)
def test_a_dump_that_failed_is_none_and_its_secrets_are_not_shown(tmp_path: Path, code: str, why: str) -> None:
    made = taking(tmp_path, command=dumping(tmp_path, code, env={"PASSWORD": "hunter22"}))
    with pytest.raises(Refused, match=f"'db-backup' .*{why}"):
        take(made)
    assert left(made) == []


def test_a_dump_may_be_a_folder(tmp_path: Path) -> None:
    code = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.mkdir(); (p / 'toc').write_text('1')"
    made = taking(tmp_path, command=dumping(tmp_path, code))
    found = take(made)
    with zipfile.ZipFile(made.shelf.folder / found.name) as archive:
        assert archive.read("dump/db-backup/toc") == b"1"


# ---- files that change meanwhile -------------------------------------------------------------------------------------


class Adds:
    """Somebody adds to a file at each look whether it is time to stop, the first so many times. A folder with nothing
    else in it is looked at once when it is measured, once when it is listed, and once for each time the file is read.
    """

    def __init__(self, log: Path, times: int) -> None:
        self.log, self.left = log, times
        log.parent.mkdir()
        log.write_text("first\n")

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            with self.log.open("a") as file:
                file.write("more\n")


def content(made: Taking, name: str) -> tuple[bytes, list[str]]:
    with zipfile.ZipFile(made.shelf.folder / name) as archive:
        assert archive.testzip() is None
        return archive.read("folders/logs/log"), json.loads(archive.read("manifest.json"))["changed"]


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    adds, made = Adds(tmp_path / "logs" / "log", 3), taking(tmp_path, "logs")
    found = made.run(adds)
    assert content(made, found.name) == (adds.log.read_bytes(), [])


def test_one_that_changes_each_time_is_named_and_there_is_no_recovery_point(tmp_path: Path) -> None:
    adds, made = Adds(tmp_path / "logs" / "log", 1000), taking(tmp_path, "logs")
    with pytest.raises(Refused, match=r"'logs': log changed each of the 3 times .* `changing = .record.`"):
        made.run(adds)
    assert left(made) == []


def test_where_the_operator_says_so_it_is_kept_as_it_was_read_and_named(tmp_path: Path) -> None:
    adds, made = Adds(tmp_path / "logs" / "log", 1000), taking(tmp_path, "logs", policy={"record": True})
    found = made.run(adds)
    kept, changed = content(made, found.name)
    assert adds.log.read_bytes().startswith(kept)
    assert kept.startswith(b"first\nmore\n")
    assert changed == ["'logs': log"]
    assert "1 files changed while they were read, such as 'logs': log" in found.detail


def test_what_is_gone_when_its_turn_comes_was_not_there(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("a", "b"):
        (tmp_path / "logs" / name).write_text(name)
    made, looks = taking(tmp_path, "logs"), []

    def check() -> None:
        looks.append(1)
        if len(looks) == 3:  # two when it was measured; now the list of names is made, and b's turn is to come
            (tmp_path / "logs" / "b").unlink()

    found = made.run(check)
    with zipfile.ZipFile(made.shelf.folder / found.name) as archive:
        assert archive.namelist()[:-2] == ["folders/logs/", "folders/logs/a"]


# ---- which archives there are ----------------------------------------------------------------------------------------


def test_one_that_is_whole_already_is_found_and_not_taken_twice(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    first = take(made)
    (tmp_path / "shared" / "later").touch()
    again = take(replace(made, clock=Shown(2026, 11, 30)))
    assert (again.name, again.digest) == (first.name, first.digest)


@pytest.mark.parametrize("other", [{"journal": "another"}, {"snapshot": Snapshot(("shared",), "x")}])
def test_one_of_another_journal_or_of_something_else_is_none_of_ours(tmp_path: Path, other: dict[str, object]) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    first = take(replace(made, **other))  # type: ignore[arg-type]
    again = take(made)
    assert again.name != first.name
    assert left(made) == sorted([first.name, again.name])


def test_one_that_is_damaged_is_not_taken_for_one(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    first = made.shelf.folder / take(made).name
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    assert take(made).name != first.name
    assert first.exists()


def test_half_ones_are_thrown_away(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    (made.shelf.folder / ".half-x" / "dump").mkdir(parents=True)
    (made.shelf.folder / ".half-x" / "20261129-191633-000007-green-2.0.zip").write_bytes(b"half")
    found = take(made)
    assert left(made) == [found.name]


def test_a_changed_byte_is_found_or_changes_nothing_that_is_in_it(tmp_path: Path) -> None:
    """What says nothing may be another: a zip file's times and attributes, for which the list counts, and unused bits.
    The archive's own digest, which the journal has, finds those too."""
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "a").write_text("alpha")
    made = taking(tmp_path, "few")
    path = made.shelf.folder / take(made).name
    whole, held = path.read_bytes(), _held(path)
    found = {at: _held_with(path, whole, at) for at in range(len(whole))}
    assert [at for at, said in found.items() if said not in (None, held)] == []
    assert sum(said is None for said in found.values()) > len(whole) / 2


def _held(path: Path) -> list[tuple[Entry, bytes]]:
    with Archive(path) as archive:
        archive.verify(never)
        held = []
        for entry in archive.entries(never):
            target = io.BytesIO()
            if entry.member:
                archive.content(entry, never, target)
            held.append((entry, target.getvalue()))
        return held


def _held_with(path: Path, whole: bytes, at: int) -> list[tuple[Entry, bytes]] | None:
    """With one bit changed; None: it was found."""
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        return _held(path)
    except Refused:
        return None


def test_something_that_was_added_to_an_archive_is_found(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    path = made.shelf.folder / take(made).name
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("folders/shared/more", "x")
    with Archive(path) as archive, pytest.raises(Refused, match="'folders/shared/more' is in it and not in its list"):
        archive.verify(never)


def several(tmp_path: Path, count: int, **policy: float) -> list[str]:
    """So many, a day apart; what is left, the oldest first."""
    (tmp_path / "few").mkdir()
    made = taking(tmp_path, "few", policy=policy)
    for day in range(count):
        values = {**made.values, "transition": f"00000{day}-green-2.0"}
        take(replace(made, values=values, clock=Shown(2026, 11, 1 + day)))
    return left(made)


def test_the_latest_few_are_kept(tmp_path: Path) -> None:
    assert [name[:8] for name in several(tmp_path, 4, keep=2)] == ["20261103", "20261104"]


def test_what_is_too_old_goes_too(tmp_path: Path) -> None:
    assert [name[:8] for name in several(tmp_path, 4, keep_for=36 * 3600.0)] == ["20261103", "20261104"]


def test_the_last_good_one_never_goes_whatever_the_clock_says(tmp_path: Path) -> None:
    before = several(tmp_path, 3, keep=1)
    made = taking(tmp_path, "few", policy={"keep": 1, "keep_for": 0.001}, clock=Shown(2020, 1, 1))
    found = take(made)
    assert found.name.startswith("20200101")
    assert found.name in left(made)
    made.shelf.prune(made.policy, found.name, made.clock.now() + timedelta(days=9999))
    assert left(made) == [found.name]
    assert before != [found.name]


def after_drills(tmp_path: Path, count: int, **policy: float) -> list[str]:
    """Two in earnest, then so many in drills, a day apart; what is left, the oldest first."""
    several(tmp_path, 2, **policy)
    made = taking(tmp_path, "few", policy=policy)
    for day in range(count):
        values = {**made.values, "transition": f"00001{day}-green-2.0"}
        take(replace(made, values=values, clock=Shown(2026, 11, 10 + day), drill="rollback"))
    return left(made)


def test_however_many_drills_there_are_none_pushes_out_one_in_earnest_and_the_last_of_them_stays(
    tmp_path: Path,
) -> None:
    assert [name[:8] for name in after_drills(tmp_path, 6, keep=2)] == ["20261101", "20261102", "20261115"]


def test_nor_does_a_drill_let_the_last_one_in_earnest_go_for_its_age(tmp_path: Path) -> None:
    assert [name[:8] for name in after_drills(tmp_path, 2, keep_for=36 * 3600.0)] == ["20261102", "20261111"]


def test_it_says_of_itself_that_it_was_taken_in_a_drill_and_one_from_before_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    made = taking(tmp_path, "few", drill="switch-and-back")
    name = take(made).name
    assert made.shelf.drill(name) == "switch-and-back"
    with zipfile.ZipFile(made.shelf.folder / name) as old:
        contents = {each: old.read(each) for each in old.namelist()}
    said = json.loads(contents["manifest.json"])
    del said["drill"]
    with zipfile.ZipFile(made.shelf.folder / name, "w") as written:
        for each, content in {**contents, "manifest.json": json.dumps(said).encode()}.items():
            written.writestr(each, content)
    with Archive(made.shelf.folder / name) as archive:
        archive.verify(Watch().check)
        assert archive.manifest.drill == ""
    assert made.shelf.drill(name) == ""


# ---- beside the loop -------------------------------------------------------------------------------------------------


def test_it_is_taken_beside_the_loop_and_read_when_it_is_done(tmp_path: Path) -> None:
    shared(tmp_path)
    saver, made = Saver(), taking(tmp_path, "shared")
    assert saver.read().status is SnapshotStatus.UNASKED
    saver.begin(made)
    saver.wait()
    found = saver.read()
    assert (found.status, found.transition, found.snapshot) == (SnapshotStatus.TAKEN, made.transition, made.snapshot)


def test_what_goes_wrong_is_said_and_it_can_be_begun_again(tmp_path: Path) -> None:
    saver, made = Saver(), taking(tmp_path, "shared")
    saver.begin(made)
    saver.wait()
    assert saver.read().status is SnapshotStatus.FAILED
    assert "folder 'shared'" in saver.read().detail
    shared(tmp_path)
    saver.begin(made)
    saver.wait()
    assert saver.read().status is SnapshotStatus.TAKEN


class Blocking:
    """Room enough, but nobody hears of it before `go`."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def __call__(self, _: Path) -> int:
        self.asked.set()
        assert self.go.wait(30)
        return 1 << 40


def test_one_whose_transition_is_over_is_given_up_and_leaves_nothing_behind(tmp_path: Path) -> None:
    shared(tmp_path)
    block = Blocking()
    saver, made = Saver(), taking(tmp_path, "shared", free=block)
    saver.begin(made)
    assert block.asked.wait(30)
    saver.begin(made)  # already at it
    other = replace(made, values={**made.values, "transition": "000009-green-2.0"})
    with pytest.raises(Conflict, match=r"000007-green-2.0 is being given up"):
        saver.begin(other)
    block.go.set()
    saver.wait()
    assert (saver.read().status, left(made)) == (SnapshotStatus.FAILED, [])
    assert "given up" in saver.read().detail
    saver.begin(other)
    saver.wait()
    assert saver.read().status is SnapshotStatus.TAKEN


def test_only_for_its_own_transition_is_it_gone_on_with(tmp_path: Path) -> None:
    shared(tmp_path)
    block = Blocking()
    saver, made = Saver(), taking(tmp_path, "shared", free=block)
    saver.begin(made)
    assert block.asked.wait(30)
    saver.only_for(made.transition)
    saver.only_for("")
    block.go.set()
    saver.wait()
    assert saver.read().status is SnapshotStatus.FAILED


def test_two_at_once_are_not_taken(tmp_path: Path) -> None:
    shared(tmp_path)
    made = taking(tmp_path, "shared")
    with made.shelf.held(), pytest.raises(Refused, match="is owned by"):
        take(made)


def test_a_dump_that_is_given_up_ends_at_once_and_so_does_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    saver, made = Saver(), taking(tmp_path, command=dumping(tmp_path, code, timeout="1h"))
    saver.begin(made)
    while not started.exists():
        assert saver.read().status is SnapshotStatus.RUNNING, saver.read().detail
    saver.close()
    assert saver.read().status is SnapshotStatus.FAILED
    assert "given up" in saver.read().detail
    assert left(made) == []


def test_what_does_not_get_smaller_is_stored_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "picture").write_bytes(Random(1).randbytes(200_000))
    (tmp_path / "few" / "text").write_text("again and again " * 10_000)
    made = taking(tmp_path, "few")
    found = take(made)
    with zipfile.ZipFile(made.shelf.folder / found.name) as archive:
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["folders/few/picture"] == zipfile.ZIP_STORED
    assert kinds["folders/few/text"] == zipfile.ZIP_DEFLATED
    assert found.size < 300_000
