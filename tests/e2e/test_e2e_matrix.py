"""The crash matrix: every blow at every boundary of a whole switch, under users' load.

The loop is killed, or stopped and woken again, or its gateway is killed, each time at another boundary of another
switch. Afterwards everything stands as after the undisturbed switch, no request is lost beyond those that a killed
gateway held or refused until it was back, no job is lost or done twice, and the judge finds every law kept.

`make test` strikes a few of the boundaries; `make crashes` all of them.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import psutil
import pytest
from e2e_account import assert_jobs_done_once, end_state, unexcused
from e2e_playground import LOOK, Playground, Run, until
from e2e_users import lost

from reconciler.drivers.identity import Identity

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

STEPS = ("setWeight: 50", "setWeight: 100", "handOver: [worker]")
Point = tuple[str, int]
OBSERVED = (1, 2, 4)  # of the many looks, these
FEW = (("observed", 2), ("intent-written", 2), ("effect-done", 1), ("effect-read-back", 4), ("outcome-written", 3))


ALL = os.environ.get("CRASHES") == "all"
Away = tuple[float, float]  # from when to when a gateway was away


@pytest.mark.parametrize("blow", ["kill", "stop", "gateway"])
def test_every_blow_at_every_boundary_ends_as_if_nothing_had_happened(playground: Playground, blow: str) -> None:
    playground.serving(steps=STEPS)
    releases = cycle((("green", "1.1.0"), ("blue", "1.0.0")))
    users = playground.users()
    undisturbed, passed = _undisturbed(playground, *next(releases))
    away: list[Away] = []
    struck = list(_everywhere(passed)) if ALL else FEW
    for point, count in struck:
        slot, version = next(releases)
        away += _struck(playground, blow, point, count, slot, version)
        assert end_state(playground) == undisturbed, (blow, point, count)
    requests = users.stop()
    beyond = lost(requests)
    for begin, end in away:
        beyond = [one for one in beyond if one in unexcused(requests, begin, end)]
    assert beyond == [], f"{len(beyond)} requests lost that no killed gateway held"
    assert_jobs_done_once(playground, requests)
    print(f"{blow}: {len(struck)} boundaries, {len(requests)} requests, {len(lost(requests))} lost with the gateway")


def _undisturbed(playground: Playground, slot: str, version: str) -> tuple[object, Counter[str]]:
    """A switch that nobody disturbs: how it ends, and which boundaries it passes how often."""
    file = playground.root / "boundaries.txt"
    playground.stop_run()
    playground.commit(slot, "1.0.0", "1.1.0", steps=STEPS)
    playground.run_until_struck("", 0, "count", file)
    playground.until_stable(slot, version)
    found = end_state(playground)
    return found, Counter(file.read_text(encoding="utf-8").split())


def _everywhere(passed: Counter[str]) -> Iterator[Point]:
    for point, times in passed.items():
        yield from ((point, count) for count in (OBSERVED if point == "observed" else range(1, times + 1)))


def _struck(playground: Playground, blow: str, point: str, count: int, slot: str, version: str) -> list[Away]:
    """A switch with one blow, to its end."""
    playground.stop_run()
    playground.commit(slot, "1.0.0", "1.1.0", steps=STEPS)
    gateway = playground.envoy()
    run = playground.run_until_struck(point, count, blow, playground.gateway_record())
    away: list[Away] = []
    if blow == "kill":
        assert run.wait(40) == -signal.SIGKILL, (point, count, playground.log)
        playground.run()
    elif blow == "stop":
        _wake(playground, run)
    elif gateway:
        away.append(_away(playground, gateway))
    playground.until_stable(slot, version)
    return away


def _away(playground: Playground, gateway: Identity) -> Away:
    """From just before its end until a moment after another life of it is on record."""
    begin = until(lambda: None if gateway.alive() else time.monotonic() - LOOK * 2, "a blow", playground.story)
    until(lambda: playground.envoy() != gateway and "demo envoy" in playground.data_plane(), "its next life")
    return begin, time.monotonic() + 0.5


def _wake(playground: Playground, run: Run) -> None:
    """Once it stands still, let a while pass in which only the data plane lives; then it goes on."""
    until(lambda: psutil.Process(run.pid).status() == psutil.STATUS_STOPPED, "a stopped loop", playground.story)
    time.sleep(1)
    run.send_signal(signal.SIGCONT)
