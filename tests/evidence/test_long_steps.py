"""A step of our own that takes long is no time of which nothing is known: the gateway has counted through it, and test
requests have gone on, once a weight was changed. What those do not show stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from pack_made import Recorded

from reconciler.core.model import Pair
from reconciler.core.reading import Counters
from reconciler.core.serving import BRIDGE
from reconciler.evidence.documents.report.korean import KOREAN
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.place import GATEWAY
from reconciler.evidence.pack.stream import read
from reconciler.evidence.pack.verify import verify


def takes(made: Recorded, step: str, seconds: float, meanwhile: Callable[[], None]) -> None:
    """Warming up the newcomer, before it has any weight, or starting its worker, when it has all of it, takes so long
    once, as that of a service of Windows may."""
    keeper, host = made.stand.keeper, made.stand.hosts["worker"]
    start, opened = host.start, keeper._open

    def slow(*_: Any) -> None:
        host.start = start  # type: ignore[method-assign]
        for _ in range(10):
            made.stand.clock.seconds += seconds / 10
            meanwhile()

    def slow_start(*given: Any) -> None:
        slow()
        start(*given)

    def slow_to_warm(*given: Any) -> Any:
        world: Any = opened(*given)
        world.warm = slow
        return world

    if step == "warm":
        keeper._open = slow_to_warm
    else:
        host.start = slow_start  # type: ignore[method-assign]


def count(made: Recorded, *, requests: int = 0, errors: int = 0) -> None:
    """Of users."""
    gateway = made.stand.gateway
    blue = gateway.reading.counters.blue
    assert blue is not None
    more = replace(blue, requests=blue.requests + requests, errors=blue.errors + errors)
    gateway.reading = replace(gateway.reading, counters=replace(gateway.reading.counters, blue=more))


def proof(made: Recorded) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    pack = made.switch(green="3")
    made.recorder.close()
    body = manifest.read(pack)
    assert verify(pack).findings == ()
    return body["verdict"]["zero_downtime"], tuple(body["verdict"]["reasons"]), body["figures"]


def unshown(seconds: float) -> tuple[str, str]:
    return (
        f"for {seconds:.3f} s it is not on record whether anybody could serve",
        f"for {seconds:.3f} s, in steps that took long, no test requests show that users were answered all the "
        "while; those before the first change of weight do not count",
    )


def at_first(enough: int, what: Callable[[], None]) -> Callable[[], None]:
    """In the first tenths of a step only: what comes after them hangs, and no counter tells."""
    left = [None] * enough
    return lambda: what() if left and not left.pop() else None


@pytest.mark.parametrize("seconds", [8.0, 40.0])
def test_a_slow_hand_over_through_which_test_requests_were_answered_is_proved(made: Recorded, seconds: float) -> None:
    takes(made, "start", seconds, made.ask)
    verdict, reasons, figures = proof(made)
    assert verdict == "Proved", reasons
    assert (figures["served"]["uncounted"], figures["served"]["unclear"]) == (0.0, 0.0)
    assert figures["served"]["slots"]["blue"]["requests"] == made.number


def test_a_look_is_on_record_at_the_time_at_which_it_was_taken_not_after_the_step_it_led_to(made: Recorded) -> None:
    takes(made, "start", 40.0, made.ask)
    pack = made.switch(green="3")
    made.recorder.close()
    looks = list(read(pack.file(GATEWAY)))
    ((before, after),) = [pair for pair in pairwise(looks) if pair[1]["at"] - pair[0]["at"] > 5]
    risen = after["counters"]["blue"]["requests"] - before["counters"]["blue"]["requests"]
    assert risen >= 10, "what was counted in the step lies between the looks around it"


def test_where_the_test_requests_paused_in_it_the_users_who_were_answered_at_first_prove_nothing(
    made: Recorded,
) -> None:
    takes(made, "start", 40.0, at_first(1, lambda: count(made, requests=100)))
    verdict, reasons, figures = proof(made)
    assert verdict == "NotProved"
    assert set(unshown(35.01)) < set(reasons)
    assert (figures["served"]["uncounted"], figures["served"]["stepped"]) == (0.0, 35.01)


def test_where_they_paused_for_longer_than_five_seconds_nobody_watched_though_a_slow_sender_may_pause(
    made: Recorded,
) -> None:
    """They are sent so seldom that 60 s without one are a break in nothing else."""
    made.every = 4.0
    takes(made, "start", 40.0, at_first(8, made.ask))
    verdict, reasons, _ = proof(made)
    assert (verdict, reasons) == ("NotProved", unshown(35.01))


@pytest.mark.parametrize("gap", [8.0, 40.0])
def test_before_the_first_change_of_weight_users_who_were_answered_at_first_prove_nothing(
    made: Recorded, gap: float
) -> None:
    """At 20 requests a second, they are enough for all of it; then stable hangs until the next look."""
    takes(made, "warm", gap, at_first(1, lambda: count(made, requests=100)))
    verdict, reasons, figures = proof(made)
    assert (verdict, reasons) == ("NotProved", unshown(gap - 4.99))
    assert figures["served"]["uncounted"] == 0.0
    assert all(KOREAN.reason(one) != one for one in reasons)


def test_before_the_first_change_of_weight_nobody_promised_test_requests_so_they_prove_nothing(made: Recorded) -> None:
    takes(made, "warm", 8.0, made.ask)
    verdict, reasons, _ = proof(made)
    assert (verdict, reasons) == ("NotProved", unshown(3.01))


def test_what_is_shown_of_one_long_step_does_not_stand_for_another(made: Recorded) -> None:
    takes(made, "start", 40.0, made.ask)
    takes(made, "warm", 8.0, lambda: count(made, requests=100))
    verdict, _, figures = proof(made)
    assert verdict == "NotProved"
    assert figures["served"]["stepped"] == pytest.approx(3.0, abs=0.1)


def test_the_last_look_before_a_step_is_on_record_or_it_would_seem_longer_than_it_was(made: Recorded) -> None:
    takes(made, "warm", 4.8, lambda: None)
    pack = made.switch(green="3")
    made.recorder.close()
    at = [look["at"] for look in read(pack.file(GATEWAY))]
    assert max(after - before for before, after in pairwise(at)) == pytest.approx(4.8, abs=0.02)


def test_a_clock_that_is_set_back_by_as_much_makes_no_long_step_watched(made: Recorded) -> None:
    clock, now = made.stand.clock, made.stand.clock.now

    def set_back() -> None:
        clock.now = lambda: now() - timedelta(seconds=40)  # type: ignore[method-assign]

    takes(made, "warm", 40.0, at_first(1, set_back))
    verdict, _, figures = proof(made)
    assert (verdict, figures["served"]["stepped"]) == ("NotProved", pytest.approx(35.0, abs=0.1))


def test_requests_that_were_counted_through_it_are_known_also_where_one_failed(made: Recorded) -> None:
    takes(made, "warm", 8.0, lambda: count(made, requests=1, errors=1))
    verdict, reasons, figures = proof(made)
    assert verdict == "NotProved"
    assert figures["served"]["slots"]["blue"] == {"requests": made.number + 10, "failed": 10}
    assert (figures["served"]["uncounted"], figures["served"]["unclear"]) == (0.0, 3.01)
    assert not any("not on record what the gateway counted" in one for one in reasons)


def test_where_hardly_anybody_was_answered_through_it_nobody_knows_who_could_have_been(made: Recorded) -> None:
    takes(made, "warm", 20.0, lambda: None)
    verdict, reasons, figures = proof(made)
    assert (verdict, reasons) == ("NotProved", unshown(15.01))
    assert figures["served"]["uncounted"] == 0.0


def test_a_gateway_that_began_anew_meanwhile_tells_nothing_of_it(made: Recorded) -> None:
    def restart() -> None:
        made.ask()
        counters = Pair(Counters(requests=10_000), Counters(requests=10_000))
        made.stand.gateway.reading = replace(made.stand.gateway.reading, incarnation="another", counters=counters)

    takes(made, "warm", 8.0, restart)
    verdict, _, figures = proof(made)
    assert verdict == "NotProved"
    assert figures["served"]["uncounted"] >= 8.0
    assert figures["served"]["unclear"] >= 3.0


def test_of_a_silence_that_is_too_long_a_few_answers_show_nothing(made: Recorded) -> None:
    takes(made, "warm", BRIDGE + 6.0, made.ask)
    verdict, _, figures = proof(made)
    assert verdict == "NotProved"
    assert (figures["served"]["uncounted"], figures["served"]["unclear"]) == (0.0, BRIDGE + 1.01)
