"""Clearing a newcomer is a claim too: one that is too bad is cleared at most once in 1/beta. Watching without a race
alerts."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from fractions import Fraction

import pytest
from core_traffic import looks, outcomes, slot
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.baseline import Baseline, at_most, known_chance, upper_bound
from reconciler.core.confidence import BETTER, Confidence
from reconciler.core.counting import Counted
from reconciler.core.detection import ERRORS

NONE = Counted(0, 0)


@pytest.mark.parametrize("g", BETTER)
@pytest.mark.parametrize("floor", [0.0, 0.001, 0.02])
def test_confidence_in_a_newcomer_that_is_just_too_bad_cannot_be_expected_to_grow(g: float, floor: float) -> None:
    fresh = Confidence(grid=(g,), floor=floor)
    for (n, k), stable in itertools.product([(1, 1), (2, 18), (8, 8)], [1e-4, 0.001, 0.02, 0.1, 0.2]):
        mean = math.fsum(
            ours * theirs * fresh.seen(newcomer=Counted(n, own), stable=Counted(k, other)).e_value
            for ours, own in outcomes(n, min(1.0, 5 * max(stable, floor)))
            for theirs, other in outcomes(k, stable)
        )
        assert mean <= 1 + 1e-9, (n, k, stable)


def test_a_healthy_newcomer_is_cleared_in_half_a_minute() -> None:
    found = [time_to_clear(Confidence(floor=0.0), seed, 0.001, 0.001) for seed in range(100)]
    assert statistics.median(found) == pytest.approx(29, abs=4)


def test_where_nothing_fails_it_is_cleared_too_unless_nobody_says_what_is_harmless() -> None:
    assert time_to_clear(Confidence(), 1, 0, 0) < 25
    assert time_to_clear(Confidence(floor=0.0), 1, 0, 0) == math.inf


def test_a_newcomer_that_is_five_times_as_bad_is_hardly_ever_cleared() -> None:
    found = sum(time_to_clear(Confidence(), seed, 0.05, 0.01, seconds=60) < math.inf for seed in range(100))
    assert found <= 5 + 3 * math.sqrt(100 * 0.05 * 0.95)


def time_to_clear(confidence: Confidence, seed: int, newcomer: float, stable: float, seconds: float = 300) -> float:
    for number, (own, other) in enumerate(looks(random.Random(seed), newcomer, stable, seconds), start=1):
        confidence = confidence.seen(newcomer=own, stable=other)
        if confidence.sure:
            return number / 10
    return math.inf


def test_no_traffic_leaves_it_undecided() -> None:
    fresh = Confidence()
    assert fresh.seen(newcomer=NONE, stable=Counted(10**6, 10)) == fresh
    assert not fresh.sure
    alone = fresh.seen(newcomer=Counted(10**6, 0), stable=NONE)
    assert alone.sure, "what is harmless by itself needs no comparison"
    assert not Confidence(floor=0.0).seen(newcomer=Counted(10**6, 0), stable=NONE).sure


def test_what_was_cleared_once_stays_so() -> None:
    sure = Confidence().seen(newcomer=Counted(5_000, 0), stable=Counted(45_000, 40))
    assert sure.sure
    later = sure.seen(newcomer=Counted(50, 50), stable=Counted(450, 0))
    assert later.sure
    assert later.e_value < 1, "the race accuses it then"


def test_many_requests_do_not_overflow() -> None:
    sure = Confidence().seen(newcomer=Counted(10**8, 0), stable=Counted(10**9, 10**8))
    assert sure.e_value == math.inf
    assert sure.seen(newcomer=Counted(10, 1), stable=Counted(10, 1)).e_value == math.inf


@pytest.mark.parametrize("g", ERRORS)
@pytest.mark.parametrize("chance", [0.001, 0.05, 1.0])
def test_a_look_at_a_newcomer_as_good_as_before_is_fair(g: float, chance: float) -> None:
    for requests, truth in itertools.product([1, 5, 40], [chance, chance / 3]):
        fresh = Baseline(chance, grid=(g,))
        factors = ((p, fresh.seen(Counted(requests, bad)).stakes[0]) for p, bad in outcomes(requests, truth))
        assert math.fsum(p * math.exp(factor) for p, factor in factors) <= 1 + 1e-9


def test_a_newcomer_that_fails_more_than_before_raises_an_alarm_that_stays() -> None:
    random_, watch = random.Random(1), Baseline(0.001)
    for _ in range(50):
        watch = watch.seen(slot(random_, 5, 0.2))
    assert watch.alarm
    assert watch.seen(Counted(10_000, 0)).alarm
    assert watch.seen(NONE) is watch


def test_long_good_times_do_not_make_it_blind() -> None:
    watch = Baseline(0.001)
    for _ in range(1200):
        watch = watch.seen(Counted(1000, 1))
    assert not watch.alarm
    assert watch.seen(NONE).seen(Counted(50, 10)).alarm


def test_beginning_anew_at_each_look_alarms_far_more_often_than_each_minute() -> None:
    """A healthy newcomer for 300 s, 40 times: 1/alpha looks are but 100 s."""
    alarms = {every: sum(alarmed(Baseline(0.02, every=every), seed) for seed in range(40)) for every in (1, 600)}
    assert alarms[1] >= 5
    assert alarms[600] <= 1


def alarmed(watch: Baseline, seed: int) -> bool:
    random_ = random.Random(seed)
    return any((watch := watch.seen(slot(random_, 5, 0.02))).alarm for _ in range(3000))


@given(st.integers(0, 30), st.integers(1, 60), st.sampled_from([0.001, 0.05, 0.5]))
def test_the_upper_bound_is_where_so_few_bad_answers_have_the_stated_probability(
    bad: int, good: int, level: float
) -> None:
    window = Counted(bad + good, bad)
    bound = Fraction(upper_bound(window, level))
    exact = sum(math.comb(bad + good, k) * bound**k * (1 - bound) ** (bad + good - k) for k in range(bad + 1))
    assert float(exact) == pytest.approx(level, rel=1e-5)


def test_the_upper_bound_of_large_windows_and_of_none() -> None:
    assert upper_bound(Counted(0, 0)) == upper_bound(Counted(7, 7)) == 1
    assert upper_bound(Counted(100, 0)) == pytest.approx(1 - 0.001 ** (1 / 100))
    assert upper_bound(Counted(10**7, 10**6)) == pytest.approx(0.1 + 3.09 * math.sqrt(0.09 / 10**7), rel=1e-4)
    assert at_most(Counted(10**6, 10**3), 0.001) == pytest.approx(0.51, abs=0.01)


def test_what_was_known_is_the_objective_unless_the_window_was_worse() -> None:
    assert known_chance(0.01, Counted(10_000, 3)) == 0.01
    assert known_chance(0.0001, Counted(10_000, 30)) > 0.003
    assert known_chance(0.01, NONE) == 1
    assert not Baseline(1.0).seen(Counted(1000, 1000)).alarm, "nothing known, nothing to alert of"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Confidence(beta=0),
        lambda: Confidence(ratio=0),
        lambda: Confidence(floor=0.2),
        lambda: Confidence(grid=(0.5, 1.0)),
        lambda: Confidence(grid=()),
        lambda: Baseline(0),
        lambda: Baseline(0.1, every=0),
        lambda: Baseline(math.nan),
        lambda: upper_bound(Counted(10, 1), level=0),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_was_expected(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()  # type: ignore[operator]
