"""What is drawn over time follows from the records, stays small, and never makes a zero of what was not seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_pack import Run, bare, switched
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.material import closer
from reconciler.evidence.pack.series import BEFORE, GATES, MOST, STEPS, Gatherer, Series, width


def sent(
    at: float, latency: float = 0.1, outcome: str = "ok", road: str = "users", **more: object
) -> dict[str, object]:
    return {"gate": "g", "run": "r", "n": 0, "road": road, "at": at, "latency": latency, "outcome": outcome, **more}


def looked(at: float, blue: int, green: int, life: str = "1") -> dict[str, object]:
    counters = {
        slot: {"requests": count, "errors": 0, "refused": 0} for slot, count in (("blue", blue), ("green", green))
    }
    return {"at": at, "up": True, "weights": None, "incarnation": life, "counters": counters}


def said(at: float, value: str, gate: str = "queue") -> dict[str, object]:
    return {"at": at, "gate": gate, "outcome": "Successful", "value": value}


class TestRequests:
    def test_belong_to_the_bucket_in_which_they_ended(self) -> None:
        seen = Gatherer(100.0, 110.0, fine=10)
        for record in (sent(100.5), sent(100.95), sent(105.0, outcome="failed"), sent(106.0, road="green")):
            seen.request(record)
        found = seen.series()
        assert {number: (dict(one.users), dict(one.others)) for number, one in found.buckets.items()} == {
            0: ({"ok": 1}, {}),
            1: ({"ok": 1}, {}),
            5: ({"failed": 1}, {}),
            6: ({}, {"ok": 1}),
        }

    def test_percentiles_are_exact_to_two_percent(self) -> None:
        seen = Gatherer(0.0, 1.0, fine=1)
        for number in range(1, 101):
            seen.request(sent(0.1, number / 1000))
        bucket = seen.series().buckets[0]
        for share, exact in ((0.5, 0.050), (0.95, 0.095), (0.99, 0.099)):
            assert bucket.quantile(share) == pytest.approx(exact, rel=0.02)

    def test_without_a_success_there_is_no_percentile(self) -> None:
        seen = Gatherer(0.0, 1.0)
        seen.request(sent(0.1, outcome="failed"))
        assert seen.series().buckets[0].quantile(0.5) is None

    def test_outside_of_the_span_are_not_drawn_but_their_steps_are_counted(self) -> None:
        seen = Gatherer(10.0, 20.0)
        for at in (5.0, 19.99, 25.0):
            seen.request(sent(at, step="search"))
        found = seen.series()
        assert not found.buckets
        assert found.steps == {"search": {"ok": 3}}

    def test_of_sessions_are_no_transactions(self) -> None:
        seen = Gatherer(0.0, 1.0)
        seen.request(sent(0.1, step="read", session=3))
        assert not seen.series().steps

    @pytest.mark.parametrize(
        "record",
        [{"road": "users"}, sent(0.0) | {"at": "x"}, sent(0.0) | {"latency": None}, sent(0.0) | {"latency": "1"}],
    )
    def test_what_is_none_is_said(self, record: dict[str, object]) -> None:
        with pytest.raises(EvidenceBroken, match="cannot be read"):
            Gatherer(0.0, 1.0).request(record)


class TestWhatTheGatewayCounted:
    def test_is_told_by_its_rise_and_by_the_time_between_the_looks(self) -> None:
        seen = Gatherer(0.0, 10.0, fine=10)
        for record in (looked(0.5, 1000, 0), looked(1.5, 1030, 10), looked(3.5, 1090, 30)):
            seen.look(record)
        found = seen.series().served
        assert {number: (one.seconds, dict(one.requests)) for number, one in found.items()} == {
            1: (1.0, {"blue": 30, "green": 10}),
            3: (2.0, {"blue": 60, "green": 20}),
        }

    def test_begins_again_with_another_life(self) -> None:
        seen = Gatherer(0.0, 10.0, fine=10)
        for record in (looked(0.5, 1000, 0), looked(1.5, 7, 0, life="2")):
            seen.look(record)
        assert dict(seen.series().served[1].requests) == {"blue": 7, "green": 0}

    def test_is_unknown_where_it_did_not_answer(self) -> None:
        seen = Gatherer(0.0, 10.0, fine=10)
        for record in (looked(0.5, 0, 0), {"at": 1.5, "unread": "no"}, looked(2.5, 20, 0)):
            seen.look(record)
        assert list(seen.series().served) == [2]
        assert seen.series().served[2].seconds == 2.0


class TestGates:
    def test_the_greatest_number_of_a_bucket_counts(self) -> None:
        seen = Gatherer(0.0, 10.0, fine=10)
        for at, value in ((1.1, "45 s"), (1.2, "12 s"), (2.0, "a sentence"), (3.0, "1e-05 s"), (4.0, "50 %")):
            seen.answer(said(at, value))
        assert seen.series().values == {"queue": {1: 45.0, 3: 1e-05, 4: 50.0}}

    def test_what_was_said_last_before_the_span_still_holds_in_it(self) -> None:
        seen = Gatherer(10.0, 20.0)
        for at, value in ((1.0, "45 s"), (2.0, "3 s")):
            seen.answer(said(at, value))
        seen.answer(said(3.0, "50 %: 4 sessions = 2 kept + 1 lost + 1 unknown", "sessions"))
        assert seen.series().values == {"queue": {BEFORE: 3.0}}
        assert seen.series().sessions == {BEFORE: (2, 1, 1)}


def test_names_that_somebody_invents_do_not_make_it_grow() -> None:
    seen = Gatherer(0.0, 10.0)
    for number in range(1000):
        seen.answer(said(1.0, "1 s", f"g{number}"))
        seen.request(sent(1.0, step=f"s{number}"))
    found = seen.series()
    assert (len(found.values), len(found.steps)) == (GATES, STEPS)


@given(st.floats(0, 1e9), st.integers(1, 500))
def test_there_are_never_more_buckets_than_that(seconds: float, fine: int) -> None:
    assert seconds / width(seconds, fine) <= MOST


@given(st.floats(0, 1e5), st.floats(0, 1))
def test_every_moment_of_the_span_has_a_bucket_whose_middle_lies_in_it(length: float, share: float) -> None:
    seen = Gatherer(0.0, length)
    seen.request(sent(length * share, 0.0))
    found: Series = seen.series()
    (number,) = found.buckets
    assert 0 <= found.middle(number) <= max(length, found.width)
    assert 0 < found.covered(number) <= found.width


def test_the_changes_of_weight_are_seen_closer_where_they_are_a_small_part(tmp_path: Path) -> None:
    long = switched(soak=1800.0).material(tmp_path / "long")
    assert closer(long)
    assert long.near.width < long.whole.width / 10
    assert long.near.begin < long.shifts[0].at < long.shifts[-1].done < long.near.end
    assert not closer(bare(Run(transition="000099-green-2")).material(tmp_path / "bare"))
