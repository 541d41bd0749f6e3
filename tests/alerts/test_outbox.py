"""Each recipient is told everything once: in order, across restarts, and whatever becomes of the others."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from alerts_world import ACCEPTED, ASKED, BEGAN, SUCCEEDED, World, failed

from reconciler.alerts import outbox
from reconciler.core.events import Ended, Phase, Watched
from reconciler.core.situation import Wait
from reconciler.drivers.alerts.recipient import Kind, Recipient
from reconciler.drivers.local import durable
from reconciler.errors import JournalError, Refused

ADOPT = Wait("AdoptionNeeded", "a foreign gateway", blocked=True, alert=True)


def test_each_alert_is_sent_once_to_everybody(world: World) -> None:
    world.write(*failed())
    for _ in range(5):
        world.ring()
    world.write(Watched())
    world.ring()
    assert [len(taker.got) for taker in world.takers.values()] == [1, 1]


def test_a_restart_tells_nothing_twice_and_misses_nothing(world: World) -> None:
    world.write(*failed())
    world.ring()
    world.restart()
    world.ring()
    assert len(world.takers["ops"].got) == 1
    world.write(BEGAN)
    world.write(*SUCCEEDED[1:])  # while nobody looked
    world.restart()
    world.ring()
    assert world.takers["ops"].titles == [
        "production: green@1.4.2 was rolled back, blue@1.4.1 serves",
        "production: green@1.4.2 has succeeded",
    ]


def test_whoever_is_new_is_not_told_what_was_before(tmp_path: Path) -> None:
    world = World(tmp_path, "ops")
    world.write(ACCEPTED, *failed())
    world.ring()
    world.restart()
    world.ring()
    assert world.takers["ops"].got == []
    world.journal.close()


def test_a_crash_between_sending_and_writing_repeats_one_alert_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(*SUCCEEDED)
    world.ring()
    world.write(*failed())
    full = Refused("cannot write: no space left")
    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", lambda *_: (_ for _ in ()).throw(full))
        world.ring()
    assert len(world.takers["ops"].got) == 2
    world.restart()
    world.ring()
    assert len(world.takers["ops"].got) == 3
    assert world.takers["ops"].titles[1] == world.takers["ops"].titles[2]


def test_a_failing_alert_is_tried_later_and_later_and_the_order_is_kept(world: World) -> None:
    ops = world.takers["ops"]
    ops.broken = "the other side answered with status 500"
    world.write(BEGAN, ASKED)
    world.write(*failed()[1:])
    world.ring()
    world.pass_by(60.0)
    apart = [after - before for before, after in zip(ops.tries, ops.tries[1:], strict=False)]
    assert all(2**n / 2 <= wait <= 2**n + 1 for n, wait in enumerate(apart)), apart
    ops.broken = ""
    world.pass_by(600.0)
    assert [kind for _, _, kind in ops.got] == [Kind.APPROVAL, Kind.ROLLED_BACK]


def test_one_who_cannot_be_reached_delays_nobody_else(world: World) -> None:
    world.takers["ops"].broken = "no answer within 30s"
    world.write(*failed())
    world.ring()
    assert len(world.takers["chat"].got) == 1
    world.write(*SUCCEEDED)
    world.pass_by(3.0)
    assert len(world.takers["chat"].got) == 2
    assert world.takers["ops"].got == []


def test_what_waits_is_sent_after_a_restart(world: World) -> None:
    world.takers["ops"].broken = "refused"
    world.write(*failed())
    world.ring()
    world.takers["ops"].broken = ""
    world.restart()
    world.ring()
    assert [len(taker.got) for taker in world.takers.values()] == [1, 1]


def test_after_a_day_it_is_given_up_and_said_so(world: World, caplog: pytest.LogCaptureFixture) -> None:
    ops = world.takers["ops"]
    ops.broken = "refused"
    world.write(*failed())
    world.ring()
    world.pass_by(outbox.GIVEN_UP + 1200.0, every=300.0)
    told = [record.getMessage() for record in caplog.records if record.name == "reconciler.alerts"]
    assert len([line for line in told if "given up after a day" in line]) == 1
    assert len([line for line in told if "tried again until it is delivered" in line]) == 1, "not at every attempt"
    ops.broken = ""
    world.write(*SUCCEEDED)
    world.pass_by(1200.0, every=60.0)
    assert ops.titles == ["production: green@1.4.2 has succeeded"]


def test_what_is_kept_for_somebody_is_bounded(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PENDING", 3)
    ops = world.takers["ops"]
    ops.broken = "refused"
    for number in range(5):
        world.write(*failed(f"failure {number}"))
    world.ring()
    assert caplog.text.count("this one is dropped") == 4  # two for each of the two, who are offered five at once
    ops.broken = ""
    world.pass_by(3.0)
    assert [body.splitlines()[0] for _, body, _ in ops.got] == [f"why: AnalysisFailed: failure {n}" for n in (2, 3, 4)]


def test_only_what_is_wanted_is_told_and_a_wider_wish_brings_no_old_news(tmp_path: Path) -> None:
    url = "json://nobody.invalid"
    few = Recipient(url=url, on=(Kind.SUCCEEDED,), environments=("prod*",))
    world = World(tmp_path, few=few)
    world.write(ACCEPTED)
    world.ring()
    world.write(*failed(), *SUCCEEDED)
    world.write(ACCEPTED, *SUCCEEDED, environment="test")
    world.write(*failed())
    world.ring()
    assert world.takers["few"].titles == ["production: green@1.4.2 has succeeded"]
    world.recipients["few"] = Recipient(url=url)
    world.restart()
    world.ring()
    assert len(world.takers["few"].got) == 1
    world.journal.close()


def test_what_waits_for_a_person_is_told_once_and_again_when_it_changes(world: World) -> None:
    ops = world.takers["ops"]
    wait: list[Wait | None] = [ADOPT]
    tell = lambda: world.bell.tell("production", wait[0])  # noqa: E731
    world.pass_by(60.0, meanwhile=tell)
    assert ops.titles == ["production: it waits for somebody: AdoptionNeeded"]
    assert "next: reconcile adopt production --stable blue" in ops.got[0][1]
    world.restart()
    world.pass_by(60.0, meanwhile=tell)
    assert len(ops.got) == 1, "a restart is no news"
    wait[0] = Wait("GatewayUnreachable", "no answer", alert=True)
    world.pass_by(60.0, meanwhile=tell)
    assert len(ops.got) == 2
    wait[0] = Wait("InSync")
    world.pass_by(60.0, meanwhile=tell)
    assert len(ops.got) == 2, "that it is over is no alert"
    wait[0] = ADOPT
    world.pass_by(60.0, meanwhile=tell)
    assert len(ops.got) == 3


def test_what_comes_and_goes_wakes_nobody(world: World) -> None:
    waits = [Wait("GatewayUnreachable", "no answer", alert=True), Wait("InSync")]

    def flap() -> None:
        world.bell.tell("production", waits[int(world.clock.seconds) // 5 % 2])

    world.pass_by(300.0, meanwhile=flap)
    assert world.takers["ops"].got == []


def test_a_stall_and_the_journal_are_told_in_the_order_in_which_they_came(world: World) -> None:
    ops = world.takers["ops"]
    ops.broken = "refused"
    world.write(BEGAN)
    world.pass_by(20.0, meanwhile=lambda: world.bell.tell("production", ADOPT))
    world.write(Ended(Phase.ROLLED_BACK, "no"))
    ops.broken = ""
    world.restart()
    world.ring()
    assert [kind for _, _, kind in ops.got] == [Kind.STALLED, Kind.ROLLED_BACK]


def test_another_journal_begins_anew(world: World) -> None:
    world.write(*failed())
    world.ring()
    path = world.folder / "state" / "alerts" / "ops.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "journal": "another", "mark": [10_000, 7]}))
    world.restart()
    world.ring()
    world.write(*SUCCEEDED)
    world.ring()
    assert len(world.takers["ops"].got) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": 3}', "\x00", '{"mark": ["a", "b"]}'])
@pytest.mark.parametrize("name", ["ops.json", "_stalls.json"])
def test_a_broken_file_is_said_and_costs_no_more_than_old_news(
    world: World, name: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (world.folder / "state" / "alerts" / name).write_text(text)
    world.restart()
    world.ring()
    assert f"{name} cannot be read" in caplog.text
    world.write(*SUCCEEDED)
    world.pass_by(20.0, meanwhile=lambda: world.bell.tell("production", ADOPT))
    assert [kind for _, _, kind in world.takers["ops"].got] == [Kind.SUCCEEDED, Kind.STALLED]


def test_stalls_are_told_also_where_their_file_was_lost(world: World) -> None:
    ops = world.takers["ops"]
    world.pass_by(20.0, meanwhile=lambda: world.bell.tell("production", ADOPT))
    (world.folder / "state" / "alerts" / "_stalls.json").unlink()
    world.restart()
    world.pass_by(20.0, meanwhile=lambda: world.bell.tell("production", Wait("OwnerUnknown", alert=True)))
    assert len(ops.got) == 2


def test_a_journal_that_cannot_be_read_is_read_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(*failed())
    with monkeypatch.context() as patch:
        patch.setattr(world.journal, "since", lambda *_: (_ for _ in ()).throw(JournalError("disk I/O error")))
        world.ring()
        world.ring()
    assert caplog.text.count("alerts wait: disk I/O error") == 1
    world.ring()
    assert len(world.takers["ops"].got) == 1


def test_a_state_folder_that_cannot_be_made_is_said_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("in the way")
    world = World(tmp_path, "ops")
    world.write(ACCEPTED)
    world.ring()
    assert "alerts wait: cannot make" in caplog.text
    (tmp_path / "state").unlink()
    world.ring()
    world.write(*SUCCEEDED)
    world.ring()
    assert len(world.takers["ops"].got) == 1
    world.journal.close()


def test_a_quiet_recipient_does_not_write_its_file_at_every_look(world: World) -> None:
    path = world.folder / "state" / "alerts" / "ops.json"
    before = path.read_bytes()
    for _ in range(20):
        world.write(Watched())
        world.ring()
    assert path.read_bytes() == before


@pytest.fixture(autouse=True)
def _levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
