"""The gate `regression`: the exam, and how it weighs users' requests and our own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from gate_exam import SECRET, WINDOW, GateExam
from pydantic import ValidationError

from reconciler.core.model import Outcome
from reconciler.core.reading import Counters, GateReading, Window
from reconciler.drivers.gates import regression
from reconciler.drivers.protocols import Gate, GateContext, Road, Sample
from reconciler.drivers.weighed import Weighed

GOOD, FAILED, ERROR, UNSURE = (
    {outcome} for outcome in (Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
)
JOURNEY = [{"path": "/search"}]
LATER = replace(WINDOW, rung=50, opened=99.0)


class Held:
    """Samples as values."""

    def __init__(self, samples: Sequence[Sample] = (), trouble: str = "") -> None:
        self._samples, self._trouble = samples, trouble

    def since(self, _: Window) -> Sequence[Sample]:
        return self._samples

    def problem(self) -> str:
        return self._trouble


def settings(**said: Any) -> regression.Settings:
    return regression.Settings.model_validate(said)


def weighed(*looks: tuple[Counters, Counters], **said: Any) -> Weighed:
    """The newcomer's and stable's counts of each look."""
    told = regression.begin(settings(**said))
    for newcomer, stable in looks:
        told = told.seen(newcomer, stable)
    return told


def gate(users: Weighed | None, ours: Held | None = None, warm_up: float = 0.0, **said: Any) -> Gate:
    context = GateContext(
        "production", "users", dict, lambda _: Road("http://x", {"x-forced-road": SECRET}), lambda _: False,
        samples=(lambda _: ours) if ours else None,
        evidence=(lambda _: lambda _: users) if users else None,
        warm_up=warm_up,
    )  # fmt: skip
    return regression.open(context, settings(**said))


def judged(users: Weighed, ours: Held | None = None, warm_up: float = 0.0, **said: Any) -> GateReading:
    return gate(users, ours, warm_up, **said).run(WINDOW)


def looks(count: int, *, bad: float, of_stable: float = 0.0, refused: int = 0) -> list[tuple[Counters, Counters]]:
    """Ten requests of the newcomer and ninety of stable in each look; shares of them fail, as a seed has it."""
    chance = random.Random(7)
    told = []
    for _ in range(count):
        own, other = (sum(chance.random() < share for _ in range(n)) for n, share in ((10, bad), (90, of_stable)))
        told.append((Counters(10, max(own, refused), refused), Counters(90, other)))
    return told


def answered(slot: str, seconds: int, *, latency: float = 0.010, bad: int = 0, rate: int = 5) -> list[Sample]:
    """`bad` of all, evenly; every second one is 20 % slower than the other."""
    made = []
    for number in range(seconds * rate):
        ok = not (bad and number % (seconds * rate // bad) == 0)
        took = latency * (1.2 if number % 2 else 1.0)
        made.append(Sample(number, slot, "search", 100.0 + number / rate, took, 200 if ok else 500, ok, slot))
    return made


def pair(seconds: int, **newcomers: Any) -> Held:
    return Held([*answered("green", seconds, **newcomers), *answered("blue", seconds)])


HEALTHY = weighed(*looks(60, bad=0.001, of_stable=0.001))
SITUATIONS: dict[str, tuple[Gate, set[Outcome]]] = {
    "good": (gate(HEALTHY), GOOD),
    "good, also by our own requests": (gate(HEALTHY, pair(40), journey=JOURNEY), GOOD),
    "nobody counts": (gate(None), ERROR),
    "no users": (gate(weighed()), UNSURE),
    "too few users": (gate(weighed(*looks(4, bad=0.0))), UNSURE),
    "all looks blind": (gate(weighed().unseen().unseen()), UNSURE),
    "one in five fails": (gate(weighed(*looks(30, bad=0.2))), FAILED),
    "nobody gets through": (gate(weighed(*looks(5, bad=0.0, refused=10))), FAILED),
    "both are down": (gate(weighed(*looks(60, bad=0.9, of_stable=0.9))), GOOD),
    "a dead sampler": (gate(HEALTHY, Held((), "it died"), journey=JOURNEY), ERROR),
    "no sampler": (gate(HEALTHY, None, journey=JOURNEY), ERROR),
    "our own requests fail": (gate(weighed(), pair(60, bad=40), journey=JOURNEY), FAILED),
    "our own requests are slow": (gate(weighed(), pair(60, latency=0.030), journey=JOURNEY), FAILED),
    "no users, but our own requests": (gate(weighed(), pair(40), journey=JOURNEY), GOOD),
    "the newcomer does not answer": (gate(weighed(), Held(answered("blue", 40)), journey=JOURNEY), UNSURE),
}


class TestRegression(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in SITUATIONS.items()}

    @pytest.fixture
    def gate(self, case: str) -> Gate:
        return SITUATIONS[case][0]


def test_a_verdict_is_a_sentence_that_needs_no_statistician() -> None:
    found = judged(weighed(*looks(30, bad=0.2)))
    assert found.reason.startswith("green failed ")
    assert "in the same time: a healthy green would look this bad less than once in 1,000 rollouts" in found.reason
    assert "uncapped" in found.value
    assert found.limit == "falseRollbackRisk 0.001"


def test_what_was_seen_at_a_lower_weight_still_counts_against_it() -> None:
    told = weighed(*looks(30, bad=0.2)).risen()
    assert told.here.requests == 0
    assert judged(told).outcome is Outcome.FAILED


def test_what_speaks_for_it_begins_anew_at_each_weight() -> None:
    told = weighed(*looks(400, bad=0.0))
    assert judged(told).confident
    assert judged(told.risen()).outcome is Outcome.INCONCLUSIVE
    assert not judged(told.risen()).confident


def test_our_own_requests_can_be_confident_where_there_are_no_users() -> None:
    found = judged(weighed(), pair(400), journey=JOURNEY, objective="<= 1 %")
    assert found.confident


def test_an_outage_of_both_is_not_held_against_the_newcomer() -> None:
    assert judged(weighed(*looks(600, bad=0.3, of_stable=0.3))).outcome is Outcome.SUCCESSFUL


def test_a_tolerated_ratio_is_tolerated() -> None:
    told = looks(60, bad=0.3, of_stable=0.1)
    assert judged(weighed(*told)).outcome is Outcome.FAILED
    assert judged(weighed(*told, toleratedRatio=4), toleratedRatio=4).outcome is Outcome.SUCCESSFUL


def test_a_slow_start_is_forgiven_for_as_long_as_the_manifest_says() -> None:
    slow = [*answered("green", 30, latency=0.030), *[replace(s, start=s.start + 30) for s in answered("green", 30)]]
    ours = Held([*slow, *answered("blue", 60)])
    assert judged(weighed(), ours, journey=JOURNEY).outcome is Outcome.FAILED
    assert judged(weighed(), ours, warm_up=30.0, journey=JOURNEY).outcome is Outcome.SUCCESSFUL


def test_at_full_weight_a_known_rate_alerts_and_does_not_go_back() -> None:
    told = weighed(*looks(200, bad=0.0))
    for newcomer, _ in looks(60, bad=0.1):
        told = told.seen(newcomer, Counters())
    found = judged(told)
    assert found.outcome is Outcome.SUCCESSFUL
    assert "more often than was known of stable" in found.alert


def test_at_full_weight_our_own_requests_to_both_slots_still_go_back() -> None:
    told = weighed(*looks(200, bad=0.0)).risen()
    assert judged(told, pair(60, bad=40), journey=JOURNEY).outcome is Outcome.FAILED


def test_both_slots_get_the_same_requests() -> None:
    roads = {name: Road(f"http://{name}") for name in ("users", "blue", "green")}
    found = regression.plan(settings(journey=JOURNEY, rate="7/s"), roads, WINDOW)
    assert found
    assert (set(found.roads), found.rate) == ({"blue", "green"}, 7.0)
    assert regression.plan(settings(), roads, WINDOW) is None


@pytest.mark.parametrize(
    "said",
    [
        {"falseRollbackRisk": 0},
        {"falseRollbackRisk": 0.5},
        {"toleratedRatio": 0.5},
        {"objective": "<= 0 %"},
        {"objective": "<= 1s"},
        {"objective": ">= 1 %"},
        {"objective": "<= 20 %"},
        {"minimumSamples": 0},
        {"slower": "<= 5"},
        {"alpha": 0.1},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**said)


def test_few_users_are_enough_if_one_waits_for_both_slots_to_have_some() -> None:
    """Ten looks a second and four requests: hardly any look has both slots in it."""
    alone, other = (Counters(1, 1), Counters()), (Counters(), Counters(1))
    told = weighed(*[alone, other, other, other] * 20)
    assert told.errors.newcomer.requests == 20
    assert judged(told, minimumSamples=10).outcome is Outcome.FAILED


def test_a_look_without_stable_is_no_sign_that_it_has_no_users() -> None:
    told = weighed(*[(Counters(1), Counters()), (Counters(), Counters(1))] * 100)
    assert told.baseline is None


def test_our_own_requests_tell_also_when_they_are_rare() -> None:
    rare = Held([*spread("green", 200, bad=True), *spread("blue", 200, bad=False)])
    assert judged(weighed(), rare, journey=JOURNEY, rate=0.4).outcome is Outcome.FAILED


def spread(slot: str, seconds: int, *, bad: bool) -> list[Sample]:
    """A request every 2.5 s; stable's are sent between the newcomer's."""
    late = 0.0 if slot == "green" else 1.25
    made = answered(slot, seconds, bad=0, rate=1)[: int(seconds * 0.4)]
    return [
        replace(one, start=100.0 + number * 2.5 + late, ok=not bad, status=500 if bad else 200)
        for number, one in enumerate(made)
    ]
