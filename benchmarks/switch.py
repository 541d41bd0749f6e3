"""From a commit to the first answer of the new slot, beside the gateway's own time; and requests lost under load.

    python benchmarks/switch.py [--switches 200] [--gateway envoy|haproxy] [--json]

Both roads switch in turn, in one run, seen by the same kind of client: (a) the branch's reference moves and the running
`reconcile run` does the rest; (b) the gateway's driver is told the same weights directly. First a quarter of the
switches with nobody else there, then all of them under load, with every request counted.

Then what others do, before the same slots: nginx and HAProxy change the same weights by a reload, each as often and
under a load of its own of the same kind; and noticing a commit by watchfiles as it comes, and by a poll of one second.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import noticing
from figures import spread
from reloads import Haproxy, Nginx, Reloaded
from rig import Rig, SecondGateway, Watcher, rig

from reconciler.core.model import Slot
from reconciler.demo import account
from reconciler.demo.account import Outcome, Request
from reconciler.demo.place import Place
from reconciler.demo.processes import RATE, Processes

PAUSE = 0.35  # seconds; the transition ends, so that the next one begins from rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--gateway", choices=["envoy", "haproxy"], default="envoy")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    few = given.switches // 4 // 2 * 2
    with rig(given.gateway) as (found, processes):
        ours = switched(found, processes, few, given.switches)
        others = {kind.program: reloaded(found.place, kind, given.switches) for kind in (Nginx, Haproxy)}
    seen = {name: spread(values) for name, values in noticing.measure(few).items()}
    result = {"switches": given.switches, **ours, "reloads": others, "noticing_ms": seen}
    print(json.dumps(result) if given.json else show(result))


def switched(found: Rig, processes: Processes, few: int, many: int) -> dict[str, Any]:
    """Ours, quiet and under load."""
    second = SecondGateway(found.place)
    watchers = Watcher(found.place.port), Watcher(second.port)
    try:
        quiet = measure(found, second, *watchers, few)
        processes.start_users()
        loaded = measure(found, second, *watchers, many)
    finally:
        for watcher in watchers:
            watcher.close()
        second.close()
    processes.stop_users()
    return {
        **lost(recorded(processes.records[-1]), watchers[0]),
        "users_per_second": RATE,
        "quiet": compared(*quiet),
        "under_load": compared(*loaded),
    }


def measure(
    found: Rig, second: SecondGateway, ours: Watcher, theirs: Watcher, switches: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of each switch by the whole road, and by the gateway alone, in turn."""
    roads, own = [], []
    for slot in in_turn(switches):
        revision = found.prepare(slot)
        reading = second.read()
        own.append(timed(slot, theirs, lambda slot, reading=reading: second.write(slot, reading)))  # type: ignore[misc]
        moved = found.move_branch(revision)
        roads.append((ours.first_answer_of(slot) - moved) * 1000)
        found.place.git("reset", "--quiet", "--hard")
        time.sleep(PAUSE)
    return roads, own


def in_turn(switches: int) -> Iterator[Slot]:
    for number in range(switches):
        yield Slot.GREEN if number % 2 == 0 else Slot.BLUE


def timed(slot: Slot, watcher: Watcher, switch: Callable[[Slot], None]) -> float:
    """Milliseconds from the order to the slot's first answer."""
    began = time.monotonic()
    switch(slot)
    return (watcher.first_answer_of(slot) - began) * 1000


def reloaded(place: Place, kind: type[Reloaded], switches: int) -> dict[str, Any] | None:
    """The same weights by a reload, under the same load; None where the program is missing."""
    program = kind.installed()
    if program is None:
        return None
    proxy = kind(place)
    users = Processes(Place(proxy.folder, proxy.port))
    try:
        proxy.start(program)
        arrive(proxy.port)
        watcher = Watcher(proxy.port)
        users.start_users()
        time.sleep(1.0)  # users are there; and HAProxy's worker answers before its master hears signals
        times = []
        for slot in in_turn(switches):
            times.append(timed(slot, watcher, proxy.switch))
            time.sleep(PAUSE)
        watcher.close()
    finally:
        users.stop_users()
        proxy.close()
    return {**lost(recorded(users.records[-1]), watcher), "effect_ms": spread(times)}


def arrive(port: int) -> None:
    """Until it listens."""
    first = Watcher(port)
    first.first_answer_of(Slot.BLUE)
    first.close()


def recorded(file: Path) -> list[Request]:
    with file.open(encoding="utf-8") as lines:
        return account.read(lines)


def lost(requests: list[Request], watcher: Watcher) -> dict[str, int]:
    """By kind of connection: one that is kept may be closed while it is idle, which our users see only when they ask
    again. The watcher's is never idle for long."""
    failed = [request for request in requests if request.outcome is not Outcome.OK]
    fresh = sum(request.fresh for request in failed)
    return {
        "requests": len(requests) + watcher.asked,
        "lost": len(failed) + watcher.failed,
        "lost_on_fresh_connections": fresh,
        "lost_on_kept_connections": len(failed) - fresh,
        "lost_back_to_back": watcher.failed,
    }


def compared(roads: list[float], own: list[float]) -> dict[str, dict[str, float]]:
    """The whole road, the gateway alone, and the difference switch by switch; milliseconds."""
    above = [road - alone for road, alone in zip(roads, own, strict=True)]
    return {"road_ms": spread(roads), "gateway_ms": spread(own), "above_gateway_ms": spread(above)}


def show(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:>32}  {value}" for name, value in rows("", result))


def rows(above: str, part: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Figures that belong together on one line."""
    for name, value in part.items():
        if isinstance(value, dict) and "median" not in value:
            yield from rows(f"{above}{name} ", value)
        else:
            yield above + name, "not installed, left out" if value is None else value


if __name__ == "__main__":
    main()
