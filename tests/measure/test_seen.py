"""What became of every request, window by window. Time is a value here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.model import Release, Slot
from reconciler.core.reading import Window
from reconciler.drivers.protocols import Sample
from reconciler.measure import seen
from reconciler.measure.seen import Seen

AT_0 = Window("t1", Release(Slot.GREEN, "2"), Release(Slot.BLUE, "1"), 0, 5.0)
AT_10, AT_50 = replace(AT_0, rung=10, opened=9.0), replace(AT_0, rung=50, opened=12.0)
OK: dict[str, Any] = {"latency": 0.01, "status": 200, "ok": True}
BAD: dict[str, Any] = {"latency": 2.0, "status": None, "ok": False, "error": "no complete answer within 2 s"}


def sent(it: Seen, number: int, start: float) -> None:
    it.sent(number, {"road": "green", "step": "search", "start": start})


def shown(samples: Any) -> list[tuple[float, str, int | None]]:
    return [(one.start, kind(one), one.rung) for one in samples]


def kind(sample: Sample) -> str:
    return "pending" if sample.pending else "void" if sample.void else "ok" if sample.ok else "bad"


@pytest.fixture
def it() -> Seen:
    it = Seen()
    assert it.since(AT_0, now=100.0) == []
    return it


def test_a_request_is_known_of_from_when_it_was_sent(it: Seen) -> None:
    sent(it, 7, 101.0)
    assert shown(it.since(AT_0, 102.0)) == [(101.0, "pending", None)]
    assert it.answered(7, OK) == it.since(AT_0, 103.0)[0]
    assert shown(it.since(AT_0, 103.0)) == [(101.0, "ok", None)]


def test_what_was_sent_before_the_window_and_was_good_is_no_evidence(it: Seen) -> None:
    sent(it, 1, 101.0)
    it.answered(1, OK)
    assert it.since(AT_10, 102.0) == []


def test_what_was_sent_at_an_earlier_weight_and_fails_later_counts_against_the_newcomer(it: Seen) -> None:
    sent(it, 1, 101.0)
    it.since(AT_10, 102.0)
    sent(it, 2, 102.5)
    it.since(AT_50, 102.8)
    it.answered(1, BAD)
    it.answered(2, BAD)
    sent(it, 3, 103.0)
    assert shown(it.since(AT_50, 104.0)) == [(101.0, "bad", 0), (102.5, "bad", 10), (103.0, "pending", None)]


@pytest.mark.parametrize(
    "window",
    [
        replace(AT_10, opened=20.0),  # the loop does not hold against it what came before
        replace(AT_0, opened=20.0),  # lowered
        replace(AT_50, transition="t2"),
        replace(AT_50, newcomer=Release(Slot.GREEN, "3")),
        replace(AT_50, fair=102.0),  # it rises, but the gateway was down meanwhile
    ],
)
def test_a_window_that_does_not_rise_from_the_one_before_starts_anew(it: Seen, window: Window) -> None:
    it.since(AT_10, 101.0)
    sent(it, 1, 102.0)
    it.answered(1, BAD)
    assert it.since(window, 103.0) == []
    assert it.since(replace(window, rung=90), 104.0) == [], "and what it forgot stays forgotten when it rises"


def test_what_was_awaited_when_the_generator_ended_is_void_and_what_could_not_be_sent_is_nothing(it: Seen) -> None:
    sent(it, 1, 101.0)
    sent(it, 2, 101.5)
    it.unsent(2)
    it.abandon("it ended")
    assert shown(it.since(AT_0, 102.0)) == [(101.0, "void", None)]
    assert it.answered(1, OK) is None
    sent(it, 1, 103.0)  # the next generator counts from the beginning
    it.answered(1, OK)
    assert shown(it.since(AT_0, 104.0)) == [(101.0, "void", None), (103.0, "ok", None)]


def test_memory_is_bounded(it: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "CAPACITY", 10)
    for number in range(50):
        sent(it, number, 101.0 + number)
        it.since(replace(AT_0, opened=float(number)), 101.0 + number)
    assert it.answered(0, OK) is None
    assert len(it._samples) == 10
    assert len(it._openings) <= seen.WINDOWS
