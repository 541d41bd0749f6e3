"""What all Windows drivers ask of their machine, and the processes of the simulated one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import windows_faults as faults
from windows_calls import client, machine
from windows_machine import Windows
from windows_processes import Life, Processes, ended
from wsman_server import Rig, listening

from reconciler.drivers.examining import Finding, Grade
from reconciler.drivers.windows.examined import answers, examined

LISTENS = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print(flush=True); "
WAITS = [sys.executable, "-c", LISTENS + "time.sleep(60)"]


# ---- examined --------------------------------------------------------------------------------------------------------


@pytest.fixture
def rig() -> Iterator[Rig]:
    with listening("ntlm", windows=Windows(clock="")) as found:
        yield found


def look(rig: Rig, folder: Path, *folders: str) -> list[Finding]:
    opened = client(rig, folder)
    try:
        return examined("web1", machine(rig, folder), opened.run, folders)
    finally:
        opened.close()


def test_a_machine_in_order_is_told_line_by_line(rig: Rig, tmp_path: Path, password: Path) -> None:
    found = look(rig, tmp_path, r"D:\releases\portal")
    assert answers(found)
    assert {one.grade for one in found} == {Grade.OK}
    assert [one.what for one in found] == ["machine", "powershell", "clock", "room"]
    assert "WEB1 answers" in found[0].found
    assert found[3].found == "200.0 GB are free on D:\\"


def test_one_that_does_not_answer_is_one_line(rig: Rig, tmp_path: Path, password: Path) -> None:
    rig.faults.strike("Create", *[faults.Reboot(away=True)] * 9)
    found = look(rig, tmp_path, r"D:\releases")
    assert [one.grade for one in found] == [Grade.FAILED]
    assert not answers(found)


@pytest.mark.parametrize(("minutes", "grade"), [(-6, "FAILED"), (6, "FAILED"), (-1, "WARNING"), (1, "WARNING")])
def test_its_clock_is_compared_with_ours(rig: Rig, tmp_path: Path, password: Path, minutes: int, grade: str) -> None:
    rig.windows.clock = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    found = look(rig, tmp_path)[2]
    assert found.grade is Grade[grade]
    assert ("behind" in found.found) is (minutes < 0)
    assert "w32tm" in found.cure


def test_what_is_old_full_or_not_there_is_told(rig: Rig, tmp_path: Path, password: Path) -> None:
    rig.windows.powershell, rig.windows.clock = "4.0", "noon"
    rig.windows.drives["D:\\"] = 1 << 20
    _, shell, clock, disk, gone = look(rig, tmp_path, "D:\\releases", "E:\\releases")
    assert (shell.grade, clock.grade, disk.grade) == (Grade.FAILED, Grade.UNKNOWN, Grade.WARNING)
    assert (gone.grade, gone.found) == (Grade.FAILED, "there is no drive for E:\\releases")


# ---- processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(Windows())
    yield made
    made.down()


def started(processes: Processes, log: Path, deaf: bool = False) -> Life:
    life = processes.start(WAITS, "w3wp.exe", log=log, deaf=deaf)
    while not log.read_bytes():  # it listens to signals by then
        assert life.alive
    return life


def test_one_that_is_asked_ends_by_itself_and_a_deaf_one_does_not(processes: Processes, tmp_path: Path) -> None:
    good, deaf = started(processes, tmp_path / "good"), started(processes, tmp_path / "deaf", deaf=True)
    processes.ask(good)
    processes.ask(deaf)
    ended(good)
    assert good.code == 0
    assert processes.running() == [deaf]
    assert processes.find(deaf.pid) is deaf
    processes.kill(deaf)
    assert processes.find(deaf.pid) is None


def test_nothing_survives_a_reboot_and_parts_come_back_in_order(processes: Processes, tmp_path: Path) -> None:
    told: list[str] = []

    class Part:
        def down(self) -> None:
            told.append(f"down, {len(processes.running())} run")

        def up(self) -> None:
            told.append(f"up, {len(processes.running())} run")

    processes.windows.parts.append(Part())
    life = started(processes, tmp_path / "one", deaf=True)
    processes.windows.reboot()
    assert not life.alive
    assert told == ["down, 1 run", "up, 0 run"]
    processes.windows.reboot(away=True)
    assert told[2:] == ["down, 0 run"]
