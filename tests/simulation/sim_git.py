"""A simulated git: commits, blobs, one branch; and a reader of it that sees what a torn or stale repository shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from random import Random
from typing import NoReturn

from sim_faults import Weather
from sim_orders import DRILL, ORDERS, Ballot

from reconciler.desired.repository import FOLDER, Listing
from reconciler.errors import InvalidDesired, Problem

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
CURE = "2.0"  # a version that is good, whatever the weather
LADDERS = (
    "[{setWeight: 10}, {pause: {duration: 1s}}, {setWeight: 50}, {setWeight: 100}, {handOver: [worker]}]",
    "[{setWeight: 25}, {analysis: {until: successful, atMost: 8s}}, {setWeight: 100}]",
    "[{setWeight: 20}, {pause: {}}, {setWeight: 100}, {handOver: [worker]}]",
    "[{setWeight: 100}]",
)
GATES = """
  gates:
    preflight: [{name: alive, kind: http, path: /healthz}]
    shift: [{name: search, kind: synthetic, road: forced, minimumSamples: 3, p95: "<= 500ms", journey: [{path: /}]}]
    postflight: [{name: after, kind: http, path: /healthz}]
"""
HANDED = """    handOver: [{name: drained, kind: http, path: /healthz}]
"""
MANIFEST = """apiVersion: reconciler/v1alpha1
kind: Environment
metadata: {{name: {name}}}
spec:
  activeSlot: {active}
  slots: {{{slots}}}
  gateway: {{kind: envoy, listen: "127.0.0.1:{port}"}}
  members:
    - {{name: api, traffic: weighted, match: {{prefix: /api}}, host: {{kind: process, app: api}}}}
    - {{name: web, traffic: weighted, host: {{kind: process, app: web}}}}
    - {{name: worker, traffic: exclusive{standby}, host: {{kind: process, app: worker}}}}
  strategy:
    steps: {ladder}
    warmUp: 0s
    soak: {soak}s
    drainTimeout: 3s
    scaleDownDelay: 6s
    progressDeadline: 20s
    rollbackWindow: 60s
    holdTimeout: 8s
  onFailure: {on_failure}
  driftDetection: {{mode: {drift}}}{gates}
{snapshot}{migrate}{orders}
"""
INVALID = (
    (b"activeSlot:", b"activeSlt:"),
    (b"setWeight: ", b"setWeight: 1"),
    (b"kind: envoy", b"kind: envoi"),
    (b"spec:", b"spec: &a"),
    (b"slots: {", b"slots: {blue: {version: 1.10}, "),
    (b"metadata", b"\xff\xfe"),
)


@dataclass(frozen=True)
class Wish:
    """What a manifest asks for."""

    active: str = "blue"
    blue: str | None = VERSIONS[0]
    green: str | None = None
    policy: int = 0
    orders: int = 0  # which of sim_orders.ORDERS
    drills: bool = False  # by a schedule

    def text(self, name: str, warm: bool) -> bytes:
        """`warm`: the worker can stand by, and where there are gates its hand-over has one, too."""
        pinned = [(slot, version) for slot, version in (("blue", self.blue), ("green", self.green)) if version]
        draw = Random(self.policy)
        ladder = draw.choice(LADDERS)
        filled = MANIFEST.format(
            name=name,
            active=self.active,
            slots=", ".join(f'{slot}: {{version: "{version}"}}' for slot, version in pinned),
            port=8080 + (name != "prod"),
            ladder=ladder,
            soak=draw.choice((1, 3, 9)),
            on_failure=draw.choice(("rollback", "rollback", "hold")),
            drift=draw.choice(("enabled", "enabled", "warn", "disabled")),
            gates=(GATES + (HANDED if warm else "")) if self.policy % 4 else "",
            standby=", standby: true" if warm else "",
            migrate=self._migrate(one_step=ladder == LADDERS[-1]),
            snapshot="  snapshot: {folders: [shared]}\n" if self.policy % 5 == 2 else "",
            orders=ORDERS[self.orders] + (DRILL if self.drills else ""),
        )
        return filled.encode()

    def _migrate(self, *, one_step: bool) -> str:
        """Every third policy has a migration. Where all users move at once, the old version does not bear it."""
        if self.policy % 3 != 1:
            return ""
        return f"  migrate: {{command: upgrade, check: upgraded, oldVersionWorks: {str(not one_step).lower()}}}\n"


@dataclass(frozen=True)
class Commit:
    id: str
    parent: str
    files: dict[str, str]  # path -> blob


class Git:
    """The repository as it is. `head` is what the branch names."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.blobs: dict[str, bytes] = {}
        self.head = ""
        self.unreadable = False
        self.gone: set[str] = set()  # objects that are missing
        self.corrupt: set[str] = set()
        self.ballots: dict[str, list[Ballot]] = defaultdict(list)  # of each environment, oldest first
        self.notes: dict[tuple[str, str], str] = {}  # of an environment, at a revision
        self.obstacles: set[str] = set()  # environments whose file somebody has changed in a work tree
        self.made: dict[tuple[str, str], str] = {}  # per environment and transition, the commit that put a file back

    def commit(self, files: dict[str, bytes], parent: str | None = None) -> str:
        """A commit on the branch; with another `parent` than the head it is a force-push."""
        blobs = {path: self._blob(data) for path, data in files.items()}
        before = self.head if parent is None else parent
        commit = sha1(f"{len(self.commits)}:{before}:{sorted(blobs.items())}".encode()).hexdigest()
        self.commits[commit] = Commit(commit, before, blobs)
        self.head = commit
        return commit

    def files(self, commit: str | None = None) -> dict[str, bytes]:
        found = self.commits.get(self.head if commit is None else commit)
        return {path: self.blobs[blob] for path, blob in found.files.items()} if found else {}

    def descends(self, revision: str, ancestor: str) -> bool:
        while revision and revision != ancestor:
            revision = self.commits[revision].parent if revision in self.commits else ""
        return bool(revision)

    def _blob(self, data: bytes) -> str:
        blob = sha1(b"blob" + data).hexdigest()
        self.blobs[blob] = data
        return blob


class Reader:
    """`desired.repository.Repository` over a simulated git: the same answers, the same errors."""

    path = Path("environments-repo")
    branch = "main"

    def __init__(self, git: Git, weather: Weather) -> None:
        self._git, self._weather = git, weather

    def head(self) -> str:
        if self._git.unreadable:
            self._fail("git cannot read this repository")
        if not self._git.head:
            self._fail("branch 'main' has no commit yet")
        parent = self._git.commits[self._git.head].parent
        stale = parent and self._weather.strikes("git-stale-read")
        return parent if stale else self._git.head

    def tip(self) -> tuple[str, str]:
        return self.branch, self.head()

    def tree(self, revision: str) -> str | None:
        return None if revision in self._git.gone or revision not in self._git.commits else revision

    def listing(self, tree: str | None) -> Listing:
        return Listing(dict(self._git.commits[tree].files)) if tree else Listing()

    def environments(self, revision: str) -> Listing:
        return self.listing(self.tree(revision))

    def text(self, blob: str, file: str = "a manifest") -> bytes:
        if self._git.unreadable:
            self._fail("git cannot read this repository")
        if self._weather.strikes("git-missing-object"):
            self._fail(f"git object {blob} is missing or corrupt")
        if self._weather.strikes("git-corrupt-object"):
            raise InvalidDesired(Problem(file, 0, 0, "git cannot read this repository (zlib error)"))
        return self._git.blobs[blob]

    def descends(self, revision: str, ancestor: str) -> bool:
        if self._git.unreadable:
            self._fail("git cannot read this repository")
        return ancestor not in self._git.gone and self._git.descends(revision, ancestor)

    def close(self) -> None:
        pass

    def _fail(self, text: str) -> NoReturn:
        raise InvalidDesired(Problem(FOLDER, 0, 0, text))
