"""The migration beside the loop, with real commands: what the check says counts, and nothing runs twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import Migration
from reconciler.core.reading import MigrationReading, MigrationStatus
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.migrator import Migrating, Migrator
from reconciler.drivers.process.family import TOKEN
from reconciler.errors import Conflict

VALUES = {"version": "2.0", "slot": "green", "environment": "demo", "transition": "t1"}
MIGRATE = "import pathlib, sys; f = pathlib.Path('runs'); f.write_text((f.read_text() if f.exists() else '') + 'x')"
CHECK = "import pathlib, sys; sys.exit(0 if pathlib.Path('runs').exists() else 10)"
UPGRADE = Migration("upgrade", "upgraded", old_version_works=True)
APPLIED, FAILED, UNKNOWN = MigrationStatus.APPLIED, MigrationStatus.FAILED, MigrationStatus.UNKNOWN


def python(folder: Path, code: str, *words: str, **keys: object) -> Command:
    return Command.model_validate({"argv": ["{python}", "-c", code, *words], "base": folder, **keys})


def wanted(folder: Path, migrate: str = MIGRATE, check: str = CHECK, **keys: object) -> Migrating:
    return Migrating(UPGRADE, python(folder, migrate, **keys), python(folder, check), VALUES)


def ended(migrator: Migrator) -> MigrationReading:
    migrator.wait()
    return migrator.read()


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text()) if (folder / "runs").exists() else 0


def test_before_anything_is_begun_nothing_is_known(tmp_path: Path) -> None:
    assert Migrator(tmp_path).read() == MigrationReading(MigrationStatus.UNASKED)


def test_what_is_not_applied_is_run_and_asked_again(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path), "t1")
    found = ended(migrator)
    assert (found.status, found.transition, runs(tmp_path)) == (APPLIED, "t1", 1)
    assert "'upgrade' ended with exit code 0" in found.detail


def test_what_is_applied_already_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("x")
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path), "t1")
    assert ended(migrator).status is APPLIED
    assert runs(tmp_path) == 1


def test_a_command_that_ends_well_and_leaves_nothing_behind_has_failed(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path, migrate="pass"), "t1")
    found = ended(migrator)
    assert found.status is FAILED
    assert "exit code 0" in found.detail
    assert "not applied" in found.detail


def test_a_command_that_ends_badly_after_its_work_has_not_failed(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path, migrate=f"{MIGRATE}; print('but the mail did not go out'); sys.exit(5)"), "t1")
    found = ended(migrator)
    assert found.status is APPLIED
    assert "exit code 5" in found.detail
    assert "the mail did not go out" in found.detail


@pytest.mark.parametrize("check", ["import sys; sys.exit(2)", "import os; os.kill(os.getpid(), 9)", "raise KeyError"])
def test_a_check_that_gives_no_clear_answer_runs_nothing(tmp_path: Path, check: str) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path, check=check), "t1")
    found = ended(migrator)
    assert (found.status, runs(tmp_path)) == (UNKNOWN, 0)


def test_a_check_that_is_not_there_runs_nothing(tmp_path: Path) -> None:
    missing = Command.model_validate({"argv": ["no-such-program"], "base": tmp_path})
    migrator = Migrator(tmp_path)
    migrator.begin(Migrating(UPGRADE, python(tmp_path, MIGRATE), missing, VALUES), "t1")
    found = ended(migrator)
    assert (found.status, runs(tmp_path)) == (UNKNOWN, 0)
    assert "no-such-program" in found.detail


def test_a_command_that_cannot_be_started_has_failed_if_the_check_says_so(tmp_path: Path) -> None:
    missing = Command.model_validate({"argv": ["no-such-program"], "base": tmp_path})
    migrator = Migrator(tmp_path)
    migrator.begin(Migrating(UPGRADE, missing, python(tmp_path, CHECK), VALUES), "t1")
    found = ended(migrator)
    assert found.status is FAILED
    assert "did not run" in found.detail


def test_one_that_does_not_end_is_ended_and_asked_about(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path, migrate="import time; time.sleep(60)", timeout="300ms"), "t1")
    found = ended(migrator)
    assert found.status is FAILED
    assert "ended by force" in found.detail


def test_nobody_waits_for_it_and_it_is_not_begun_twice(tmp_path: Path) -> None:
    """Begun again for the same transition is one run; for another one it must wait."""
    migrator = Migrator(tmp_path)
    slow = wanted(tmp_path, migrate=f"import time; time.sleep(0.5); {MIGRATE}")
    migrator.begin(slow, "t1")
    assert migrator.read().status is MigrationStatus.RUNNING
    migrator.begin(slow, "t1")
    with pytest.raises(Conflict, match="t1 has not ended yet"):
        migrator.begin(slow, "t2")
    assert ended(migrator).transition == "t1"
    assert runs(tmp_path) == 1


def test_a_run_that_a_killed_reconciler_left_behind_is_not_joined_by_another(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    env = {**os.environ, TOKEN: migrator._token}
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)
    try:
        _until(lambda: (Path("/proc") / str(left.pid)).exists() or sys.platform != "linux")
        migrator.begin(wanted(tmp_path), "t1")
        found = ended(migrator)
        assert (found.status, runs(tmp_path)) == (UNKNOWN, 0)
        assert "has not ended yet" in found.detail
    finally:
        left.send_signal(signal.SIGKILL)
        left.wait()
    migrator.begin(wanted(tmp_path), "t1")
    assert ended(migrator).status is APPLIED


def test_no_secret_of_a_command_reaches_the_reading(tmp_path: Path) -> None:
    code = "import os, sys; print('password is', os.environ['SECRET']); sys.exit(4)"
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path, migrate=code, env={"SECRET": "hunter2-hunter2"}), "t1")
    found = ended(migrator)
    assert "password is" in found.detail
    assert "hunter2" not in found.detail


def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_only_asked_it_runs_nothing(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    migrator.begin(wanted(tmp_path), "t1", only_ask=True)
    found = ended(migrator)
    assert (found.status, found.ran, runs(tmp_path)) == (FAILED, False, 0)


def test_another_migration_of_the_same_transition_is_not_taken_for_the_one_that_runs(tmp_path: Path) -> None:
    migrator = Migrator(tmp_path)
    slow = wanted(tmp_path, migrate=f"import time; time.sleep(0.5); {MIGRATE}")
    migrator.begin(slow, "t1")
    other = replace(slow, migration=Migration("upgrade", "upgraded", old_version_works=False))
    with pytest.raises(Conflict, match="has not ended yet"):
        migrator.begin(other, "t1")
    assert ended(migrator).migration == UPGRADE


def test_a_thread_that_cannot_be_started_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    migrator = Migrator(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Conflict, match="cannot be begun now"):
            migrator.begin(wanted(tmp_path), "t1")
    assert migrator.read().status is MigrationStatus.UNASKED
    migrator.begin(wanted(tmp_path), "t1")
    assert ended(migrator).status is APPLIED
