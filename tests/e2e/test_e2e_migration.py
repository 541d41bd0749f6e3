"""A real database is migrated under users, by a real command; crashes, failures and doubts included."""

from __future__ import annotations

import json
import signal
import urllib.request
from typing import Any

import pytest
from e2e_laws import assert_lawful
from e2e_manifest import NOTE, RUNGS, SEARCH
from e2e_playground import Playground, until
from e2e_users import assert_nothing_lost

from reconciler.core.events import Intended, Migrated, Phase, RollbackBegan, StagePassed
from reconciler.core.steps import Migrate
from reconciler.demo.place import sample

pytestmark = pytest.mark.real

GATES = """\
    migrate:
      - {kind: migration, command: dry-run}
"""
BOTH_WORK = SEARCH + GATES + "  migrate: {command: migrate, check: migrated, oldVersionWorks: true}\n"
ONE_WAY = SEARCH + GATES + "  migrate: {command: migrate, check: migrated, oldVersionWorks: false}\n"
AT_ONCE = ("setWeight: 100", "handOver: [worker]")


@pytest.fixture
def ground(playground: Playground) -> Playground:
    """1.0.0 serves with the notes' database at schema 1; the operator has defined what a migration is."""
    playground.release("1.0.0", schema=1)
    words = ("{python}", str(sample() / "migrate.py"), str(playground.place.data), str(playground.root / "releases"))
    for name, option in (("migrate", ()), ("dry-run", ("--dry-run",)), ("migrated", ("--check",))):
        playground.command(name, *words, "{version}", *option)
    playground.commit("blue", "1.0.0", "1.0.0")
    playground.run()
    playground.until(lambda state: state.warm.green == "1.0.0")
    return playground


def runs(ground: Playground) -> list[dict[str, Any]]:
    """What the migration itself has written down of every run that changed something."""
    path = ground.place.data / "migrations.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def migrating(ground: Playground) -> list[list[str]]:
    return [line for line in ground.processes() if "--check" not in line and "migrate.py" in " ".join(line)]


def note(ground: Playground, text: str = "") -> list[str]:
    url = f"http://127.0.0.1:{ground.place.port}/api/notes"
    if text:
        urllib.request.urlopen(urllib.request.Request(url, data=text.encode(), method="POST"), timeout=5).close()
    with urllib.request.urlopen(url, timeout=5) as answer:
        return [one["text"] for one in json.load(answer)["notes"]]


def test_a_database_is_migrated_once_under_users_and_nothing_is_lost(ground: Playground) -> None:
    note(ground, "before")
    ground.release("2.0.0", schema=2)
    users = ground.users()
    ground.commit("green", "1.0.0", "2.0.0", gates=BOTH_WORK)
    ground.until_stable("green", "2.0.0")
    assert note(ground, "after") == ["before", "after"]
    assert runs(ground) == [{"version": "2.0.0", "from": 1, "to": 2}]
    assert [event.version for event in ground.events(Migrated)] == ["2.0.0"]
    assert any("migration Successful" in event.evidence for event in ground.events(StagePassed))
    assert_nothing_lost(users.stop())
    assert_lawful(ground.entries(), RUNGS)


def test_a_reconciler_killed_in_mid_migration_leaves_nobody_behind_and_the_next_finds_out(ground: Playground) -> None:
    ground.release("2.0.0", schema=2, migrate_s=600)
    ground.commit("green", "1.0.0", "2.0.0", gates=BOTH_WORK)
    ground.until_event(lambda event: isinstance(event, Intended) and isinstance(event.act, Migrate))
    until(lambda: migrating(ground), "its process")
    ground.stop_run(signal.SIGKILL)
    until(lambda: not migrating(ground), "its end")
    ground.release("2.0.0", schema=2)
    ground.run()
    ground.until_stable("green", "2.0.0")
    assert len(runs(ground)) == 1
    assert len(ground.events(Migrated)) == 1


def test_a_reconciler_killed_after_the_migration_does_not_run_it_again(ground: Playground) -> None:
    """It was applied, and nobody lived to write that down: the check tells the next one."""
    ground.release("2.0.0", schema=2, migrate_s=0.5)
    ground.commit("green", "1.0.0", "2.0.0", gates=BOTH_WORK)
    until(lambda: runs(ground), "the migration", ground.story)
    ground.stop_run(signal.SIGKILL)
    ground.run()
    ground.until_stable("green", "2.0.0")
    assert len(runs(ground)) == 1


def test_a_migration_that_fails_moves_nobody_and_says_its_last_words(ground: Playground) -> None:
    ground.release("2.0.0", schema=2, migrate_fails=True)
    users = ground.users()
    ground.commit("green", "1.0.0", "2.0.0", gates=BOTH_WORK, more=NOTE)
    state = ground.until(lambda state: state.last is not None)
    assert state.last
    assert state.last.phase is Phase.ROLLED_BACK
    (back,) = ground.events(RollbackBegan)
    assert back.condition == "MigrationFailed"
    assert "'migrate' ended with exit code 3" in back.reason
    assert "the disk is full" in back.reason
    assert "not applied" in back.reason
    assert ground.reconcile("status").returncode == 3
    assert {request.slot for request in users.stop()} == {"blue"}


def test_after_a_migration_that_the_old_version_does_not_bear_a_failure_holds_and_asks(ground: Playground) -> None:
    ground.release("3.0.0", schema=3, search_errors=0.5)
    ground.commit("green", "1.0.0", "3.0.0", gates=ONE_WAY, steps=AT_ONCE)
    found = ground.until_status(lambda status: status["reason"] == "Holding")
    assert "blue@1.0.0 does not work with the migrated data" in found["message"]
    assert not ground.events(RollbackBegan)
    assert note(ground, "still here") == ["still here"]
    ground.ask("abort")
    ground.until(lambda state: state.last is not None and state.last.phase is Phase.ABORTED)
