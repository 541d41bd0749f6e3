"""Questions side by side: one that hangs, one that raises, and one with a defect hold up nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from reconciler.doctor.questions import Question, answers
from reconciler.drivers.examining import Finding, Grade, failed, ok, split
from reconciler.errors import Refused


def fine() -> Iterator[Finding]:
    yield ok("fine", "it is there")


def refused() -> Iterator[Finding]:
    raise Refused("there is no tool: install it")


def defect() -> Iterator[Finding]:
    raise ZeroDivisionError("ours")


def test_each_says_its_own_and_in_the_order_of_the_questions() -> None:
    never = threading.Event()

    def hangs() -> list[Finding]:
        never.wait()
        return []

    asked = [
        Question("slow", hangs, deadline=0.2),
        Question("fine", fine),
        Question("tool", refused, of="production"),
        Question("defect", defect),
    ]
    told = [(answer.question.of, *answer.findings) for answer in answers(asked)]
    never.set()
    assert told == [
        ("", Finding(Grade.UNKNOWN, "slow", "no answer within 200ms")),
        ("", ok("fine", "it is there")),
        ("production", failed("tool", "there is no tool", "install it")),
        ("", Finding(Grade.UNKNOWN, "defect", "it could not be looked at: ZeroDivisionError: ours")),
    ]


def test_they_are_asked_at_the_same_time() -> None:
    """Each waits for the other: asked one after the other, neither would answer."""
    both = threading.Barrier(2)

    def meets() -> list[Finding]:
        both.wait(10)
        return [ok("met", "")]

    found = answers([Question("one", meets), Question("other", meets)])
    assert [one.findings[0].grade for one in found] == [Grade.OK, Grade.OK]


def test_an_error_of_ours_is_taken_apart_into_what_is_wrong_and_what_to_do() -> None:
    assert split("a port is taken; free it: kill 1") == ("a port is taken", "free it: kill 1")
    assert split("not installed: pip install x") == ("not installed", "pip install x")
    assert split("nothing to do about it") == ("nothing to do about it", "")
