"""IIS of the simulated machine: its configuration, its pools and sites, and members: real processes on loopback.

    processes = Processes(windows)
    iis = Iis(windows, processes, disk=tmp_path)      # `D:\\releases\\1.0` is tmp_path / "D" / "releases" / "1.0"

It is no kinder than the real one. A commit replaces the whole configuration, and is refused where somebody else has
written it since it was read; one that changes a site or its pool recycles that pool, unless it may not; a new pool
starts by itself where its configuration says so. How it stands is known to WAS: while that does not answer, nothing is
said of a pool or site that is there. A stopped pool reads as stopped while its processes finish, and they are ended at
its shutdown limit. A reboot starts what is marked for it, and nothing else. What it does not have is http.sys: a member
listens itself, so one whose site is stopped and whose pool runs still answers.
"""

from __future__ import annotations

import copy
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from windows_machine import Broken, Session, Throw, Windows
from windows_processes import Life, Processes

from reconciler.drivers.iis.scripts import LOOK, PREPARED, RELEASE, START, STOP

SAMPLE = Path(__file__).parents[2] / "examples" / "sample" / "sample.py"
BUSY = "ResourceBusy"  # a script says: not now
ROUNDS = 5  # in which a change of ours is tried that somebody else's comes before
RAPID = 5  # crashes after which a pool with rapid-fail protection is stopped


@dataclass
class Pool:
    """As it is configured; the defaults are IIS's own."""

    runtime: str = "v4.0"
    auto: bool = True
    always: bool = False
    idle: float = 1200.0
    shutdown: float = 90.0
    recycle: float = 29 * 3600.0
    schedule: tuple[str, ...] = ()
    rapid_fail: bool = True
    steady: bool = False  # no recycle when it is configured anew (disallowRotationOnConfigChange)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Place:
    """A site as it is configured, with one application."""

    path: str
    bindings: tuple[tuple[str, str], ...]  # protocol, information such as `*:80:`
    pool: str = "DefaultAppPool"
    auto: bool = True
    preload: bool = False

    @property
    def port(self) -> int:
        return int(next(information for kind, information in self.bindings if kind == "http").split(":")[-2])

    @property
    def ports(self) -> set[int]:
        return {int(information.split(":")[-2]) for _, information in self.bindings}


@dataclass
class Config:
    """applicationHost.config, as far as it matters."""

    pools: dict[str, Pool] = field(default_factory=dict)
    sites: dict[str, Place] = field(default_factory=dict)


@dataclass
class Worker:
    """A w3wp.exe, which is played, and the member below it, which is real. `asked`: when it was told to end."""

    pid: int
    pool: str
    started: str
    member: Life | None = None
    crashes: int = 0
    asked: float | None = None
    limit: float = 0.0


Program = Callable[[str, Place, Mapping[str, str], int, Path], list[str]]


def sample(name: str, place: Place, _variables: Mapping[str, str], port: int, disk: Path) -> list[str]:
    """The sample system's API, as the release's web.config would start it."""
    folder = real(disk, place.path)
    argv = [sys.executable, str(SAMPLE), "api", "--port", str(port), "--version", folder.name]
    argv += ["--release", str(folder), "--slot", name.rpartition("-")[2], "--data", str(disk / "data")]
    return argv


def real(disk: Path, path: str) -> Path:
    """Where a path of that machine lies on this one."""
    return disk.joinpath(path[0].upper(), *path[3:].split("\\"))


@dataclass
class Iis:
    windows: Windows
    processes: Processes
    disk: Path
    program: Program = sample
    config: Config = field(default_factory=Config)
    commits: int = 0
    modules: tuple[str, ...] = ("iisnode", "ApplicationInitializationModule")
    platform: bool = False  # members run by HttpPlatformHandler: any commit restarts them
    installed: bool = True
    denied: bool = False  # the user is no administrator
    ill: bool = False  # WAS does not answer
    hung: bool = False  # no pool can be told to stop
    disables: bool = False  # a pool that is started is stopped again by IIS: a wrong identity, say
    outlives: bool = False  # w3wp does not end, not even at its shutdown limit
    listening: set[int] = field(default_factory=set)  # ports of other programs
    at: dict[str, Callable[[], None]] = field(default_factory=dict)  # done once when a script gets there
    pools: dict[str, str] = field(default_factory=dict)  # states
    sites: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    marks: dict[str, tuple[float, set[int]]] = field(default_factory=dict)  # files: asked to end when, and which

    def __post_init__(self) -> None:
        self._numbers = itertools.count(4000, 4)
        self.windows.parts.append(self)
        for script, does in (
            (LOOK, self._look),
            (RELEASE, self._release),
            (START, self._start),
            (STOP, self._stop),
            (PREPARED, self._prepared),
        ):
            self.windows.plays(script, self._alone(does))

    # ---- for tests ---------------------------------------------------------------------------------------------------

    def commit(self, change: Callable[[Config], None]) -> None:
        """Somebody changes the configuration."""
        with self.windows.lock:
            draft = copy.deepcopy(self.config)
            change(draft)
            self._commit(draft)

    def member(self, name: str) -> Life | None:
        return next((one.member for one in self.workers if one.pool == name), None)

    def lives(self, name: str) -> int:
        with self.windows.lock:
            return sum(one.member is not None and one.member.alive for one in self.workers if one.pool == name)

    def down(self) -> None:
        self.pools, self.sites, self.workers = {}, {}, []

    def up(self) -> None:
        self.pools = {name: "Started" if pool.auto else "Stopped" for name, pool in self.config.pools.items()}
        self.sites = {name: "Started" if site.auto else "Stopped" for name, site in self.config.sites.items()}
        self._tend()

    # ---- what IIS does by itself -------------------------------------------------------------------------------------

    def _commit(self, draft: Config) -> None:
        before, self.config = self.config, draft
        self.commits += 1
        for name, pool in draft.pools.items():
            if name not in before.pools:
                self.pools[name] = "Started" if pool.auto else "Stopped"
            elif not pool.steady and (before.pools[name] != pool or self._led(before, name) != self._led(draft, name)):
                self._recycle(name)
        for name, site in draft.sites.items():
            if name not in before.sites:
                self.sites[name] = "Started" if site.auto and site.port not in self.listening else "Stopped"
        if self.platform:
            for worker in self.workers:
                if worker.member and worker.asked is None:
                    self.processes.kill(worker.member)
                    worker.member = self._spawned(worker.pool, worker.pid)
        self._tend()

    def _led(self, config: Config, pool: str) -> dict[str, Place]:
        return {name: site for name, site in config.sites.items() if site.pool == pool}

    def _recycle(self, name: str) -> None:
        for worker in [one for one in self.workers if one.pool == name and one.asked is None]:
            if worker.member:
                self.processes.kill(worker.member)
            self.workers.remove(worker)

    def _tend(self) -> None:
        """What has happened meanwhile: workers that have ended, at their limit too, or have crashed; new ones."""
        now = time.monotonic()
        for worker in list(self.workers):
            alive = worker.member is not None and worker.member.alive
            if worker.asked is not None and alive and now - worker.asked >= worker.limit and not self.outlives:
                assert worker.member
                self.processes.kill(worker.member)
                alive = False
            if alive:
                continue
            self.workers.remove(worker)
            if worker.asked is None and self.config.pools[worker.pool].rapid_fail and worker.crashes + 1 >= RAPID:
                self.pools[worker.pool] = "Stopped"
            elif worker.asked is None and self.pools[worker.pool] == "Started":
                self._work(worker.pool, worker.crashes + 1)
        for name, state in self.pools.items():
            if state == "Started" and not any(one.pool == name and one.asked is None for one in self.workers):
                self._work(name)

    def _work(self, name: str, crashes: int = 0) -> None:
        if self.disables:
            self.pools[name] = "Stopped"
            return
        pid, started = next(self._numbers), datetime.now(UTC).isoformat(timespec="microseconds")
        if member := self._spawned(name, pid):
            self.workers.append(Worker(pid, name, started, member, crashes))

    def _spawned(self, name: str, parent: int) -> Life | None:
        """What the pool's first site has to run."""
        site, place = next(iter(self._led(self.config, name).items()), ("", None))
        if place is None:
            return None
        variables = self.config.pools[name].variables
        config = variables.get("SLOT_CONFIG", "")
        environ = {**variables, **({"SLOT_CONFIG": str(real(self.disk, config))} if config else {})}
        argv = self.program(site, place, environ, place.port, self.disk)
        return self.processes.start(argv, f'node.exe "{place.path}"', environ=environ, of=parent)

    # ---- scripts -----------------------------------------------------------------------------------------------------

    def _alone(self, does: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any], Session], Any]:
        def handler(arguments: dict[str, Any], _session: Session) -> Any:
            with self.windows.lock:
                if does not in (self._release, self._prepared):
                    self._entered()
                self._tend()
                return does(arguments)

        return handler

    def _entered(self) -> None:
        if not self.installed:
            cure = "Install-WindowsFeature Web-Server, Web-Scripting-Tools, Web-AppInit"
            raise Throw(f"IIS is not installed there; run: {cure}")
        if self.denied:
            text = "Filename: redirection.config Error: Cannot read configuration file due to insufficient permissions"
            raise Broken(text, "PermissionDenied")

    def _family(self, name: str) -> list[dict[str, Any]]:
        found = []
        for worker in self.workers:
            if worker.pool == name:
                found.append({"pid": worker.pid, "started": worker.started, "name": "w3wp.exe"})
                if worker.member and worker.member.alive:
                    node = {"pid": worker.member.pid, "started": worker.member.started, "name": "node.exe"}
                    found.append(node)
        return found

    def _stand(self, name: str) -> dict[str, Any]:
        pool, site = self.config.pools.get(name), self.config.sites.get(name)
        if pool or site:
            self._was()
        return {
            "name": name,
            "pool": self.pools.get(name, "Absent"),
            "site": self.sites.get(name, "Absent"),
            "path": site.path if site else "",
            "release": pool.variables.get("SLOT_RELEASE", "") if pool else "",
            "auto": bool(pool and pool.auto),
            "processes": self._family(name),
        }

    def _look(self, arguments: dict[str, Any]) -> Any:
        return {"stands": [self._stand(name) for name in arguments["Sites"]]}

    def _release(self, arguments: dict[str, Any]) -> Any:
        path = arguments["Path"]
        if not real(self.disk, path).is_dir():
            raise Throw(f"The release is not there: expected the folder {path}; put the files there.")
        if real(self.disk, path).is_symlink():
            raise Throw(f"{path} is a link to somewhere else; a release must lie there itself.")
        if not (real(self.disk, path) / "web.config").is_file():
            raise Throw(f"There is no web.config in {path}, by which IIS would know what to run; put it there.")
        return {"path": path}

    def _start(self, arguments: dict[str, Any]) -> Any:
        name, path = arguments["Site"], arguments["Path"]
        if not (real(self.disk, path) / "web.config").is_file():
            raise Throw(f"The release is not there: expected {path}\\web.config; put the files there.")
        before = [self._stand(other) for other in arguments["Others"]]
        changed = arguments["Alone"] and self._saved(partial(self._others_rest, arguments))
        starts = self._stand(name)["pool"] != "Started"
        changed |= self._saved(partial(self._slot_set, arguments))
        if arguments["Alone"]:
            self._still_alone(arguments, starts)
        self._both(name)
        self._reaches("started")
        return {
            "changed": changed,
            "before": before,
            "stands": [self._stand(one) for one in (name, *arguments["Others"])],
        }

    def _others_rest(self, arguments: dict[str, Any], draft: Config) -> None:
        self._checked(arguments)
        for other in arguments["Others"]:
            self._rest(draft, other)

    def _slot_set(self, arguments: dict[str, Any], draft: Config) -> None:
        stand = self._checked(arguments)
        if stand["pool"] != "Started" or stand["site"] == "Absent":
            self._put(arguments)
            self.marks.pop(arguments["Site"], None)
            self._set(draft, arguments)

    def _still_alone(self, arguments: dict[str, Any], starts: bool) -> None:
        if rival := self._rival(arguments):
            if starts:
                self._saved(lambda draft: self._rest(draft, arguments["Site"]))
                self._halted(arguments["Site"])
            raise Broken(rival, BUSY)

    def _was(self) -> None:
        if self.ill:
            raise Broken("The service has not been started. (Exception from HRESULT: 0x80070426)")

    def _both(self, name: str) -> None:
        self._was()
        self.pools[name] = "Started"
        self._tend()
        if self.sites[name] != "Started" and self.config.sites[name].port in self.listening:
            text = "The process cannot access the file because it is being used by another process."
            raise Broken(f"{text} (Exception from HRESULT: 0x80070020)")
        self.sites[name] = "Started"

    def _checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """How it stands, if it may start."""
        name, port, stand = arguments["Site"], arguments["Port"], self._stand(arguments["Site"])
        runs, called = stand["pool"] == "Started", stand["release"] or "what the reconciler has not started"
        if runs and stand["release"] != arguments["Release"]:
            raise Broken(f"{name} runs {called}; it must be stopped before {arguments['Release']} can start.", BUSY)
        if not runs and stand["processes"]:
            raise Broken(f"{name} still runs {called}, which was asked to stop; wait until it has.", BUSY)
        if arguments["Alone"] and (rival := self._rival(arguments)):
            raise Broken(rival, BUSY)
        for other, site in self.config.sites.items():
            if other != name and port in site.ports:
                raise Throw(f"Port {port} is taken by the site {other}; give one of them another port.")
        if stand["site"] != "Started" and port in self.listening:
            raise Throw(f"Port {port} is taken by another program; see: Get-NetTCPConnection -LocalPort {port}")
        return stand

    def _rival(self, arguments: dict[str, Any]) -> str:
        for one in [self._stand(other) for other in arguments["Others"]]:
            if one["pool"] not in ("Absent", "Stopped") or one["processes"]:
                how = "runs, or has processes left" if one["processes"] else f"is {one['pool']}"
                return f"{one['name']} {how}; of these two only one may run."
        return ""

    def _put(self, arguments: dict[str, Any]) -> None:
        file = real(self.disk, arguments["ConfigFile"])
        if not file.exists() or file.read_text() != arguments["Config"]:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(arguments["Config"])

    def _set(self, draft: Config, arguments: dict[str, Any]) -> None:
        name = arguments["Site"]
        pool = draft.pools.setdefault(name, Pool())
        pool.runtime, pool.auto, pool.always, pool.idle = "", True, True, 0.0
        pool.shutdown, pool.recycle, pool.schedule = float(arguments["StopSeconds"]), 0.0, ()
        pool.rapid_fail, pool.steady = False, True
        pool.variables |= {"SLOT_RELEASE": arguments["Release"], "SLOT_CONFIG": arguments["ConfigFile"]}
        place = draft.sites.setdefault(name, Place(arguments["Path"], ()))
        others = tuple(one for one in place.bindings if one[0] != "http")
        place.bindings = (("http", f"*:{arguments['Port']}:"), *others)
        place.path, place.pool, place.auto, place.preload = arguments["Path"], name, True, True

    def _stop(self, arguments: dict[str, Any]) -> Any:
        name = arguments["Site"]
        before = [self._stand(other) for other in arguments["Others"]]
        family = [one["pid"] for one in self._family(name)]
        changed = self._saved(lambda draft: self._rest(draft, name))
        problem = self._halted(name)
        self._forced(name, family, arguments["Seconds"])
        self._tend()
        if not self._family(name):
            self.marks.pop(name, None)
        if problem:
            raise Broken(problem)
        return {
            "changed": changed,
            "before": before,
            "stands": [self._stand(one) for one in (name, *arguments["Others"])],
        }

    def _halted(self, name: str) -> str:
        """What IIS has against it; empty: nothing."""
        if name in self.sites:
            self.sites[name] = "Stopped"
        if self.pools.get(name) in ("Started", "Starting"):
            if self.hung:
                return "The service cannot accept control messages at this time. (Exception from HRESULT: 0x80070425)"
            self._end(name)
        return ""

    def _rest(self, draft: Config, name: str) -> None:
        if pool := draft.pools.get(name):
            pool.auto, pool.always = False, False
        if site := draft.sites.get(name):
            site.auto = False

    def _saved(self, change: Callable[[Config], None]) -> bool:
        """Worked out anew where somebody else's commit comes before ours."""
        for _ in range(ROUNDS):
            draft, seen = copy.deepcopy(self.config), self.commits
            change(draft)
            if draft == self.config:
                return False
            self._reaches("changing")
            if self.commits == seen:
                self._commit(draft)
                self._reaches("changed")
                return True
        raise Broken("Error: Cannot commit configuration changes because the file has changed on disk")

    def _end(self, name: str) -> None:
        self.pools[name] = "Stopped"
        for worker in self.workers:
            if worker.pool == name and worker.asked is None:
                worker.asked, worker.limit = time.monotonic(), self.config.pools[name].shutdown
                if worker.member and not self.outlives:
                    self.processes.ask(worker.member)

    def _forced(self, name: str, family: list[int], seconds: int) -> None:
        if not family:
            return
        asked, known = self.marks.get(name, (0.0, set()))
        if not known & set(family):
            asked, known = time.monotonic(), set(family)
            self.marks[name] = (asked, known)
        if time.monotonic() - asked >= seconds:
            for worker in [one for one in self.workers if one.pool == name]:
                if worker.member:
                    self.processes.kill(worker.member)

    def _prepared(self, arguments: dict[str, Any]) -> Any:
        rights = not self.denied
        told = rights and self.installed
        taken = [
            next((f"site {name}" for name, site in self.config.sites.items() if port in site.ports), "")
            or ("a program" if port in self.listening else "")
            for port in arguments["Ports"]
        ]
        odd = []
        for name in arguments["Sites"]:
            pool = self.config.pools.get(name, Pool(idle=0.0, recycle=0.0, rapid_fail=False))
            odd += [f"{name}: an idle time-out"] if pool.idle else []
            odd += [f"{name}: a recycle"] if pool.recycle or pool.schedule else []
            odd += [f"{name}: rapid-fail protection"] if pool.rapid_fail else []
        return {
            "rights": rights,
            "installed": self.installed,
            "version": "Version 10.0" if told else "",
            "modules": list(self.modules) if told else [],
            "taken": taken if told else [],
            "odd": odd if told else [],
        }

    def _reaches(self, point: str) -> None:
        if point in self.at:
            self.at.pop(point)()


def release(disk: Path, version: str, *, folder: str = "D:\\releases\\{version}", **misbehave: Any) -> Path:
    """The files of a version of the sample, with the web.config by which IIS would start it."""
    place = real(disk, folder.replace("{version}", version))
    place.mkdir(parents=True, exist_ok=True)
    (place / "release.json").write_text(json.dumps({"misbehave": misbehave}))
    (place / "web.config").write_text("<configuration/>")
    return place
