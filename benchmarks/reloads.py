"""The usual way beside ours: a proxy whose weights are changed by rewriting its configuration and reloading it.

nginx and HAProxy, each as its manual advises for reloads (a master that hands its sockets on), before the same slots.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from reconciler.configuration import load
from reconciler.core.model import Pair, Slot, all_on
from reconciler.demo import place as places
from reconciler.demo.place import Place

UNPACKED = Path(__file__).resolve().parent.parent / ".venv" / "nginx" / "usr" / "sbin"
MEMBERS = ("api", "frontend")

NGINX = """\
daemon off;
{user}
worker_processes auto;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  {temporary}
  {upstreams}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location /api {{ proxy_pass http://api; }}
    location / {{ proxy_pass http://frontend; }}
  }}
}}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend users
  bind 127.0.0.1:{port}
  use_backend api if {{ path_beg /api }}
  default_backend frontend
{backends}
"""


class Reloaded(ABC):
    """A proxy of its own, before the slots of `place`; runs from `start` to `close`."""

    program: str
    reload: signal.Signals

    def __init__(self, place: Place) -> None:
        self.folder = place.root / self.program
        self.port = places.free_ports(1)[0]
        self.ports = {member: ports_of(place, member) for member in MEMBERS}
        self._file = self.folder / "proxy.conf"
        self._master: subprocess.Popen[bytes] | None = None

    @classmethod
    def installed(cls) -> str | None:
        """Where the program lies."""
        path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", str(UNPACKED)))
        return shutil.which(cls.program, path=path)

    def start(self, program: str) -> None:
        self.folder.mkdir()
        self._file.write_text(self.text(Slot.BLUE))
        with (self.folder / "proxy.log").open("ab") as log:
            command = [program, *self.arguments(self._file)]
            self._master = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def switch(self, slot: Slot) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(self.text(slot))
        os.replace(new, self._file)
        assert self._master, "it was not started"
        self._master.send_signal(self.reload)

    def close(self) -> None:
        if self._master is None:
            return
        self._master.terminate()
        try:
            self._master.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._master.pid, signal.SIGKILL)
            self._master.wait()

    @abstractmethod
    def text(self, active: Slot) -> str:
        """The configuration with all users on one slot."""

    @abstractmethod
    def arguments(self, file: Path) -> list[str]: ...


class Nginx(Reloaded):
    program, reload = "nginx", signal.SIGHUP

    def text(self, active: Slot) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        upstreams = " ".join(f"upstream {member} {{ {self._servers(member, active)} }}" for member in MEMBERS)
        user = "user root;" if os.geteuid() == 0 else ""  # a folder that is only ours
        return NGINX.format(folder=self.folder, port=self.port, temporary=temporary, upstreams=upstreams, user=user)

    def _servers(self, member: str, active: Slot) -> str:
        weights = all_on(active)
        shares = {slot: f"weight={weights[slot]}" if weights[slot] else "down" for slot in Slot}
        return (
            " ".join(f"server 127.0.0.1:{self.ports[member][slot]} {shares[slot]};" for slot in Slot) + " keepalive 16;"
        )

    def arguments(self, file: Path) -> list[str]:
        return ["-p", str(self.folder), "-e", "stderr", "-c", str(file)]


class Haproxy(Reloaded):
    program, reload = "haproxy", signal.SIGUSR2

    def text(self, active: Slot) -> str:
        backends = "\n".join(f"backend {member}\n{self._servers(member, active)}" for member in MEMBERS)
        return HAPROXY.format(port=self.port, backends=backends)

    def _servers(self, member: str, active: Slot) -> str:
        weights, ports = all_on(active), self.ports[member]
        return "\n".join(f"  server {slot} 127.0.0.1:{ports[slot]} weight {weights[slot]}" for slot in Slot)

    def arguments(self, file: Path) -> list[str]:
        return ["-W", "-db", "-f", str(file)]


def ports_of(place: Place, member: str) -> Pair[int]:
    found = load(place.config).app(f"demo-{member}").ports
    assert found is not None
    return Pair(*(found.of(slot) for slot in Slot))
