"""What is counted of gateway and gates, and whether the steps taken are those planned."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.agreement import BACK, agree
from reconciler.evidence.pack.gateway import traffic
from reconciler.evidence.pack.readings import judgements


def looked(at: float, requests: int, errors: int = 0, *, life: str = "a", **more: Any) -> dict[str, Any]:
    counters = {"blue": {"requests": requests, "errors": errors, "refused": 0}, "green": None}
    found = {"at": at, "up": True, "weights": {"blue": 100, "green": 0}, "incarnation": life, "counters": counters}
    return {**found, **more}


def test_counters_are_told_as_what_they_rose_by() -> None:
    found = traffic([looked(1, 1000, 5), looked(2, 1010, 5), looked(3, 1025, 7)])
    assert found.counted == {"blue": {"requests": 25, "errors": 2, "refused": 0}, "green": None}


def test_a_gateway_that_began_anew_counts_from_zero_and_one_whose_counters_fell_too() -> None:
    again = traffic([looked(1, 1000), looked(2, 1010), looked(3, 4, life="b"), looked(4, 6, life="b")])
    fell = traffic([looked(1, 1000), looked(2, 1010), looked(3, 6)])
    assert again.counted["blue"] == fell.counted["blue"] == {"requests": 16, "errors": 0, "refused": 0}
    assert (again.lives, fell.lives) == (2, 1)


def test_a_gateway_that_began_anew_and_counts_more_than_before_still_counts_from_zero() -> None:
    found = traffic([looked(1, 0), looked(2, 10), looked(3, 50, life="b")])
    assert found.counted["blue"] == {"requests": 60, "errors": 0, "refused": 0}


def test_a_look_without_an_answer_is_counted_and_is_not_zero() -> None:
    found = traffic([looked(1, 10), {"at": 2, "unread": "no answer"}, looked(3, 20)])
    assert (found.looks, found.unread) == (3, 1)
    assert found.counted["blue"] == {"requests": 10, "errors": 0, "refused": 0}


def test_weights_are_told_when_they_change() -> None:
    half = {"blue": 50, "green": 50}
    found = traffic([looked(1, 0), looked(2, 0), looked(3, 0, weights=half), looked(4, 0, weights=None)])
    assert [(one.at, one.blue, one.green) for one in found.weights] == [(1, 100, 0), (3, 50, 50)]


@pytest.mark.parametrize("broken", [{}, {"at": 1, "up": True}, looked(1, 0) | {"counters": {"blue": {}}}])
def test_a_record_of_the_gateway_that_is_none_is_said(broken: dict[str, Any]) -> None:
    with pytest.raises(EvidenceBroken, match="cannot be read"):
        traffic([broken])


def test_of_a_gate_the_last_answer_counts_and_the_first_trouble_is_kept() -> None:
    said = [
        {"at": 1.0, "gate": "jobs", "outcome": "Running"},
        {"at": 2.0, "gate": "jobs", "outcome": "Failed", "reason": "65 s", "value": "65 s", "limit": "<= 60 s"},
        {"at": 3.0, "gate": "jobs", "outcome": "Successful", "value": "45 s", "limit": "<= 60 s", "samples": 3},
    ]
    (found,) = judgements(said)
    assert (found.outcome, found.value, found.limit, found.samples) == ("Successful", "45 s", "<= 60 s", 3)
    assert (found.first, found.last, found.worst_reason) == (1.0, 3.0, "Failed: 65 s")
    assert found.answers == {"Failed": 1, "Running": 1, "Successful": 1}


def test_a_record_of_a_gate_that_is_none_is_said() -> None:
    with pytest.raises(EvidenceBroken, match="cannot be read"):
        judgements([{"gate": "jobs"}])


def test_steps_agree_when_each_was_taken_in_its_place() -> None:
    found = agree(["start", "10", "50"], ["start", "10", "50"])
    assert (found.agrees, found.pairs) == (True, (1, 2, 3))


def test_a_step_that_was_left_out_and_one_that_nobody_planned_are_named() -> None:
    found = agree(["start", "10", "50"], ["start", "50", "60"])
    assert not found.agrees
    assert (found.missing, found.extra, found.pairs) == (("10",), ("60",), (1, 3, None))


def test_the_same_steps_in_another_order_do_not_agree() -> None:
    assert not agree(["a", "b"], ["b", "a"]).agrees


def test_where_it_turned_back_the_rest_of_the_plan_was_not_reached_and_nothing_is_missing() -> None:
    found = agree(["start", "10", "50", "100"], ["start", "10", BACK, "0", "RolledBack"])
    assert (found.missing, found.extra) == ((), ())
    assert (found.unreached, found.back) == (("50", "100"), (BACK, "0", "RolledBack"))
    assert found.agrees


def test_of_no_plan_everything_is_extra() -> None:
    assert agree([], ["start"]).extra == ("start",)
