"""A good switch, from the commit to the retired slot. Each name is a promise."""

from __future__ import annotations

from core_story import INCONCLUSIVE, acts, happened, shares
from core_world import (
    ON_GREEN,
    READY,
    STOPPED,
    B,
    G,
    at,
    serving,
    spec,
    switching,
)

from reconciler.core.events import Began, Phase
from reconciler.core.model import Admission, Pair, Release
from reconciler.core.reading import Counters
from reconciler.core.steps import Start, Stop


def test_a_good_switch_climbs_the_ladder_and_the_newcomer_becomes_stable() -> None:
    world = switching()
    assert world.ended() is Phase.SUCCEEDED
    assert shares(world) == [0, 10, 50, 100]
    assert world.state.stable == Release(G, "v2")
    assert world.settled().weights == ON_GREEN


def test_the_worker_is_stopped_and_read_stopped_before_the_other_starts() -> None:
    world = switching()
    world.until(at(100, Phase.HANDING_OVER))
    world.ended()
    moved = [a for a in (*acts(world, Stop), *acts(world, Start)) if "worker" in a.members and a.owner]
    assert moved[0] == Stop(B, ("worker",), owner=True)
    assert moved[-1] == Start(G, "v2", ("worker",), owner=True)


def test_no_worker_changes_hands_without_a_good_verdict_at_full_weight() -> None:
    world = switching().until(at(100))
    world.verdicts["v2"] = INCONCLUSIVE
    world.waits("GateInconclusive")
    assert world.observed.members[B][1].status is READY
    world.verdicts.clear()
    assert world.ended() is Phase.SUCCEEDED


def test_a_staged_pin_gets_no_traffic_and_its_switch_needs_no_waiting() -> None:
    world = serving()
    world.commit(spec(green="v2"))
    world.settled()
    assert world.state.warm[G] == "v2"
    assert shares(world) == [0]
    assert not happened(world, Began)
    before = world.now
    world.commit(spec(G, green="v2"))
    world.until(at(10))
    assert world.now == before


def test_the_old_slot_is_retired_after_its_delay_and_only_drained() -> None:
    world = switching()
    world.ended()
    world.settled()
    world.now += 101
    world.until(lambda w: w.gateway.admission[B] is Admission.CLOSED)
    world.set_gateway(counters=Pair(Counters(in_flight=1), Counters()))
    closed = world.now
    world.until(lambda w: w.observed.members[B][0].status is STOPPED)
    assert world.now >= closed + 10
    assert world.settled().weights == ON_GREEN


def test_clients_of_the_old_slot_may_finish_after_a_success() -> None:
    world = switching()
    world.ended()
    world.settled()
    assert world.gateway.admission[B] is Admission.DRAINING
    assert world.gateway.fallback is None
