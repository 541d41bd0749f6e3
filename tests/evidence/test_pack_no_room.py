"""A disk that is full for a moment costs a pack nothing, whichever file it meets: no halves stay behind, and what is
missing is written as soon as there is room. The limits are the kernel's own, not patches of ours."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pack_made import Recorded

from reconciler.errors import Refused
from reconciler.evidence.documents.derive import DOCUMENTS, PICTURE
from reconciler.evidence.pack import closing, manifest
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.place import (
    GATEWAY,
    MANIFEST,
    PLAN,
    READINGS,
    REQUESTS,
    ROLLBACK_PS1,
    ROLLBACK_SH,
    STEPS,
    STREAMS,
    Pack,
)
from reconciler.evidence.pack.plan import replace_file
from reconciler.evidence.pack.verify import verify
from reconciler.evidence.writer import Writer

DERIVED = (STEPS, *DOCUMENTS, PICTURE, MANIFEST)


@contextmanager
def room(size: int | None) -> Iterator[None]:
    """No file of this process grows beyond so many bytes: a write is cut off there, and the next one is refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if size is None else size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def halves(pack: Pack) -> list[str]:
    return [path.name for path in pack.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", DERIVED)
def test_a_disk_that_is_full_in_the_midst_of_any_file_leaves_no_half_and_the_next_finishing_is_whole(
    made: Recorded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made._finished = lambda pack: None
    made.restart()
    pack = made.switch()
    made.rest()
    made.recorder.close()

    def limited(path: Path, content: bytes) -> None:
        with room(len(content) // 2 if path.name == name else None):
            replace_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(closing, "replace_file", limited)
        with pytest.raises(Refused, match="cannot be written"):
            finish(pack, made.stand.journal)
    assert (halves(pack), pack.file(name).exists(), pack.finished) == ([], False, False)
    finish(pack, made.stand.journal)
    assert verify(pack).findings == ()


def look(**scripts: bytes) -> Any:
    names = {ROLLBACK_SH: scripts["sh"], ROLLBACK_PS1: scripts["ps1"]}
    return SimpleNamespace(by_hand=lambda: names)


SCRIPTED = look(sh=b"#!/bin/sh\n" * 10, ps1=b"# by hand\n" * 1_000)


@pytest.mark.parametrize("size", [0, 50, 5_000])
def test_a_script_or_a_plan_that_found_no_room_is_written_at_the_next_flush_that_does(
    tmp_path: Path, size: int
) -> None:
    writer = Writer(Pack(tmp_path / "prod" / "000007-green-2"), 0.0, 0.0)
    with room(size):
        with pytest.raises(OSError, match="too large"):
            writer.scripts(SCRIPTED)
        with pytest.raises(OSError, match="too large"):
            writer.plan({"digest": "d", "steps": ["x" * 6_000]})
        assert halves(writer.pack) == []
    writer.flush()
    found = {path.name: path.stat().st_size for path in writer.pack.folder.iterdir()}
    assert {name: found[name] for name in (ROLLBACK_SH, ROLLBACK_PS1)} == {ROLLBACK_SH: 100, ROLLBACK_PS1: 10_000}
    assert found[PLAN] > 6_000
    writer.close()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_finds_no_room_keeps_what_it_has_and_goes_on_later(tmp_path: Path, name: str) -> None:
    writer = Writer(Pack(tmp_path / "prod" / "000007-green-2"), 0.0, 0.0)
    stream = {REQUESTS: writer._requests, GATEWAY: writer._gateway, READINGS: writer._readings}[name]
    stream.write({"n": 1})
    with room(5), pytest.raises(OSError, match="too large"):
        writer.flush()
    assert writer.pack.file(name).stat().st_size == 0 if writer.pack.file(name).exists() else True
    assert stream.waiting
    writer.close()
    assert stream.waiting == 0


def test_one_stream_that_finds_no_room_does_not_keep_the_others_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(Pack(tmp_path / "prod" / "000007-green-2"), 0.0, 0.0)
    for stream in writer._streams.values():
        stream.write({"n": 1})

    def full() -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer._requests, "flush", full)
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    assert {name: stream.waiting > 0 for name, stream in writer._streams.items()} == {
        REQUESTS: True,
        GATEWAY: False,
        READINGS: False,
    }
    writer.close()
    assert writer._requests.waiting == 0


def test_the_script_that_is_missing_after_a_kill_between_the_two_is_written_by_the_next_run(tmp_path: Path) -> None:
    pack = Pack(tmp_path / "prod" / "000007-green-2")
    pack.folder.mkdir(parents=True)
    pack.file(ROLLBACK_SH).write_bytes(b"the first one's")
    pack.file(f".{ROLLBACK_PS1}.new").write_bytes(b"# by")
    Writer(pack, 0.0, 0.0).scripts(SCRIPTED)
    assert pack.file(ROLLBACK_SH).read_bytes() == b"the first one's"
    assert pack.file(ROLLBACK_PS1).stat().st_size == 10_000
    assert halves(pack) == []


def test_halves_of_a_killed_writer_are_cleared_and_a_strangers_file_is_not(made: Recorded) -> None:
    pack = made.switch()
    made.rest()
    made.recorder.close()
    pack.file(MANIFEST).unlink()
    for name in (PLAN, ROLLBACK_PS1, "report.html", "somebodys"):
        pack.file(f".{name}.new").write_bytes(b"half")
    finish(pack, made.stand.journal)
    assert halves(pack) == [".somebodys.new"]
    assert [one.file for one in verify(pack).findings] == [".somebodys.new"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 KiB of its own, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k", "none", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_disk_that_is_really_full_the_switch_goes_on_and_with_room_the_pack_is_whole_and_proves_it(
    tmp_path: Path, disk: Path
) -> None:
    made = Recorded(tmp_path)
    made.root = disk / "evidence"
    made.restart()
    made.begin()
    (disk / "somebody-elses").write_bytes(os.urandom(8 << 10))
    with pytest.raises(OSError, match="No space"), (disk / "more").open("wb") as file:
        file.write(bytes(8 << 10))
    pack = made.switch()
    made.rest(2.0)
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    made.rest()
    made.close()
    assert made.done == [pack]
    assert verify(pack).findings == ()
    assert pack.file(PLAN).is_file()
    assert manifest.read(pack)["verdict"]["zero_downtime"] == "Proved", manifest.read(pack)["verdict"]
