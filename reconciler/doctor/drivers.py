"""The drivers of one environment, each asked by a question of its own: whoever is silent hides nobody else's answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from pydantic import BaseModel

from reconciler.configuration import Configuration
from reconciler.core.model import Slot
from reconciler.desired.manifest import Manifest
from reconciler.doctor.questions import SECONDS, Question
from reconciler.drivers.examining import Examinable, Finding, Stocked, failed, ok, split
from reconciler.drivers.named import names
from reconciler.drivers.windows.examined import silent
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.told import listening
from reconciler.durations import write
from reconciler.world import World, open_world

FAR = 60.0  # seconds where a Windows machine is asked: each of its scripts begins with the start of a PowerShell
Look = Callable[[World], Iterable[Finding]]


class Drivers:
    """Opened once, to be looked at only. Closed when the last one has answered, also one that nobody waits for."""

    def __init__(self, manifest: Manifest, configuration: Configuration, journal: str) -> None:
        self._manifest, self._configuration, self._journal = manifest, configuration, journal
        self._opened = threading.Event()
        self._world: World | None = None
        self._lock, self._left = threading.Lock(), 0

    def questions(self) -> list[Question]:
        """The first one opens them all. Each host tells of its releases too: it is asked one thing at a time."""
        found = self._manifest
        asked = [self._question("gateway", found.gateway.settings, lambda world: _examined(world.gateway))]
        for member in found.members:
            asked.append(self._question(f"{member.name} host", member.settings, partial(_host, member.name)))
        for gate in found.gates:
            asked.append(self._question(f"{gate.name} gate", gate.settings, partial(_gate, gate.name)))
        self._left = len(asked)
        return [Question("drivers", self._open, found.name), *asked]

    def _question(self, what: str, settings: BaseModel, look: Look) -> Question:
        machines = dict(_machines(settings, self._configuration))
        seconds = FAR if machines else SECONDS
        silence = _silence(what, machines, seconds)
        return Question(what, partial(self._asked, look), self._manifest.name, seconds, silence)

    def _open(self) -> Iterable[Finding]:
        """Raises what a driver raises that cannot even be opened; then none of them is asked."""
        try:
            self._world = open_world(self._manifest, self._configuration, self._journal, read_only=True)
        finally:
            self._opened.set()
        return ()

    def _asked(self, look: Look) -> list[Finding]:
        self._opened.wait()
        try:
            return list(look(self._world)) if self._world else []
        finally:
            self._ended()

    def _ended(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last and self._world:
            self._world.close()


def _machines(settings: BaseModel, found: Configuration) -> Iterator[tuple[str, Machine]]:
    """Every Windows machine that a driver's settings lead to, by way of whatever else of the operator's they name."""
    for _, section, name in names(settings):
        entry = found.entries(section).get(name)
        if isinstance(entry, Machine):
            yield name, entry
        elif isinstance(entry, BaseModel):
            yield from _machines(entry, found)


def _silence(what: str, machines: dict[str, Machine], seconds: float) -> Finding:
    for name, machine in machines.items():
        told = f"{name} ({machine.host}) does not answer within {write(seconds)}"
        return failed(what, told, f"see what keeps it busy; {listening(machine)}")
    return failed(what, f"it does not answer within {write(seconds)}", "see what it waits for, and ask again")


def _examined(driver: object) -> Sequence[Finding]:
    return driver.examine() if isinstance(driver, Examinable) else ()


def _named(name: str, found: Sequence[Finding]) -> list[Finding]:
    return [replace(one, what=f"{name} {one.what}") for one in found]


def _gate(name: str, world: World) -> list[Finding]:
    return _named(name, _examined(world.gates.gates[name]))


def _host(name: str, world: World) -> Iterator[Finding]:
    """A machine that does not answer is not asked for releases: that would take its whole time once more."""
    found = _examined(world.hosts[name])
    yield from _named(name, found)
    if not silent(found):
        yield from _releases(name, world)


def _releases(name: str, world: World) -> Iterator[Finding]:
    host = world.hosts[name]
    for slot in Slot:
        pin = world.manifest.spec.pins[slot]
        if pin is None or not isinstance(host, Stocked):
            continue
        lacking = host.lacking(slot, pin)
        yield failed(f"{name} release", *split(lacking)) if lacking else ok(f"{name} release", f"{pin.label}, {slot}")
