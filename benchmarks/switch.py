"""From a commit to the first answer of the new slot, beside the gateway's own time; and requests lost under load.

    python benchmarks/switch.py [--switches 200] [--gateway envoy|haproxy] [--json]

Both roads switch in turn, in one run, seen by the same kind of client: (a) the branch's reference moves and the running
`reconcile run` does the rest; (b) the gateway's driver is told the same weights directly. First a quarter of the
switches with nobody else there, then all of them under load, with every request counted.
"""

from __future__ import annotations

import argparse
import json
import time

from figures import spread
from rig import Rig, SecondGateway, Watcher, rig

from reconciler.core.model import Slot
from reconciler.demo import account
from reconciler.demo.processes import RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--gateway", choices=["envoy", "haproxy"], default="envoy")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with rig(given.gateway) as (found, processes):
        second = SecondGateway(found.place)
        watchers = Watcher(found.place.port), Watcher(second.port)
        try:
            quiet = measure(found, second, *watchers, given.switches // 4 // 2 * 2)
            processes.start_users()
            loaded = measure(found, second, *watchers, given.switches)
        finally:
            for watcher in watchers:
                watcher.close()
            second.close()
        processes.stop_users()
        with processes.records[-1].open(encoding="utf-8") as lines:
            totals = account.totals(account.read(lines))
    result = {
        "switches": given.switches,
        "requests": totals.sent + watchers[0].asked,
        "lost": totals.failed + totals.unknown + watchers[0].failed,
        "users_per_second": RATE,
        "quiet": compared(*quiet),
        "under_load": compared(*loaded),
    }
    print(json.dumps(result) if given.json else show(result))


def measure(
    found: Rig, second: SecondGateway, ours: Watcher, theirs: Watcher, switches: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of each switch by the whole road, and by the gateway alone, in turn."""
    roads, own = [], []
    for number in range(switches):
        slot = Slot.GREEN if number % 2 == 0 else Slot.BLUE
        revision = found.prepare(slot)
        reading = second.read()
        began = time.monotonic()
        second.write(slot, reading)
        own.append((theirs.first_answer_of(slot) - began) * 1000)
        moved = found.move_branch(revision)
        roads.append((ours.first_answer_of(slot) - moved) * 1000)
        found.place.git("reset", "--quiet", "--hard")
        time.sleep(0.35)  # the transition ends, so that the next one begins from rest
    return roads, own


def compared(roads: list[float], own: list[float]) -> dict[str, dict[str, float]]:
    """The whole road, the gateway alone, and the difference switch by switch; milliseconds."""
    above = [road - alone for road, alone in zip(roads, own, strict=True)]
    return {"road_ms": spread(roads), "gateway_ms": spread(own), "above_gateway_ms": spread(above)}


def show(result: dict[str, object]) -> str:
    rows = [(name, value) for name, value in result.items() if not isinstance(value, dict)]
    rows += [(f"{part} {name}", row) for part in ("quiet", "under_load") for name, row in result[part].items()]  # type: ignore[attr-defined]
    return "\n".join(f"{name:>28}  {value}" for name, value in rows)


if __name__ == "__main__":
    main()
