"""A bad version on real Envoy: how soon it is found, and when it serves its last request after that.

    python benchmarks/rollback.py [--rollbacks 30] [--rate 500] [--weight 10] [--shares 0.2,0.05,0.01] [--json]

`reconcile run`, real git, Envoy and members; users come at random, `--weight` percent of them to the newcomer, which
fails at random in a share of its answers and stable in 0.1 %. Gate `regression` with its defaults finds it, the loop
goes back, and the next version is pinned. The decision is the journal's `RollbackBegan`; the last request is the
latest in Envoy's access log that the newcomer began to serve. Beside it stands what the same rule needs on simulated
traffic of the same rates. The default takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import expected
from detection import BASE
from figures import means, spread
from records import Rollback, rollbacks
from rig import Rig, rig

from reconciler.configuration import load
from reconciler.core.model import Slot
from reconciler.core.steps import Ended
from reconciler.demo import place as places
from reconciler.demo.place import ENVIRONMENT, GOOD, Place
from reconciler.demo.processes import Processes
from reconciler.evidence import access
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

HERE = Path(__file__).resolve().parent
SIMULATED = 1000
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
    parser.add_argument("--rollbacks", type=int, default=30, help="of each share")
    parser.add_argument("--rate", type=float, default=500.0, help="requests per second")
    parser.add_argument("--weight", type=int, default=10, help="percent of them to the newcomer")
    parser.add_argument("--shares", type=shares, default="0.2,0.05,0.01", help="of bad answers")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    manifest = MANIFEST.format(weight=given.weight)
    with rig(manifest=manifest, furnish=furnish) as (found, processes), crowd(found.place.port, given.rate) as users:
        for version, share in versions(given.shares, given.rollbacks):
            roll_back(found, processes, version, share)
        counts = leave(users)
        time.sleep(0.5)  # Envoy writes its log five times a second
        done = measured(found.place)
    result = {
        **{name: getattr(given, name) for name in ("rollbacks", "rate", "weight")},
        "requests": counts["sent"],
        "lost": counts["lost"],
        "last_request_ms": spread([one.last_ms for one in done]),
        "read_back_ms": spread([one.read_back_ms for one in done]),
        "shares": {f"{share:.0%}": compared(done, share, given.rate, given.weight) for share in given.shares},
    }
    print(json.dumps(result) if given.json else show(result, done))


def shares(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def versions(shares: Sequence[float], rollbacks: int) -> Iterator[tuple[str, float]]:
    """In turn, so that the machine's moods meet all shares alike."""
    for number in range(rollbacks):
        for share in shares:
            yield f"{name_of(share)}{number}", share


def name_of(share: float) -> str:
    return f"fails-{share:g}-"


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


def roll_back(found: Rig, processes: Processes, version: str, share: float) -> None:
    """Pin a bad version and wait until its transition has ended. Asks seldom: nobody should pay for our asking."""
    places.releases(found.place.root / "releases", {version: share})
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


def compared(done: Sequence[Rollback], share: float, rate: float, weight: int) -> dict[str, Any]:
    """Of one share: what was, beside what the statistics let expect."""
    own = [one for one in done if one.version.startswith(name_of(share))]
    rates = rate * weight / 100, rate * (100 - weight) / 100
    told = list(expected.decisions(share, rates, SIMULATED))
    return {
        "rollbacks": len(own),
        "seconds": means([one.seconds for one in own]),
        "expected_seconds": means([one.seconds for one in told]),
        "errors": means([one.errors for one in own]),
        "expected_errors": means([one.errors for one in told]),
        "last_request_ms": spread([one.last_ms for one in own]),
    }


def show(result: Mapping[str, Any], done: Sequence[Rollback]) -> str:
    plain = [(name, value) for name, value in result.items() if name != "shares"]
    rows = [(f"{share} {name}", value) for share, row in result["shares"].items() for name, value in row.items()]
    lines = [f"{name:>24}  {value}" for name, value in (*plain, *rows)]
    met = "met" if result["last_request_ms"]["median"] <= AIM_MS else "missed"
    return "\n".join([*lines, f"{'aim':>24}  a median of at most {AIM_MS} ms: {met}", f"e.g. {done[-1].reason}"])


if __name__ == "__main__":
    main()
