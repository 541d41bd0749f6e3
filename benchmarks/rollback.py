"""A bad version on real Envoy: how soon it is found, and when it serves its last request after that.

    python benchmarks/rollback.py [--rollbacks 30] [--rate 500] [--weight 10] [--shares 0.2,0.05,0.01] [--json]

`reconcile run`, real git, Envoy and members; users come at random, `--weight` percent of them to the newcomer, which
fails at random in a share of its answers and stable in 0.1 %. Gate `regression` with its defaults finds it, the loop
goes back, and the next version is pinned. The decision is the journal's `RollbackBegan`; the last request is the
latest in Envoy's access log that the newcomer began to serve. Beside it stands what the same rule needs on simulated
traffic of the same rates. Few users meet a newcomer at a small weight, so that its last request says little about the
way back: as many rollbacks at half of all users follow. The default takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import expected
from detection import BASE
from figures import means, spread
from records import Rollback, rollbacks
from rig import Rig, rig

from reconciler.configuration import load
from reconciler.core.events import Ended
from reconciler.core.model import Slot
from reconciler.demo import place as places
from reconciler.demo.place import ENVIRONMENT, GOOD, Place
from reconciler.demo.processes import Processes
from reconciler.evidence import access
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

HERE = Path(__file__).resolve().parent
SIMULATED = 1000
DENSE = 50  # percent: a request every few milliseconds
AIM_MS = 20
PATIENCE = 600.0  # seconds for one rollback
MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: {{name}}
spec:
  activeSlot: {{active}}
  slots:
    blue: {{{{version: "{{blue}}"}}}}
    green: {{{{version: "{{green}}"}}}}
  gateway: {{{{kind: envoy, listen: "127.0.0.1:{{port}}"}}}}
  members:
    - {{{{name: chancy, traffic: weighted, host: {{{{kind: process, app: chancy}}}}}}}}
  strategy:
    steps:
      - setWeight: {weight}
      - pause: {{{{duration: 10m}}}}      # long enough to be found
      - setWeight: 100
    soak: 0s
    scaleDownDelay: 10h
  gates:
    shift:
      - {{{{name: users, kind: regression}}}}
"""
APP = """
[apps.chancy]
command = ["{{python}}", {program}, "--port", "{{port}}", "--version", "{{version}}", "--release", "{{release}}"]
releases = "releases/{{version}}"
ports = {{blue = {blue}, green = {green}}}
ready = "/healthz"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollbacks", type=int, default=30, help="of each kind")
    parser.add_argument("--rate", type=float, default=500.0, help="requests per second")
    parser.add_argument("--weight", type=int, default=10, help="percent of them to the newcomer")
    parser.add_argument("--shares", type=shares, default="0.2,0.05,0.01", help="of bad answers")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    dense = Part(max(given.shares), DENSE)
    parts = list(dict.fromkeys([*(Part(share, given.weight) for share in given.shares), dense]))
    with rig(manifest=parts[0].manifest, furnish=furnish) as (found, processes):
        with crowd(found.place.port, given.rate) as users:
            for version, part in in_turn(parts, given.rollbacks):
                roll_back(found, processes, version, part)
            counts = leave(users)
        time.sleep(0.5)  # Envoy writes its log five times a second
        done = measured(found.place)
    result = {
        "rollbacks": len(done),
        "rate": given.rate,
        "requests": counts["sent"],
        "lost": counts["lost"],
        "aim_met": spread([one.last_ms for one in dense.own(done)])["median"] <= AIM_MS,
        "parts": {part.name: compared(part, done, given.rate) for part in parts},
        "example": done[-1].reason,
    }
    print(json.dumps(result) if given.json else show(result))


@dataclass(frozen=True)
class Part:
    """Rollbacks of one kind: how bad the version is, and how many percent of the users it gets."""

    share: float
    weight: int

    @property
    def name(self) -> str:
        return f"{self.share:.1%} bad, at {self.weight} %"

    @property
    def manifest(self) -> str:
        return MANIFEST.format(weight=self.weight)

    def version(self, number: int) -> str:
        return f"fails-{self.share:g}-of-{self.weight}-{number}"

    def own(self, done: Iterable[Rollback]) -> list[Rollback]:
        return [one for one in done if one.version.rpartition("-")[0] == self.version(0).rpartition("-")[0]]


def shares(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def in_turn(parts: Sequence[Part], rollbacks: int) -> Iterator[tuple[str, Part]]:
    """So that the machine's moods meet all parts alike."""
    for number in range(rollbacks):
        for part in parts:
            yield part.version(number), part


def furnish(place: Place) -> None:
    """Stable fails a little, as everything does; and the app that can."""
    blue, green = places.free_ports(2)
    program = json.dumps(str(HERE / "chancy.py"))
    with place.config.open("a", encoding="utf-8") as file:
        file.write(APP.format(program=program, blue=blue, green=green))
    release = {"version": GOOD, "misbehave": {"search_errors": BASE}}
    (place.root / "releases" / GOOD / "release.json").write_text(json.dumps(release), encoding="utf-8")


@contextlib.contextmanager
def crowd(port: int, rate: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "crowd.py"), "--port", str(port), "--rate", str(rate)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leave(users: subprocess.Popen[str]) -> dict[str, int]:
    """Let every request end; what came of all of them."""
    told, _ = users.communicate(timeout=30)
    return dict(json.loads(told))


def roll_back(found: Rig, processes: Processes, version: str, part: Part) -> None:
    """Pin a bad version and wait until its transition has ended. Asks seldom: nobody should pay for our asking."""
    places.MANIFEST = part.manifest
    places.releases(found.place.root / "releases", {version: part.share})
    before = len(journal(found.place))
    found.place.commit(version, active="green", blue=GOOD, green=version)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(0.3)
        processes.check()
        if any(isinstance(entry.event, Ended) for entry in journal(found.place, before)):
            return
    raise SystemExit(f"{version} was not rolled back within {PATIENCE:g} s")


def journal(place: Place, after: int = 0) -> Sequence[Entry]:
    """Its entries after that many; one environment, so that they are counted as they are numbered."""
    opened = open_journal(f"sqlite:///{place.state / 'journal.db'}", read_only=True)
    try:
        return list(opened.since(ENVIRONMENT, after))
    finally:
        opened.close()


def measured(place: Place) -> list[Rollback]:
    ports = load(place.config).app("chancy").ports
    assert ports is not None
    slots = {f"127.0.0.1:{ports.of(slot)}": slot for slot in Slot}
    with (place.state / ENVIRONMENT / "gateway" / "access.log").open(encoding="utf-8") as lines:
        return list(rollbacks(journal(place), access.read(lines, slots)))


def compared(part: Part, done: Sequence[Rollback], rate: float) -> dict[str, Any]:
    """What was, beside what the statistics let expect."""
    own = part.own(done)
    rates = rate * part.weight / 100, rate * (100 - part.weight) / 100
    told = list(expected.decisions(part.share, rates, SIMULATED))
    return {
        "rollbacks": len(own),
        "seconds": means([one.seconds for one in own]),
        "expected_seconds": means([one.seconds for one in told]),
        "errors": means([one.errors for one in own]),
        "expected_errors": means([one.errors for one in told]),
        "with_users_after": sum(one.after > 0 for one in own),
        "last_request_ms": spread([one.last_ms for one in own]),
        "read_back_ms": spread([one.read_back_ms for one in own]),
    }


def show(result: Mapping[str, Any]) -> str:
    plain = [(name, value) for name, value in result.items() if name != "parts"]
    rows = [(f"{part} {name}", value) for part, row in result["parts"].items() for name, value in row.items()]
    return "\n".join(f"{name:>36}  {value}" for name, value in (*plain, *rows))


if __name__ == "__main__":
    main()
