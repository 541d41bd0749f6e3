"""A process is known by more than its number."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.drivers import identity
from reconciler.drivers.identity import Identity

SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEPER)
    yield process
    process.kill()
    process.wait()


def known(pid: int) -> Identity:
    found = Identity.of(pid)
    assert found is not None
    return found


def test_a_running_process_is_alive_and_recognised_again_from_its_written_form(child: subprocess.Popen[bytes]) -> None:
    written = known(child.pid).dump()
    assert Identity.load(written) == known(child.pid)
    assert known(child.pid).alive()


def test_a_zombie_is_dead_although_its_number_is_still_taken(child: subprocess.Popen[bytes]) -> None:
    one = known(child.pid)
    child.kill()
    limit = time.monotonic() + 10
    while one.alive() and time.monotonic() < limit:  # not waited for: it stays a zombie
        time.sleep(0.005)
    assert not one.alive()
    assert Identity.of(child.pid) is None
    assert child.returncode is None, "nobody may have reaped it, or this test proves nothing"


def test_a_process_that_ended_is_dead_and_cannot_be_signalled(child: subprocess.Popen[bytes]) -> None:
    one = known(child.pid)
    child.kill()
    child.wait()
    assert not one.alive()
    assert one.signal(signal.SIGTERM) is False


@pytest.mark.parametrize("change", [{"start": "1"}, {"boot": "another-boot"}])
def test_a_number_that_was_given_to_another_process_is_never_signalled(
    child: subprocess.Popen[bytes], change: dict[str, str]
) -> None:
    one = known(child.pid)
    former = Identity(one.pid, change.get("start", one.start), change.get("boot", one.boot))
    assert not former.alive()
    assert former.signal(signal.SIGKILL) is False
    assert child.poll() is None


def test_a_signal_reaches_the_process_that_is_meant(child: subprocess.Popen[bytes]) -> None:
    assert known(child.pid).signal(signal.SIGTERM) is True
    assert child.wait(10) == -signal.SIGTERM


def test_a_command_name_with_brackets_and_spaces_does_not_confuse_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    rest = " ".join(["S", *["0"] * 18, "4242", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a) Z (b) {rest}\n")
    monkeypatch.setattr(identity, "PROC", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert known(7).start == "4242"


@pytest.mark.parametrize(("threads", "over"), [(1, True), (2, False)])
def test_a_zombie_whose_other_threads_still_end_holds_its_ports_and_is_not_dead_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, over: bool
) -> None:
    (tmp_path / "7").mkdir()
    rest = " ".join(["Z", *["0"] * 16, str(threads), "0", "4242", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (server) {rest}\n")
    monkeypatch.setattr(identity, "PROC", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert (Identity.of(7) is None) is over


@pytest.mark.parametrize("number", [0, -1, 2**22 + 7])
def test_a_number_that_nobody_can_have_is_nobody(number: int) -> None:
    assert Identity.of(number) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "start": "1", "boot": ""}'])
def test_a_torn_record_reads_as_nobody_known(text: str) -> None:
    assert Identity.load(text) is None


def test_elsewhere_than_linux_the_same_promises_hold(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    one = known(child.pid)
    assert one.boot == ""
    assert one.alive()
    assert not replace(one, start="0.0").alive()
    assert replace(one, start="0.0").signal(signal.SIGKILL) is False
    assert one.signal(signal.SIGTERM) is True
    assert child.wait(10) == -signal.SIGTERM
    assert not one.alive()
