"""The demo's place: a folder with a git repository, an operator's file, releases, and ports that are free just now."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ReconcilerError, UsageError

ENVIRONMENT = "demo"
GOOD, BETTER, BAD, SUBTLE = "1.0.0", "1.1.0", "1.2.0", "1.2.1"
MEMBERS = ("api", "frontend", "worker", "sync")
WARM = ("worker", "sync")  # they stand by, and are handed over by a number
DRAIN = 5.0  # seconds
BAD_SHARE = 0.2  # of the searches of BAD answer 500
SESSIONS = 20  # opened before each switch
SUBTLE_SHARE = 0.025  # of the searches of SUBTLE, which are four of ten requests: 1 % of all

MANIFEST = """\
apiVersion: reconciler/v1alpha1
kind: Environment
metadata:
  name: {name}
spec:
  activeSlot: {active}                # the line that an operator commits
  slots:
    blue: {{version: "{blue}"}}
    green: {{version: "{green}"}}
  gateway: {{kind: envoy, listen: "127.0.0.1:{port}", sessions: shared}}
  members:
    - {{name: api, traffic: weighted, match: {{prefix: /api}}, host: {{kind: process, app: demo-api}}}}
    - {{name: frontend, traffic: weighted, host: {{kind: process, app: demo-frontend}}}}
    - {{name: worker, traffic: exclusive, standby: true, host: {{kind: process, app: demo-worker}}}}
    - {{name: sync, traffic: exclusive, standby: true, host: {{kind: process, app: demo-sync}}}}
  strategy:
    steps:
      - setWeight: 25
      - analysis: {{until: {until}, atMost: 40s}}
      - setWeight: 50
      - analysis: {{until: {until}, atMost: 40s}}
      - setWeight: 100
      - handOver: [worker, sync]
    warmUp: 500ms
    soak: 3s
    drainTimeout: {drain:g}s
    scaleDownDelay: 10m
    progressDeadline: 60s
  gates:
    handOver:                         # between two owners: nothing may be left in anybody's hands
      - {{name: jobs, kind: queue-drained, folder: in-hand, apart: 100ms}}
      - {{name: files, kind: queue-drained, folder: to-copy, apart: 100ms}}
    preflight:
      - {{name: alive, kind: http, path: /healthz}}
{gates}"""

JOURNEY = f"""\
      - name: sessions              # opened before anybody moves, used through the switch: none may be lost
        kind: sessions
        count: {SESSIONS}
        rate: 80
        write: {{method: POST, path: /api/session, body: "{{content}}"}}
        read: {{path: /api/session}}
    shift:
      - name: search
        kind: synthetic
        road: both
        rate: 20
        errors: "<= 0"
        p95: "<= 8s"                # for real users less; the machine that shows this may be a busy one
        timeout: 10s
        minimumSamples: 30
        journey:
          - {{name: search, path: "/api/search?q=slot"}}
          - {{name: upload, path: "/api/files/{{id}}", upload: 2048, expectStatus: 201}}
          - {{name: download, path: "/api/files/{{id}}", download: upload}}   # byte for byte what was uploaded
"""

COMPARISON = """\
    shift:
      - name: users                 # no fixed limit: is it worse than the version beside it?
        kind: regression
        falseRollbackRisk: 0.001
        objective: "<= 0.2 %"
"""

OPERATOR = """\
# The operator's file: what may be run and reached. It stays on this machine, outside git.
[repository]
path = {repository}
branch = "main"

[journal]
url = "sqlite:///state/journal.db"
"""

FOLDERS = """
[folders.in-hand]
path = {in_hand}

[folders.to-copy]
path = {to_copy}
"""

APP = """
[apps.demo-{member}]
command = ["{{python}}", {sample}, "{member}", "--port", "{{port}}", "--version", "{{version}}",
           "--release", "{{release}}", "--slot", "{{slot}}", "--data", {data}]
releases = "releases/{{version}}"
ports = {{blue = {blue}, green = {green}}}
ready = "/healthz"
stop_timeout = "5s"
"""
STANDBY = "standby = true  # it works only while {ownership} names its slot, by the number that stands there\n"


def sample() -> Path:
    """The sample system's folder: in a checkout under examples/, in an installed wheel beside this file."""
    here = Path(__file__).resolve().parent
    for folder in (here / "sample", here.parent.parent / "examples" / "sample"):
        if (folder / "sample.py").exists():
            return folder
    raise ReconcilerError("the sample system is not installed: run the demo from a clone of the repository")


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of one demo lies."""

    root: Path
    port: int

    @property
    def repository(self) -> Path:
        return self.root / "environments-repo"

    @property
    def config(self) -> Path:
        return self.root / "reconciler.toml"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def commit(self, message: str, *, active: str, blue: str, green: str, compared: bool = False) -> str:
        """Write the manifest and commit it, as a person would; the new commit's id."""
        self.write(active=active, blue=blue, green=green, compared=compared)
        self.git("add", "environments")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, *, active: str, blue: str, green: str, compared: bool = False) -> None:
        """Edit the manifest in the work tree. `compared`: judged beside stable, not by a fixed limit."""
        policy = {"until": "confident", "gates": COMPARISON} if compared else {"until": "successful", "gates": JOURNEY}
        pins = {"active": active, "blue": blue, "green": green}
        text = MANIFEST.format(name=ENVIRONMENT, port=self.port, drain=DRAIN, **pins, **policy)
        folder = self.repository / "environments"
        folder.mkdir(exist_ok=True)
        (folder / f"{ENVIRONMENT}.yaml").write_text(text, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git in the demo's repository, with nobody's configuration but its own."""
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-C", str(self.repository), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            raise ReconcilerError(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()


def build(root: Path, warm: tuple[str, ...] = WARM) -> Place:
    """Lay everything out; nothing runs yet. `warm`: the members that can stand by. Raises UsageError for a folder
    in which something lies already."""
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty: name a folder that is, or one that does not exist yet")
    ports = free_ports(1 + 2 * len(MEMBERS))
    place = Place(root, ports[0])
    for folder in (place.repository, place.data):
        folder.mkdir(parents=True)
    place.git("init", "--quiet", "--initial-branch", "main")
    place.git("config", "user.name", "Demo operator")
    place.git("config", "user.email", "operator@demo.invalid")
    place.git("config", "commit.gpgsign", "false")
    releases(root / "releases", {GOOD: 0.0, BETTER: 0.0, BAD: BAD_SHARE, SUBTLE: SUBTLE_SHARE})
    place.config.write_text(operator(place, ports[1:], warm), encoding="utf-8")
    place.commit("The system as it is: blue serves 1.0.0", active="blue", blue=GOOD, green=BETTER)
    return place


def operator(place: Place, ports: list[int], warm: tuple[str, ...] = WARM) -> str:
    quoted = {"sample": json.dumps(str(sample() / "sample.py")), "data": json.dumps(str(place.data))}
    apps = [
        (stand_by if member in warm else str)(
            APP.format(member=member, blue=ports[2 * i], green=ports[2 * i + 1], **quoted)
        )
        for i, member in enumerate(MEMBERS)
    ]
    in_hand, to_copy = (json.dumps(str(place.data / folder)) for folder in ("claimed", "sync/queue"))
    folders = FOLDERS.format(in_hand=in_hand, to_copy=to_copy)
    return OPERATOR.format(repository=json.dumps(str(place.repository))) + folders + "".join(apps)


def stand_by(app: str) -> str:
    """The same app, as one that can."""
    return app.replace('"]\n', '", "--ownership", "{ownership}"]\n', 1) + STANDBY


def releases(folder: Path, shares: Mapping[str, float]) -> None:
    """One folder per version; release.json tells the sample how to misbehave."""
    for version, share in shares.items():
        (folder / version).mkdir(parents=True)
        misbehave = {"search_errors": share} if share else {}
        text = json.dumps({"version": version, "misbehave": misbehave}) + "\n"
        (folder / version / "release.json").write_text(text, encoding="utf-8")


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now, all different, below those that systems hand out to clients.
    Demos that run at the same time keep apart by `RECONCILER_DEMO_PORTS`, e.g. 20000-23999."""
    found: list[int] = []
    first, last = _port_range(os.environ.get("RECONCILER_DEMO_PORTS", "20000-31999"))
    for port in random.sample(range(first, last + 1), last + 1 - first):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise ReconcilerError(f"no free ports from {first} to {last} on 127.0.0.1")


def _port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536):
        raise UsageError(f"RECONCILER_DEMO_PORTS is '{text}', expected two ports such as 20000-23999")
    return int(first), int(last)
