"""A pack ends when the last of its requests does: neither a slow answer, nor a slow disk, nor the end of the command
makes a request one of which nobody knows what became of it."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest
from loop_world import spec
from pack_made import Leaving, Recorded, sample

from reconciler.core.model import Slot
from reconciler.evidence.pack import manifest, stream
from reconciler.evidence.pack.place import REQUESTS, Pack
from reconciler.evidence.pack.stream import read
from reconciler.evidence.recorder import LEAVING, Recorder

SOON = 60.0  # seconds until a test that waits for a thread says so
NAME = ("journey", "late", 0)


def notices(recorder: Recorder) -> None:
    """Until the recorder's thread has heard everything, and seen what time it is."""
    seen, due = Semaphore(0), recorder._due

    def after() -> None:
        heard = recorder._told.empty()
        due()
        if heard:
            seen.release()

    recorder._due = after  # type: ignore[method-assign]
    assert seen.acquire(timeout=SOON)
    recorder._due = due  # type: ignore[method-assign]


def figures(pack: Pack) -> dict[str, Any]:
    found: dict[str, Any] = manifest.read(pack)
    return found


def unheard(pack: Pack) -> int:
    return sum("unheard" in record for record in read(pack.file(REQUESTS)))


def half_way(made: Recorded) -> Pack:
    """The newcomer has some of the traffic."""
    made.stand.head = spec(Slot.GREEN)
    while not (made.stand.keeper.state.transition and made.stand.keeper.state.transition.rung):
        made.step()
    return Pack(made.root / "prod" / made.stand.keeper.state.transition.id)


def answer(made: Recorded, sent: float, *, ok: bool = True) -> None:
    took = made.stand.clock.seconds - sent
    made.recorder.over(*NAME, sample(0, sent, ok=ok, latency=took))


@pytest.mark.parametrize("latency", [10.0, 60.0])
def test_an_answer_is_waited_for_as_long_as_its_gate_waits_for_it(made: Recorded, latency: float) -> None:
    pack = made.switch()
    made.rest(2.0)
    sent = made.stand.clock.seconds
    made.recorder.sent(*NAME)
    made.stand.clock.seconds += latency
    notices(made.recorder)
    answer(made, sent)
    made.recorder.close()
    body = figures(pack)
    assert body["verdict"]["zero_downtime"] == "Proved", body["verdict"]
    assert body["figures"]["requests"]["roads"]["users"]["slowest"] == latency


def test_an_answer_that_never_comes_holds_no_pack_open_for_ever(made: Recorded) -> None:
    pack = made.switch()
    made.recorder.sent(*NAME)
    made.stand.clock.seconds += 100.0
    notices(made.recorder)
    assert made.done == [pack]
    assert figures(pack)["figures"]["requests"]["unheard"] == 1


def test_what_users_met_at_the_end_counts_however_late_the_disk_takes_it(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled, on, appended = Event(), Event(), stream._appended

    def stalls(file: int, data: bytes) -> None:
        stalled.set()
        assert on.wait(SOON)
        appended(file, data)

    pack = made.switch()
    notices(made.recorder)
    monkeypatch.setattr(stream, "_appended", stalls)
    made.rest(1.5)
    assert stalled.wait(SOON)
    sent = made.stand.clock.seconds
    made.recorder.sent(*NAME)
    answer(made, sent, ok=False)
    made.stand.clock.seconds += 100.0
    on.set()
    made.recorder.close()
    body = figures(pack)
    assert body["figures"]["requests"]["unheard"] == 0
    assert body["verdict"]["zero_downtime"] == "Refuted", body["verdict"]


class Leaves:
    """How a command ends: asked by the recorder that it waits for, whether it is in a hurry, it lets time pass."""

    def __init__(self, made: Recorded, *, hurry: bool, answers: bool = True, step: float = 1.0) -> None:
        self.made, self.hurry, self.answers, self.step = made, hurry, answers, step
        self.sent = made.stand.clock.seconds
        made.recorder.sent(*NAME)

    def __call__(self) -> bool:
        self.made.stand.clock.seconds += self.step
        assert self.made.stand.clock.seconds - self.sent < 150.0, "it is waited for without an end"
        if self.answers and self.made.stand.clock.seconds - self.sent >= 2.0:
            self.answers = False
            answer(self.made, self.sent)
        return self.hurry

    def close(self) -> float:
        """Seconds that it took."""
        began = self.made.stand.clock.seconds
        super(Leaving, self.made.recorder).close(self)
        return self.made.stand.clock.seconds - began


def test_a_command_that_ends_in_the_midst_of_a_switch_waits_for_no_load_generator_that_hangs(made: Recorded) -> None:
    """As with exit code 3, where an approval is waited for: it ends what it started only afterwards."""
    pack = half_way(made)
    leaves = Leaves(made, hurry=False, answers=False)
    assert leaves.close() == LEAVING
    assert unheard(pack) == 1
    assert not pack.finished


class Hanging:
    """A recorder's thread that a disk keeps, until `looks` times somebody has looked whether it still does."""

    def __init__(self, looks: int) -> None:
        self.looks, self.waits = looks, list[float | None]()

    def is_alive(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def join(self, timeout: float | None = None) -> None:
        self.waits.append(timeout)


def test_whoever_waits_for_the_recorder_looks_up_again_and_again(tmp_path: Path) -> None:
    """Windows interrupts no wait without an end: Ctrl-C would not be heard."""
    recorder, hanging = Recorder(tmp_path, "prod"), Hanging(3)
    recorder._thread = hanging  # type: ignore[assignment]
    recorder.close()
    assert len(hanging.waits) == 3
    assert all(hanging.waits), "none of them without an end"


@pytest.mark.parametrize("hurry", [False, True])
def test_a_command_that_ends_with_its_switch_waits_for_what_was_sent(made: Recorded, hurry: bool) -> None:
    pack = made.switch()
    leaves = Leaves(made, hurry=hurry)
    assert 2.0 <= leaves.close() <= LEAVING
    assert figures(pack)["verdict"]["zero_downtime"] == "Proved", figures(pack)["verdict"]
    assert figures(pack)["figures"]["requests"]["unheard"] == 0


def test_a_person_who_interrupts_it_waits_for_seconds_and_what_is_not_heard_then_is_unknown(made: Recorded) -> None:
    pack = made.switch()
    leaves = Leaves(made, hurry=True, answers=False)
    assert leaves.close() == LEAVING
    assert figures(pack)["verdict"]["zero_downtime"] == "NotProved"
    assert figures(pack)["figures"]["requests"]["unheard"] == 1


def test_nobody_who_is_in_no_hurry_waits_for_ever(made: Recorded) -> None:
    made.switch()
    assert Leaves(made, hurry=False, answers=False, step=30.0).close() < 100.0


def test_an_interruption_in_the_midst_of_a_switch_hears_the_answers_that_are_on_their_way(made: Recorded) -> None:
    pack = half_way(made)
    leaves = Leaves(made, hurry=True)
    assert leaves.close() < LEAVING
    assert unheard(pack) == 0
    assert not pack.finished


def test_the_recorder_leaves_before_whoever_sends_for_it_does(made: Recorded) -> None:
    ended: list[str] = []
    keeper = made.stand.keeper
    world = keeper._world
    assert world
    world.close = lambda **_: ended.append("world")  # type: ignore[method-assign]
    made.recorder.close = lambda hurry=None: ended.append("recorder")  # type: ignore[method-assign, assignment, misc]
    keeper.close()
    assert ended == ["recorder", "world"]
    del made.recorder.close
