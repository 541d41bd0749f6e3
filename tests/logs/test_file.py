"""A file for others to read: whole lines, whoever moves it, and no more of them than was said."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from logs_world import Clock, line

from reconciler.drivers.logs.destination import Destination
from reconciler.drivers.logs.file import CHUNK, File
from reconciler.errors import Unreachable


def made(folder: Path, clock: Clock | None = None, **more: object) -> File:
    return File(Destination(kind="file", path="log/app.log", base=folder, **more), clock or Clock())  # type: ignore[arg-type]


def numbers(path: Path) -> list[int]:
    """Raises ValueError where a line is not whole."""
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(one)["n"] for one in text.splitlines()]


def send(file: File, *which: int, size: int = 0) -> None:
    file.send([line(number, x="x" * size) for number in which])


def test_lines_are_appended_and_the_folder_is_made(tmp_path: Path) -> None:
    file = made(tmp_path)
    send(file, 1, 2)
    send(made(tmp_path), 3)
    assert numbers(tmp_path / "log" / "app.log") == [1, 2, 3]


def test_it_is_set_aside_when_it_is_large_and_so_many_are_kept(tmp_path: Path) -> None:
    file = made(tmp_path, max_size="64KiB", keep=2)
    for number in range(1, 41):
        send(file, number, size=10_000)
    found = {path.name: numbers(path) for path in (tmp_path / "log").iterdir()}
    assert sorted(found) == ["app.log", "app.log.1", "app.log.2"]
    assert [*found["app.log.2"], *found["app.log.1"], *found["app.log"]] == [*range(25, 41)]
    assert all(path.stat().st_size <= 65536 for path in (tmp_path / "log").iterdir())


def test_a_smaller_keep_and_a_greater_age_remove_what_was_set_aside_and_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    folder = tmp_path / "log"
    folder.mkdir()
    now = clock.now().timestamp()
    for name, age in (
        ("app.log.1", 100),
        ("app.log.2", 5000),
        ("app.log.9", 0),
        ("app.log.gz", 9999),
        ("other.1", 9999),
    ):
        (folder / name).write_text("")
        os.utime(folder / name, (now - age, now - age))
    send(made(tmp_path, clock, keep=3, max_age="1h"), 1)
    assert sorted(path.name for path in folder.iterdir()) == ["app.log", "app.log.1", "app.log.gz", "other.1"]


def test_whoever_moves_it_away_needs_to_tell_us_nothing(tmp_path: Path) -> None:
    file = made(tmp_path)
    path = tmp_path / "log" / "app.log"
    send(file, 1)
    path.rename(tmp_path / "log" / "moved")
    send(file, 2)
    path.unlink()
    send(file, 3)
    assert (numbers(tmp_path / "log" / "moved"), numbers(path)) == ([1], [3])


def test_what_is_moved_away_while_it_is_written_is_written_into_the_new_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(tmp_path)
    path = tmp_path / "log" / "app.log"
    send(file, 1)
    real, moved = os.write, []

    def write(handle: int, data: bytes) -> int:
        if not moved:
            moved.append(path.rename(tmp_path / "moved"))
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    send(file, 2)
    assert (numbers(tmp_path / "moved"), numbers(path)) == ([1, 2], [2])


def test_half_a_line_of_a_crash_is_taken_off(tmp_path: Path) -> None:
    file = made(tmp_path)
    path = tmp_path / "log" / "app.log"
    for half in (b'{"n": 2, "mess', b"x" * (3 * CHUNK)):
        path.unlink(missing_ok=True)
        send(file, 1)
        with path.open("ab") as opened:
            opened.write(half)
        send(file, 2)
        assert numbers(path) == [1, 2]
    path.write_bytes(b"nothing but half a line")
    send(file, 3)
    assert numbers(path) == [3]


def test_a_full_disk_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made(tmp_path)
    path = tmp_path / "log" / "app.log"
    send(file, 1)
    real, left = os.write, [25]

    def write(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        done = real(handle, bytes(data)[: left[0]])
        left[0] -= done
        return done

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(Unreachable, match=r"app\.log cannot be written: No space left on device"):
        send(file, 2, 3)
    assert numbers(path) == [1]


def test_real_logrotate_loses_nothing(tmp_path: Path) -> None:
    program = "/usr/sbin/logrotate"
    if not Path(program).exists():
        pytest.skip("logrotate is not installed")
    path = tmp_path / "log" / "app.log"
    rules = tmp_path / "rules"
    rules.write_text(f"{path} {{\n  size 1\n  rotate 20\n  nocompress\n  su root root\n}}\n")
    file = made(tmp_path)
    for number in range(1, 6):
        send(file, number)
        subprocess.run([program, "-s", str(tmp_path / "state"), str(rules)], check=True, capture_output=True)
    assert sorted(n for found in (tmp_path / "log").iterdir() for n in numbers(found)) == [1, 2, 3, 4, 5]
