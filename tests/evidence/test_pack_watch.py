"""Missing data prove nothing: whatever is left out of a good switch's records, it is not proved any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence_pack import BEGIN, Run, switched

from reconciler.drivers.sampled import USERS
from reconciler.evidence.pack.material import gather
from reconciler.evidence.pack.place import PLAN
from reconciler.evidence.pack.verdict import Proof, verdict
from reconciler.evidence.pack.watch import Watching


def run() -> Run:
    return switched(soak=60.0)


def reasons(made: Run, folder: Path) -> tuple[str, ...]:
    found = verdict(made.material(folder))
    assert found.zero_downtime is Proof.NOT_PROVED, found
    return found.reasons


def shifts(folder: Path) -> list[float]:
    """Seconds after the beginning at which a weight was changed, and at which it ended."""
    found = run().material(folder / "looked")
    return [shift.at - BEGIN for shift in found.shifts] + [found.whole.end - BEGIN]


def test_a_switch_that_was_watched_all_the_time_is_proved_and_says_how_closely(tmp_path: Path) -> None:
    found = run().material(tmp_path)
    assert verdict(found).zero_downtime is Proof.PROVED, verdict(found)
    watch = found.figures()["watch"]
    assert watch["requests"]["silence"] < watch["requests"]["bound"] == 5.0
    assert watch["gateway"]["bound"] == 10.0
    assert watch["counted"] > watch["answered"] > 100
    assert watch["gates"] == ("sessions", "transactions")


def test_no_test_request_around_the_first_change_of_weight_proves_nothing(tmp_path: Path) -> None:
    first = shifts(tmp_path)[0]
    made = run()
    made.requests = [one for one in made.requests if not first - 20 < one["at"] - BEGIN < first + 6]
    assert any("no test request was sent for" in one for one in reasons(made, tmp_path))


def test_no_test_request_before_the_first_change_counts_from_that_change_on(tmp_path: Path) -> None:
    first = shifts(tmp_path)[0]
    made = run()
    made.requests = [one for one in made.requests if one["at"] - BEGIN > first + 8]
    (reason,) = [one for one in reasons(made, tmp_path) if "no test request" in one]
    assert reason.startswith("no test request was sent for 8.")


@pytest.mark.parametrize("rest", [5.5, 12.0])
def test_test_requests_that_end_before_the_switch_does_prove_nothing(tmp_path: Path, rest: float) -> None:
    end = shifts(tmp_path)[-1]
    made = run()
    made.requests = [one for one in made.requests if one["at"] - BEGIN < end - rest]
    assert any("no test request was sent for" in one for one in reasons(made, tmp_path))


def test_a_record_from_the_future_hides_no_silence(tmp_path: Path) -> None:
    *_, half, _, end = shifts(tmp_path)
    made = run()
    made.requests = [one for one in made.requests if one["at"] - BEGIN < half]
    early = dict(made.requests[10]) | {"at": BEGIN + end + 40, "latency": 0.0}
    made.requests[10] = early
    assert any("no test request was sent for" in one for one in reasons(made, tmp_path))


def without_answer(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"at": one["at"], "unread": "no answer"} for one in looks]


def counting(counters: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda looks: [{**one, "counters": counters} for one in looks]


def some(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """It did not answer for 12 s in the midst."""
    middle = len(looks) // 2
    return [*looks[: middle - 6], *without_answer(looks[middle - 6 : middle + 6]), *looks[middle + 6 :]]


ZERO = {"requests": 0, "errors": 0, "refused": 0}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda looks: [], "the gateway did not say"),
        (without_answer, "the gateway did not say"),
        (counting({"blue": None, "green": None}), "the gateway did not say"),
        (counting({"blue": ZERO, "green": ZERO}), "the gateway counted 0 requests, though"),
        (some, "the gateway was not read for"),
        (lambda looks: looks[:-12], "the gateway was not read for"),
    ],
    ids=["no looks", "no answer", "no counters", "counted less than we sent", "12 s away", "not looked at to the end"],
)
def test_a_gateway_that_was_not_read_or_did_not_count_our_own_requests_proves_nothing(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], why: str
) -> None:
    made = run()
    made.looks = change(made.looks)
    assert any(one.startswith(why) for one in reasons(made, tmp_path)), reasons(made, tmp_path / "again")


def test_a_change_of_policy_that_takes_the_measuring_gate_out_proves_nothing(tmp_path: Path) -> None:
    made = run()
    assert made.plan
    pack = made.write(tmp_path)
    fewer = {**made.plan, "gates": [one for one in made.plan["gates"] if one["name"] != "transactions"]}
    from reconciler.evidence.pack import plan

    plan.write(pack.file(PLAN), "production", made.transition, [made.plan, fewer])
    found = verdict(gather(pack))
    assert "gate transactions, which measured what users get, was taken out under way" in found.reasons
    assert found.zero_downtime is Proof.NOT_PROVED


def test_without_a_plan_nothing_is_proved(tmp_path: Path) -> None:
    made = run()
    made.plan = None
    assert any(one.startswith("there is no plan") for one in reasons(made, tmp_path))


def test_where_weights_were_moved_by_a_stranger_the_watch_counts_from_what_the_gateway_said(tmp_path: Path) -> None:
    made = Run().began()
    made.gateway({0: 0, 20: 40}, 60.0)
    found = made.material(tmp_path).watch
    assert found.span is not None
    assert found.span[0] == pytest.approx(BEGIN + 20)


def test_whoever_sends_seldom_may_be_silent_longer_and_never_longer_than_a_minute(tmp_path: Path) -> None:
    bounds = []
    for every in (0.5, 2.0, 30.0):
        made = Run().began()
        for number in range(4):
            made.request("users", "search", number * every, 0.1)
        bounds.append(made.material(tmp_path / str(every)).watch.requests.bound)
    assert bounds == [5.0, 20.0, 60.0]


def looked(at: float, requests: int) -> dict[str, Any]:
    counters = {slot: {"requests": requests, "errors": 0, "refused": 0} for slot in ("blue", "green")}
    return {"at": at, "up": True, "weights": None, "incarnation": "1", "counters": counters}


ALL = tuple(range(100, 150))


@pytest.mark.parametrize(
    ("changed", "end", "looks", "asked", "unshown"),
    [
        (101.0, 145.0, (100, 101, 102, 142, 143, 144), ALL, 0.0),
        (106.0, 145.0, (100, 101, 102, 142, 143, 144), ALL, 0.0),  # within what counts as watched
        (108.0, 145.0, (100, 101, 102, 142, 143, 144), ALL, 35.0),  # before it, no test request counts
        (None, 145.0, (100, 101, 102, 142, 143, 144), ALL, 35.0),
        (101.0, 145.0, (100, 101, 102, 142, 143, 144), [at for at in ALL if not 110 < at < 116], 35.0),
        (101.0, 145.0, (100, 101, 102, 142, 143, 144), [at for at in ALL if not 110 < at < 115], 0.0),
        (101.0, 145.0, (100, 101, 102, 142, 143, 144), [at for at in ALL if at < 136], 35.0),
        (101.0, 141.0, (100, 101, 102, 142, 143, 144), ALL, 34.0),  # test requests may have ended before it has
        (101.0, 145.0, (142, 143, 144), ALL, 37.0),
        (101.0, 145.0, (100, 101, 102), ALL, 38.0),
        (101.0, 145.0, (), ALL, 40.0),
        (101.0, 145.0, (100, 101, 102, 122, 142, 144), ALL, 0.0),  # two of them
    ],
)
def test_time_between_two_looks_is_shown_only_by_test_requests_that_go_on_in_it(
    changed: float | None, end: float, looks: tuple[int, ...], asked: list[int], unshown: float
) -> None:
    watching = Watching(100.0, changed, end)
    for at in looks:
        watching.look(looked(float(at), at))
    for number, at in enumerate(asked):
        watching.request({"road": USERS, "gate": "g", "run": "r", "n": number, "at": float(at), "outcome": "ok"})
    assert watching.watch({}).unshown == unshown
