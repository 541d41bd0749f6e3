"""The gate `synthetic`: the exam, and how it judges. The sampler itself is examined in tests/measure/."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from gate_exam import SECRET, WINDOW, GateExam
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.core.model import Outcome, Slot
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.gates import synthetic
from reconciler.drivers.journey import Journey
from reconciler.drivers.protocols import Gate, GateContext, Road, Sample

GOOD, FAILED, ERROR, UNSURE = (
    {outcome} for outcome in (Outcome.SUCCESSFUL, Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
)
OK = Sample(1, "green", "search", 100.0, 0.010, 200, True, "green")
BAD = replace(OK, status=500, ok=False, error="status 500 instead of 200")
LOST = replace(OK, status=None, ok=False, slot="", error="no complete answer within 2 s")
PENDING = replace(OK, latency=0.0, status=None, ok=False, slot="", pending=True)
VOID = replace(OK, ok=False, slot="", error="10.0.0.1:9001 answered instead of 10.0.0.1:9002", void=True)
JOURNEY = [{"name": "search", "path": "/search?q=a"}]


def by(road: str, *samples: Sample) -> list[Sample]:
    return [replace(sample, road=road) for sample in samples]


def both(*samples: Sample) -> list[Sample]:
    return by("green", *samples) + by("users", *samples)


@dataclass
class Held:
    """Samples as values."""

    samples: Sequence[Sample] = ()
    trouble: str = ""

    def since(self, window: Window) -> Sequence[Sample]:
        return self.samples

    def problem(self) -> str:
        return self.trouble


def gate(held: Held | None, **said: Any) -> Gate:
    context = GateContext(
        "production",
        "journey",
        dict,
        lambda _: Road("http://x", {"x-forced-road": SECRET}),
        lambda _: False,
        samples=None if held is None else lambda _: held,
    )
    return synthetic.open(context, synthetic.Settings.model_validate({"journey": JOURNEY, **said}))


def judged(samples: Sequence[Sample], trouble: str = "", **said: Any) -> GateReading:
    return gate(Held(samples, trouble), **said).run(WINDOW)


SITUATIONS: dict[str, tuple[Held | None, set[Outcome]]] = {
    "good": (Held(both(*[OK] * 20)), GOOD),
    "no sampler": (None, ERROR),
    "a dead sampler": (Held(both(*[OK] * 50), "it died"), ERROR),
    "no samples": (Held(), UNSURE),
    "one sample short": (Held(both(*[OK] * 20)[1:]), UNSURE),
    "nothing by the users' road": (Held(by("green", *[OK] * 90)), UNSURE),
    "nothing by the forced road": (Held(by("users", *[OK] * 90)), UNSURE),
    "only the other slot": (Held(by("blue", *[OK] * 90)), UNSURE),
    "one error at once": (Held(by("users", BAD)), FAILED),
    "one lost at once": (Held(by("green", LOST)), FAILED),
    "an error, then a dead sampler": (Held(by("green", BAD), "it died"), FAILED),
    "no answer to anything": (Held(both(*[LOST] * 40)), FAILED),
    "no answer to the first one yet": (Held(both(PENDING, *[OK] * 40)), UNSURE),
    "no answer to the latest yet": (Held(both(*[OK] * 20, *[PENDING] * 9)), GOOD),
    "an error behind one without an answer": (Held(both(PENDING, BAD)), FAILED),
    "an error at an earlier weight": (Held(by("green", replace(BAD, rung=0)) + both(*[OK] * 40)), FAILED),
    "somebody else by the forced road": (Held(by("users", *[OK] * 40) + by("green", *[VOID] * 40)), ERROR),
    "somebody else of late": (Held(both(*[OK] * 40, VOID)), ERROR),
    "somebody else long ago": (Held(both(VOID, *[OK] * 20)), GOOD),
}


class TestSynthetic(GateExam):
    CASES: ClassVar = {name: outcomes for name, (_, outcomes) in SITUATIONS.items()}

    @pytest.fixture
    def gate(self, case: str) -> Gate:
        return gate(SITUATIONS[case][0])


def test_the_account_balances_and_the_reason_names_what_was_wrong() -> None:
    found = judged(by("green", *[OK] * 5, BAD, BAD, LOST) + by("users", OK))
    assert found.value == (
        "green: 8 sent = 5 ok + 2 failed + 1 unknown, p95 without answer, longest gap 10 ms; "
        "users: 1 sent = 1 ok + 0 failed + 0 unknown, p95 10 ms, longest gap 10 ms"
    )
    assert found.reason == ("3 of 9 requests failed, most often search by green: status 500 instead of 200")
    assert (found.samples, found.limit) == (9, "errors <= 0")


@given(st.lists(st.sampled_from([OK, BAD, LOST]), max_size=60), st.integers(0, 5))
def test_a_number_of_errors_is_judged_at_once_over_all_roads(samples: list[Sample], limit: int) -> None:
    bad = 2 * sum(not sample.ok for sample in samples)
    found = judged(both(*samples), errors=f"<= {limit}")
    expected = FAILED if bad > limit else GOOD if len(samples) >= 20 else UNSURE
    assert found.outcome in expected


@given(st.lists(st.sampled_from([OK, BAD, LOST]), max_size=60))
def test_a_percentage_of_errors_is_judged_on_enough_samples_of_each_road(samples: list[Sample]) -> None:
    bad = sum(not sample.ok for sample in samples)
    found = judged(by("green", *[OK] * 50) + by("users", *samples), errors="<= 10 %", minimumSamples=20)
    expected = UNSURE if len(samples) < 20 else FAILED if bad * 10 > len(samples) else GOOD
    assert found.outcome in expected
    assert ("'users'" in found.reason) is (found.outcome is not Outcome.SUCCESSFUL)


def test_many_good_answers_by_one_road_do_not_hide_bad_ones_by_the_other() -> None:
    found = judged(by("users", *[OK] * 10_000) + by("green", *[OK] * 19, BAD), errors="<= 1 %")
    assert found.outcome is Outcome.FAILED
    assert "1 of 20" in found.reason


@pytest.mark.parametrize(("slow", "outcome"), [(1, Outcome.SUCCESSFUL), (2, Outcome.FAILED)])
def test_p95_is_the_nearest_rank(slow: int, outcome: Outcome) -> None:
    samples = [OK] * (20 - slow) + [replace(OK, latency=3.0)] * slow
    found = judged(both(*samples), p95="<= 1.45s")
    assert found.outcome is outcome
    assert found.limit == "errors <= 0, p95 <= 1.45s"
    if slow == 2:
        assert found.reason == "by the road 'green': p95 3000 ms of 20 requests, limit <= 1.45s"


def test_a_p95_at_its_limit_is_within_it() -> None:
    samples = both(*[replace(OK, latency=1.45)] * 20)
    assert judged(samples, p95="<= 1.45s").outcome is Outcome.SUCCESSFUL
    assert judged(samples, p95="< 1.45s").outcome is Outcome.FAILED


def test_requests_without_an_answer_do_not_make_the_rest_look_fast() -> None:
    samples = both(*[OK] * 18, *[replace(LOST, latency=0.0)] * 2)
    found = judged(samples, errors="<= 50 %", p95="<= 1s")
    assert found.outcome is Outcome.FAILED
    assert "p95 without answer" in found.reason


def at(rung: int, *samples: Sample, **said: Any) -> GateReading:
    """The verdict on what was sent by the users' road at that weight, before and after 30 good ones."""
    return gate(Held(by("users", *samples, *[OK] * 30)), road="users", **said).run(replace(WINDOW, rung=rung))


BY_STABLE, BY_NOBODY = replace(BAD, slot="blue"), LOST


@pytest.mark.parametrize(
    ("rung", "sample", "outcome"),
    [
        (0, BY_STABLE, Outcome.SUCCESSFUL),
        (0, BY_NOBODY, Outcome.SUCCESSFUL),  # no user is the newcomer's yet
        (10, BY_STABLE, Outcome.SUCCESSFUL),
        (10, BY_NOBODY, Outcome.FAILED),
        (10, BAD, Outcome.FAILED),
        (10, replace(BY_NOBODY, rung=0), Outcome.SUCCESSFUL),
        (50, replace(BY_NOBODY, rung=10), Outcome.FAILED),
        (50, replace(BY_STABLE, rung=10), Outcome.SUCCESSFUL),
        (100, BY_STABLE, Outcome.FAILED),  # every user is the newcomer's, whatever an app says
        (100, BY_NOBODY, Outcome.FAILED),
    ],
)
@pytest.mark.parametrize("errors", ["<= 0", "<= 1 %"])
def test_stables_failures_are_never_the_newcomers(rung: int, sample: Sample, outcome: Outcome, errors: str) -> None:
    if errors.endswith("%") and sample.rung is not None:
        pytest.skip("a percentage is judged for each window by itself")
    found = at(rung, sample, errors=errors)
    assert found.outcome is outcome


def test_stables_failures_are_told_of() -> None:
    assert at(10, BY_STABLE).reason == (
        "within the limits; not held against it: 1 of 31 requests failed, "
        "most often search by blue: status 500 instead of 200"
    )


def test_failures_of_earlier_weights_are_told_apart() -> None:
    found = at(50, replace(BY_NOBODY, rung=10))
    assert found.reason.endswith("no complete answer within 2 s (1 of them sent at an earlier weight)")
    assert found.value.startswith("users: 30 sent = 30 ok + 0 failed + 0 unknown")


@pytest.mark.parametrize(("slow", "outcome"), [("blue", Outcome.SUCCESSFUL), ("green", Outcome.FAILED)])
def test_a_slow_stable_does_not_condemn_the_newcomer(slow: str, outcome: Outcome) -> None:
    other = "green" if slow == "blue" else "blue"
    samples = [replace(OK, latency=3.0, slot=slow)] * 30 + [replace(OK, slot=other)] * 30
    assert judged(by("users", *samples), road="users", p95="<= 1s").outcome is outcome


@given(st.lists(st.sampled_from([OK, BAD, LOST, PENDING, VOID]), max_size=60))
def test_what_is_not_known_yet_is_never_good_and_the_account_balances(samples: list[Sample]) -> None:
    found = judged(by("green", *samples), road="forced", errors="<= 100 %", minimumSamples=5)
    sent, ok, failed, unknown = (int(number) for number in re.findall(r"[0-9]+", found.value)[:4])
    assert sent == len(samples) == ok + failed + unknown
    first = samples.index(PENDING) if PENDING in samples else len(samples)
    answered = [sample for sample in samples[:first] if not sample.void]
    assert (found.outcome is Outcome.SUCCESSFUL) <= (len(answered) >= 5)
    assert found.samples == len(samples) - samples.count(PENDING)


def begun(slot: Slot) -> Window:
    return replace(WINDOW, newcomer=replace(WINDOW.newcomer, slot=slot))


@pytest.mark.parametrize(
    ("road", "slot", "names"),
    [
        ("forced", Slot.GREEN, ["green"]),
        ("forced", Slot.BLUE, ["blue"]),
        ("users", Slot.GREEN, ["users"]),
        ("both", Slot.GREEN, ["green", "users"]),
    ],
)
def test_a_plan_takes_the_roads_that_are_judged(road: str, slot: Slot, names: list[str]) -> None:
    roads = {name: Road(f"http://{name}", {"x": SECRET}) for name in ("users", "blue", "green")}
    said = {"journey": [*JOURNEY, {"method": "POST", "path": "/jobs", "body": "{}"}], "road": road, "rate": "20/s"}
    plan = synthetic.plan(synthetic.Settings.model_validate(said), roads, begun(slot))
    assert dict(plan.roads) == {name: roads[name] for name in names}
    assert (plan.rate, plan.timeout) == (20.0, 2.0)
    assert [(step.name, step.method, step.body) for step in plan.steps] == [
        ("search", "GET", None),
        ("POST /jobs", "POST", "{}"),
    ]
    assert Journey.read(plan.line()) == plan


@pytest.mark.parametrize(
    "said",
    [
        {"journey": []},
        {"journey": [{"path": "search"}]},
        {"journey": [{"path": "/a b"}]},
        {"journey": [{"path": "/", "method": "DELETE"}]},
        {"journey": [{"path": "/", "contentType": "text/plain\r\nX-Smuggled: 1"}]},
        {"journey": [{"path": "/", "surprise": 1}]},
        {"road": "every"},
        {"rate": 0},
        {"rate": 301},
        {"rate": "301/s"},
        {"rate": "5/m"},
        {"rate": True},
        {"errors": "<= 5s"},
        {"errors": ">= 1 %"},
        {"errors": "< 0"},
        {"errors": "none"},
        {"p95": "<= 5"},
        {"p95": "<= 5 %"},
        {"p95": ">= 5s"},
        {"minimumSamples": 0},
        {"timeout": "2"},
        {"surprise": True},
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        synthetic.Settings.model_validate({"journey": JOURNEY, **said})


UPLOAD = {"name": "upload", "path": "/files/{id}", "upload": 64, "expectStatus": 201}


def test_a_journey_may_upload_and_ask_for_it_again() -> None:
    said = {"journey": [UPLOAD, {"path": "/files/{id}", "download": "upload"}]}
    found = synthetic.plan(synthetic.Settings.model_validate(said), {"green": Road("g"), "users": Road("u")}, WINDOW)
    up, down = found.steps
    assert (up.method, up.upload, down.method, down.download) == ("POST", 64, "GET", "upload")


@pytest.mark.parametrize(
    ("journey", "why"),
    [
        ([{"path": "/files/{id}", "download": "upload"}], "'upload' is no step with 'upload'"),
        ([{"path": "/files/x", "name": "up", "upload": 4}], "belong together"),
        ([{"path": "/files/{id}"}], "belong together"),
        ([UPLOAD | {"body": "x"}], "makes its own body"),
        ([UPLOAD | {"download": "upload"}], "not both"),
        ([{"path": "/files/{id}", "upload": 4}], "needs a name"),
    ],
)
def test_an_upload_that_makes_no_sense_is_refused(journey: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        synthetic.Settings.model_validate({"journey": journey})


def test_the_longest_gap_is_told() -> None:
    late = replace(OK, start=107.0)
    assert "longest gap 7000 ms" in judged(both(OK, late)).value
