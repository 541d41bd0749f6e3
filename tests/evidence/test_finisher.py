"""Packs are finished by somebody else, who may fail: then it is tried again, and said once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pack_made import Recorded

from reconciler.errors import ReconcilerError, Refused
from reconciler.evidence import finish as finishing
from reconciler.evidence.finish import Finisher, deadline
from reconciler.evidence.pack import closing
from reconciler.evidence.pack.place import REQUESTS, Pack
from reconciler.evidence.pack.verify import verify


class Apart:
    """Fails so many times."""

    def __init__(self, fails: int) -> None:
        self.left, self.done = fails, threading.Event()

    def __call__(self, url: str, pack: Pack) -> None:
        if self.left:
            self.left -= 1
            raise ReconcilerError("no room")
        self.done.set()


def test_what_could_not_be_finished_is_tried_again_by_the_same_process_and_the_cause_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(finishing, "AGAIN", (0.001, 0.004))
    apart = Apart(3)
    with caplog.at_level(logging.ERROR):
        Finisher("sqlite:///none", apart).finish(Pack(tmp_path / "prod" / "000007-green-2"))
        assert apart.done.wait(30)
    assert [one.message for one in caplog.records if "no room" in one.message] == [
        f"{tmp_path}/prod/000007-green-2: the evidence could not be finished, and is tried again: no room"
    ]


def test_each_attempt_waits_longer_than_the_one_before_and_never_longer_than_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Timer:
        daemon = False

        def __init__(self, wait: float, work: object, given: object) -> None:
            waits.append(wait)

        def start(self) -> None: ...

    monkeypatch.setattr(threading, "Timer", Timer)
    finisher = Finisher("sqlite:///none")
    for _ in range(8):
        finisher._later(Pack(tmp_path / "prod" / "000007-green-2"), "no room")
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_ten_million_requests_have_time_enough(tmp_path: Path) -> None:
    pack = Pack(tmp_path / "prod" / "000007-green-2")
    assert deadline(pack) == 600
    pack.folder.mkdir(parents=True)
    with pack.file(REQUESTS).open("wb") as file:
        file.truncate(
            140_000_000
        )  # 14 bytes each, of which a process that has a core to itself needs 36 us: six minutes
    assert deadline(pack) > 10 * 360


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(tmp_path, lambda pack: None)
    found.begin()
    yield found
    found.close()


def test_a_lock_that_finds_no_room_is_refused_like_any_file_and_the_next_attempt_is_whole(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = made.switch()
    made.recorder.close()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(closing.RunLock, "take", full)
        with pytest.raises(Refused, match="No space left"):
            closing.finish(pack, made.stand.journal)
    closing.finish(pack, made.stand.journal)
    assert verify(pack).findings == ()
    assert [path.name for path in pack.folder.parent.iterdir()] == [pack.transition]
