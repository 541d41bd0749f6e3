"""The machine: what is wrong with it is told, with what mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.doctor import machine
from reconciler.drivers.examining import Grade

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> str:
        return self._now.isoformat(timespec="milliseconds")

    def now(self) -> datetime:
        return self._now


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("script", "grade"),
    [
        ("echo git version 2.39.5 '(Apple Git-154)'", Grade.OK),
        ("echo git version 2.24.9", Grade.FAILED),
        ("echo who knows", Grade.UNKNOWN),
    ],
)
def test_git_is_there_and_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, grade: Grade
) -> None:
    tool(tmp_path, "git", script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    (found,) = machine.git()
    assert found.grade is grade


def test_without_git_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = machine.git()
    assert (found.grade, "install git" in found.cure) == (Grade.FAILED, True)


def test_a_git_that_does_not_answer_in_time_is_unknown_and_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "git", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.setattr(machine, "SECONDS", 0.2)
    (found,) = machine.git()
    assert found.grade is Grade.UNKNOWN


@pytest.mark.parametrize(
    ("now", "newest", "grade"),
    [
        (datetime(1970, 1, 2, tzinfo=UTC), "", Grade.FAILED),
        (NOW, "2026-06-02T00:00:00.000+00:00", Grade.WARNING),
    ],
)
def test_a_clock_that_cannot_be_right_is_told(now: datetime, newest: str, grade: Grade) -> None:
    (found,) = machine.clocks(newest, Clock(now))
    assert found.grade is grade
    assert found.cure


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
@pytest.mark.parametrize(("state", "grade"), [(0, Grade.OK), (5, Grade.WARNING), (-1, Grade.UNKNOWN)])
def test_whether_something_keeps_the_clock_is_the_kernels_word(
    monkeypatch: pytest.MonkeyPatch, state: int, grade: Grade
) -> None:
    class Library:
        def adjtimex(self, buffer: object) -> int:
            assert bytes(buffer) == bytes(512), "nothing is set"  # type: ignore[call-overload]
            return state

    monkeypatch.setattr(machine.ctypes, "CDLL", lambda *_args, **_more: Library())
    (found,) = machine.clocks("2026-05-01", Clock(NOW))
    assert found.grade is grade


def test_pictures_can_be_drawn_and_looking_leaves_nothing_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (found,) = machine.pictures()
    assert (found.grade, list(tmp_path.iterdir())) == (Grade.OK, [])
    monkeypatch.setattr(machine, "DRAWING", "import no_such_module")
    (found,) = machine.pictures()
    assert found.grade is Grade.WARNING
    assert "no_such_module" in found.found


def test_git_that_refuses_people_is_told_with_the_line_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert list(machine.ownership(tmp_path)) == []
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (found,) = machine.ownership(tmp_path)
    assert found.cure == f"git config --global --add safe.directory {tmp_path.resolve()}"
