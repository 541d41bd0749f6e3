"""What is counted, and what is not: slow answers against a past, and one client that fails whatever happens."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.counting import EDGES, Answer, Capped, Counted, Quantile, capped, slow
from reconciler.core.detection import SLOW, Race

Cap = Callable[[list[Answer], int], tuple[Counted, Counted]]
LATENCIES = st.lists(st.floats(0.0001, 1000), min_size=100, max_size=300)


@given(LATENCIES, st.sampled_from([0.5, 0.95, 0.99]))
def test_the_running_quantile_is_at_most_two_percent_above_the_true_one_and_never_below(
    latencies: list[float], share: float
) -> None:
    found = Quantile(share).seen(latencies).value
    true = sorted(latencies)[math.ceil(share * len(latencies)) - 1]
    assert found is not None
    assert true <= found <= true * 1.02 * (1 + 1e-9)


def test_it_does_not_matter_in_how_many_looks_the_latencies_came() -> None:
    latencies = [random.Random(1).lognormvariate(-2, 0.5) for _ in range(1000)]
    at_once, by_ten = Quantile().seen(latencies), Quantile()
    for begin in range(0, 1000, 10):
        by_ten = by_ten.seen(latencies[begin : begin + 10])
    assert by_ten == at_once
    assert hash(by_ten) == hash(at_once)


def test_with_few_answers_there_is_no_telling() -> None:
    assert Quantile().value is None
    assert Quantile().seen([0.1] * 99).value is None
    assert Quantile().seen([0.1] * 100).value == pytest.approx(0.1, rel=0.02)


def test_answers_that_never_came_are_slower_than_all_that_did() -> None:
    assert Quantile().seen([0.1] * 90 + [math.inf] * 10).value == math.inf
    assert slow(math.inf, 0.5)
    assert not slow(math.inf, math.inf)


def test_the_past_fades_so_that_it_follows_the_day() -> None:
    quantile = Quantile(memory=1000).seen([0.1] * 900)
    for _ in range(30):
        quantile = quantile.seen([0.3] * 100)
    assert sum(quantile.counts) <= 1000
    assert quantile.value == pytest.approx(0.3, rel=0.021)


def test_extremes_have_a_bucket() -> None:
    assert Quantile().seen([0.0] * 100).value == EDGES[0]
    assert Quantile().seen([10.0**9] * 100).value == math.inf


@pytest.mark.parametrize(("factor", "within"), [(1.0, None), (1.1, None), (1.5, 3.0), (2.0, 1.0)])
def test_a_newcomer_that_is_slower_than_tolerated_is_found_and_no_other(factor: float, within: float | None) -> None:
    """P95 is 1.5 times the median, 10 % slower is tolerated. Ten seconds of past, thirty seen."""
    random_, found = random.Random(7), None
    draw = partial(random_.lognormvariate, math.log(0.1), 0.25)
    race, past = Race(grid=SLOW), Quantile().seen([draw() for _ in range(4500)])
    for number in range(1, 301):
        threshold = past.value or math.inf
        new, old = [factor * draw() for _ in range(5)], [draw() for _ in range(45)]
        newcomer = Counted(5, sum(slow(one, threshold, tolerance=0.1) for one in new))
        race = race.seen(newcomer=newcomer, stable=Counted(45, sum(slow(one, threshold) for one in old)))
        past = past.seen(old)
        found = found or (number / 10 if race.worse else None)
    assert found == within or (found and within and found <= within)


def test_the_newcomer_may_be_slower_by_the_tolerance() -> None:
    assert slow(1.05, 1.0)
    assert not slow(1.05, 1.0, tolerance=0.1)
    assert slow(1.11, 1.0, tolerance=0.1)
    assert not slow(1.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Quantile().seen([-0.1]),
        lambda: Quantile().seen([math.nan]),
        lambda: slow(math.nan, 1),
        lambda: slow(1, math.nan),
        lambda: slow(1, 0),
        lambda: slow(1, 1, -0.1),
        lambda: capped([], most=0),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_was_expected(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()  # type: ignore[operator]


def test_one_client_counts_once_and_its_failure_goes_first() -> None:
    seen = [Answer("a", True, False), Answer("a", True, True), Answer("a", False, True), Answer("b", False, False)]
    assert capped(seen) == Capped(Counted(1, 1), Counted(1, 0), frozenset("a"))
    assert capped(seen, most=2) == Capped(Counted(1, 1), Counted(2, 1), frozenset("a"))
    assert capped(seen, known=frozenset("a")) == Capped(Counted(), Counted(1, 0), frozenset("a"))


# One look at two slots that are alike. What comes of each request is settled; which slot answers it is drawn.
REQUESTS = [("stale", True)] * 4 + [("heavy", False)] * 3 + [("a", False), ("b", True), ("c", False)]
NAMES = sorted({client for client, _ in REQUESTS})
Look = list[Answer]


def by_request(newcomers: int, requests: list[tuple[str, bool]] = REQUESTS) -> Iterator[Look]:
    """Every way to draw so many of the requests for the newcomer."""
    for drawn in itertools.combinations(range(len(requests)), newcomers):
        yield [Answer(client, number in drawn, bad) for number, (client, bad) in enumerate(requests)]


def by_client(newcomers: int) -> Iterator[Look]:
    """Every way to draw so many of the clients for it: sessions stick."""
    for drawn in itertools.combinations(NAMES, newcomers):
        yield [Answer(client, client in drawn, bad) for client, bad in REQUESTS]


def together(look: Look, most: int) -> tuple[Counted, Counted]:
    cap = capped(look, most)
    return cap.newcomer, cap.stable


def each_slot_by_itself(look: Look, most: int) -> tuple[Counted, Counted]:
    newcomer = capped([one for one in look if one.newcomer], most).newcomer
    return newcomer, capped([one for one in look if not one.newcomer], most).stable


def mean(looks: Iterator[Look], cap: Cap, most: int, g: float) -> float:
    """What a stake becomes on average over everything that could have been drawn."""
    race, found = Race(grid=(g,), reserve=0.0), []
    for look in looks:
        newcomer, stable = cap(look, most)
        found.append(race.seen(newcomer=newcomer, stable=stable).e_value)
    return math.fsum(found) / len(found)


@pytest.mark.parametrize("g", [1.3, 2.0, 10.0, 500.0])
def test_a_capped_look_at_a_healthy_newcomer_is_fair(g: float) -> None:
    for newcomers, most in itertools.product(range(1, len(REQUESTS)), [1, 2, 3, 9]):
        assert mean(by_request(newcomers), together, most, g) <= 1 + 1e-9
    for newcomers in range(1, len(NAMES)):
        assert mean(by_client(newcomers), together, 1, g) <= 1 + 1e-9


def test_other_ways_to_cap_would_accuse_a_healthy_newcomer() -> None:
    """Hence both slots together, and one per client where sessions stick."""
    often = [("stale", True)] * 8 + [(f"{number}", False) for number in range(8)]
    assert mean(by_request(4, often), together, 1, 2.0) <= 1 + 1e-9
    assert mean(by_request(4, often), each_slot_by_itself, 1, 2.0) > 1.05
    assert max(mean(by_client(n), together, 3, 500.0) for n in range(1, len(NAMES))) > 1.05


def test_a_client_that_always_fails_in_its_sticky_slot_accuses_it_unless_it_is_known() -> None:
    look = [Answer("stale", True, True), *(Answer(f"{n}", n % 10 == 0, False) for n in range(50))]
    forgetful, mindful, known = Race(), Race(), frozenset[str]()
    for _ in range(100):
        cap = capped(look)
        forgetful = forgetful.seen(newcomer=cap.newcomer, stable=cap.stable)
        cap = capped(look, known=known)
        mindful, known = mindful.seen(newcomer=cap.newcomer, stable=cap.stable), cap.known
    assert forgetful.worse
    assert not mindful.worse
    assert known == {"stale"}
