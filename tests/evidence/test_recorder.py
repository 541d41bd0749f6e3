"""What is written while a transition runs: a crash leaves a valid, unfinished pack, which the next run completes."""

from __future__ import annotations

import errno
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from loop_world import spec
from pack_made import Recorded, good_switch, sample

from reconciler.core.model import Slot
from reconciler.errors import EvidenceBroken
from reconciler.evidence import writer
from reconciler.evidence.access import moment
from reconciler.evidence.pack import manifest, plan, stream
from reconciler.evidence.pack.closing import finish
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import GATEWAY, PLAN, REQUESTS, Pack, packs
from reconciler.evidence.pack.requests import TAIL, Told
from reconciler.evidence.pack.stream import read
from reconciler.evidence.pack.verify import verify
from reconciler.journal.sqlite import open_journal


def test_a_good_switch_leaves_a_pack_that_proves_it(tmp_path: Path) -> None:
    pack = good_switch(tmp_path)
    body = manifest.read(pack)
    assert body["verdict"]["zero_downtime"] == "Proved", body["verdict"]
    assert body["verdict"]["outcome"] == "Succeeded"
    assert verify(pack).findings == ()


def test_the_plan_is_what_a_preview_would_have_shown_and_every_step_of_it_was_taken(tmp_path: Path) -> None:
    pack = good_switch(tmp_path)
    (only,) = plan.read(pack.file(PLAN))
    agreed = gather(pack).agreement
    assert only["late"] is False
    assert agreed.agrees, agreed
    assert agreed.taken == agreed.planned > 8


def test_outside_of_a_transition_nothing_is_written(made: Recorded) -> None:
    made.recorder.close()
    assert list(packs(made.root)) == []


def test_a_rollback_leaves_a_pack_too_and_says_which_steps_were_not_reached(made: Recorded) -> None:
    pack = made.switch(good=False)
    made.recorder.close()
    agreed = gather(pack).agreement
    assert manifest.read(pack)["verdict"]["outcome"] == "RolledBack"
    assert (agreed.missing, agreed.extra) == ((), ())
    assert agreed.back[0] == "going back"
    assert agreed.unreached[-1] == "Succeeded"


def test_packs_are_chained_and_an_older_one_that_was_changed_is_found_by_the_next(made: Recorded) -> None:
    first = made.switch()
    second = made.switch(Slot.BLUE, blue="3")
    made.recorder.close()
    (link,) = manifest.read(second)["previous"]
    assert (link["transition"], link["state"]) == (first.transition, "finished")
    assert verify(second).findings == ()
    body = manifest.read(first)
    body["verdict"]["reasons"] = ["all was well"]
    forged = {**body, "digest": manifest.sealed(body)}
    first.file("manifest.json").write_bytes(manifest.written(forged))
    assert [one.what for one in verify(second).findings] == [
        f"the pack before it, {first.transition}, is not the one that it is chained to"
    ]


class Killed(BaseException):
    """The process is gone, here and now."""


def boundaries(folder: Path) -> int:
    """How many boundaries a switch passes."""
    made = Recorded(folder)
    made.begin()
    before = len(made.stand.points)
    made.switch()
    made.close()
    return len(made.stand.points) - before


def test_a_pack_survives_a_kill_at_every_step_and_the_next_run_completes_it(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    for blow in range(1, boundaries(tmp_path / "whole") + 1):
        folder = tmp_path / str(blow)
        folder.mkdir()
        survived(folder, blow)


def kill(made: Recorded, *, heard: bool) -> None:
    """What waits for a flush is lost; and if not even `heard`, what waits for the thread too."""
    gone = made.recorder
    gone._leave = lambda: None  # type: ignore[method-assign]
    if not heard:
        gone._take = lambda _told: None  # type: ignore[method-assign]
    gone.close()


def survived(folder: Path, blow: int) -> None:
    """A switch whose process is killed at its `blow`th boundary; what was told in its last second is lost."""
    made = Recorded(folder)
    made.begin()
    left = blow

    def strike(_point: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    made.stand.boundary = strike  # type: ignore[method-assign]
    with pytest.raises(Killed):
        made.switch()
    made.stand.boundary = lambda _point: None  # type: ignore[method-assign]
    kill(made, heard=blow % 2 == 0)
    made.restart()
    pack = made.switch()
    made.close()
    checked = verify(pack)
    assert checked.findings == (), (blow, checked.findings)
    assert gather(pack).steps.ended is not None


def test_what_was_cut_off_in_the_midst_of_a_record_is_dropped_and_the_rest_goes_on(made: Recorded) -> None:
    pack = made.switch()
    made.recorder.close()
    file = pack.file(REQUESTS)
    whole = file.read_bytes()
    count = len(list(read(file)))
    for name in ("manifest.json", "steps.jsonl", "gates.json", "approvals.json"):
        pack.file(name).unlink()
    file.write_bytes(whole + whole[:12])
    finish(pack, made.stand.journal)
    assert file.read_bytes() == whole
    assert len(list(read(file))) == count
    assert verify(pack).findings == ()


def test_a_request_whose_end_nobody_heard_is_unknown_and_then_nothing_is_proved(made: Recorded) -> None:
    made.loses = True
    made.recorder.sent("journey", "other", 0)
    pack = made.switch()
    made.recorder.close()
    body = manifest.read(pack)
    assert body["verdict"]["zero_downtime"] == "NotProved"
    assert body["figures"]["requests"]["unheard"] > 0


def test_a_failed_request_of_a_user_refutes_it_whatever_the_outcome(made: Recorded) -> None:
    made.fails = 7
    pack = made.switch()
    made.recorder.close()
    body = manifest.read(pack)
    assert (body["verdict"]["outcome"], body["verdict"]["zero_downtime"]) == ("Succeeded", "Refuted")


class Disk:
    """Full until it is not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self._real, self.only = True, stream._appended, ""
        monkeypatch.setattr(stream, "_appended", self._appended)

    def _appended(self, file: int, data: bytes) -> None:
        if self.full and self.only in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._real(file, data)


def test_a_disk_that_takes_nothing_stops_nobody_is_said_once_and_is_caught_up_with(
    made: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(monkeypatch)
    with caplog.at_level(logging.ERROR):
        pack = made.switch()
        disk.full = False
        made.recorder.close()
    assert manifest.read(pack)["verdict"]["zero_downtime"] == "Proved"
    assert len([one for one in caplog.records if "No space left" in one.message]) <= 1


def test_what_finds_no_room_is_counted_and_nothing_is_proved(made: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST", 0)
    disk = Disk(monkeypatch)
    pack = made.switch()
    disk.full = False
    made.recorder.close()
    body = manifest.read(pack)
    assert body["verdict"]["zero_downtime"] == "NotProved"
    found = body["figures"]["requests"]
    assert found["dropped"] > 0
    assert found["dropped"] + found["roads"].get("users", {"sent": 0})["sent"] == made.number + 1  # and who began


def test_what_is_dropped_again_and_again_is_counted_once_and_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST", 0)
    disk = Disk(monkeypatch)
    one = writer.Writer(Pack(tmp_path / "prod" / "000007-green-2"), 0.0, 0.0)  # says that it begins
    one.drop(4)
    for number in range(3):
        one.sent(("g", "r", number))
        one.over(Told("g", "r", number, sample(number, 1.0)))
        with pytest.raises(OSError, match="No space"):
            one.flush()
    disk.only = GATEWAY
    one._gateway.write({"at": 1.0})
    with pytest.raises(OSError, match="No space"):
        one.flush()
    disk.full = False
    one.close()
    told = [record for record in read(one.pack.file(REQUESTS)) if "dropped" in record]
    assert told == [{"dropped": 8, "of": REQUESTS}, {"dropped": 1, "of": GATEWAY}]


def test_what_the_gateway_counts_after_the_end_is_in_the_pack_for_as_long_as_requests_count(made: Recorded) -> None:
    pack = made.switch()
    made.rest(1.0)
    counted = made.stand.gateway.reading.counters
    assert counted.green is not None
    failing = replace(counted.green, errors=counted.green.errors + 5, requests=counted.green.requests + 5)
    made.stand.gateway.reading = replace(made.stand.gateway.reading, counters=replace(counted, green=failing))
    made.rest(10.0)
    made.recorder.close()
    body = manifest.read(pack)
    assert body["figures"]["gateway"]["counted"]["green"]["errors"] == 5
    assert body["verdict"]["zero_downtime"] == "Refuted"
    ended = moment(gather(pack).steps.entries[-1].at)
    looks = [record["at"] for record in read(pack.file(GATEWAY))]
    assert ended + 1 < max(looks) <= ended + TAIL


def test_a_transition_that_the_journal_does_not_know_is_no_evidence(tmp_path: Path) -> None:
    journal = open_journal(f"sqlite:///{tmp_path / 'journal.db'}")
    pack = Pack(tmp_path / "prod" / "000007-green-2")
    pack.folder.mkdir(parents=True)
    with pytest.raises(EvidenceBroken, match="knows no transition"):
        finish(pack, journal)
    journal.close()


def test_the_gateway_is_read_after_the_last_write_also_where_that_ends_the_transition(made: Recorded) -> None:
    made.stand.head = spec(Slot.GREEN)
    while not (made.stand.keeper.state.transition and made.stand.keeper.state.transition.rung):
        made.step()
    pack = made.switch(good=False)
    made.recorder.close()
    body = manifest.read(pack)
    assert body["verdict"]["outcome"] == "RolledBack"
    assert [shift["weight"] for shift in body["figures"]["shifts"]][-1] == 0
    read = [(one["blue"], one["green"]) for one in body["figures"]["gateway"]["weights"]]
    assert len(read) >= 3
    assert read[-1] == (100, 0)
