"""A recovery point, tried: everything comes back and is compared, what is wrong is said, and nothing of it is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from snapshot_shelf import dumping, looks, never, shared, take, taking

from reconciler.core.reading import SnapshotReading, SnapshotStatus, Trial
from reconciler.drivers.local.lock import OwnerLock
from reconciler.drivers.snapshots.saver import Saver
from reconciler.drivers.snapshots.shelf import HALF, Shelf
from reconciler.drivers.snapshots.trying import Trying
from reconciler.errors import Conflict, Refused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="snapshots are taken on Linux and macOS only")
FILES = 8  # in a folder with everything in it; links, folders and a socket apart


def trying(tmp_path: Path, *names: str, dump: bool = False, **changes: object) -> Trying:
    """Of a recovery point that was just taken."""
    made = taking(tmp_path, *(names or ("shared",)), command=dumping(tmp_path) if dump else None)
    found = take(made)
    work = Trying(made.snapshot, made.transition, found.name, found.digest, made.shelf, 3600.0, made.clock)
    return replace(work, **changes)  # type: ignore[arg-type]


def left(work: Trying) -> list[str]:
    return sorted(path.name for path in work.shelf.folder.iterdir() if path.name not in (".lock", work.name))


class Ticking:
    """Each time that somebody asks a second has passed."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_everything_comes_back_is_compared_and_thrown_away(tmp_path: Path) -> None:
    root = shared(tmp_path)
    before, seen = looks(root), list[dict[bytes, tuple[object, ...]]]()
    work = trying(tmp_path, dump=True)
    found = replace(work, done=lambda into: seen.append(looks(into / "folders" / "shared"))).run(never)
    assert seen == [before]
    assert looks(root) == before
    assert (found.status, found.name, found.digest) == (SnapshotStatus.TRIED, work.name, work.digest)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    assert found.trial
    assert (found.trial.files, found.trial.bytes) == (FILES + 1, size + len("all rows"))
    assert left(work) == []


def test_what_is_measured_ends_when_everything_lies_there(tmp_path: Path) -> None:
    shared(tmp_path)
    clock = Ticking()
    work = trying(tmp_path, clock=clock, done=lambda _into: setattr(clock, "now", 500.0))
    assert work.run(never).trial == Trial(FILES, work.run(never).trial.bytes, 1.0)  # type: ignore[union-attr]


def _spoil(into: Path) -> None:
    (into / "folders/shared/docs/a.txt").write_text("alphA")


def _shorten(into: Path) -> None:
    (into / "folders/shared/big.bin").write_bytes(b"")


def _lose(into: Path) -> None:
    (into / "folders/shared/docs/a.txt").unlink()


def _lose_the_last(into: Path) -> None:
    shutil.rmtree(into / "dump" / "db-backup", ignore_errors=True)
    (into / "dump" / "db-backup").unlink()


def _add(into: Path) -> None:
    (into / "folders/shared/zzz").touch()


def _turn(into: Path) -> None:
    (into / "folders/shared/link").unlink()
    os.symlink("/etc/hosts", into / "folders/shared/link")


def _open(into: Path) -> None:
    (into / "folders/shared/run.sh").chmod(0o777)


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        (_spoil, "'shared': docs/a.txt is not what its digest says"),
        (_shorten, "'shared': big.bin is not what its digest says"),
        (_lose, "'shared': docs/a.txt is listed, and 'shared': docs/empty is there"),
        (_lose_the_last, "'dump': db-backup is listed, and nothing more is there"),
        (_add, "'shared': zzz is there"),
        (_turn, "'shared': link is not what its digest says"),
        (_open, "'shared': run.sh has permissions 777, not 750"),
    ],
)
def test_what_came_back_otherwise_is_found(tmp_path: Path, differs: Callable[[Path], None], said: str) -> None:
    shared(tmp_path)
    work = trying(tmp_path, dump=True, done=differs)
    with pytest.raises(Refused, match="what was put back differs: ") as raised:
        work.run(never)
    assert said in str(raised.value)
    assert left(work) == []


def test_an_archive_that_is_damaged_or_another_or_gone_is_found_before_anything_is_put_back(tmp_path: Path) -> None:
    shared(tmp_path)
    work = trying(tmp_path, done=lambda _into: pytest.fail("it was put back"))
    path = work.shelf.folder / work.name
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(Refused, match="not the one that the journal knows"):
        work.run(never)
    with pytest.raises(Refused, match=work.name):
        replace(work, digest=sha256(path.read_bytes()).hexdigest()).run(never)
    path.unlink()
    with pytest.raises(Refused, match=r"is not in .* any more"):
        work.run(never)
    assert left(work) == []


def test_that_there_is_no_room_is_found_before_anything_is_put_back(tmp_path: Path) -> None:
    shared(tmp_path)
    work = trying(tmp_path, free=lambda _folder: 1 << 20, done=lambda _into: pytest.fail("it was put back"))
    with pytest.raises(Refused, match=r"it may need .*, and 1.0 MB are free"):
        work.run(never)
    assert left(work) == []


def test_what_a_crash_has_left_is_taken_away_first(tmp_path: Path) -> None:
    shared(tmp_path)
    work = trying(tmp_path)
    dead = work.shelf.folder / f"{HALF}dead"
    (dead / ".it.half-dead" / "folders" / "shared").mkdir(parents=True)
    assert work.run(never).status is SnapshotStatus.TRIED
    assert left(work) == []


def test_whoever_gives_it_up_finds_nothing_half_done(tmp_path: Path) -> None:
    shared(tmp_path)
    work, looked = trying(tmp_path), []

    def check() -> None:
        looked.append(1)
        if len(looked) > 60:
            raise Refused("it was given up")

    with pytest.raises(Refused, match="given up"):
        work.run(check)
    assert left(work) == []


def test_nobody_else_is_at_the_shelf_meanwhile(tmp_path: Path) -> None:
    shared(tmp_path)
    work = trying(tmp_path)
    lock = OwnerLock(work.shelf.folder / ".lock", "the folder of recovery points")
    lock.take()
    try:
        with pytest.raises(Refused, match="the folder of recovery points"):
            work.run(never)
    finally:
        lock.release()


AWAY = """
import os, sys
from pathlib import Path
from reconciler.drivers.snapshots.shelf import HALF, Shelf
os.setgroups([]), os.setgid(65534), os.setuid(65534)
shelf = Shelf(Path(sys.argv[1]))
shelf.folder.mkdir()
with shelf.scratch() as scratch:
    shut = scratch / "kept" / "deeper"
    shut.mkdir(parents=True)
    (shut / "file").touch()
    (scratch / "out").symlink_to(sys.argv[2])
    shut.chmod(0o500), shut.parent.chmod(0o000)
    half = shelf.folder / f"{HALF}dead"
    (half / "inner").mkdir(parents=True)
    (half / "inner").chmod(0o500), half.chmod(0o500)
shelf.sweep()
print(*(path.name for path in shelf.folder.iterdir()))
"""


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="somebody else has to be whom permissions bind"
)
def test_folders_that_nobody_may_write_to_are_taken_away_too() -> None:
    """As somebody whom permissions bind; and what a link leads to keeps its own."""
    with tempfile.TemporaryDirectory() as place:
        base, outside = Path(place, "base"), Path(place, "outside")
        for folder in (Path(place), base, outside):
            folder.mkdir(exist_ok=True)
        outside.chmod(0o711)
        Path(place).chmod(0o755)
        os.chown(base, 65534, 65534)
        words = [sys.executable, "-c", AWAY, str(base / "shelf"), str(outside)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
        assert outside.stat().st_mode & 0o777 == 0o711


# ---- beside the loop -------------------------------------------------------------------------------------------------


def waited(saver: Saver) -> SnapshotReading:
    saver.wait()
    return saver.read()


def test_beside_the_loop_it_is_read_how_it_stands_and_ended(tmp_path: Path) -> None:
    shared(tmp_path)
    work, saver, seen = trying(tmp_path), Saver(), list[SnapshotReading]()

    def looked(_into: Path) -> None:
        saver.begin(work)  # already at it
        seen.append(saver.read())

    saver.begin(replace(work, done=looked))
    assert waited(saver).status is SnapshotStatus.TRIED
    assert seen == [work.begun]
    assert work.begun.status is SnapshotStatus.TRYING


def test_beside_the_loop_a_failure_is_a_reading(tmp_path: Path) -> None:
    shared(tmp_path)
    work, saver = trying(tmp_path, digest="0" * 64), Saver()
    saver.begin(work)
    found = waited(saver)
    assert (found.status, found.transition, found.trial) == (SnapshotStatus.FAILED, work.transition, None)
    assert "its SHA-256 is another" in found.detail


def test_one_whose_transition_is_over_is_given_up_and_another_one_waits_for_that(tmp_path: Path) -> None:
    shared(tmp_path)
    work, saver, told = trying(tmp_path), Saver(), list[str]()
    other = taking(tmp_path, "shared", values={**taking(tmp_path).values, "transition": "000009-green-3.0"})

    def over(_into: Path) -> None:
        try:
            saver.begin(other)
        except Conflict as conflict:
            told.append(str(conflict))

    saver.begin(replace(work, done=over))
    found = waited(saver)
    assert "is being given up" in told[0]
    assert (found.status, left(work)) == (SnapshotStatus.FAILED, [])
    saver.begin(other)
    assert waited(saver).status is SnapshotStatus.TAKEN


def test_only_for_another_transition_gives_it_up(tmp_path: Path) -> None:
    shared(tmp_path)
    work, saver = trying(tmp_path), Saver()
    saver.begin(replace(work, done=lambda _into: saver.only_for("")))
    found = waited(saver)
    assert "given up" in found.detail
    assert left(work) == []


def test_a_shelf_that_nobody_has_made_has_nothing_to_try(tmp_path: Path) -> None:
    shared(tmp_path)
    work = replace(trying(tmp_path), shelf=Shelf(tmp_path / "elsewhere"))
    with pytest.raises(Refused, match=r"is not in .*elsewhere any more"):
        work.run(never)
