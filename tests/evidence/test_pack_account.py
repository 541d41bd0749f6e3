"""sent = ok + failed + unknown, and what follows from the latencies: exactly, whatever the order and the number."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from evidence_pack import switched
from hypothesis import given
from hypothesis import strategies as st

from reconciler.drivers.journey import USE
from reconciler.drivers.protocols import Sample
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.account import Account, Ledger, account
from reconciler.evidence.pack.course import LATE
from reconciler.evidence.pack.numbers import Numbers
from reconciler.evidence.pack.requests import Told, record, unheard
from reconciler.evidence.pack.verdict import Proof, verdict

BEGAN = {"life": "a", "at": 100.0}


def told(n: int, at: float, outcome: str = "ok", latency: float = 0.01, **more: Any) -> dict[str, Any]:
    found = {"gate": "g", "run": "r", "n": n, "road": "users", "step": "s", "at": at, "latency": latency}
    return {**found, "outcome": outcome, **more}


def of(*records: dict[str, Any], first: float | None = None, last: float | None = None) -> Account:
    return account([BEGAN, *records], first, last)


def test_nothing_sent_is_nothing_known() -> None:
    found = of()
    assert (found.users, found.gap, found.roads) == (None, None, {})


def test_totals_balance_and_are_told_by_road() -> None:
    found = of(told(0, 100), told(1, 101, "failed"), told(2, 102, "unknown"), told(3, 103, road="green"))
    users = found.users
    assert users is not None
    assert (users.sent, users.ok, users.failed, users.unknown) == (3, 1, 1, 1)
    assert found.roads["green"].sent == 1
    assert [one["n"] for one in found.failures] == [1]


def test_a_number_without_a_record_is_missed() -> None:
    assert of(told(4, 100), told(7, 101)).missing == 2


def test_what_was_not_sent_after_all_is_not_missed_and_what_nobody_heard_of_is_unknown() -> None:
    nothing = record(Told("g", "r", 1, None), 0.0)
    found = of(told(0, 100), nothing, told(2, 101), unheard(("g", "r", 3)))
    assert (found.missing, found.unheard) == (0, 1)
    assert found.users is not None
    assert found.users.sent == 2


def test_the_longest_gap_is_between_two_successes_whatever_failed_in_between() -> None:
    found = of(told(0, 100), told(1, 101, "failed"), told(2, 103), told(3, 103.5))
    assert (found.gap, found.gap_at) == (3.0, 100.01)


def test_users_met_errors_from_the_first_failure_was_sent_until_the_next_one_sent_later_succeeded() -> None:
    found = of(told(0, 100), told(1, 101, "failed", 0.5), told(2, 100.9, "ok", 1.0), told(3, 102, "ok", 0.25))
    assert found.down == 1.25


def test_an_outage_that_never_ended_counts_as_far_as_it_was_seen() -> None:
    assert of(told(0, 100), told(1, 101, "failed", 0.5), told(2, 103, "failed", 0.5)).down == 2.5


def test_time_in_which_nobody_watched_is_told_and_is_no_gap() -> None:
    found = of(told(0, 100), {"life": "b", "at": 160.0}, told(5, 161), told(6, 161.5))
    assert (found.unwatched, found.gap) == (59.99, 0.5)


def test_time_before_the_first_recorder_began_is_told_but_for_the_moment_that_it_takes() -> None:
    for began, unwatched in ((90.0, 10.0), (99.5, 0.0)):
        ledger = Ledger(None, None, began)
        ledger.take(BEGAN)
        assert ledger.account().unwatched == unwatched


def test_only_a_record_that_goes_to_the_end_is_complete() -> None:
    over = {"over": True, "at": 109.0}
    assert of(told(0, 100), over).complete
    assert not of(told(0, 100)).complete
    assert not of(told(0, 100), over, {"life": "b", "at": 160.0}).complete


def test_records_a_little_out_of_order_make_no_gap() -> None:
    records = [told(n, 100 + n / 10) for n in range(LATE)]
    records[3], records[40] = records[40], records[3]
    assert of(*records).gap == 0.1


def test_a_session_that_was_open_before_the_shift_must_be_used_after_it() -> None:
    kept = [told(0, 100, session=1, step=USE), told(1, 121, session=1, step=USE)]
    lost = [told(2, 100, session=2, step=USE), told(3, 121, "failed", session=2, step=USE, lost=True)]
    silent = [told(4, 100, session=3, step=USE)]
    late = [told(5, 115, session=4, step=USE), told(6, 122, session=4, step=USE)]
    found = of(*kept, *lost, *silent, *late, first=110.0, last=120.0).sessions
    assert (found.opened, found.kept, found.lost, found.unknown) == (3, 1, 1, 1)
    assert found.percent == 33.333


def test_sessions_of_a_generator_that_ended_before_the_shift_are_nobodys() -> None:
    old = told(0, 100, session=1, step=USE, run="old")
    new = [told(1, 105, session=1, step=USE), told(2, 121, session=1, step=USE)]
    found = of(old, *new, first=110.0, last=120.0).sessions
    assert (found.opened, found.kept) == (1, 1)


def test_of_too_many_sessions_the_known_ones_are_followed_and_the_others_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reconciler.evidence.pack.held.MOST", 2)
    before = [told(n, 100 + n, session=n + 1, step=USE) for n in range(3)]
    after = [told(3 + n, 121 + n, session=n + 1, step=USE) for n in range(4)]  # the fourth was opened later
    found = of(*before, *after, first=110.0, last=120.0).sessions
    assert (found.opened, found.kept, found.lost, found.unknown) == (3, 2, 0, 1)


def test_a_request_that_stands_in_the_place_of_another_one_is_found_by_its_number(tmp_path: Path) -> None:
    swapped = of(told(0, 100), told(1, 101), told(1, 101), told(3, 103))
    assert (swapped.missing, swapped.repeated) == (1, ("request 1 of g (load generator r)",))
    made = switched(soak=60.0)
    made.requests[40] = dict(made.requests[42])
    found = verdict(made.material(tmp_path))
    assert found.zero_downtime is Proof.NOT_PROVED
    assert any(one.startswith("there is more than one record of request 42 of") for one in found.reasons)
    assert "of 1 requests there is no record of what became of them" in found.reasons


def test_a_time_that_is_none_of_the_transition_is_named_and_moves_no_figure(tmp_path: Path) -> None:
    made = switched(soak=60.0)
    sound = made.material(tmp_path / "sound").account
    made.requests[40] = made.requests[40] | {"at": 1e11}
    found = made.material(tmp_path / "stray")
    assert found.account.stray == (f"request {made.requests[40]['n']} of transactions (load generator r1)",)
    assert (found.account.gap, found.account.down) == (pytest.approx(sound.gap, abs=0.5), sound.down)
    assert any("is not one of this transition" in one for one in verdict(found).reasons)


@given(st.lists(st.integers(0, 40), max_size=80))
def test_of_any_numbers_the_repeated_and_the_missing_ones_are_counted(sent: list[int]) -> None:
    numbers = Numbers()
    for number in sent:
        numbers.take("g", "r", number)
    first = [number for place, number in enumerate(sent) if number in sent[:place]][:3]
    assert [number for _, _, number in numbers.repeated] == first
    assert numbers.missing() == (max(sent) - min(sent) + 1 - len(set(sent)) if sent else 0)


def test_numbers_in_any_disorder_take_bounded_memory_and_no_repeat_of_a_late_one_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reconciler.evidence.pack.numbers.HOLES", 10)
    found = Numbers()
    for number in range(0, 1000, 2):
        found.take("g", "r", number)
    assert len(found._runs["g", "r"].firsts) <= 10
    found.take("g", "r", 998)
    assert found.repeated == [("g", "r", 998)]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"gate": "g"},
        told(0, 100) | {"outcome": "fine"},
        told(0, 100) | {"at": "now"},
        told(0, -100),
        told(0, 1e308),
        told(0, 100, latency=-0.001),
        told(0, 100, latency=float("nan")),
        told(0, 100, latency=float("inf")),
        told(0, 100) | {"at": 10**400},
        told(-1, 100),
        told(0, 100) | {"n": 0.5},
        told(0, 100) | {"n": True},
        {"dropped": -3},
        {"life": "a", "at": float("inf")},
    ],
)
def test_a_record_that_is_none_is_said(broken: dict[str, Any]) -> None:
    with pytest.raises(EvidenceBroken, match="cannot be read"):
        of(broken)


def test_a_sample_is_recorded_with_what_is_known_of_it() -> None:
    sample = Sample(9, "users", "search", 5.0, 0.25, 200, True, slot="green", session=3)
    assert record(Told("g", "r", 1, sample), 1000.0) == {
        "gate": "g",
        "run": "r",
        "n": 1,
        "road": "users",
        "step": "search",
        "at": 1005.0,
        "latency": 0.25,
        "outcome": "ok",
        "status": 200,
        "slot": "green",
        "session": 3,
    }


OUTCOMES = st.sampled_from(["ok", "failed", "unknown"])
LATENCIES = st.integers(0, 30_000).map(lambda tenths: tenths / 10_000)


@given(st.lists(st.tuples(OUTCOMES, LATENCIES), max_size=60))
def test_of_any_requests_the_totals_balance_and_the_percentiles_are_those_of_all(
    sent: list[tuple[str, float]],
) -> None:
    found = of(*(told(n, 100 + n, outcome, latency) for n, (outcome, latency) in enumerate(sent)))
    good = sorted(latency for outcome, latency in sent if outcome == "ok")
    ends = sorted(100 + n + latency for n, (outcome, latency) in enumerate(sent) if outcome == "ok")
    if not sent:
        assert found.users is None
        return
    users = found.users
    assert users is not None
    assert users.sent == users.ok + users.failed + users.unknown == len(sent)
    assert users.p95 == (good[ceil(0.95 * len(good)) - 1] if good else None)
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(ends)]
    assert found.gap == (pytest.approx(max(gaps), abs=0.0011) if gaps and max(gaps) > 0 else found.gap)
