"""The gate `folder-parity`: the exam with real folders, and what happens to them meanwhile."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from gate_exam import FOR_EVER, MEMORY, WINDOW, GateExam
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading
from reconciler.drivers.folders import parity
from reconciler.drivers.folders.folder import Folder
from reconciler.drivers.gates import folder_parity as driver
from reconciler.drivers.protocols import Gate, GateContext
from reconciler.errors import InvalidConfiguration

GOOD, FAILED, ERROR = {Outcome.SUCCESSFUL}, {Outcome.FAILED}, {Outcome.ERROR}
NOTHING = {Outcome.INCONCLUSIVE}
CONTEXT = GateContext("production", "parity", dict, lambda _: None, lambda _: False, deadline=FOR_EVER)
BOTH = ("left", "right")


def known(base: Path, **markers: str) -> GateContext:
    def folder(name: str) -> Folder:
        if name not in (*BOTH, "again"):
            raise InvalidConfiguration(f"unknown folder '{name}'; define [folders.{name}] in reconciler.toml")
        return Folder(path="left" if name == "again" else name, marker=markers.get(name), base=base)

    return replace(CONTEXT, folders=folder)


def opened(of: GateContext, *names: str, **wanted: Any) -> Gate:
    chosen = {"folders": list(names or BOTH), "timeout": "30s", **wanted}
    return driver.open(of, driver.Settings.model_validate(chosen))


def asked(base: Path, **wanted: Any) -> GateReading:
    return opened(known(base), **wanted).run(WINDOW)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Two folders that agree."""
    for name in BOTH:
        folder = tmp_path / name
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "empty").mkdir()
        (folder / "one.txt").write_text("one")
        (folder / "a" / "b" / "two.bin").write_bytes(bytes(range(256)) * 5000)
        (folder / "nothing").touch()
        (folder / "link").symlink_to("one.txt")
        (folder / "dead").symlink_to("/no/such/place")
        os.mkfifo(folder / "pipe")
    return tmp_path


def emptied(base: Path) -> None:
    for name in BOTH:
        (base / name).rename(base / f"full-{name}")
        (base / name / "folder").mkdir(parents=True)


CASES: dict[str, tuple[Callable[[Path], object], set[Outcome]]] = {
    "good": (lambda left: None, GOOD),
    "other times": (lambda left: os.utime(left / "one.txt", (1, 1)), GOOD),
    "other rights": (lambda left: (left / "one.txt").chmod(0o600), GOOD),
    "one more": (lambda left: (left / "more").touch(), FAILED),
    "one less": (lambda left: (left / "one.txt").unlink(), FAILED),
    "one more folder": (lambda left: (left / "more").mkdir(), FAILED),
    "another size": (lambda left: (left / "one.txt").write_text("ones"), FAILED),
    "another content": (lambda left: (left / "one.txt").write_text("eno"), FAILED),
    "another name": (lambda left: (left / "one.txt").rename(left / "One.txt"), FAILED),
    "a folder for a file": (lambda left: ((left / "nothing").unlink(), (left / "nothing").mkdir()), FAILED),
    "a link for a file": (lambda left: ((left / "nothing").unlink(), (left / "nothing").symlink_to("x")), FAILED),
    "a link elsewhere": (lambda left: ((left / "link").unlink(), (left / "link").symlink_to("nothing")), FAILED),
    "a pipe for a file": (lambda left: ((left / "nothing").unlink(), os.mkfifo(left / "nothing")), FAILED),
    "both empty": (lambda left: emptied(left.parent), NOTHING),
    "no folder": (lambda left: left.rename(left.with_name("gone")), ERROR),
    "a file": (lambda left: (left.rename(left.with_name("gone")), left.touch()), ERROR),
    "one and the same": (lambda left: (left.rename(left.with_name("gone")), left.symlink_to("right")), ERROR),
    "far too deep": (lambda left: deep(left), ERROR),
}


def deep(folder: Path) -> None:
    for _ in range(120):
        folder = folder / "d"
        folder.mkdir()


class TestFolderParity(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in CASES.items()} | {
        "what is ignored": GOOD,
        "a marker": GOOD,
        "no marker": ERROR,
        "nobody defined it": ERROR,
        "no folders at all": ERROR,
        "the same by another name": ERROR,
    }

    @pytest.fixture
    def gate(self, case: str, base: Path) -> Iterator[Gate]:
        if case in CASES:
            CASES[case][0](base / "left")
        match case:
            case "what is ignored":
                (base / "left" / "x.tmp").touch()
                (base / "right" / "a" / "cache").mkdir()
                (base / "right" / "a" / "cache" / "x").touch()
                yield opened(known(base), ignore=["*.tmp", "a/cache"])
            case "a marker":
                (base / "left" / ".here").touch()
                yield opened(known(base, left=".here"))
            case "no marker":
                yield opened(known(base, right=".here"))
            case "nobody defined it":
                yield opened(known(base), "left", "wright")
            case "no folders at all":
                yield opened(CONTEXT)
            case "the same by another name":
                yield opened(known(base), "left", "again")
            case _:
                yield opened(known(base))


# ---- what it says ----------------------------------------------------------------------------------------------------


def test_agreement_says_how_much_was_compared(base: Path) -> None:
    found = asked(base)
    assert (found.reason, found.value, found.limit) == (
        "all of 3 files the same",
        "3 files, 0 differences",
        "0 differences",
    )
    assert found.samples == 3


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("one more", "1 difference: more is only in left"),
        ("one less", "1 difference: one.txt is only in right"),
        ("another size", "1 difference: one.txt has 4 bytes in left and 3 in right"),
        ("another content", "1 difference: one.txt has another content (SHA-256 ce76e7e59ee5 and 7692c3ad3540)"),
        ("a folder for a file", "1 difference: nothing is a folder in left and a file in right"),
        ("a pipe for a file", "1 difference: nothing is something else in left and a file in right"),
        ("a link elsewhere", "1 difference: link leads elsewhere"),
        ("both empty", "there is no file in either, so nothing was compared"),
        ("one and the same", "'left' and 'right' are the same folder"),
    ],
)
def test_the_reason_names_what_differs(base: Path, case: str, reason: str) -> None:
    CASES[case][0](base / "left")
    found = asked(base)
    if case == "another content":
        assert found.reason.startswith("1 difference: one.txt has another content (SHA-256 ")
    else:
        assert found.reason == reason


def test_all_differences_are_counted_and_the_first_few_named(base: Path) -> None:
    for number in range(20):
        (base / "left" / "a" / f"{number:02}").touch()
    found = asked(base)
    assert found.reason.startswith("20 differences: a/00 is only in left; a/01 is only in left;")
    assert found.reason.endswith("a/04 is only in left; and 15 more")
    assert found.value == "3 files, 20 differences"


def test_names_that_no_terminal_should_see_are_shown_safely(base: Path) -> None:
    os.close(os.open(os.fsencode(base / "left") + b"/\x1b[31m\xff\n", os.O_CREAT))
    found = asked(base)
    assert found.reason == "1 difference: \\x1b[31m\\udcff\\n is only in left"


# ---- what happens meanwhile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda left: (left / "one.txt").write_text("eno"),
        lambda left: (left / "new").touch(),
        lambda left: (left / "empty").rmdir(),
        lambda left: (left / "nothing").rename(left / "nothing-else"),
        lambda left: ((left / "link").unlink(), (left / "link").symlink_to("one.txt")),
        lambda left: (left / "a" / "b" / "two.bin").touch(),
    ],
)
def test_a_folder_that_changes_while_it_is_read_is_no_success(
    base: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    real = parity._digest
    changed: list[object] = []

    def digest(tree: Any, way: str) -> str:
        found = real(tree, way)
        if way == "one.txt" and not changed:  # has just been read
            changed.append(change(base / "left"))
        return found

    monkeypatch.setattr(parity, "_digest", digest)
    found = asked(base)
    assert found.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR), found
    assert changed


def test_what_is_ignored_may_change(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = parity._digest

    def digest(tree: Any, way: str) -> str:
        (base / "left" / "more.tmp").touch()
        return real(tree, way)

    monkeypatch.setattr(parity, "_digest", digest)
    assert asked(base, ignore=["*.tmp"]).outcome is Outcome.SUCCESSFUL


def test_one_who_writes_all_the_time_never_makes_a_success_of_it(base: Path) -> None:
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not over.wait(0.001):
            number += 1
            (base / "left" / "one.txt").write_text(f"{number % 1000:03}")
            begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(FOR_EVER)
    outcomes = {asked(base).outcome for _ in range(20)}
    over.set()
    thread.join()
    assert Outcome.SUCCESSFUL not in outcomes


def test_a_file_that_cannot_be_read_is_an_error(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith("left/one.txt"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **more)

    monkeypatch.setattr("os.open", refuse)
    found = asked(base)
    assert found.outcome is Outcome.ERROR
    assert found.reason == f"folder 'left': {base}/left/one.txt: Permission denied"


def test_a_file_that_is_swapped_for_a_pipe_does_not_hold_us(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def swap(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith("left/one.txt"):
            with suppress(OSError):
                os.unlink(path)
            os.mkfifo(path)
        return real(path, flags, *rest, **more)

    monkeypatch.setattr("os.open", swap)
    assert asked(base).outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR)


def test_a_link_out_of_the_folder_is_not_followed(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "secret").write_text("x")
    for name in BOTH:
        (base / name / "out").symlink_to(base / "secret")
    opened_: list[str] = []
    real = os.open
    monkeypatch.setattr("os.open", lambda path, *rest, **more: opened_.append(str(path)) or real(path, *rest, **more))
    assert asked(base).outcome is Outcome.SUCCESSFUL
    assert {Path(path).name for path in opened_} == {"one.txt", "two.bin", "nothing"}


def test_reading_changes_no_time(base: Path) -> None:
    paths = [path for path in base.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in paths:
        os.utime(path, (1, 2))
    before = {path: (path.stat().st_atime_ns, path.stat().st_mtime_ns) for path in paths}
    assert asked(base).outcome is Outcome.SUCCESSFUL
    assert {path: (path.stat().st_atime_ns, path.stat().st_mtime_ns) for path in paths} == before


# ---- bounds ----------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_by_neither_the_size_nor_the_number_of_files(base: Path) -> None:
    for name in BOTH:
        with (base / name / "large").open("wb") as file:
            file.truncate(50 << 20)
        for number in range(1500):
            (base / name / f"file-{number:05}").touch()
    tracemalloc.start()
    try:
        found = asked(base)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.outcome is Outcome.SUCCESSFUL
    assert peak < MEMORY


def test_more_than_can_be_compared_in_time_is_an_error(base: Path) -> None:
    class Slow:
        seconds = 0.0

        def monotonic(self) -> float:
            self.seconds += 1.0
            return self.seconds

        def wall(self) -> str:
            return ""

    chosen = driver.Settings.model_validate({"folders": BOTH, "timeout": "9s"})
    found = driver.FolderParityGate(known(base), chosen, clock=Slow()).run(WINDOW)
    assert (found.outcome, found.reason) == (Outcome.ERROR, "they cannot be compared within 9s")


def test_more_entries_than_fit_are_an_error(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "MOST", 5)
    assert asked(base).reason == "folder 'left': more than 5 entries in one folder, '.'"


NAMES = st.sampled_from(["a", "b", "c/d", "c/e"])
CONTENTS = st.dictionaries(NAMES, st.binary(max_size=3), max_size=4)


@given(CONTENTS, CONTENTS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_two_folders_agree_exactly_when_their_files_do(
    tmp_path_factory: pytest.TempPathFactory, left: dict[str, bytes], right: dict[str, bytes]
) -> None:
    base = tmp_path_factory.mktemp("pair")
    for name, files in zip(BOTH, (left, right), strict=True):
        (base / name / "c").mkdir(parents=True)
        for way, content in files.items():
            (base / name / way).write_bytes(content)
    found = asked(base)
    differing = [way for way in {*left, *right} if left.get(way) != right.get(way)]
    expected = FAILED if differing else GOOD if left else NOTHING
    assert found.outcome in expected
    assert not differing or found.reason.startswith(f"{len(differing)} difference")


# ---- what may be written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, "folders"),
        ({"folders": ["left"]}, "at least 2"),
        ({"folders": ["left", "right", "again"]}, "at most 2"),
        ({"folders": ["left", "left"]}, "agrees with itself"),
        ({"folders": ["/etc", "right"]}, "pattern"),
        ({"folders": BOTH, "ignore": [""]}, "ignore"),
        ({"folders": BOTH, "timeout": "2h"}, "timeout"),
        ({"folders": BOTH, "limit": "<= 1"}, "limit"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        driver.Settings.model_validate(wanted)
