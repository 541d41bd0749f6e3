"""Real HAProxys for the tests: one of ours, and an operator's own, told by a unix or a TCP socket."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from corp import keys
from gateway_exam import BLUE, GREEN, JOURNAL
from gateway_load import listens, until
from gateway_upstream import Upstream
from ports import free_port

from reconciler.core.model import Pair, Routing, Slot
from reconciler.drivers.certificates.certificate import Certificate
from reconciler.drivers.gateways import haproxy
from reconciler.drivers.haproxy import process
from reconciler.drivers.haproxy.files import Folder
from reconciler.drivers.haproxy.proxy import Proxy
from reconciler.drivers.identity import Identity
from reconciler.drivers.protocols import Endpoint, Gateway, GatewayContext
from reconciler.errors import Refused

ENVIRONMENT = "production"


def needed() -> None:
    """A real HAProxy, or no test: in CI that is a failure."""
    try:
        process.program()
    except Refused as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


class Managed:
    """One of ours."""

    def __init__(self, root: Path, apps: dict[tuple[str, Slot], Upstream], patch: pytest.MonkeyPatch) -> None:
        self.state, self.apps, self._patch = root / "gateway", apps, patch
        self.port = free_port()
        self.certificate: Certificate | None = None  # plain HTTP
        self._open: list[Gateway] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        def address(member: str) -> Pair[str]:
            return Pair(self.apps[member, BLUE].address, self.apps[member, GREEN].address)

        return Endpoint("api", "/api", address("api")), Endpoint("web", "/", address("web"))

    def context(self, **more: Any) -> GatewayContext:
        named = lambda _section, _name: self.certificate  # noqa: E731
        given = {"deadline": 10.0, "journal": JOURNAL, "named": named, **more}
        return GatewayContext(ENVIRONMENT, given.pop("journal"), self.state, self.endpoints(), **given)

    def open(
        self, *, read_only: bool = False, deadline: float = 10.0, journal: str = JOURNAL, **settings: Any
    ) -> haproxy.HAProxy:
        context = self.context(read_only=read_only, deadline=deadline, journal=journal, proxy=self.proxy())
        gateway = haproxy.HAProxy(context, self.settings(**settings))
        self._open.append(gateway)
        return gateway

    def proxy(self) -> Proxy | None:
        return None

    def settings(self, **settings: Any) -> haproxy.Settings:
        tls = {"certificate": "corp"} if self.certificate else {}
        return haproxy.Settings(**{"listen": f"127.0.0.1:{self.port}", **tls, **settings})

    # ---- its processes ----

    def master(self) -> Identity:
        found = Identity.load((self.state / "process.json").read_text())
        assert found is not None
        return found

    def workers(self) -> list[Identity]:
        found = [Identity.of(child.pid) for child in psutil.Process(self.master().pid).children()]
        return [one for one in found if one is not None]

    def kill(self) -> None:
        one, workers = self.master(), self.workers() if self.master().alive() else []
        one.signal(signal.SIGKILL)
        until(lambda: not any(each.alive() for each in (one, *workers)), "it does not die")

    def restart(self, gateway: Gateway) -> None:
        self.kill()
        down = gateway.read()
        assert not down.up
        assert down.weights is not None
        assert down.stamp is not None
        gateway.write(Routing(down.weights, down.admission, down.fallback), down, down.stamp.generation)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        stopped = [self.master(), *self.workers()]
        for one in stopped:
            one.signal(signal.SIGSTOP)
        until(lambda: all(psutil.Process(one.pid).status() == psutil.STATUS_STOPPED for one in stopped), "it goes on")
        try:
            yield
        finally:
            for one in stopped:
                one.signal(signal.SIGCONT)

    @contextlib.contextmanager
    def rejecting(self) -> Iterator[None]:
        """HAProxy itself says no: it is given an entry for a map that it has not."""
        with self._patch.context() as patch:
            ask = haproxy.Connection.ask

            def misled(connection: Any, *commands: str) -> list[str]:
                return ask(connection, *(one.replace(".map routing", ".nowhere routing") for one in commands))

            patch.setattr(haproxy.Connection, "ask", misled)
            yield

    def fingerprint(self) -> object:
        watched = [path for path in sorted(self.state.rglob("*")) if not path.name.endswith(".log")]
        return [(str(path), (stat := path.stat()).st_mtime_ns, stat.st_ctime_ns, stat.st_size) for path in watched]

    def secrets(self) -> Iterable[str]:
        return [(self.state / "road.secret").read_text(), *keys(self.certificate)]

    # ---- its map ----

    @property
    def socket(self) -> str:
        return str(Folder(self.state).admin())  # elsewhere, where this path is too long for a socket

    @property
    def map_file(self) -> Path:
        return self.state / f"reconciler-{ENVIRONMENT}.map"

    def say(self, *commands: str) -> str:
        """As somebody else would, by hand."""
        return said(self.socket, *commands)

    def reload(self) -> int:
        """As an operator would: SIGUSR2 to the master, until a new worker serves. A master that has just started
        its worker does not hear it. How often it was sent: so many reloads there may be."""
        before = {one.pid for one in self.workers()}
        looks, sent = itertools.count(), 0

        def renewed() -> bool:
            nonlocal sent
            if next(looks) % 100 == 0:  # about once a second
                self.master().signal(signal.SIGUSR2)
                sent += 1
            return self._pid() not in (None, *before)

        until(renewed, "no new worker")
        return sent

    def _answers(self) -> bool:
        return listens(self.port) and self._pid() is not None

    def _pid(self) -> int | None:
        """Of the worker that answers new connections."""
        with contextlib.suppress(OSError):
            told = dict(line.split(": ", 1) for line in self.say("show info").splitlines() if ": " in line)
            return int(told["Pid"]) if "Pid" in told else None
        return None

    def end(self) -> None:
        for gateway in self._open:
            gateway.close()
        if (self.state / "process.json").exists():
            self.kill()


class External(Managed):
    """An operator's own: his configuration includes ours, and he starts it."""

    def __init__(
        self,
        root: Path,
        apps: dict[tuple[str, Slot], Upstream],
        patch: pytest.MonkeyPatch,
        *,
        tcp: bool,
        maps: bool = True,
    ) -> None:
        super().__init__(root, apps, patch)
        self.root, self._maps = root, maps
        self.folder = root / "haproxy"
        self.folder.mkdir()
        self._socket = f"127.0.0.1:{free_port()}" if tcp else str(root / "s.sock")
        self._started: subprocess.Popen[bytes] | None = None
        self.level = "admin"

    def proxy(self) -> Proxy:
        return Proxy(socket=self._socket, maps=self.folder if self._maps else None)

    def settings(self, **settings: Any) -> haproxy.Settings:
        return super().settings(proxy="edge", **settings)

    def open(self, **given: Any) -> haproxy.HAProxy:
        gateway = super().open(**given)
        if self._started is None:
            self.start(gateway if not given.get("read_only") else super().open())
        return gateway

    def start(self, gateway: haproxy.HAProxy | None = None) -> None:
        if gateway is not None:
            text = gateway.configuration()
            text = text if self._maps else text.replace("/etc/haproxy/maps", str(self.folder))
            (self.root / "ours.cfg").write_text(text)
            if not self.map_file.exists():
                self.map_file.write_text("")
        bind = f"ipv4@{self._socket}" if ":" in self._socket else self._socket
        (self.root / "own.cfg").write_text(f"global\n    stats socket {bind} mode 600 level {self.level}\n")
        command = [str(process.program()), "-W", "-f", str(self.root / "own.cfg"), "-f", str(self.root / "ours.cfg")]
        with (self.root / "own.log").open("ab") as log:
            self._started = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(self._answers, "HAProxy does not come up")

    def master(self) -> Identity:
        assert self._started is not None
        found = Identity.of(self._started.pid)
        assert found is not None
        return found

    def kill(self) -> None:
        assert self._started is not None
        workers = self.workers()
        self._started.kill()
        self._started.wait()
        until(lambda: not any(one.alive() for one in workers), "its worker does not die")

    def restart(self, gateway: Gateway) -> None:
        self.kill()
        self.start()

    def fingerprint(self) -> object:
        if self._started is None:
            self.start(super().open())
        return [super().fingerprint(), self.map_file.read_text(), self.map_file.stat().st_mtime_ns]

    @property
    def socket(self) -> str:
        return self._socket

    @property
    def map_file(self) -> Path:
        return self.folder / f"reconciler-{ENVIRONMENT}.map"

    def end(self) -> None:
        for gateway in self._open:
            gateway.close()
        if self._started is not None and self._started.poll() is None:
            self.kill()


def said(address: str, *commands: str) -> str:
    """Everything that a runtime socket answers to a few commands."""
    where: Any = address
    family = socket.AF_UNIX
    if not address.startswith("/"):
        host, _, port = address.rpartition(":")
        where, family = (host, int(port)), socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(where)
        connection.sendall(("; ".join(commands) + "\n").encode())
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found.decode()
