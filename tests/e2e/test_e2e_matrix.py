"""The crash matrix: every blow at every boundary of a whole switch, under users' load.

The loop is killed, or stopped and woken again, or its gateway is killed, each time at another boundary of another
switch. Afterwards everything stands as after the undisturbed switch, no request is lost beyond those that a killed
gateway held or refused until it was back, no job is lost or done twice, and the judge finds every law kept.

`make test` kills at a boundary of each kind, and strikes the other blows at three kinds, every blow on one gateway;
`make crashes` strikes at all of them on each.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, product

import psutil
import pytest
from e2e_account import assert_jobs_done_once, end_state, unexcused
from e2e_playground import ALL, Playground, Run, until
from e2e_users import lost

from reconciler.core.model import Release, Slot
from reconciler.drivers.identity import Identity

pytestmark = [pytest.mark.real, pytest.mark.timeout(2400)]

STEPS = ("setWeight: 50", "setWeight: 100", "handOver: [worker]")
Point = tuple[str, int]
OBSERVED = (1, 2, 4)  # of the many looks, these
EACH = (("observed", 2), ("intent-written", 2), ("effect-done", 2), ("effect-read-back", 4), ("outcome-written", 3))
FEW = {"kill": EACH, "stop": EACH[::3], "gateway": EACH[1:3]}  # between two acts: test_e2e_bad_input, test_e2e_faults


PAIRS = (("envoy", "kill"), ("haproxy", "stop"), ("envoy", "gateway"))
TRIES = 3  # switches that a boundary has to be come by in
OVER = "over"
Away = tuple[float, float]  # from when to when a gateway was away


@pytest.mark.parametrize(
    ("playground", "blow"),
    list(product(("envoy", "haproxy"), ("kill", "stop", "gateway"))) if ALL else PAIRS,
    indirect=["playground"],
)
def test_every_blow_at_every_boundary_ends_as_if_nothing_had_happened(
    playground: Playground, blow: str, tell: Callable[[str], None]
) -> None:
    playground.serving(steps=STEPS)
    releases = cycle((("green", "1.1.0"), ("blue", "1.0.0")))
    users = playground.users()
    (undisturbed, there), (again, back) = (_undisturbed(playground, *next(releases)) for _ in range(2))
    assert again == undisturbed
    points = list(_everywhere(there & back)) if ALL else FEW[blow]
    landed: list[Point] = []
    away: list[Away] = []
    for _ in range(TRIES):
        for point in [one for one in points if one not in landed]:
            struck, gone = _switch(playground, blow, point, *next(releases))
            landed += [point] * struck
            away += gone
            assert end_state(playground) == undisturbed, (blow, point)
    requests = users.stop()
    beyond = lost(requests)
    for begin, end in away:
        beyond = [one for one in beyond if one in unexcused(requests, begin, end)]
    assert beyond == [], f"{len(beyond)} requests lost that no killed gateway held"
    assert_jobs_done_once(playground, requests)
    assert sorted(landed) == sorted(points), f"never struck: {sorted({*points} - {*landed})}"
    assert {point for point, _ in (points if ALL else EACH)} == set(there), "a kind of boundary is never struck"
    account = f"{len(landed)} blows, {len(requests)} requests, {len(lost(requests))} lost with the gateway"
    tell(f"{playground.gateway}, {blow}: {account}; by boundary: {dict(Counter(point for point, _ in landed))}")


def _undisturbed(playground: Playground, slot: str, version: str) -> tuple[object, Counter[str]]:
    """A switch that nobody disturbs: how it ends, and which boundaries it passes how often."""
    file = playground.root / "boundaries.txt"
    file.unlink(missing_ok=True)
    playground.stop_run()
    playground.commit(slot, "1.0.0", "1.1.0", steps=STEPS)
    playground.run_until_struck("", 0, "count", file)
    playground.until_stable(slot, version)
    found = end_state(playground)
    return found, Counter(file.read_text(encoding="utf-8").split())


def _everywhere(passed: Counter[str]) -> Iterator[Point]:
    for point, times in passed.items():
        yield from ((point, count) for count in (OBSERVED if point == "observed" else range(1, times + 1)))


def _switch(playground: Playground, blow: str, point: Point, slot: str, version: str) -> tuple[bool, list[Away]]:
    """A switch with one blow, to its end: whether it fell, as the last switch may have left a step less to do, and when
    a gateway was away."""
    (playground.root / "struck.txt").unlink(missing_ok=True)
    playground.stop_run()
    playground.commit(slot, "1.0.0", "1.1.0", steps=STEPS)
    gateway = playground.envoy()
    run = playground.run_until_struck(*point, blow, playground.gateway_record())

    def end() -> str:
        return _fell(playground, run, gateway) or (OVER if _over(playground, slot, version) else "")

    fell = until(end, "a blow", playground.story)
    if fell is OVER:
        time.sleep(1.5)  # some looks more
        fell = end()
    if fell is OVER:
        return False, []
    assert fell == blow
    away = list(_recover(playground, run, fell, _struck(playground, point), gateway))
    playground.until_stable(slot, version)
    return True, away


def _struck(playground: Playground, point: Point) -> float:
    """When it fell, by its own word, which says where, too."""
    name, count, when = (playground.root / "struck.txt").read_text(encoding="utf-8").split()
    assert (name, int(count)) == point
    return float(when)


def _recover(playground: Playground, run: Run, fell: str, begin: float, gateway: Identity | None) -> Iterator[Away]:
    """What the machine, or whoever keeps it, does after a blow. Gives when a gateway was away."""
    if fell == "kill":
        playground.run()
    elif fell == "stop":
        time.sleep(1)  # only the data plane lives
        run.send_signal(signal.SIGCONT)
    elif fell == "gateway":
        until(lambda: playground.envoy() != gateway and "demo envoy" in playground.data_plane(), "its next life")
        until(playground.answers, "an open port")
        yield begin, time.monotonic() + 0.5


def _fell(playground: Playground, run: Run, gateway: Identity | None) -> str:
    """The blow that was seen to fall; empty: none yet."""
    if run.poll() is not None:
        assert run.returncode == -signal.SIGKILL, playground.log
        return "kill"
    if psutil.Process(run.pid).status() == psutil.STATUS_STOPPED:
        return "stop"
    return "gateway" if gateway and not gateway.alive() else ""


def _over(playground: Playground, slot: str, version: str) -> bool:
    state = playground.state()
    return state.stable == Release(Slot(slot), version) and state.transition is None and state.intent is None
