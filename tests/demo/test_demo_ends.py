"""The demo as a whole: what it prints at the end, and that nothing of it stays, however it is ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.errors import Refused

pytestmark = pytest.mark.real


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


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", "demo", "--folder", str(folder / "demo"), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=folder
    )


def working_in(folder: Path) -> list[str]:
    """Processes, not counting those that have ended and wait to be reaped, whose command names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and int(entry.name) != os.getpid():
            found.append(words.replace("\0", " "))
    return found


def test_the_demo_switches_without_a_loss_and_brings_the_bad_version_back(tmp_path: Path) -> None:
    demo = start(tmp_path, "--output", "json")
    said, _ = demo.communicate(timeout=115)
    assert demo.returncode == 0, said
    told = json.loads(said.splitlines()[-1])
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
    assert f"the journal lies in {tmp_path / 'demo' / 'state' / 'journal.db'}" in said
    assert Path(told["journal"]).is_file()
    assert told["commit_to_traffic_ms"] > 0
    assert told["bad_to_safe_ms"] >= 0
    assert working_in(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_interrupted_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    demo = start(tmp_path)
    journal = tmp_path / "demo" / "state" / "demo" / "gateway" / "routes"
    deadline = time.monotonic() + 60
    while not journal.exists() and time.monotonic() < deadline:
        time.sleep(0.1)  # until there is something to leave behind
    os.killpg(demo.pid, number)
    said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "has been stopped" in said
    assert working_in(tmp_path) == []
    shutil.rmtree(tmp_path / "demo")
