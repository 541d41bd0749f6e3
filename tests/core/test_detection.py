"""The race: proved outcome by outcome, then tried. It accuses what is worse soon, and what is not at most once in
1/alpha."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from dataclasses import replace

import pytest
from core_traffic import Look, looks, outcomes, ways
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.counting import Counted
from reconciler.core.detection import ERRORS, SLOW, Race, average

SPLITS = [(1, 19), (10, 10), (5, 45), (25, 25), (45, 5), (2, 98)]  # requests to newcomer and stable in one look
TOTALS = [1, 2, 3, 5, 8, 20]  # bad ones
PLAIN = Race(reserve=0.0)
SIDES = st.integers(1, 60).flatmap(lambda n: st.builds(Counted, st.just(n), st.integers(0, n)))
LOOKS = st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=8)


def after(race: Race, *seen: Look) -> Race:
    for newcomer, stable in seen:
        race = race.seen(newcomer=newcomer, stable=stable)
    return race


def gain(race: Race, newcomer: Counted, stable: Counted) -> float:
    """What one more look makes of the wealth: the factor."""
    return after(race, (newcomer, stable)).e_value / race.e_value


@pytest.mark.parametrize("grid", [ERRORS, SLOW, *((g,) for g in (*ERRORS, *SLOW))])
def test_no_stake_can_be_expected_to_grow_on_a_healthy_newcomer(grid: tuple[float, ...]) -> None:
    race = Race(grid=grid, reserve=0.0)
    means = [
        math.fsum(float(chance) * gain(race, Counted(n, own), Counted(k, bad - own)) for chance, own in ways(n, k, bad))
        for (n, k), bad in itertools.product(SPLITS, TOTALS)
    ]
    assert 1 - 1e-9 <= max(means) <= 1 + 1e-9, "fair at best, and fair where there is one bad answer"


@pytest.mark.parametrize("tolerated", [1.0, 1.5, 2.0, 5.0])
@pytest.mark.parametrize("g", [ERRORS[0], ERRORS[3], ERRORS[-1], SLOW[0]])
def test_no_stake_can_be_expected_to_grow_on_a_newcomer_that_is_as_bad_as_tolerated(tolerated: float, g: float) -> None:
    race = Race(tolerated=tolerated, grid=(g,), reserve=0.0)
    for (n, k), stable in itertools.product([(1, 1), (2, 18), (8, 8)], [1e-4, 0.01, 0.1, 0.5, 1.0]):
        mean = math.fsum(
            ours * theirs * gain(race, Counted(n, own), Counted(k, other))
            for ours, own in outcomes(n, min(1.0, tolerated * stable))
            for theirs, other in outcomes(k, stable)
        )
        assert mean <= 1 + 1e-9, (n, k, stable)


def test_given_the_total_a_tolerated_ratio_is_one_of_odds_and_not_of_chances() -> None:
    """Why the proof for tolerated > 1 does not look at each total by itself. One request each, one of them bad: with
    chances 1 and 1/2 it is certainly the newcomer's. With odds 2 to 1 it is the newcomer's in 2 of 3, and that is
    fair."""
    race = Race(tolerated=2.0, grid=(3.0,), reserve=0.0)
    own, other = gain(race, Counted(1, 1), Counted(1, 0)), gain(race, Counted(1, 0), Counted(1, 1))
    assert own > 1
    assert 2 / 3 * own + 1 / 3 * other == pytest.approx(1)
    for (n, k), bad in itertools.product(SPLITS, TOTALS):
        weighted = [(float(chance) * 2**own, own) for chance, own in ways(n, k, bad)]
        total = math.fsum(weight for weight, _ in weighted)
        gained = math.fsum(w * gain(race, Counted(n, own), Counted(k, bad - own)) for w, own in weighted)
        assert gained <= total * (1 + 1e-9)


@pytest.mark.parametrize("reserve", [0.0, 0.2, 0.9])
def test_money_that_is_staked_later_cannot_be_expected_to_grow_either(reserve: float) -> None:
    """Every course of three looks at a healthy newcomer, with the reserve; a look with nothing bad moves nothing."""
    for totals in itertools.product([0, 1, 3, 4], repeat=3):
        mean = 0.0
        for course in itertools.product(*(list(ways(2, 6, bad)) for bad in totals)):
            seen = [(Counted(2, own), Counted(6, bad - own)) for bad, (_, own) in zip(totals, course, strict=True)]
            mean += float(math.prod(chance for chance, _ in course)) * after(Race(reserve=reserve), *seen).e_value
        assert mean <= 1 + 1e-9, totals
    assert Race(reserve=reserve).e_value == pytest.approx(1)


@given(LOOKS, st.randoms(use_true_random=False))
def test_the_order_of_looks_does_not_matter_without_a_reserve(seen: list[Look], shuffling: random.Random) -> None:
    mixed = seen[:]
    shuffling.shuffle(mixed)
    assert after(PLAIN, *mixed).log_e == pytest.approx(after(PLAIN, *seen).log_e, rel=1e-9, abs=1e-9)


@given(LOOKS, SIDES, SIDES)
def test_one_more_bad_answer_of_the_newcomer_accuses_and_one_of_stable_excuses(
    seen: list[Look], newcomer: Counted, stable: Counted
) -> None:
    assume(newcomer.bad < newcomer.requests and stable.bad < stable.requests)
    race, eps = after(Race(), *seen), 1e-9
    before = after(race, (newcomer, stable)).log_e
    own = after(race, (replace(newcomer, bad=newcomer.bad + 1), stable)).log_e
    other = after(race, (newcomer, replace(stable, bad=stable.bad + 1))).log_e
    if newcomer.bad + stable.bad:  # else it is also the look at which reserve is staked
        assert other - eps <= before <= own + eps
    assert other <= own + eps


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=9))
def test_of_two_slots_at_most_one_is_accused(n: int, k: int, bad: list[tuple[int, int]]) -> None:
    """Swapped, the same answers speak against the other one; never against both, and never against the better one."""
    seen = [(Counted(n, min(n, own)), Counted(k, min(k, other))) for own, other in bad]
    forth, back = after(PLAIN, *seen).log_e, after(PLAIN, *((stable, newcomer) for newcomer, stable in seen)).log_e
    own, other = sum(one.bad for one, _ in seen), sum(one.bad for _, one in seen)
    assert min(forth, back) <= 1e-9
    if own * k <= other * n:
        assert forth <= 1e-9


@given(LOOKS)
def test_an_accusation_stays_whatever_comes_after_it(seen: list[Look]) -> None:
    guilty = after(Race(), *[(Counted(5, 4), Counted(45, 0))] * 3)
    assert guilty.worse
    assert guilty.e_value >= 1000
    later = after(guilty, *seen, *[(Counted(50, 0), Counted(450, 30))] * 50)
    assert later.worse
    assert later.e_value < 1000, "the evidence may go away; that it was there once is what the risk is about"


def test_nothing_is_said_before_one_over_alpha_is_reached() -> None:
    race, seen = Race(), 0
    while not race.worse:
        assert race.e_value < 1000
        race, seen = after(race, (Counted(5, 1), Counted(45, 0))), seen + 1
    assert race.e_value >= 1000
    assert seen == 4, "errors in a row in the slot that has a tenth of the traffic"


def test_a_slot_without_requests_is_nothing_to_compare_with() -> None:
    race = after(Race(), (Counted(5, 1), Counted(45, 1)))
    for newcomer, stable in [(Counted(9, 9), Counted(0, 0)), (Counted(0, 0), Counted(9, 9)), (Counted(0), Counted(0))]:
        assert after(race, (newcomer, stable)) == race
    good = after(race, (Counted(5, 0), Counted(45, 0)))
    assert (good.log_e, good.newcomer, good.stable) == (race.log_e, Counted(10, 1), Counted(90, 1))


def test_ten_million_requests_neither_overflow_nor_blind_it() -> None:
    race = after(Race(), *[(Counted(5_000, 5), Counted(45_000, 45))] * 200)
    assert math.isfinite(race.log_e)
    assert 0 < race.e_value < 1
    assert after(race, *[(Counted(5, 5), Counted(45, 0))] * 5).worse, "the reserve remembers nothing"
    bad = after(race, *[(Counted(5_000, 5_000), Counted(45_000, 0))] * 200)
    assert bad.e_value == math.inf
    assert math.isfinite(bad.log_e)
    assert hash(bad) == hash(replace(bad))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Counted(-1, 0),
        lambda: Counted(3, -1),
        lambda: Counted(3, 4),
        lambda: Race(alpha=0),
        lambda: Race(alpha=1),
        lambda: Race(tolerated=0),
        lambda: Race(reserve=1),
        lambda: Race(grid=()),
        lambda: Race(grid=(1.0, 2.0)),
        lambda: Race(alpha=math.nan),
        lambda: average([]),
        lambda: average([1, -1]),
        lambda: average([math.nan]),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_was_expected(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()  # type: ignore[operator]


def test_the_evidence_of_several_metrics_is_averaged() -> None:
    assert average([3000, 0, 0]) == 1000
    assert average([math.inf, 0]) == math.inf


@settings(max_examples=20)
@given(LOOKS)
def test_averaging_over_metrics_never_accuses_where_no_metric_does(seen: list[Look]) -> None:
    races = [after(Race(), *seen), after(Race(grid=SLOW), *seen), Race()]
    together = average([race.e_value for race in races])
    assert together <= max(race.e_value for race in races) * (1 + 1e-12)


def accused(seed: int, alpha: float, seconds: float, outage: range) -> bool:
    """One healthy rollout, in which both slots fail at 30 % in some seconds. The race may be looked at all the time."""
    random_, race = random.Random(seed), Race(alpha=alpha)
    for second in range(int(seconds)):
        chance = 0.3 if second in outage else 0.01
        race = after(race, *looks(random_, chance, chance, seconds=1))
    return race.worse


def test_an_outage_of_both_slots_accuses_nobody() -> None:
    """With a large alpha, so that 300 rollouts tell: at most 10 % are expected, and three deviations more are
    allowed."""
    found = sum(accused(seed, alpha=0.1, seconds=20, outage=range(5, 12)) for seed in range(300))
    assert found <= 30 + 3 * math.sqrt(300 * 0.1 * 0.9)


@pytest.mark.parametrize(("chance", "seconds", "within"), [(0.2, 0.53, 0.10), (0.05, 2.0, 0.25), (0.01, 16.4, 1.5)])
def test_a_regression_is_found_as_soon_as_was_measured_before(chance: float, seconds: float, within: float) -> None:
    """Mean seconds to the decision from 0.1 %, in 150 rollouts; with the reserve and without."""
    for race in (PLAIN, Race()):
        found = [time_to_accuse(race, seed, chance) for seed in range(150)]
        assert statistics.fmean(found) == pytest.approx(seconds, abs=within)


def time_to_accuse(race: Race, seed: int, chance: float) -> float:
    for number, (newcomer, stable) in enumerate(looks(random.Random(seed), chance, 0.001), start=1):
        race = race.seen(newcomer=newcomer, stable=stable)
        if race.worse:
            return number / 10
    raise AssertionError("not found in 600 s")


def test_a_newcomer_that_gets_worse_late_is_found_soon_too() -> None:
    healthy = list(looks(random.Random(0), 0.001, 0.001, seconds=300))
    late = [
        statistics.fmean(time_to_accuse(after(race, *healthy), seed, 0.05) for seed in range(30))
        for race in (Race(), PLAIN)
    ]
    assert late[0] < 5
    assert late[0] * 2 < late[1], "this is what the reserve is for"
