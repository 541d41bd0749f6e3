"""A step of our own that takes long is no time of which nothing is known: the gateway has counted through it. What its
counters do not show stays unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pack_made import Recorded

from reconciler.core.model import Pair
from reconciler.core.reading import Counters
from reconciler.core.serving import BRIDGE
from reconciler.evidence.pack import manifest
from reconciler.evidence.pack.verify import verify


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(tmp_path)
    found.begin()
    yield found
    found.close()


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


@pytest.mark.parametrize("seconds", [8.0, 40.0])
@pytest.mark.parametrize("step", ["warm", "start"])
def test_a_slow_step_through_which_users_were_answered_is_proved(made: Recorded, step: str, seconds: float) -> None:
    takes(made, step, seconds, made.ask)
    verdict, reasons, figures = proof(made)
    assert verdict == "Proved", reasons
    assert (figures["served"]["uncounted"], figures["served"]["unclear"]) == (0.0, 0.0)
    assert figures["served"]["slots"]["blue"]["requests"] == made.number


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
    assert (verdict, reasons) == ("NotProved", ("for 15.010 s it is not on record whether anybody could serve",))
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
