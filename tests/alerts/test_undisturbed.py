"""Whatever becomes of an alert, the transition goes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alerts_servers import Webhook, webhook

from reconciler.alerts.bell import Bell
from reconciler.core.model import Outcome, Slot, all_on
from reconciler.drivers.alerts.recipient import Recipient
from reconciler.errors import JournalError
from reconciler.journal.sqlite import open_journal
from reconciler.loop.run import FAILING, Runner

sys.path.append(str(Path(__file__).parents[1] / "loop"))
from loop_world import Stand, spec

PATIENCE = 40.0


class Source:
    def look(self) -> set[str]:
        return set()

    def names(self) -> list[str]:
        return ["prod"]


class Running:
    """A loop's turns, one after the other, with the bell's own threads beside it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.stand = Stand(folder)
        journal = open_journal(f"sqlite:///{folder / 'journal.db'}", read_only=True)
        self.bell = Bell({"ops": Recipient(url=url)}, folder / "state", journal)
        self.runner = Runner(Source(), lambda _name: self.stand.keeper, self.bell.tell)
        self.runner.look()
        self.bell.look()
        self.bell.start()

    def turns(self, seconds: float = 40.0) -> None:
        end = self.stand.clock.seconds + seconds
        while self.stand.clock.seconds < end:
            self.stand.clock.seconds += 0.5
            self.runner._once(self.stand.keeper)

    def close(self) -> None:
        self.bell.stop(0.1)
        self.stand.close()


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def running(tmp_path: Path, hook: Webhook) -> Iterator[Running]:
    made = Running(tmp_path, hook.url)
    made.turns(10.0)
    yield made
    made.close()


def switched(running: Running) -> bool:
    return bool(running.stand.keeper.state.stable and running.stand.keeper.state.stable.slot is Slot.GREEN)


def test_a_recipient_who_never_answers_does_not_hold_up_a_switch(running: Running, hook: Webhook) -> None:
    hook.silent = True
    running.stand.head = spec(Slot.GREEN)
    running.turns()
    assert switched(running)
    assert hook.taken.wait(PATIENCE), "and it was asked, and has not answered yet"
    running.stand.head = spec(Slot.BLUE)
    running.turns()
    assert running.stand.gateway.reading.weights == all_on(Slot.BLUE), "also while it waits"


def test_a_rollback_is_done_and_then_told(running: Running, hook: Webhook) -> None:
    hook.status = 500
    running.stand.rounds.outcome = Outcome.FAILED
    running.stand.head = spec(Slot.GREEN)
    running.turns()
    assert running.stand.gateway.reading.weights == all_on(Slot.BLUE)
    assert hook.taken.wait(PATIENCE)
    assert hook.got == []
    hook.status = 200
    hook.taken.clear()
    assert hook.taken.wait(PATIENCE), "the failing one is tried again"
    assert "prod: green@2 was rolled back, blue@1 serves" in hook.titles[0]


def test_a_defect_in_an_alert_costs_the_loop_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    met = threading.Event()

    def broken(*_: object) -> Any:
        met.set()
        raise ZeroDivisionError("s3cr3t")

    monkeypatch.setattr(running.bell._news, "after", broken)
    running.stand.head = spec(Slot.GREEN)
    running.turns()
    assert met.wait(PATIENCE)
    assert switched(running)
    running.bell.stop(PATIENCE)
    assert "a defect in the reconciler (ZeroDivisionError)" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_loop_that_cannot_look_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    running.runner._report = lambda name, wait: told.append((name, wait.reason, wait.message))
    with monkeypatch.context() as patch:
        patch.setattr(running.stand.journal, "since", lambda *_: (_ for _ in ()).throw(JournalError("disk full")))
        running.runner._once(running.stand.keeper)
    assert told == [("prod", FAILING, "disk full")]
