"""`reconcile service`: shown before it is done, refused with a reason, and a loop that ends without a console."""

from __future__ import annotations

import json
import signal

import pytest
from cli_folder import Folder, listing, until

pytestmark = pytest.mark.started


@pytest.fixture
def mine(folder: Folder) -> Folder:
    folder.reconcile("init")
    folder.edit("environments/production.yaml", "kind: Environment", "kind: Nonsense")  # nothing is ever started
    folder.commit()
    return folder


def test_a_loop_ends_when_it_is_asked_to_and_with_0(mine: Folder) -> None:
    loop = mine.start("run")
    until(mine, lambda: mine.reconcile("service", "status").returncode == 0, "a loop that works")
    done = mine.reconcile("service", "stop")
    assert (done.returncode, done.stdout) == (0, "the loop has ended; gateways and slots run on\n")
    assert loop.wait(10) == 0
    assert "ending: steps that are being done are finished first" in mine.said
    again = mine.reconcile("service", "stop")
    assert (again.returncode, again.stdout) == (0, "no loop works on this journal\n")
    assert not list((mine.root / "state").glob("*.end"))


def test_what_a_task_of_windows_runs_begins_the_loop_and_ends_with_it(mine: Folder) -> None:
    keeper = mine.start("service", "run")
    until(mine, lambda: mine.reconcile("service", "status").returncode == 0, "a loop that works")
    assert mine.reconcile("service", "stop").returncode == 0
    assert keeper.wait(10) == 0
    assert "keeping production" in (mine.root / "state" / "service.log").read_text()


def test_a_loop_that_cannot_begin_leaves_its_reason_where_it_can_be_read(mine: Folder) -> None:
    holder = mine.start("run")
    until(mine, lambda: mine.reconcile("service", "status").returncode == 0, "a loop that works")
    keeper = mine.start("service", "run")
    log = mine.root / "state" / "service.log"
    until(mine, lambda: log.exists() and "works on this journal" in log.read_text(), "the reason")
    assert mine.end(keeper, signal.SIGTERM) == 1
    assert mine.end(holder) == 0


def test_a_loop_that_does_not_end_in_time_is_told(mine: Folder) -> None:
    mine.start("run")
    until(mine, lambda: mine.reconcile("service", "status").returncode == 0, "a loop that works")
    done = mine.reconcile("service", "stop", "--timeout", "-1")
    assert done.returncode == 1
    assert "was asked to end, and has not" in done.stderr


def test_installing_is_shown_and_nothing_is_done_without_a_yes(mine: Folder) -> None:
    before = listing(mine.root)
    for words in (("--dry-run",), ()):
        done = mine.reconcile("service", "install", "--user", *words)
        assert "write   " in done.stdout
        assert "KillMode=process" in done.stdout
        assert done.returncode != 0, "there is no systemd of this account here"
        assert "it cannot be done" in done.stderr
    assert listing(mine.root) == before


def test_what_would_be_done_can_be_read_by_machines(mine: Folder) -> None:
    done = mine.reconcile("service", "install", "--user", "--dry-run", "--output", "json")
    told = json.loads(done.stdout)
    assert (told["done"], len(told["problems"])) == (False, 1)
    assert told["steps"][0]["write"].endswith("/.config/systemd/user/reconciler.service")
    assert told["steps"][-1]["run"][-2:] == ["restart", "reconciler.service"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("install", "--name", "a/b"), "expected letters, digits"),
        (("install", "--user", "--as", "root"), "exclude each other"),
        (("install", "--as", "no-such-account"), "no such account"),
        (("install", "--output", "json"), "asks nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(mine: Folder, words: tuple[str, ...], why: str) -> None:
    done = mine.reconcile("service", *words)
    assert done.returncode == 64
    assert why in done.stderr


def test_without_an_operators_file_there_is_nothing_to_install(folder: Folder) -> None:
    folder.git("init", "--quiet")
    done = folder.reconcile("service", "install", "--dry-run")
    assert done.returncode == 1
    assert "there is no operator's file" in done.stderr


def test_status_says_that_nothing_is_installed_and_leaves_no_trace(mine: Folder) -> None:
    before = listing(mine.root)
    done = mine.reconcile("service", "status")
    assert done.returncode == 1
    assert "reconciler: not installed" in done.stdout
    assert "next      reconcile service install" in done.stdout
    told = json.loads(mine.reconcile("service", "status", "--output", "json").stdout)
    assert (told["attended"], told["installed"]) == (False, "")
    assert listing(mine.root) == before
