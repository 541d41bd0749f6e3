"""What users got goes on record: seldom while all is well, soon when nobody can serve, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loop_world import Stand, spec

from reconciler.core.events import Began, Ended, Requested, Verb, Watched
from reconciler.core.model import Pair, Slot
from reconciler.core.reading import Counters
from reconciler.core.tally import Tally
from reconciler.loop.meter import ALONG, OFTEN, SELDOM, Meter
from reconciler.loop.stopwatch import LONGEST
from reconciler.loop.tick import tick


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    yield found
    found.close()


def pass_time(stand: Stand, seconds: float, step: float = 0.5, requests: int = 0, failed: int = 0) -> None:
    """The loop goes on, and at each look blue's users have got this."""
    end = stand.clock.seconds + seconds
    while stand.clock.seconds < end:
        stand.clock.seconds += step
        count(stand, requests, failed)
        tick(stand.keeper)


def count(stand: Stand, requests: int, failed: int = 0) -> None:
    before = stand.gateway.reading.counters.blue or Counters()
    now = Counters(before.requests + requests, before.errors + failed)
    stand.gateway.reading = replace(stand.gateway.reading, counters=Pair(now, Counters()))


def told(stand: Stand, after: int = 0) -> list[Tally]:
    entries = stand.journal.since("prod", after)
    return [e.event.tally for e in entries if isinstance(e.event, Watched) and e.event.tally]


def at_rest(stand: Stand) -> int:
    """The number of the last entry, when blue serves and everything before is on record."""
    pass_time(stand, 10.0)
    stand.keeper.leave()
    return stand.journal.last("prod")


def test_a_quiet_hour_is_one_entry_with_its_time_and_its_requests(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, SELDOM, requests=3, failed=1)
    (found,) = told(stand, seq)
    assert found == Tally(up=SELDOM, users=found.users)
    assert found.requests == (3 * 7200, 7200)
    assert stand.journal.last("prod") == seq + 1


def test_an_outage_is_on_record_at_once_and_then_once_a_minute(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, 600.0)
    stand.gateway.reading = replace(stand.gateway.reading, up=False)
    stand.gateway.write = lambda *_: None  # type: ignore[method-assign]  # it does not come back
    stand.clock.seconds += 0.5
    tick(stand.keeper)
    pass_time(stand, 0.5)
    first, *_ = told(stand, seq)
    assert (first.up, first.out) == (600.0, 0.5)
    pass_time(stand, 10 * OFTEN)
    found = told(stand, seq)
    assert 9 <= len(found) <= 12
    assert sum(one.out for one in found) >= 9 * OFTEN


def test_a_transition_is_told_apart_from_the_time_around_it(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, 20.0, requests=7)
    stand.head = spec(Slot.GREEN)
    pass_time(stand, 30.0, requests=1)
    entries = stand.journal.since("prod", seq)
    (began,) = [i for i, e in enumerate(entries) if isinstance(e.event, Began)]
    (ended,) = [i for i, e in enumerate(entries) if isinstance(e.event, Ended)]
    before, last = entries[began - 1].event, entries[ended - 1].event
    assert isinstance(before, Watched)
    assert before.tally
    assert before.tally.requests[0] in range(7 * 40, 7 * 40 + 2)
    assert isinstance(last, Watched)


def test_what_could_not_be_written_is_told_by_the_next_entry(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, SELDOM - 0.5, requests=1)

    def ask(point: str) -> None:  # somebody writes between the look and the entry
        stand.boundary = lambda _: None  # type: ignore[method-assign]
        stand.journal.append("prod", Requested(Verb.RETRY), actor="anna")

    stand.boundary = ask  # type: ignore[method-assign]
    pass_time(stand, 0.5, requests=1)
    assert told(stand, seq) == []
    pass_time(stand, 0.5, requests=1)
    (found,) = told(stand, seq)
    assert (found.seconds, found.requests) == (SELDOM + 0.5, (7201, 0))


def test_another_life_of_the_gateway_is_time_without_a_count(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, 10.0, requests=5)
    stand.gateway.reading = replace(stand.gateway.reading, incarnation="second", counters=Pair(Counters(), Counters()))
    pass_time(stand, 10.0, requests=5)
    stand.keeper.leave()
    (found,) = told(stand, seq)
    assert found.uncounted == 0.5
    assert found.requests == (5 * 39, 0)


def test_heartbeats_of_a_timer_tell_what_users_got_every_few_minutes_only(stand: Stand) -> None:
    at_rest(stand)
    stand.head = spec(Slot.GREEN)
    pass_time(stand, 30.0)
    stand.keeper.leave()
    seq = stand.journal.last("prod")
    pass_time(stand, 2 * ALONG + 1.0)  # the old slot waits to be stopped: a heartbeat each minute
    beats = [entry for entry in stand.journal.since("prod", seq) if isinstance(entry.event, Watched)]
    assert len(beats) == 10
    assert [one.up for one in told(stand, seq)] == [ALONG, ALONG]


def test_an_orderly_end_writes_what_is_left_and_only_that(stand: Stand) -> None:
    seq = at_rest(stand)
    pass_time(stand, 5.0)
    stand.journal.append("prod", Requested(Verb.RETRY), actor="anna")
    stand.keeper.leave()
    stand.keeper.leave()
    assert [one.seconds for one in told(stand, seq)] == [5.0]


def test_whoever_only_looks_writes_nothing() -> None:
    meter = Meter()
    assert not meter.due
    meter.add(Tally(up=SELDOM - 1))
    assert not meter.due
    meter.add(Tally(out=0.1))
    assert meter.due
    assert meter.take() == Tally(up=SELDOM - 1, out=0.1)
    assert not meter.started


def test_a_long_step_is_watched_for_five_seconds_and_the_rest_is_told_beside_it(stand: Stand) -> None:
    seq, watched = at_rest(stand), stand.keeper.now
    stand.clock.seconds += 20.0
    count(stand, 100)
    tick(stand.keeper)
    stand.keeper.leave()
    (found,) = told(stand, seq)
    assert found == Tally(up=LONGEST, users=found.users, bridged=15.0, answered=15.0)
    assert found.requests == (100, 0)
    assert stand.keeper.now - watched == LONGEST
