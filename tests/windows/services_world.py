"""A member as services of a simulated machine, with the sample system in them: what the exams of a host ask for."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from ports import slot_ports
from windows_calls import machine
from windows_processes import Life, Processes
from windows_services import Service, Services
from wsman_server import Rig

from reconciler.core.model import Pin, Slot
from reconciler.drivers.hosts import windows_service
from reconciler.drivers.hosts.windows_service import WindowsServiceHost
from reconciler.drivers.protocols import HostContext
from reconciler.drivers.windows_service import service

SAMPLE = Path(__file__).parents[2] / "examples" / "sample" / "sample.py"
DEADLINE = 30.0  # nobody waits for it but who asks a member that is frozen
SHORT = 4.0
FOLDER = r"C:\ProgramData\reconciler\services"


class World:
    """`rig`: the machine, which `folder` has the drives of."""

    good, other = Pin("1.0"), Pin("1.1", (("greeting", "hi"),), "0a1b2c3d")
    missing, liar = Pin("7.7"), Pin("6.6")
    secret = "hunter2-password"
    exclusive = False

    def __init__(self, rig: Rig, folder: Path, member: str = "api", **changes: Any) -> None:
        self.rig, self.folder, self.member, self.patience = rig, folder, member, DEADLINE
        rig.windows.clock = ""
        self.processes = Processes(rig.windows)
        run = [sys.executable, str(SAMPLE), member]
        programs = {"member.exe": run, "tool.exe": None}
        self.services = Services(rig.windows, self.processes, folder / "drives", programs)
        for version, wrong in (("1.0", {}), ("1.1", {}), ("6.6", {"report_version": "6.5"})):
            self.release(version, **wrong)
        words = [r"{release}\member.exe", "--port", "{port}", "--version", "{version}", "--release", "{release}"]
        words += ["--slot", "{slot}", "--data", rf"D:\data {self.secret}", "--config", "{config}"]
        said = {"machine": "web1", "command": words, "releases": r"D:\releases\{version}", "ready": "/healthz"}
        self.table = {**said, "ports": slot_ports(), **changes}
        self.opened: list[WindowsServiceHost] = []

    def release(self, version: str, **misbehave: Any) -> None:
        self.services.place(rf"D:\releases\{version}\member.exe")
        self.services.place(rf"D:\releases\{version}\release.json", json.dumps({"misbehave": misbehave}))

    def named(self, section: str, name: str) -> Any:
        assert name in ("web1", "shop")
        return (
            service.Service.model_validate(self.table)
            if section == "services"
            else machine(self.rig, self.folder, deadline="60s")
        )

    def open(self) -> WindowsServiceHost:
        standby = self.table.get("standby", False)
        context = HostContext(
            "demo", self.member, self.folder, None, self.patience, standby, self.named, self.exclusive
        )
        self.opened.append(windows_service.open(context, windows_service.Settings(service="shop")))
        return self.opened[-1]

    def name(self, slot: Slot) -> str:
        return f"demo-{self.member}-{slot}"

    def service(self, slot: Slot = Slot.BLUE) -> Service:
        return self.services.service(self.name(slot))

    def life(self, slot: Slot = Slot.BLUE) -> Life:
        found = self.service(slot).life
        assert found
        return found

    def record(self, slot: Slot = Slot.BLUE) -> Path:
        return self.services.real(rf"{FOLDER}\{self.name(slot)}.json")

    def lives(self, slot: Slot) -> int:
        return sum(f"--slot {slot} " in one.line for one in self.processes.running())

    def traces(self) -> Any:
        """Nothing but a script, or a member, changes any of it."""
        drives = self.services.folder
        files = {str(one): (one.stat().st_mtime_ns, one.stat().st_ino) for one in (drives / "C").rglob("*")}
        services = [(one.name, one.line, one.mode, one.state, one.variables) for one in self.services.all.values()]
        return files, services, [one.pid for one in self.processes.running()]

    def freeze(self, slot: Slot) -> None:
        """Who asks it from now on has less patience."""
        self.patience = SHORT
        for host in self.opened:
            host.context = replace(host.context, deadline=SHORT)
        pid = self.life(slot).pid
        os.kill(pid, signal.SIGSTOP)
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:  # the signal takes its time
            time.sleep(0.001)

    def damage(self, slot: Slot) -> None:
        self.record(slot).write_text('{"schema": 1, "lab')

    def deadline(self) -> float:
        return self.patience

    def clear(self) -> None:
        for host in self.opened:
            host.close()
        self.processes.down()


class Warm(World):
    """With the sample's worker, which stands by."""

    def __init__(self, rig: Rig, folder: Path, **changes: Any) -> None:
        words = [r"{release}\member.exe", "--port", "{port}", "--version", "{version}", "--release", "{release}"]
        words += ["--slot", "{slot}", "--data", r"D:\data", "--ownership", "{ownership}"]
        said = {"command": words, "standby": True, "stop_timeout": "500ms", **changes}
        super().__init__(rig, folder, "worker", **said)
