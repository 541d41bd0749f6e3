"""What is put on record about a certificate: once, by level, and a warning once a day at most."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from reconciler.core.certifying import certified, news
from reconciler.core.events import CertificateEnding, CertificateRefused, CertificateShown
from reconciler.core.reading import CertificateReading
from reconciler.core.state import State

DAY = 86400.0
END = 100 * DAY
SHOWN = CertificateReading("shop", "AB12", END, 21 * DAY)


def told(state: State, found: CertificateReading, now: float) -> tuple[State, list[object]]:
    events = list(news(state.certified, found, now))
    for event in events:
        state = certified(state, event)
    return state, list(events)


def test_what_is_shown_is_told_once_and_again_when_it_is_another() -> None:
    state, first = told(State(), SHOWN, 0.0)
    assert first == [CertificateShown("shop", "AB12", END)]
    assert told(state, SHOWN, 1.0)[1] == []
    other = replace(SHOWN, serial="CD34", ends=2 * END)
    assert told(state, other, 2.0)[1] == [CertificateShown("shop", "CD34", 2 * END)]


def test_a_refusal_is_told_once_and_so_is_its_end() -> None:
    state, _ = told(State(), SHOWN, 0.0)
    wrong = replace(SHOWN, problem="not its key")
    state, first = told(state, wrong, 1.0)
    assert first == [CertificateRefused("shop", "not its key")]
    assert told(state, wrong, 2.0)[1] == []
    assert told(state, SHOWN, 3.0)[1] == [CertificateRefused("shop", "")]


def test_an_end_is_warned_of_once_a_day_and_at_the_moment_itself() -> None:
    state, _ = told(State(), SHOWN, 0.0)
    found: list[float] = []
    for hour in range(24 * 70, 24 * 103):
        now = hour * 3600.0
        state, events = told(state, SHOWN, now)
        found += [event.at for event in events if isinstance(event, CertificateEnding)]
    assert found[0] == END - 21 * DAY
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert END in found
    assert min(gaps) == DAY
    assert len(found) == 21 + 3


def test_the_moment_itself_is_told_also_a_moment_after_a_warning() -> None:
    state, _ = told(State(), SHOWN, END - 60)
    assert [type(event) for event in told(state, SHOWN, END + 1)[1]] == [CertificateEnding]


def test_nobody_is_warned_of_what_is_not_shown_or_not_known() -> None:
    assert told(State(), replace(SHOWN, serial="", ends=None), 2 * END)[1] == []
    state, _ = told(State(), SHOWN, END - DAY)
    renewed = replace(SHOWN, serial="CD34", ends=2 * END)
    assert [type(event) for event in told(state, renewed, END)[1]] == [CertificateShown]
