"""IIS with Application Request Routing on the simulated machine: its configuration, the process that serves, and what
our scripts find and do there. Real traffic comes through it by `windows_traffic.py`.

It is no kinder than the real one: the configuration is one file whose last writer wins; who drains is told to the
process and lost with it; a counter begins at zero with each process; two servers of a farm cannot have one name.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from windows_machine import Broken, Session, Throw, Windows

from reconciler.drivers.iis_arr.scripts import FARM, INSTALLED

AVAILABLE, DRAINS = 0, 1
MODULES = ["RequestFilteringModule", "StaticFileModule"]
COUNTS = ("total", "failed", "current")


@dataclass
class Server:
    address: str
    port: int = 80
    enabled: bool = True
    weight: int = 100


@dataclass
class Farm:
    name: str
    enabled: bool = True
    algorithm: str = "LeastRequests"
    cookie: str = ""
    tested: str = ""  # URL of its health test
    servers: list[Server] = field(default_factory=list)

    def server(self, address: str) -> Server | None:
        return next((one for one in self.servers if one.address.lower() == address.lower()), None)

    def add(self, server: Server) -> None:
        assert self.server(server.address) is None, "Cannot add duplicate collection entry of type 'server'"
        self.servers.append(server)


@dataclass
class Configuration:
    """applicationHost.config, as far as it concerns us."""

    farms: dict[str, Farm] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    outbound: list[dict[str, Any]] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)  # that rules may set
    proxy: bool = False
    host: bool = False  # preserveHostHeader


@dataclass
class Runtime:
    """What the process that serves knows of one server."""

    state: int = AVAILABLE
    healthy: bool = True
    total: int = 0
    failed: int = 0
    current: int = 0


@dataclass
class Worker:
    """One life of the gateway's w3wp.exe."""

    pid: int
    goes_by: Configuration
    servers: dict[tuple[str, str], Runtime] = field(default_factory=dict)

    def of(self, farm: str, address: str) -> Runtime:
        return self.servers.setdefault((farm, address.lower()), Runtime())

    def seen(self, farm: str, address: str) -> Runtime:
        """Without leaving a trace."""
        return self.servers.get((farm, address.lower()), Runtime())

    @property
    def name(self) -> str:
        return f"{self.pid}@2026-03-01T12:00:{self.pid % 60:02}.0000000Z"


@dataclass
class Arr:
    """`meanwhile`: done once, between a script's look and its commit; `afterwards`: once, behind the commit.
    `changed`: who else is told of a commit, such as sites whose module restarts its program. `lags`: the process does
    not take what is committed until it is told to (`catch_up`)."""

    windows: Windows
    site: str = "Portal"
    pool: str = "Portal"
    configuration: Configuration = field(default_factory=Configuration)
    hosts: dict[str, str] = field(default_factory=dict)  # names of that machine's own
    arr: bool = True
    rewrite: bool = True
    denied: bool = False  # applicationHost.config may not be written
    unreadable: bool = False
    torn: bool = False  # applicationHost.config is just being written by somebody: IIS reads it without a lock
    busy: bool = False  # somebody has the mutex for longer than our script waits
    always: bool = True  # the pool's startMode
    recycled: int = 0  # minutes; by default 1740
    idle: int = 0  # by default 20
    site_state: str = "Started"
    pool_state: str = "Started"
    counts_errors: bool = True  # does an answer 5xx of a member count as failed?
    lags: bool = False
    here: dict[int, str] = field(default_factory=dict)  # sites of this IIS, by their ports
    modules: list[str] = field(default_factory=lambda: list(MODULES))
    processes: set[str] = field(default_factory=set)  # of this IIS's other sites, and what they have started
    changed: list[Callable[[], None]] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None
    afterwards: Callable[[], None] | None = None
    version: int = 0  # rises with every write of the file
    worker: Worker | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _pids: Iterator[int] = field(default_factory=lambda: itertools.count(4711))

    def __post_init__(self) -> None:
        self.windows.plays(FARM, self._farm)
        self.windows.plays(INSTALLED, self._installed)
        self.windows.parts.append(self)
        self.up()

    # ---- what an administrator, or anybody, does ----

    def set_up(self, text: str) -> None:
        """Run what `reconcile gateway` prints."""
        said = json.loads(text.partition("$Plan = @'\n")[2].partition("\n'@")[0])
        assert said["site"] == self.site
        new = copy.deepcopy(self.configuration)
        new.proxy = new.host = True
        for one in said["farms"]:
            farm = new.farms.setdefault(one["name"], Farm(one["name"]))
            farm.enabled, farm.algorithm, farm.cookie, farm.tested = True, "WeightedRoundRobin", said["cookie"], ""
            wanted = [each["address"] for each in one["servers"]]
            farm.servers = [server for server in farm.servers if server.address in wanted]
            for each in one["servers"]:
                if each["address"] != each["host"]:
                    self.hosts[each["address"]] = each["host"]
                if farm.server(each["address"]) is None:
                    farm.add(Server(each["address"], enabled=False, weight=1))
                there = farm.server(each["address"])
                assert there is not None
                there.port = each["port"]
        new.maps.setdefault(said["map"], {})[said["setup"]] = said["digest"]
        new.maps.setdefault(said["roads"], {})
        new.variables |= set(said["variables"])
        new.rules = said["rules"] + [one for one in new.rules if not one["name"].startswith(said["map"] + ".")]
        new.outbound = [one for one in new.outbound if one["name"] != said["outbound"]["name"]] + [said["outbound"]]
        self.commit(new)

    def change(self, what: Callable[[Configuration], None]) -> None:
        """By IIS Manager, say."""
        new = copy.deepcopy(self.configuration)
        what(new)
        self.commit(new)

    def commit(self, new: Configuration) -> None:
        """One write of the file: the last one wins."""
        with self.lock:
            self.configuration, self.version = new, self.version + 1
            if self.worker is not None and not self.lags:
                self.worker.goes_by = new
        for told in self.changed:
            told()

    def catch_up(self) -> None:
        with self.lock:
            self.lags = False
            if self.worker is not None:
                self.worker.goes_by = self.configuration

    def recycle(self) -> None:
        """Another process serves from now on; what is under way ends in the old one."""
        with self.lock:
            self.worker = None
            self.lags = False
            if self.always:
                self.serving()

    def serving(self) -> Worker | None:
        """The process, which the first request starts. None: the site or its pool is stopped."""
        with self.lock:
            if (self.site_state, self.pool_state) != ("Started", "Started"):
                return None
            if self.worker is None:
                self.worker = Worker(next(self._pids), self.configuration)
            return self.worker

    def down(self) -> None:
        """The machine is switched off: `windows_traffic` listens on, and serves nobody."""
        with self.lock:
            self.worker, self.site_state = None, "Off"

    def up(self) -> None:
        with self.lock:
            self.site_state = self.pool_state = "Started"
            self.lags = False
            if self.always:
                self.serving()

    # ---- our scripts ----

    def _farm(self, said: dict[str, Any], _session: Session) -> dict[str, Any]:
        if not said.get("Entry"):
            return self._stand(said)
        if self.busy:
            raise Broken("Another change of this gateway is under way there; try again.", "ResourceBusy", 260)
        with self.windows.lock:  # the named mutex
            return self._changed(said)

    def _changed(self, said: dict[str, Any]) -> dict[str, Any]:
        before = self._stand(said)
        done = before["entry"] == said["Entry"] and self._as_wanted(said)
        if not done and (before["entry"] != said["Expected"] or before["print"] != said["Seen"]):
            return {**before, "conflict": True}
        running = set(self.processes)
        if not done and not self._committed(said):
            return {**self._stand(said), "conflict": True}
        if before["worker"]:
            self._states(said)
        after = self._stand(said)
        wrong = after["entry"] != said["Entry"] or not self._as_wanted(said)
        return {**after, "conflict": wrong, "ended": [] if done else sorted(running - self.processes)}

    def _committed(self, said: dict[str, Any]) -> bool:
        opened, new = self.version, copy.deepcopy(self.configuration)
        for line in said["Servers"]:
            farm, address, enabled, weight, _ = line.split("|")
            if farm not in new.farms:
                raise Throw(f"There is no server farm {farm} there; run what `reconcile gateway` prints.")
            server = new.farms[farm].server(address)
            if server is None:
                raise Throw(f"The server farm {farm} has no server {address}; run what `reconcile gateway` prints.")
            server.enabled, server.weight = enabled == "true", int(weight)
        for name in (said["Map"], said["Map"] + ".roads"):
            if name not in new.maps:
                raise Throw(f"There is no rewrite map {name} there; run what `reconcile gateway` prints.")
        new.maps[said["Map"]]["routing"] = said["Entry"]
        if said["Roads"]:
            new.maps[said["Map"] + ".roads"] = dict(one.split("|") for one in said["Roads"])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if self.version != opened:
            return False
        if self.denied:
            raise Broken("Filename: redirection.config Error: Cannot write configuration file", "PermissionDenied", 195)
        self.commit(new)
        afterwards, self.afterwards = self.afterwards, None
        if afterwards:
            afterwards()
        return True

    def _states(self, said: dict[str, Any]) -> None:
        with self.lock:
            for line in said["Servers"]:
                farm, address, enabled, _, state = line.split("|")
                if enabled == "true" and self.worker is not None:
                    self.worker.of(farm, address).state = int(state)

    def _as_wanted(self, said: dict[str, Any]) -> bool:
        roads = self.configuration.maps.get(said["Map"] + ".roads", {})
        if said["Roads"] and dict(one.split("|") for one in said["Roads"]) != roads:
            return False
        for line in said["Servers"]:
            farm, address, enabled, weight, _ = line.split("|")
            server = self.configuration.farms[farm].server(address) if farm in self.configuration.farms else None
            if server is None or (server.enabled, server.weight) != (enabled == "true", int(weight)):
                return False
        return True

    def _stand(self, said: dict[str, Any]) -> dict[str, Any]:
        self._read()
        with self.lock:
            maps, farms = self.configuration.maps, [self._found(name) for name in said["Farms"]]
            entries, roads = maps.get(said["Map"], {}), maps.get(said["Map"] + ".roads", {})
            print_ = [f"{one['name']}|{one['enabled']}|{one['algorithm']}|{one['servers']}" for one in farms]
            return {
                "entry": entries.get("routing", ""),
                "setup": entries.get("setup", ""),
                "roads": _digest("\n".join(sorted(f"{key}|{value}" for key, value in roads.items()))),
                "print": _digest(re.sub(r"'(state|total|failed|current|healthy)': \w+", "", "\n".join(print_))),
                "site": self.site_state if said["Site"] == self.site else "missing",
                "pool": self.pool_state if said["Pool"] == self.pool else "missing",
                "worker": self.worker.name if self.worker else "",
                "farms": farms,
                "conflict": False,
                "ended": [],
            }

    def _read(self) -> None:
        """What is not known, and what cannot be read, is told alike: by the first section that is asked for."""
        farms, maps = "ARR: webFarms", "URL Rewrite: system.webServer/rewrite/rewriteMaps"
        if self.unreadable:
            raise Broken("Filename: redirection.config Error: Cannot read configuration file", "PermissionDenied", 30)
        if self.torn:
            raise _no_section(farms, "Configuration file is not well-formed XML")
        for there, section in ((self.arr, farms), (self.rewrite, maps)):
            if not there:
                name = section.partition(": ")[2]
                why = f"The configuration section '{name}' cannot be read because it is missing a section declaration"
                raise _no_section(section, why)

    def _found(self, name: str) -> dict[str, Any]:
        farm = self.configuration.farms.get(name)
        if farm is None:
            return {"name": name, "there": False, "enabled": False, "algorithm": "", "cookie": "", "servers": []}
        servers = []
        for one in farm.servers:
            known = self.worker.seen(name, one.address) if self.worker else None
            configured = {"address": one.address, "port": one.port, "enabled": one.enabled, "weight": one.weight}
            counted = {key: getattr(known, key, None) for key in ("state", "healthy", *COUNTS)}
            servers.append({**configured, **counted})
        return {
            "name": name, "there": True, "enabled": farm.enabled, "algorithm": farm.algorithm, "cookie": farm.cookie,
            "servers": servers,
        }  # fmt: skip

    def _installed(self, said: dict[str, Any], _session: Session) -> dict[str, Any]:
        there = said["Pool"] == self.pool
        known = [one["name"] for one in (*self.configuration.rules, *self.configuration.outbound)]
        farms = self.configuration.farms
        return {
            "modules": self.modules + (["ApplicationRequestRouting"] if self.arr else []),
            "arr": self.arr,
            "rewrite": self.rewrite,
            "proxy": self.arr and self.configuration.proxy,
            "host": self.arr and self.configuration.host,
            "lacking": [one for one in said["Rules"] if one not in known],
            "tested": [one for one in said["Farms"] if one in farms and farms[one].tested],
            "recycled": self.recycled if there else None,
            "idle": self.idle if there else None,
            "processes": 1 if there else None,
            "started": ("1" if self.always else "0") if there else "",
            "runtime": "",
            "here": sorted({self.here[port] for port in said["Ports"] if port in self.here}),
        }


def _no_section(section: str, why: str) -> Broken:
    file = r"\\?\C:\Windows\system32\inetsrv\config\applicationHost.config"
    return Broken(f"{section} cannot be read: Filename: {file}\r\nError: {why}; is it installed?", line=43)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
