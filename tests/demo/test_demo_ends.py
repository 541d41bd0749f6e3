"""The demo as a whole: what it prints at the end, and that nothing of it stays, however it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.demo.place import MEMBERS
from reconciler.errors import Refused

LIMIT = 240  # seconds; it measures no speed: 45 are usual, and its last pack is finished when a processor is free
pytestmark = [pytest.mark.real, pytest.mark.timeout(2 * LIMIT + 60)]  # the whole demo, and then what comes of it


@pytest.fixture(autouse=True)
def real_envoy() -> None:
    """Fails in CI where Envoy is missing; elsewhere the test is skipped with the reason."""
    from reconciler.drivers.envoy.process import program

    try:
        program()
    except Refused as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a demo works. Whatever happens in a test, nothing that works there is left."""
    try:
        yield tmp_path
    finally:
        while left := working_in(tmp_path):  # one that is ended may have started another
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.1)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", "demo", "--folder", str(folder / "demo"), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=folder
    )


def working_in(folder: Path) -> dict[int, str]:
    """Processes, not counting those that have ended and wait to be reaped, whose command names the folder, or that
    work in it, as helpers do."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if (str(folder) in words or Path(place).is_relative_to(folder)) and int(entry.name) != os.getpid():
            found[int(entry.name)] = words
    return found


def left_in(folder: Path) -> dict[int, str]:
    """Who goes on working there: who is told to end, and helpers of those who have ended, need a moment."""
    deadline = time.monotonic() + LIMIT
    while (found := working_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def pasted(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Lines as the demo prints them, in the shell of somebody who has `reconcile` in PATH."""
    environ = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    return subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_the_demo_tells_what_it_proved_and_a_kept_one_runs_on_until_it_is_ended_with_the_lines_that_it_prints(
    folder: Path,
) -> None:
    demo = start(folder, "--keep", "--output", "json")
    said, _ = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 0, said
    *shown, told = said.splitlines()
    proved(folder, said, json.loads(told))
    runs_on(folder, [line.strip() for line in "\n".join(shown).partition("What to try next\n")[2].splitlines()])
    assert left_in(folder) == {}


def proved(folder: Path, said: str, told: dict[str, Any]) -> None:
    """No loss in the good switch; the bad and the subtly bad version came back."""
    for part in ("good", "bad", "subtle"):
        counts = told[part]
        assert counts["sent"] == counts["ok"] + counts["failed"] + counts["unknown"] > 0
    assert (told["good"]["failed"], told["good"]["unknown"]) == (0, 0)
    assert told["bad"]["rolled_back"] is True
    assert told["subtle"]["rolled_back"] is True
    assert (
        "in the same time: a healthy blue would look this bad less than once in 1,000 rollouts"
        in told["subtle"]["evidence"]
    )
    assert (told["jobs"]["lost"], told["jobs"]["twice"], told["two_owners"]) == (0, 0, 0)
    assert told["breaches"] == []
    assert f"the journal lies in {folder / 'demo' / 'state' / 'journal.db'}" in said
    assert Path(told["journal"]).is_file()
    assert told["commit_to_traffic_ms"] > 0
    assert told["bad_to_safe_ms"] >= 0


def runs_on(folder: Path, lines: list[str]) -> None:
    """As somebody who pastes one line after another finds out, the last of which end it."""
    (curl,) = [line for line in lines if line.startswith("curl ")]
    (watch,) = [line for line in lines if " status --watch " in line]
    (down,) = [number for number, line in enumerate(lines) if " down demo " in line]

    kept = working_in(folder)
    assert " run --log json" in kept[int((folder / "demo" / "run.pid").read_text("utf-8"))]
    commands = "\n".join(kept.values())
    parts = ("envoy -c ", *(f"sample.py {member} " for member in MEMBERS))
    assert [part for part in parts if part not in commands] == []

    with urllib.request.urlopen(curl.removeprefix("curl "), timeout=80) as answer:
        assert "1.1.0" in answer.read().decode()
    manifest = folder / "demo" / "environments-repo" / "environments" / "demo.yaml"
    assert str(manifest) in watch
    assert "activeSlot: green" in manifest.read_text("utf-8")  # what failed last was put back
    settled = pasted(folder, watch.replace("--watch", "--wait --timeout 80"))
    assert settled.returncode == 4, settled.stdout + settled.stderr  # of the commit that failed; the head took it back
    assert "InSync: green@1.1.0 serves" in settled.stdout
    noted = pasted(folder, *(line for line in lines if "git " in line[:4]))
    assert "demo: RolledBack (AnalysisFailed): blue@" in noted.stdout

    ended = pasted(folder, *lines[down:])
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_interrupted_leaves_no_process_behind(folder: Path, number: signal.Signals) -> None:
    demo = start(folder)
    journal = folder / "demo" / "state" / "demo" / "gateway" / "routes"
    deadline = time.monotonic() + LIMIT
    while not journal.exists() and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)  # until there is something to leave behind
    assert journal.exists(), "it has not come so far"
    os.killpg(demo.pid, number)
    said, _ = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 130, said
    assert "has been stopped" in said
    assert f"its folder, with journal and logs, is {folder / 'demo'}" in said
    assert "Start: a git repository" in said, "what was shown stays"
    assert left_in(folder) == {}
    shutil.rmtree(folder / "demo")
