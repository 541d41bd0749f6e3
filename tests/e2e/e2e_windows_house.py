r"""The system of a playground on one simulated Windows machine: two sites and two services, behind an IIS with ARR that
serves real HTTP, an event log and a share; the loop reaches all of it through real WS-Man, and nothing else.

What that machine does by itself it does here as in its own tests (`tests/windows`); the disk `D:` lies in the
playground's folder, and what members share in the playground's data.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from e2e_playground import ALL, Playground, Run

sys.path += [str(Path(__file__).parents[1] / room) for room in ("windows", "evidence")]
import windows_traffic
import wsman_logon
from windows_arr import Arr
from windows_eventlog import Computer
from windows_iis import Iis, Place, real
from windows_machine import Windows
from windows_processes import Processes
from windows_services import Services
from windows_shares import FileServer
from wsman_server import Rig, listening

from reconciler.demo.place import ENVIRONMENT, WARM, sample

SITES = ("api", "frontend")
MACHINE = """
[machines.web1]
address = "{address}"
user = 'CORP\\reconcile'
password_file = "{password}"

[machines.web1-passes-on]
address = "{address}"
user = 'CORP\\reconcile'
password_file = "{password}"
transport = "credssp"

[farms.portal]
machine = "web1"
users = "http://127.0.0.1:{port}"
site = "Portal"
pool = "Portal"

[shares.drive]
unc = '{unc}'
machine = "web1-passes-on"
queue = "outbox"
"""
SITE = """
[sites.{member}]
machine = "web1"
releases = 'D:\\releases\\{{version}}'
ports = {{ blue = {blue}, green = {green} }}
stop_timeout = "20s"
"""
SERVICE = """
[services.{member}]
machine = "web1"
command = ['{{release}}\\{member}.exe', '--port', '{{port}}', '--version', '{{version}}', '--release', '{{release}}',
    '--slot', '{{slot}}', '--data', 'D:\\data', '--ownership', '{{ownership}}']
releases = 'D:\\releases\\{{version}}'
ports = {{ blue = {blue}, green = {green} }}
ready = "/healthz"
standby = true
stop_timeout = "20s"
"""


class WindowsGround(Playground):
    """A playground whose manifests name what is on that machine."""

    def __init__(self, root: Path, *, forked: bool = not ALL) -> None:
        super().__init__(root, warm=WARM, forked=forked)
        self.house: House | None = None  # while it stands
        self.disk = root / "disk"
        (self.disk / "D").mkdir(parents=True)
        (self.disk / "D" / "releases").symlink_to(root / "releases")
        (self.disk / "D" / "data").symlink_to(self.place.data)

    def commit_file(self, path: str, text: str) -> str:
        return super().commit_file(path, on_windows(text))

    def run(self, environ: Mapping[str, str] = os.environ) -> Run:
        """Before the first time an administrator sets the gateway up: he runs what `reconcile gateway` prints."""
        assert self.house is not None
        if not self.house.arr.configuration.rules:
            printed = self.reconcile("gateway", ENVIRONMENT)
            assert printed.returncode == 0, printed.stderr
            self.house.arr.set_up(printed.stdout)
        return super().run(environ)

    def release(self, version: str, schema: int = 0, **misbehave: Any) -> None:
        """For commands of this machine, and as IIS and the service control manager find it."""
        super().release(version, schema, **misbehave)
        there = self.root / "releases" / version
        (there / "web.config").write_text("<configuration/>")
        for member in WARM:
            (there / f"{member}.exe").touch()


def on_windows(manifest: str) -> str:
    """The same environment, hosted there."""
    text = re.sub(r"gateway: \{kind: \w+, listen: [^,]+, ", "gateway: {kind: iis-arr, farm: portal, ", manifest)
    for member in SITES:
        text = text.replace(f"{{kind: process, app: demo-{member}}}", f"{{kind: iis, site: {member}}}")
    return re.sub(r"\{kind: process, app: demo-(\w+)\}", r"{kind: windows-service, service: \1}", text)


@dataclass
class House:
    """What a test may break."""

    rig: Rig
    windows: Windows
    processes: Processes
    iis: Iis
    services: Services
    arr: Arr
    computer: Computer
    share: FileServer


@contextmanager
def house(ground: WindowsGround) -> Iterator[House]:
    """It stands, and the operator's file names all of it. At the end the loop ends first."""
    wsman_logon.users(ground.root / "ntlm-users")
    windows = Windows(clock="")
    with listening("credssp", "ntlm", windows=windows) as rig:
        processes = Processes(windows)
        built = House(
            rig, windows, processes,
            Iis(windows, processes, ground.disk, program=_site),
            Services(windows, processes, ground.disk, _programs()),
            Arr(windows), Computer(windows), FileServer(windows),
        )  # fmt: skip
        _defined(ground, rig, built.share.unc)
        with _logged(ground) as log, windows_traffic.serving(built.arr, ground.place.port, log):
            ground.house = built
            try:
                yield built
            finally:
                ground.end_runs()
                ground.house = None
                processes.down()


def _site(name: str, place: Place, _variables: Any, port: int, disk: Path) -> list[str]:
    """What web.config would start: the sample's member of that site's name."""
    _, member, slot = name.split("-")
    release = real(disk, place.path)
    words = ["--port", str(port), "--version", release.name, "--release", str(release), "--slot", slot]
    return [sys.executable, str(sample() / "sample.py"), member, *words, "--data", str(disk / "D" / "data")]


def _programs() -> dict[str, list[str]]:
    return {f"{member}.exe": [sys.executable, str(sample() / "sample.py"), member] for member in WARM}


def _defined(ground: WindowsGround, rig: Rig, unc: str) -> None:
    password = ground.root / "password"
    password.write_text(wsman_logon.PASSWORD)
    password.chmod(0o600)
    said = [MACHINE.format(address=rig.address, password=password, port=ground.place.port, unc=unc)]
    for member in (*SITES, *WARM):
        ports = {slot: ground.port(member, slot) for slot in ("blue", "green")}
        said.append((SITE if member in SITES else SERVICE).format(member=member, **ports))
    with ground.place.config.open("a", encoding="utf-8") as file:
        file.write("".join(said))


@contextmanager
def _logged(ground: WindowsGround) -> Iterator[TextIO]:
    """The gateway's access log, in the words and at the place at which the judge of the laws looks for it."""
    file = ground.place.state / ENVIRONMENT / "gateway" / "access.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8", buffering=1) as log:
        yield log
