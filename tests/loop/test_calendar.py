"""The calendar as a tick hears it: in watched seconds that end where the wall says, however long the look took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_world import Stand, spec

from reconciler.core.model import Slot
from reconciler.core.reading import Closed
from reconciler.loop.tick import tick


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path)
    yield found
    found.close()


def test_a_window_opens_no_earlier_than_the_wall_says_however_seldom_it_is_looked_at(stand: Stand) -> None:
    """What lies between two looks is counted before the calendar is told in those seconds."""
    opens = 13.0  # by the wall
    stand.keeper._closed = lambda _manifest, watched: (
        (Closed(0.0, watched + opens - stand.clock.seconds, "deny"),) if stand.clock.seconds < opens else ()
    )
    while tick(stand.keeper).moved:
        pass
    stand.head = spec(Slot.GREEN)
    for second in (0.0, 4.0, 8.0, 12.0):
        stand.clock.seconds = second
        assert tick(stand.keeper).decision.answer.reason == "Frozen"  # type: ignore[union-attr]
    stand.clock.seconds = 16.0
    assert tick(stand.keeper).moved
