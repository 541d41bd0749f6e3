"""`reconcile alerts`, and what the other commands say of an address that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import Folder, listing

sys.path.append(str(Path(__file__).parents[1] / "alerts"))
from alerts_servers import TOKEN, Webhook, webhook
from alerts_world import ACCEPTED, SUCCEEDED, failed

from reconciler.alerts import position
from reconciler.alerts.events import Mark
from reconciler.alerts.position import Position
from reconciler.journal.sqlite import SqliteJournal


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def mine(folder: Folder, hook: Webhook) -> Folder:
    folder.reconcile("init")
    folder.commit()
    add(folder, f'[alerts.ops]\nurl = "{hook.url}"\non = ["rolledBack", "stalled"]\nenvironments = ["prod*"]\n')
    return folder


def add(folder: Folder, text: str) -> None:
    with (folder.root / "reconciler.toml").open("a") as file:
        file.write(text)


def test_nobody_is_told_anything_unless_it_is_configured(folder: Folder) -> None:
    folder.reconcile("init")
    done = folder.reconcile("alerts")
    assert (done.returncode, "nobody is told anything: add [alerts.NAME]" in done.stdout) == (0, True)


def test_a_test_message_is_sent_and_the_exit_code_tells(mine: Folder, hook: Webhook) -> None:
    done = mine.reconcile("alerts", "--test", "ops")
    assert (done.returncode, done.stdout) == (0, "ops: taken; see whether it arrived\n")
    assert hook.titles == ["reconcile: this is a test"]
    hook.status = 404
    done = mine.reconcile("alerts", "--test", "ops")
    assert (done.returncode, done.stderr) == (1, "error: the other side answered with status 404\n")


def test_a_name_that_nobody_has_is_told_with_the_nearest(mine: Folder) -> None:
    done = mine.reconcile("alerts", "--test", "opps")
    assert done.returncode == 64
    assert "did you mean 'ops'?" in done.stderr


def test_it_says_who_is_told_what_and_what_is_pending_and_leaves_no_trace(mine: Folder) -> None:
    fresh = mine.reconcile("alerts")
    assert fresh.returncode == 0
    assert [line.split() for line in fresh.stdout.splitlines()][1][:4] == ["ops", "rolledBack,", "stalled", "prod*"]
    journal = SqliteJournal(mine.root / "state" / "journal.db")
    for event in (ACCEPTED, *failed(), *SUCCEEDED, *failed()):
        journal.append("production", event, actor="test")
    folder = mine.root / "state" / "alerts"
    folder.mkdir()
    stopped = Position(journal.id, Mark(2), "the one before", "2026-01-01T10:00:00.000+00:00")
    position.write(position.file(folder, "ops"), stopped)
    journal.close()
    before = listing(mine.root)
    done = mine.reconcile("alerts", "--output", "json")
    assert listing(mine.root) == before
    (found,) = json.loads(done.stdout)["alerts"]
    assert (done.returncode, found["pending"], found["sent"], found["failure"]) == (0, 2, "the one before", "")


def test_a_failure_that_lasts_is_shown_and_the_exit_code_tells(mine: Folder) -> None:
    folder = mine.root / "state" / "alerts"
    folder.mkdir(parents=True)
    failure = Position("", Mark(), failure="it was not delivered", failed_at="2026-01-01T10:00:00.000+00:00")
    position.write(position.file(folder, "ops"), failure)
    done = mine.reconcile("alerts")
    assert done.returncode == 1
    assert "2026-01-01T10:00:00Z it was not delivered" in done.stdout


@pytest.mark.parametrize("words", [("validate",), ("run",), ("alerts",), ("alerts", "--test", "bad")])
def test_an_address_that_makes_no_sense_is_told_by_its_place_and_is_not_shown(
    mine: Folder, words: tuple[str, ...]
) -> None:
    add(mine, f'[alerts.bad]\nurl = "nonsense-{TOKEN}"\n')
    done = mine.reconcile(*words)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "reconciler.toml: alerts.bad.url: the url is none that apprise understands" in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[alerts.bad]\n", "alerts.bad: expected exactly one of url, url_env and url_file"),
        (f'[alerts.bad]\nurl = "json://{TOKEN}"\nurl_env = "X"\n', "expected exactly one of"),
        (f'[alerts.bad]\nurl = "json://{TOKEN}"\non = ["rolledback"]\n', "alerts.bad.on.0: expected 'approval'"),
        (f'[alerts.bad]\nurl = "json://{TOKEN}"\non = []\n', "alerts.bad.on"),
        (f'[alerts.bad]\nurls = "json://{TOKEN}"\n', "unknown key 'urls'; did you mean 'url'?"),
        (f'[alerts.bad]\nurl = ["json://{TOKEN}"]\n', "alerts.bad.url"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_without_its_address(mine: Folder, text: str, wrong: str) -> None:
    add(mine, text)
    done = mine.reconcile("validate")
    assert done.returncode == 1
    assert wrong in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_nothing_of_apprise_is_loaded_by_who_only_looks(mine: Folder) -> None:
    look = "import sys; from reconciler.cli import cli; cli(['status'], standalone_mode=False)"
    look += "; print('apprise' in sys.modules)"
    words = [sys.executable, "-c", look]
    done = subprocess.run(words, cwd=mine.root, env=mine.environ, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("False\n"), done.stderr
