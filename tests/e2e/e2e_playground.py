"""A complete system of its own for one test: repository, operator's file, releases, Envoy, members, loop and users.

Waits end with a failed test when something does not come in time; no test depends on how fast it came.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import preloaded
import psutil
import typed
from e2e_judged import objections
from e2e_manifest import manifest
from e2e_users import PATIENCE, Users

from reconciler.core.events import Event
from reconciler.core.history import fold
from reconciler.core.model import Release, Slot
from reconciler.core.state import State
from reconciler.demo.place import APP, ENVIRONMENT, MEMBERS, Place, build, free_ports, sample
from reconciler.drivers.identity import Identity
from reconciler.errors import ReconcilerError
from reconciler.journal.entry import Entry
from reconciler.journal.sqlite import open_journal

T = TypeVar("T")
Run = preloaded.Process
HERE = Path(__file__).resolve().parent
LOOK, ASK = 0.05, 0.2  # seconds between two looks at a file or the journal, and between two commands
ALL = os.environ.get("CRASHES") == "all"  # every blow, on every gateway: `make crashes`
RATE = 60.0 if ALL else 30.0  # users' requests per second; each is served and asked by processors that tests share
PYTHON = (sys.executable, "-X", "faulthandler")
RECONCILE = ("-m", "reconciler")


class Playground:
    """Use it through the fixture of that name: whatever happens in a test, nothing is left running."""

    def __init__(
        self, root: Path, gateway: str = "envoy", warm: tuple[str, ...] = (), *, forked: bool = not ALL
    ) -> None:
        self.place: Place = build(root, warm)
        self._write_in_config("\n[evidence]\nrecord = false\n")  # finishing a pack takes a processor that others need
        self.forked = forked  # loops and users, see `preloaded`; else they are started as on a user's machine
        self.warm = warm  # the members that can stand by
        self.gateway = gateway  # the kind
        self.root = root
        self.runs: list[Run] = []
        self._users: list[Users] = []
        self.sticky = False
        self._ports = {self.place.port: ENVIRONMENT}  # whose gateway listens there
        self._asked: set[str] = set()  # environments that had users
        self._states: dict[str, State] = {}
        self._entries: dict[str, list[Entry]] = {}

    # ---- what a person does ------------------------------------------------------------------------------------------

    def commit(
        self, active: str, blue: str, green: str, *, name: str = ENVIRONMENT, port: int = 0, **wishes: Any
    ) -> str:
        """Commit the manifest; the new revision. `wishes`: see `e2e_manifest.manifest`."""
        self.sticky |= wishes.get("sessions") == "sticky"
        wishes = {"gateway": self.gateway, "warm": self.warm, **wishes}
        text = manifest(name, active, blue, green, port or self.place.port, **wishes)
        return self.commit_file(f"environments/{name}.yaml", text)

    def commit_file(self, path: str, text: str) -> str:
        file = self.place.repository / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        for attempt in range(1, 6):
            try:
                self.place.git("add", path)
                self.place.git("commit", "--quiet", "-m", f"change {path}")
                break
            except ReconcilerError as error:  # the reconciler puts a file back at the same moment: a person tries again
                if "lock" not in str(error) or attempt == 5:
                    raise
        return self.place.git("rev-parse", "HEAD")

    def release(self, version: str, schema: int = 0, **misbehave: Any) -> None:
        folder = self.root / "releases" / version
        folder.mkdir(exist_ok=True)
        said = {"version": version, "schema": schema, "misbehave": misbehave}
        (folder / "release.json").write_text(json.dumps(said), encoding="utf-8")

    def second_system(self, name: str) -> int:
        """Apps for another environment in the operator's file, on ports of their own; a port for its gateway."""
        port, *ports = self.more_ports(1 + 2 * len(MEMBERS))
        self._ports[port] = name
        quoted = {"sample": json.dumps(str(sample() / "sample.py")), "data": json.dumps(str(self.root / name))}
        (self.root / name).mkdir()
        with self.place.config.open("a", encoding="utf-8") as file:
            for i, member in enumerate(MEMBERS):
                app = APP.format(member=member, blue=ports[2 * i], green=ports[2 * i + 1], **quoted)
                file.write(app.replace("[apps.demo-", f"[apps.{name}-"))
        return port

    def more_ports(self, count: int) -> list[int]:
        """Free ones that nothing here is to listen on later."""
        given = {*self._ports, *map(int, re.findall(r"\b\d{5}\b", self.place.config.read_text(encoding="utf-8")))}
        return [port for port in free_ports(count + len(given)) if port not in given][:count]

    def command(self, name: str, *argv: str) -> None:
        """Define a command in the operator's file."""
        self._write_in_config(f"\n[commands.{name}]\nargv = {json.dumps(argv)}\n")

    def certificate(self, name: str, folder: Path) -> None:
        """Define a certificate in the operator's file, as `corp.Corp` lays one down."""
        files = f'certificate = "{folder}/chain.pem"\nkey = "{folder}/key.pem"\nca = "{folder}/ca.pem"\n'
        self._write_in_config(f"\n[certificates.{name}]\n{files}")

    def _write_in_config(self, text: str) -> None:
        with self.place.config.open("a", encoding="utf-8") as file:
            file.write(text)

    def record(self) -> Path:
        """Have evidence kept; where."""
        text = self.place.config.read_text(encoding="utf-8")
        self.place.config.write_text(text.replace("record = false", "record = true"), encoding="utf-8")
        return self.place.state / "evidence"

    def reconcile(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command to its end: a question, or a word into the journal. Whatever acts is a process (`run`)."""
        return typed.reconcile("--config", str(self.place.config), *words, folder=self.root)

    def process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same in a process of its own."""
        command = [*PYTHON, *RECONCILE, "--config", str(self.place.config), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.root, timeout=PATIENCE, check=False)

    def ask(self, verb: str, *words: str) -> None:
        """A verb that must be taken."""
        done = self.reconcile(verb, ENVIRONMENT, *words)
        assert done.returncode == 0, done.stderr

    def status(self, name: str = ENVIRONMENT) -> dict[str, Any]:
        """What `reconcile status` says, as data."""
        done = self.reconcile("status", name, "--output", "json")
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["environments"][0]
        return found

    def until_status(self, wanted: Callable[[dict[str, Any]], bool], name: str = ENVIRONMENT) -> dict[str, Any]:
        return until(lambda: found if wanted(found := self.status(name)) else None, "a status", self.story, every=ASK)

    # ---- the loop ----------------------------------------------------------------------------------------------------

    def run(self, environ: Mapping[str, str] = os.environ) -> Run:
        """Start `reconcile run`, with these variables and no others."""
        return self._start(*RECONCILE, "--config", str(self.place.config), "run", "--poll", "0.3", environ=environ)

    def run_until_struck(self, point: str, count: int, blow: str = "kill", file: Path | None = None) -> Run:
        """A loop that is struck when it comes to a named boundary for the `count`th time; see e2e_struck_run."""
        words = (str(self.place.config), point, str(count), blow, *([str(file)] if file else []))
        return self._start(str(HERE / "e2e_struck_run.py"), *words)

    def _start(self, *words: str, environ: Mapping[str, str] = os.environ) -> Run:
        start = preloaded.fork if self.forked else preloaded.start
        with (self.root / "run.log").open("ab") as log:
            started = start(*words, folder=self.root, environ=environ, out=log)
        self.runs.append(started)
        return started

    def stop_run(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the latest loop and wait for its end; the exit code. One that does not end tells in its log
        what each of its threads was doing."""
        run = self.runs[-1]
        run.send_signal(number)
        try:
            return run.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGABRT)
            run.wait(PATIENCE)
            raise AssertionError(
                f"the loop has not ended {PATIENCE:g} s after signal {number}\n{self.log[-20000:]}"
            ) from None

    @property
    def log(self) -> str:
        path = self.root / "run.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def serving(self, blue: str = "1.0.0", green: str = "1.1.0", **wishes: Any) -> Playground:
        """The loop runs, blue serves, and green is staged and warm: where most tests begin."""
        self.commit("blue", blue, green, **wishes)
        self.run()
        self.until(lambda state: state.warm.green == green)
        return self

    def end_runs(self) -> None:
        for run in self.runs:
            _end(run)

    # ---- what is on record -------------------------------------------------------------------------------------------

    def state(self, name: str = ENVIRONMENT) -> State:
        """The journal, folded by us."""
        self.entries(name)
        return self._states.get(name, State())

    def entries(self, name: str = ENVIRONMENT) -> list[Entry]:
        path = self.place.state / "journal.db"
        found = self._entries.setdefault(name, [])
        if not path.exists():
            return found
        journal = open_journal(f"sqlite:///{path}", read_only=True)
        try:
            new = journal.since(name, found[-1].seq if found else 0)
        finally:
            journal.close()
        for entry in new:
            before = self._states.get(name, State())
            self._states[name] = fold(before, entry.event, elapsed=entry.elapsed, seq=entry.seq)
        found += new
        return found

    def events(self, kind: type[T], name: str = ENVIRONMENT, after: int = 0) -> list[T]:
        return [entry.event for entry in self.entries(name) if isinstance(entry.event, kind) and entry.seq > after]

    def until(self, wanted: Callable[[State], object], name: str = ENVIRONMENT, patience: float = PATIENCE) -> State:
        """Wait until the folded journal is so."""
        return until(lambda: state if wanted(state := self.state(name)) else None, "the journal", self.story, patience)

    def until_event(self, wanted: Callable[[Event], object], name: str = ENVIRONMENT, after: int = 0) -> Entry:
        def look() -> Entry | None:
            return next((e for e in self.entries(name) if e.seq > after and wanted(e.event)), None)

        return until(look, "an event", self.story)

    def until_stable(self, slot: str, version: str, name: str = ENVIRONMENT, patience: float = PATIENCE) -> State:
        """At rest on that release, everything left behind by a transition cleaned up, and git told of it."""
        release = Release(Slot(slot), version)
        rests = self.until(lambda s: s.stable == release and s.transition is None and not s.intent, name, patience)
        return self.until(lambda s: s.duty is None or (s.duty.noted and not s.intent), name) if rests.duty else rests

    def story(self) -> str:
        """What an operator would look at when something did not come."""
        shown = [self.reconcile(*words) for words in (["history"], ["status"])]
        return "".join(f"{done.stdout[-6000:]}\n{done.stderr}\n" for done in shown) + self.log[-3000:]

    # ---- who runs ----------------------------------------------------------------------------------------------------

    def member(self, member: str, slot: str, name: str = ENVIRONMENT) -> Identity | None:
        """The process on record, dead or alive."""
        path = self.place.state / name / "members" / member / "members" / f"{member}-{slot}.json"
        found = json.loads(path.read_text(encoding="utf-8")).get("identity") if path.exists() else None
        return Identity(**found) if found else None

    def port(self, member: str, slot: str) -> int:
        """Where a member of the demo listens, by the operator's file."""
        apps = tomllib.loads(self.place.config.read_text(encoding="utf-8"))["apps"]
        return int(apps[f"demo-{member}"]["ports"][slot])

    def gateway_record(self, name: str = ENVIRONMENT) -> Path:
        return self.place.state / name / "gateway" / "process.json"

    def envoy(self, name: str = ENVIRONMENT) -> Identity | None:
        path = self.gateway_record(name)
        return Identity.load(path.read_text(encoding="utf-8")) if path.exists() else None

    def data_plane(self) -> dict[str, Identity]:
        """Every living process on record: gateways, and members by slot."""
        found: dict[str, Identity | None] = {}
        for folder in self.place.state.glob("*/gateway"):
            found[f"{folder.parent.name} envoy"] = self.envoy(folder.parent.name)
        for path in self.place.state.glob("*/members/*/members/*-*.json"):
            name, member = path.parts[-5], path.parts[-3]
            if not path.name.endswith(".config.json"):
                found[f"{name} {path.stem}"] = self.member(member, path.stem.rpartition("-")[2], name)
        return {who: identity for who, identity in found.items() if identity and identity.alive()}

    def kill(self, identity: Identity | None, number: int = signal.SIGKILL) -> None:
        assert identity is not None, "nothing is on record there"
        assert identity.signal(number), "it had ended already"
        if number == signal.SIGKILL:
            until(lambda: not identity.alive(), "the end of a killed process", self.story)

    def processes(self) -> list[list[str]]:
        """The command line of everything that works in this test's folder."""
        return [command for _, command in _look_around(str(self.root))]

    # ---- users -------------------------------------------------------------------------------------------------------

    def users(self, port: int = 0, rate: float = RATE, ca: Path | None = None) -> Users:
        """`ca`: they come by HTTPS, and believe this authority."""
        out = self.root / f"users-{len(self._users)}.jsonl"
        users = Users(port or self.place.port, out, rate, ca, forked=self.forked)
        self._users.append(users)
        self._asked.add(self._ports[port or self.place.port])
        until(lambda: len(users.so_far()) > rate / 2, "the first users", self.story)
        return users

    def answers(self) -> bool:
        """Something listens where users ask."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.place.port), 1.0):
            return True
        return False

    def jobs_done(self) -> list[dict[str, Any]]:
        """The worker's own list; waits until its queue is empty."""
        data = self.place.data
        idle = [data / "queue", data / "claimed"]
        until(lambda: not any(os.listdir(folder) for folder in idle if folder.exists()), "an empty queue", self.story)
        return [json.loads(line) for line in (data / "done.jsonl").read_text(encoding="utf-8").splitlines()]

    # ---- the end -----------------------------------------------------------------------------------------------------

    def tear_down(self) -> None:
        """End everything, by what is on record; then nobody may be left, and the judge has the last word."""
        troubles = [said for users in self._users if (said := _trouble(users))]
        self.end_runs()
        if self._users:
            time.sleep(0.3)  # the gateway writes its access log five times a second
        for identity in self.data_plane().values():
            identity.signal(signal.SIGKILL)
        until(lambda: not self.data_plane(), "the end of the data plane", lambda: str(self.data_plane()))
        _stop_writing(self.root)
        left = _working_in(self.root)
        assert not left, f"processes that nobody has on record: {left}"
        troubles += objections(self.place.config, self._asked, sticky=self.sticky)
        assert not troubles, "\n".join(troubles)


def _trouble(users: Users) -> str:
    """Users who do not end as they should must not keep the rest from being ended and judged."""
    try:
        users.stop()
    except AssertionError as error:
        return str(error)
    return ""


def until(
    look: Callable[[], T | None],
    what: str,
    story: Callable[[], str] | str = "",
    patience: float = PATIENCE,
    every: float = LOOK,
) -> T:
    """The first look that finds something; fails the test when none does."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited {patience:g} s for {what}\n{story() if callable(story) else story}")


def _end(run: Run) -> None:
    if run.poll() is None:
        run.terminate()
    try:
        run.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()


def _stop_writing(root: Path) -> None:
    """Packs are finished at low priority, which takes long where others want the processor; nobody reads these."""
    for process, command in _look_around(str(root)):
        if "reconciler.evidence.finish" in command:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _working_in(root: Path) -> dict[int, list[str]]:
    """Everything of ours works in this folder, helpers too. They end with whom they help, but a little later."""
    deadline = time.monotonic() + PATIENCE
    while (found := {one.pid: line for one, line in _look_around(str(root))}) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _look_around(folder: str) -> Iterator[tuple[psutil.Process, list[str]]]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended, or it is somebody else's
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(folder):
                yield process, process.cmdline()
