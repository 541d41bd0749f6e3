"""The system of the scenario on real parts: four members, a database that is migrated, a shared folder, an event log.

Compressed: a job is queued with the time stamp of 45 s before, instead of being left to wait so long. The traffic moves
over the scenario's own 30 s.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e_playground import Playground, until

from reconciler.demo.place import sample
from reconciler.evidence.pack.place import READINGS, Pack
from reconciler.evidence.pack.stream import read

OLD, NEW = "1.0.0", "2.0.0"
PAUSE = 10  # seconds at each of the weights below 100
SESSIONS = 20
WAITED = 45.0  # seconds that the oldest job has waited at most
STEPS = (
    *(step for weight in (25, 50, 75) for step in (f"setWeight: {weight}", f"pause: {{duration: {PAUSE}s}}")),
    "setWeight: 100",
    "handOver: [worker, sync]",
)
GATES = f"""\
      - {{name: events, kind: windows-event-log, machine: web1, interval: 500ms}}
      - name: baskets
        kind: sessions
        count: {SESSIONS}
        rate: 20
        timeout: 10s
        write: {{method: POST, path: /api/session, body: "{{content}}"}}
        read: {{path: /api/session}}
    migrate:
      - {{name: dry-run, kind: migration, command: dry-run}}
      - {{name: shared-drive, kind: queue-drained, folder: to-copy, apart: 100ms}}
    shift:
      - name: transactions
        kind: synthetic
        road: both
        rate: 10
        errors: "<= 0"
        p95: "<= 1.45s"
        timeout: 4s
        minimumSamples: 12
        journey:
          - {{name: search, path: "/api/search?q=slot"}}
          - {{name: upload, path: "/api/files/{{id}}", upload: 2048, expectStatus: 201}}
          - {{name: download, path: "/api/files/{{id}}", download: upload}}
    handOver:
      - {{name: jobs, kind: queue-drained, folder: in-hand, apart: 100ms}}
      - {{name: files, kind: queue-drained, folder: to-copy, apart: 100ms}}
    postflight:
      - name: queue
        kind: queue-delay
        http: {{url: "http://127.0.0.1:{{port}}/healthz", pointer: /oldest_s}}
        unit: s
        limit: "<= 60s"
        interval: 250ms
  snapshot: {{folders: [shared]}}
  migrate: {{command: migrate, check: migrated, oldVersionWorks: true}}
  approvals: {{before: [shift]}}
"""


def furnished(ground: Playground) -> dict[str, str]:
    """The operator's part, and the releases; the wishes of the manifest that makes use of all of it."""
    ground.release(OLD, schema=1)
    ground.release(NEW, schema=2)
    shared = ground.root / "shared"
    shared.mkdir()
    (shared / "price-list.txt").write_text("of before the switch")
    with ground.place.config.open("a", encoding="utf-8") as file:
        file.write(f"\n[folders.shared]\npath = {json.dumps(str(shared))}\n")
    words = ("{python}", str(sample() / "migrate.py"), str(ground.place.data), str(ground.root / "releases"))
    for name, option in (("migrate", ()), ("dry-run", ("--dry-run",)), ("migrated", ("--check",))):
        ground.command(name, *words, "{version}", *option)
    return {"gates": GATES.replace("{port}", str(ground.port("worker", "green")))}


@contextmanager
def no_job_is_taken(ground: Playground) -> Iterator[None]:
    """By whoever owns the queue: its fence is in our hands."""
    with (ground.place.data / "fence.lock").open("a+b") as fence:
        fcntl.flock(fence, fcntl.LOCK_EX)
        yield


def a_job_waits(ground: Playground, pack: Pack) -> tuple[float, float]:
    """One that was queued 45 s ago, until the gate has seen it; between which seconds its delay lay at the end: it is
    taken a little later than its owner is let."""
    queued = time.time_ns() - int(WAITED * 1e9)
    job = ground.place.data / "queue" / f"{queued:020d}-late.1"
    with no_job_is_taken(ground):
        job.touch()
        until(lambda: _longest(pack) >= WAITED, "the gate's word of a job that waits", ground.story)
    until(lambda: not job.exists(), "an owner that takes it", ground.story)
    return WAITED, (time.time_ns() - queued) / 1e9


def _longest(pack: Pack) -> float:
    said = [one for one in read(pack.file(READINGS)) if one["gate"] == "queue"]
    return max((float(one["value"].split()[0]) for one in said if one.get("value")), default=0.0)
