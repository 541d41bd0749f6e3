"""What evidence costs: `python benchmarks/evidence.py [--requests 10000000] [--switches 10]`.

1. A pack of so many requests is written and verified by processes of their own; their peak memory is what the kernel
   says of them, beside that for a thousandth of it.
2. Two systems side by side on real Envoys, with the same users and the same gates, of which one keeps evidence and the
   other does not, are switched in turn. Compared is what their users waited, from the commit until TAIL seconds after
   the end, in which the one's evidence is finished.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from figures import spread
from rig import Rig, rig

from reconciler.core.events import Ended
from reconciler.core.model import Slot
from reconciler.demo import place as places
from reconciler.demo.account import Outcome
from reconciler.demo.account import read as requests_of
from reconciler.demo.follow import Follower
from reconciler.demo.place import ENVIRONMENT, Place
from reconciler.demo.processes import Processes
from reconciler.drivers.protocols import Sample
from reconciler.evidence.pack.account import Ledger
from reconciler.evidence.pack.manifest import digest
from reconciler.evidence.pack.material import CLOSE
from reconciler.evidence.pack.requests import Told, record
from reconciler.evidence.pack.series import Gatherer
from reconciler.evidence.pack.stream import Stream, read
from reconciler.evidence.pack.watch import Watching

FLUSHED = 4_000  # records; a real recorder flushes once a second
TAIL = 10.0  # seconds
RATE = 300  # requests a second
WALL = 1_795_000_000.0  # seconds since 1970, when the first was sent


def write(path: Path, count: int) -> None:
    """As the recorder does: one record after the other, flushed now and then."""
    stream = Stream(path)
    stream.write({"life": "a", "at": WALL})
    for number in range(count):
        latency = 0.002 + (number * 7919 % 10_007) / 1e6
        sample = Sample(number, "users", "search", number / RATE, latency, 200, True, slot="green")
        stream.write(record(Told("journey", "run", number, sample), WALL))
        if number % FLUSHED == 0:
            stream.flush()
    stream.write({"over": True, "at": WALL + count / RATE})
    stream.close()


def verify(path: Path, count: int) -> dict[str, object]:
    """What `reconcile evidence verify` does with the requests of a pack: its digest, and one pass over the records for
    account, watch, and both of the report's pictures."""
    began, ended = WALL, WALL + count / RATE
    ledger, watching = Ledger(began, ended, began, ended), Watching(began, began, ended)
    pictures = Gatherer(began, ended), Gatherer(began, ended, CLOSE, steps=False)
    digest(path)
    for one in read(path):
        ledger.take(one)
        watching.request(one)
        for picture in pictures:
            picture.request(one)
    found = ledger.account()
    assert found.users is not None
    return {"sent": found.users.sent, "p95": found.users.p95, "missing": found.missing}


def _apart(what: str, path: Path, count: int) -> dict[str, object]:
    """In a process of its own, so that its peak is its own."""
    words = (sys.executable, __file__, "--apart", what, "--file", str(path), "--requests", str(count))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told: dict[str, object] = json.loads(done.stdout)
    return told


def _here(what: str, path: Path, count: int) -> None:
    began = time.perf_counter()
    found = verify(path, count) if what == "verify" else write(path, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "peakMiB": peak, "found": found}))


def memory(count: int) -> list[str]:
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (count // 1000, count):
            path = Path(folder) / f"{size}.jsonl.gz"
            for what in ("write", "verify"):
                told = _apart(what, path, size)
                seconds, peak = float(str(told["seconds"])), float(str(told["peakMiB"]))
                each = f"{1e6 * seconds / size:.1f} µs each"
                lines.append(f"{what:6} {size:>10,} requests: {seconds:7.1f} s, {each}, peak {peak:.0f} MiB")
            lines.append(f"       file: {path.stat().st_size / size:.1f} bytes a request")
    return lines


def without(place: Place) -> None:
    with place.config.open("a", encoding="utf-8") as file:
        file.write("\n[evidence]\nrecord = false\n")


def side_by_side(switches: int) -> list[str]:
    manifest = places.MANIFEST
    times: dict[str, list[float]] = {"with": [], "without": []}
    p95: dict[str, list[float]] = {"with": [], "without": []}
    with rig(manifest=manifest) as (kept, kept_users), rig(manifest=manifest, furnish=without) as (bare, bare_users):
        sides = {"with": (kept, kept_users), "without": (bare, bare_users)}
        for _, users in sides.values():
            users.start_users()
        time.sleep(2.0)
        spans: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
        for number in range(switches):
            slot = Slot.GREEN if number % 2 == 0 else Slot.BLUE
            for name in ("with", "without") if number % 2 == 0 else ("without", "with"):
                spans[name].append(switched(sides[name][0], slot, number))
        for name, (_, users) in sides.items():
            users.stop_users()
            for begin, end in spans[name]:
                found = latencies(users, begin, end)
                times[name] += found
                p95[name].append(quantile(found))
    ratios = [100 * (one / other - 1) for one, other in zip(p95["with"], p95["without"], strict=True)]
    lines = [f"{name:8} {len(times[name]):,} requests, P95 {1000 * quantile(times[name]):.2f} ms" for name in times]
    change = 100 * (quantile(times["with"]) / quantile(times["without"]) - 1)
    return [*lines, f"P95 with evidence: {change:+.1f} %; switch by switch, in percent: {spread(ratios)}"]


def switched(found: Rig, slot: Slot, earlier: int) -> tuple[float, float]:
    """From the commit until its evidence is surely finished; seconds, monotonic. `earlier`: how many there were."""
    follower = Follower(found.place.state / "journal.db", ENVIRONMENT, lambda: None)
    revision = found.prepare(slot)
    begin = found.move_branch(revision)
    for _ in range(earlier + 1):
        follower.until(lambda event: isinstance(event, Ended), 90.0, lambda _: None)
    found.place.git("reset", "--quiet", "--hard")
    time.sleep(TAIL)
    return begin, time.monotonic()


def latencies(users: Processes, begin: float, end: float) -> list[float]:
    with users.records[-1].open(encoding="utf-8") as lines:
        found = requests_of(lines)
    return [one.latency for one in found if begin <= one.start <= end and one.outcome is Outcome.OK]


def quantile(values: list[float], share: float = 0.95) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--switches", type=int, default=10, help="0 leaves the comparison out.")
    parser.add_argument("--apart", choices=["write", "verify"])
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    if asked.apart:
        _here(asked.apart, asked.file, asked.requests)
        return
    print(f"{os.cpu_count()} cores")
    if asked.requests:
        print("\n".join(memory(asked.requests)), flush=True)
    if asked.switches:
        print("\n".join(side_by_side(asked.switches)))


if __name__ == "__main__":
    main()
