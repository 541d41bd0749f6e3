"""A drill by the schedule, in a loop that looks at a wall clock, is ended and begins again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from loop_world import BEGINNING, Stand, spec

from reconciler.core.events import Began, DrillBegan, DrillEnded, DrillMissed, DrillScheduled, Phase, Requested, Verb
from reconciler.core.model import DrillPolicy
from reconciler.core.reading import Closed
from reconciler.desired.document import DrillEntry
from reconciler.desired.timetable import agenda, text
from reconciler.loop.tick import tick

DAILY = DrillEntry.model_validate({"schedule": "0 3 * * *", "timeZone": "Asia/Seoul"})
DUE = 18 * 3600.0  # seconds after the beginning: at 03:00 in Seoul


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    found.head = spec(green="1", drill=DrillPolicy())
    begin(found)
    yield found
    found.close()


def begin(stand: Stand) -> None:
    """A process that keeps it, and comes to rest."""
    stand.keeper = stand.new_keeper()
    stand.keeper._agenda = lambda manifest, state: agenda(DAILY, manifest.spec, state, stand.clock.now())
    rest(stand)


def rest(stand: Stand) -> None:
    while tick(stand.keeper).moved:
        pass


def watch(stand: Stand, until: float, step: float = 1.0) -> None:
    """Look every `step` seconds; as often as there is something to do."""
    while stand.clock.seconds < until:
        stand.clock.seconds = min(until, stand.clock.seconds + step)
        rest(stand)


def events(stand: Stand, *kinds: type) -> list[object]:
    return [entry.event for entry in stand.journal.since("prod", 0) if isinstance(entry.event, kinds)]


def test_it_begins_at_its_time_and_not_again_until_the_next(stand: Stand) -> None:
    stand.clock.seconds = DUE - 1.5
    rest(stand)
    assert events(stand, DrillScheduled) == [DrillScheduled("0 3 * * * Asia/Seoul", "2025-12-31T18:00:00+00:00")]
    assert not events(stand, DrillBegan)
    watch(stand, DUE + 60.0)
    (began,) = events(stand, DrillBegan)
    assert isinstance(began, DrillBegan)
    assert (began.due, began.at) == ("2026-01-01T18:00:00+00:00", text(stand.clock.now())[:11] + "18:00:00+00:00")
    assert (datetime.fromisoformat(began.until) - BEGINNING).total_seconds() == DUE + 0.5 - 0.5 + 14400
    assert events(stand, DrillEnded) == [DrillEnded(Phase.SUCCEEDED)]
    begin(stand)
    watch(stand, DUE + 3600.0, 60.0)
    assert len(events(stand, DrillBegan)) == 1
    watch(stand, DUE + 86400.0 - 1, 300.0)
    watch(stand, DUE + 86400.0 + 60)
    assert len(events(stand, DrillBegan)) == 2


def test_a_loop_that_ends_in_its_midst_does_not_begin_it_twice(stand: Stand) -> None:
    stand.clock.seconds = DUE
    while not events(stand, Began):
        tick(stand.keeper)
    begin(stand)
    watch(stand, DUE + 60.0)
    assert len(events(stand, DrillBegan)) == len(events(stand, DrillEnded)) == 1


def test_what_was_due_while_nobody_looked_is_said_and_left_out(stand: Stand) -> None:
    stand.clock.seconds = DUE + 3 * 86400.0 + 3600.0
    begin(stand)
    assert [event.due for event in events(stand, DrillMissed)] == ["2026-01-04T18:00:00+00:00"]  # type: ignore[attr-defined]
    assert not events(stand, DrillBegan)


def test_one_that_was_left_in_its_midst_for_longer_than_it_may_last_goes_back(stand: Stand) -> None:
    stand.clock.seconds = DUE
    while not stand.keeper.state.transition:
        tick(stand.keeper)
    stand.clock.seconds = DUE + 14400.0
    begin(stand)
    (ended,) = events(stand, DrillEnded)
    assert ended == DrillEnded(Phase.ABORTED, "DrillExpired: the drill's time is over")


def test_windows_are_told_where_a_drill_is_due_although_git_asks_for_nothing_new(stand: Stand) -> None:
    stand.keeper._closed = lambda _manifest, _watched: (Closed(0.0, None, "deny for ever"),)
    stand.clock.seconds = DUE
    rest(stand)
    assert not events(stand, DrillBegan)
    watch(stand, DUE + 700.0, 100.0)
    (missed,) = events(stand, DrillMissed)
    assert "deny for ever" in missed.reason  # type: ignore[attr-defined]


def test_a_word_that_nobody_heard_in_time_begins_nothing(stand: Stand) -> None:
    until = text(stand.clock.now())
    stand.journal.append("prod", Requested(Verb.DRILL, until=until), actor="test")
    stand.clock.seconds += 3600.0
    begin(stand)
    assert "ask again" in stand.keeper.state.request_refused
    assert not events(stand, DrillBegan)
