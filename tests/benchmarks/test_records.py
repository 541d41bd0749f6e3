"""Journal and access log are read as they mean it: whose requests count, and which entry is the decision."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import records

from reconciler.core.events import Applied, Began, Ended, Event, Intended, Phase, RollbackBegan
from reconciler.core.model import Release, Routing, Slot, all_on, share
from reconciler.core.steps import Result, Route
from reconciler.evidence.access import Served
from reconciler.journal.entry import Entry

BLUE, GREEN = Release(Slot.BLUE, "1"), Release(Slot.GREEN, "2")
SOME = share(Slot.GREEN, 10)
RISE = Intended(Route(all_on(Slot.BLUE), Routing(SOME), advance=True), "shift")
RETURN = Intended(Route(SOME, Routing(all_on(Slot.BLUE))), "go-back")
BACK = RollbackBegan(Phase.ROLLED_BACK, "AnalysisFailed", "users: green failed", hold=True)


def began(newcomer: Release = GREEN) -> Began:
    return Began("t", BLUE, newcomer, "digest", "revision", ())


def journal(*events: tuple[float, Event]) -> list[Entry]:
    return [
        Entry(number, "demo", 1, "bench", datetime.fromtimestamp(at, UTC).isoformat(), 0.0, 1, event, "", "")
        for number, (at, event) in enumerate(events, 1)
    ]


def story(at: float, newcomer: Release = GREEN) -> list[tuple[float, Event]]:
    """Rises at 1 s, is found at 3, and is back 20 ms later."""
    rise: list[tuple[float, Event]] = [(at, began(newcomer)), (at + 1, RISE), (at + 1.01, Applied(Result.DONE))]
    back: list[tuple[float, Event]] = [(at + 3, BACK), (at + 3, RETURN), (at + 3.02, Applied(Result.DONE))]
    return [*rise, *back, (at + 4, Ended(Phase.ROLLED_BACK))]


def test_a_rollback_is_measured_by_those_whom_the_newcomer_served() -> None:
    served = [
        Served(3.008, Slot.GREEN, 200),
        Served(0.5, Slot.BLUE, 500),
        Served(1.0, Slot.GREEN, 200),
        Served(2.0, Slot.GREEN, 500),
        Served(3.5, Slot.BLUE, 200),
        Served(3.6, None, 503),
    ]
    (found,) = records.rollbacks(journal(*story(0.0)), served)
    assert (found.version, found.seconds, found.errors, found.after) == ("2", 2.0, 1, 1)
    assert (round(found.last_ms), round(found.read_back_ms)) == (8, 20)


def test_nobody_after_the_decision_is_below_zero_and_not_zero() -> None:
    (found,) = records.rollbacks(journal(*story(0.0)), [Served(2.99, Slot.GREEN, 200)])
    assert (found.after, round(found.last_ms)) == (0, -10)


def test_each_rollback_has_its_own_users() -> None:
    entries = journal(*story(0.0), *story(10.0, Release(Slot.GREEN, "3")))
    served = [Served(1.5, Slot.GREEN, 500), Served(11.5, Slot.GREEN, 200), Served(13.001, Slot.GREEN, 200)]
    first, second = records.rollbacks(entries, served)
    assert (first.version, first.errors, second.version, second.errors) == ("2", 1, "3", 0)
    assert (first.seconds, second.seconds) == (1.5, 1.5)


def test_a_write_that_was_not_done_is_not_the_way_back() -> None:
    events = [(0.0, began()), (3.0, BACK), (3.0, RETURN), (3.1, Applied(Result.UNKNOWN))]
    more = [(3.5, RETURN), (3.6, Applied(Result.DONE)), (4.0, Ended(Phase.ROLLED_BACK))]
    (found,) = records.journalled(journal(*events, *more))
    assert found.read_back == 3.6


def test_what_succeeded_is_no_rollback() -> None:
    events = [(0.0, began()), (1.0, RISE), (1.1, Applied(Result.DONE)), (2.0, Ended(Phase.SUCCEEDED))]
    assert list(records.journalled(journal(*events))) == []


def test_without_users_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no user met"):
        list(records.rollbacks(journal(*story(0.0)), []))
