"""A verdict is a sentence that says who did what, how often, and how much of that is chance."""

from __future__ import annotations

import pytest

from reconciler.core.counting import Counted
from reconciler.core.detection import SLOW, Race
from reconciler.core.explanation import Metric, explain

GUILTY = Counted(1020, 14), Counted(9310, 3)


def seen(newcomer: Counted, stable: Counted, **rule: float) -> Race:
    return Race(**rule).seen(newcomer=newcomer, stable=stable)  # type: ignore[arg-type]


def test_an_accusation_names_both_slots_and_the_risk() -> None:
    assert explain(seen(*GUILTY)) == (
        "green failed 14 of 1,020, blue 3 of 9,310 in the same time: a healthy green would look this bad less than"
        " once in 1,000 rollouts"
    )


def test_the_risk_is_the_one_that_was_asked_for() -> None:
    assert explain(seen(*GUILTY, alpha=0.0001)).endswith("less than once in 10,000 rollouts")
    assert explain(seen(*GUILTY, alpha=0.03)).endswith("less than once in 33 rollouts")


@pytest.mark.parametrize(
    ("metric", "words"),
    [(Metric.SLOW, "blue was slow to answer 14 of 1,020, green 3 of"), (Metric.REFUSED, "blue refused 14 of 1,020")],
)
def test_other_metrics_and_slots_have_their_words(metric: Metric, words: str) -> None:
    race = Race(grid=SLOW).seen(newcomer=GUILTY[0], stable=GUILTY[1])
    assert explain(race, metric, newcomer="blue", stable="green").startswith(words)


def test_no_worse_so_far_is_no_claim_that_it_is_good() -> None:
    found = explain(seen(Counted(1020, 2), Counted(9310, 19)))
    assert found == "no worse so far: green failed 2 of 1,020, blue 19 of 9,310 in the same time"


@pytest.mark.parametrize("newcomer", [Counted(0, 0), Counted(2, 2)])
def test_too_little_is_said_where_nothing_could_have_been_found(newcomer: Counted) -> None:
    assert explain(seen(newcomer, Counted(18, 0))).startswith("too little to tell: green failed")
    assert explain(Race()) == "too little to tell: green failed 0 of 0, blue 0 of 0 in the same time"


def test_a_tolerated_ratio_is_part_of_the_sentence() -> None:
    race = seen(Counted(1020, 60), Counted(9310, 3), tolerated=2.0)
    assert "a green 2 times as bad as blue would look this bad less than once" in explain(race)
