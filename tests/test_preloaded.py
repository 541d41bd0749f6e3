"""What is forked for a test is a process as any other."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import preloaded
import pytest

LOOKS = """
import os, random, signal, sys, threading, time
print(os.getpid(), os.getsid(0), os.getcwd(), sys.argv[1:], dict(os.environ), repr(sys.stdin.read()), flush=True)
print(random.random(), threading.active_count(), sorted(os.listdir("/proc/self/fd")), flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
sys.exit(7)
"""


def begun(folder: Path, word: str) -> tuple[preloaded.Process, Path]:
    (folder / "looks.py").write_text(LOOKS, encoding="utf-8")
    said = folder / f"{word}.txt"
    with said.open("wb") as out:
        return preloaded.fork("looks.py", word, folder=folder, environ={"NAME": "only"}, out=out), said


def test_it_has_a_number_a_session_variables_files_and_an_exit_code_of_its_own(tmp_path: Path) -> None:
    first, said = begun(tmp_path, "first")
    second, other = begun(tmp_path, "second")
    assert (first.wait(60), second.wait(60), first.poll(), first.returncode) == (7, 7, 7, 7)
    who, more = said.read_text("utf-8").splitlines()
    assert who == f"{first.pid} {first.pid} {tmp_path} ['first'] {{'NAME': 'only'}} ''"
    assert more.split()[1:] == ["1", "['0',", "'1',", "'2',", "'3']"], "3 is the folder that is listed"
    assert more.split()[0] != other.read_text("utf-8").splitlines()[1].split()[0], "the same dice"
    assert os.getpid() != first.pid != second.pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_is_ended_by_a_signal_and_says_so(tmp_path: Path, number: signal.Signals) -> None:
    process, said = begun(tmp_path, "wait")
    while said.read_text("utf-8").count("\n") < 2:
        time.sleep(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(60) == -number
    process.send_signal(number)  # it has ended: nobody else gets it


def test_what_cannot_begin_says_why(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as out:
        assert preloaded.fork("nowhere.py", folder=tmp_path, environ={}, out=out).wait(60) == 1
    assert "nowhere.py" in (tmp_path / "said").read_text("utf-8")
