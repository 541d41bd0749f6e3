"""Could users be served, by one look? What cannot be seen is unclear; nothing is guessed in anybody's favour."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_world import EMPTY, serving

from reconciler.core.model import Pair, Slot, Weights
from reconciler.core.reading import Counters, GatewayReading, MemberReading, MemberStatus, Observed
from reconciler.core.serving import BRIDGE, Service, bridge, service, tally
from reconciler.core.state import State
from reconciler.core.tally import Tally, Users

WORLD = serving()
SPEC, STATE = WORLD.head, WORLD.state
assert SPEC
READY, UNREADY, STOPPED, UNKNOWN = (
    MemberStatus.READY, MemberStatus.UNREADY, MemberStatus.STOPPED, MemberStatus.UNKNOWN,
)  # fmt: skip


def seen(
    weights: Weights | None, blue: MemberStatus, green: MemberStatus = STOPPED, *, up: bool = True, **more: object
) -> Observed:
    members = Pair(*((MemberReading(status),) * len(SPEC.members) for status in (blue, green)))
    return replace(Observed(GatewayReading(up, weights), members), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observed", "told"),
    [
        (seen(Pair(100, 0), READY), Service.UP),
        (seen(Pair(100, 0), STOPPED, READY), Service.OUT),
        (seen(Pair(100, 0), UNREADY, READY), Service.OUT),
        (seen(Pair(100, 0), UNKNOWN, READY), Service.UNCLEAR),
        (seen(Pair(50, 50), STOPPED, READY), Service.UP),
        (seen(Pair(50, 50), STOPPED, UNKNOWN), Service.UNCLEAR),
        (seen(Pair(50, 50), STOPPED, STOPPED), Service.OUT),
        (seen(Pair(100, 0), READY, up=False), Service.OUT),
        (seen(None, READY), Service.OUT),
        (seen(Pair(100, 0), UNREADY, serving=Pair(True, None)), Service.UP),
        (seen(Pair(100, 0), READY, serving=Pair(False, None)), Service.UP),
        (Observed(None, Pair((), ())), Service.UNCLEAR),
    ],
)
def test_what_one_look_tells(observed: Observed, told: Service) -> None:
    assert service(SPEC, observed, STATE) is told


def test_the_slot_that_stands_in_serves() -> None:
    found = seen(Pair(100, 0), STOPPED, READY)
    assert found.gateway
    assert service(SPEC, replace(found, gateway=replace(found.gateway, fallback=Slot.GREEN)), STATE) is Service.UP


def test_before_the_beginning_and_after_down_nobody_is_to_be_served() -> None:
    assert service(SPEC, EMPTY, State()) is Service.OFF
    assert service(SPEC, seen(Pair(100, 0), READY, up=False), replace(STATE, down="moved")) is Service.OFF


def test_who_is_served_before_we_know_of_a_stable_is_served() -> None:
    assert service(SPEC, seen(Pair(100, 0), READY), State()) is Service.UP


def test_a_reset_or_an_unread_counter_is_not_zero_requests() -> None:
    both = tally(2.0, Service.UP, Pair(Counters(10, 1, 3), Counters(5, 2, 0)))
    assert both == Tally(up=2.0, users=Pair(Users(10, 3), Users(5, 2)))
    one = tally(2.0, Service.OUT, Pair(Counters(10), None))
    assert one == Tally(out=2.0, users=Pair(Users(10, 0), Users()), uncounted=2.0)
    assert both.plus(one).requests == (25, 5)
    assert both.plus(one).seconds == 4.0


UP, OUT, UNCLEAR = Service.UP, Service.OUT, Service.UNCLEAR
ASKED = Counters(8)


@pytest.mark.parametrize(
    ("seconds", "ends", "blue", "answered"),
    [
        (35.0, (UP, UP), ASKED, True),
        (35.1, (UP, UP), ASKED, False),
        (35.0, (UP, UP), Counters(9, in_flight=1), True),
        (35.0, (UP, UP), Counters(8, in_flight=1), False),  # it was sent on, and hangs
        (3.0, (UP, UP), Counters(0), False),
        (3.0, (UP, UP), Counters(8, errors=1), False),
        (3.0, (UP, UP), Counters(8, refused=1), False),
        (3.0, (OUT, UP), ASKED, False),
        (3.0, (UP, UNCLEAR), ASKED, False),
        (BRIDGE, (UP, UP), Counters(1000), True),
        (BRIDGE + 1, (UP, UP), Counters(1000), False),
    ],
)
def test_time_without_a_look_is_served_only_where_users_were_answered_in_it(
    seconds: float, ends: tuple[Service, Service], blue: Counters, answered: bool
) -> None:
    found = bridge(5.0, seconds, ends, Pair(blue, Counters()))
    assert found == Tally(bridged=seconds, answered=seconds if answered else 0.0)
    assert found.seconds == 0.0


def test_time_without_a_look_and_without_a_count_is_nothing_on_record() -> None:
    assert bridge(5.0, 3.0, (UP, UP), Pair(ASKED, None)) == Tally()


def test_connections_that_live_long_are_in_flight_at_both_looks_and_take_no_answer_away() -> None:
    blue = Counters(requests=120, in_flight=150)
    assert bridge(5.0, 7.0, (UP, UP), Pair(blue, Counters()), held=150).answered == 7.0
    assert bridge(5.0, 7.0, (UP, UP), Pair(blue, Counters()), held=31).answered == 0.0, "119 of them hang"
