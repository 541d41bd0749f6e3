"""A world of values behind the drivers' contracts: what a tick sees and does, without a process or a socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reconciler.core.model import (
    Desired,
    GateSpec,
    HandOver,
    Member,
    Mode,
    Outcome,
    Pair,
    Pin,
    Routing,
    SetWeight,
    Slot,
    Spec,
    Stage,
    Traffic,
)
from reconciler.core.reading import (
    Counters,
    GateReading,
    GatewayReading,
    MemberReading,
    MemberStatus,
    MigrationReading,
    SnapshotReading,
    Stamp,
    Window,
)
from reconciler.drivers.protocols import Capabilities, Fence
from reconciler.errors import Conflict, Fenced, Unreachable
from reconciler.journal.sqlite import open_journal
from reconciler.loop.keeper import Keeper
from reconciler.measure.ledger import Ledger

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> str:
        return "2026-01-01T00:00:00.000+00:00"

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)


def spec(active: Slot = Slot.BLUE, blue: str = "1", green: str = "2", **changes: Any) -> Spec:
    return Spec(
        "prod",
        f"{active}-{blue}-{green}-{sorted(changes)}",
        active,
        Pair(Pin(blue), Pin(green)),
        (Member("api", Traffic.WEIGHTED), Member("worker", Traffic.EXCLUSIVE)),
        (SetWeight(50), SetWeight(100), HandOver(("worker",))),
        gates=(GateSpec("alive", "http", Stage.PREFLIGHT, Mode.ENFORCE),),
        soak=2.0,
        **changes,
    )


class FakeGateway:
    """Compare-and-set and seal as the contract asks for; `silent` answers nothing."""

    capabilities = Capabilities(Fence.COMMIT, fine_weights=True, sticky=False, drain_proof=True, managed=False)

    def __init__(self) -> None:
        self.reading = GatewayReading(False, None, counters=Pair(Counters(), Counters()))
        self.sealed, self.writes, self.silent = 0, [], False

    def read(self) -> GatewayReading:
        if self.silent:
            raise Unreachable("the gateway does not answer")
        return self.reading

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        if self.silent:
            raise Unreachable("the gateway does not answer")
        if generation < self.sealed:
            raise Fenced(f"generation {self.sealed} owns it")
        if replace(expected, counters=self.reading.counters) != self.reading:
            raise Conflict("it changed")
        self.writes.append(routing)
        stamp = Stamp(self.journal, generation, len(self.writes))
        self.reading = replace(
            self.reading,
            up=True,
            weights=routing.weights,
            admission=routing.admission,
            fallback=routing.fallback,
            stamp=stamp,
        )

    def seal(self, generation: int) -> None:
        if self.silent:
            raise Unreachable("the gateway does not answer")
        if generation < self.sealed:
            raise Fenced(f"generation {self.sealed} owns it")
        self.sealed = generation

    journal = ""

    def close_listener(self) -> None:
        self.reading = replace(self.reading, up=False)

    def close(self) -> None:
        pass


class FakeHost:
    def __init__(self) -> None:
        self.slots = {slot: MemberReading(MemberStatus.STOPPED) for slot in Slot}

    def read(self, slot: Slot) -> MemberReading:
        return self.slots[slot]

    def stage(self, slot: Slot, pin: Pin) -> None:
        pass

    def start(self, slot: Slot, pin: Pin) -> None:
        self.slots[slot] = MemberReading(MemberStatus.READY, pin.label)

    def stop(self, slot: Slot) -> None:
        self.slots[slot] = MemberReading(MemberStatus.STOPPED)

    def close(self) -> None:
        pass


class FakeRounds:
    outcome = Outcome.SUCCESSFUL

    def readings(self, due: tuple[GateSpec, ...], window: Window) -> tuple[GateReading, ...]:
        return tuple(GateReading(gate.name, self.outcome, window, reason="as told") for gate in due)

    def close(self) -> None:
        pass


class FakeSamplers:
    """`told`: whether a transition needs them, as of each look."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def keep(self, *, under_way: bool) -> None:
        self.told.append(under_way)


class Stand:
    """One keeper on a real journal, with everything that it touches at hand."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.folder = folder
        self.journal = open_journal(f"sqlite:///{folder / 'journal.db'}")
        self.gateway, self.rounds, self.samplers = FakeGateway(), FakeRounds(), FakeSamplers()
        self.gateway.journal = self.journal.id
        self.hosts = {"api": FakeHost(), "worker": FakeHost()}
        self.head = spec()
        self.in_force: Spec | None = None
        self.points: list[str] = []
        self.pool = ThreadPoolExecutor(4)
        self.keeper = self.new_keeper()

    def new_keeper(self) -> Keeper:
        """As after a restart of the process."""
        keeper = Keeper(
            "prod",
            self.journal,
            lambda state: self.desired(state.accepted.digest if state.accepted else ""),
            lambda found: SimpleNamespace(spec=found),
            self.world,
            self.pool,
            actor="test",
            clock=self.clock,
            boundary=lambda point: self.boundary(point),
        )
        keeper.take()
        return keeper

    def boundary(self, point: str) -> None:
        self.points.append(point)

    def warm(self, slot: Slot) -> None:
        """The first requests to a slot are answered."""

    def desired(self, digest: str) -> Desired:
        if self.in_force is None or self.head.digest == digest:
            self.in_force = self.head if digest else None
        return Desired("a" * 40, self.head, in_force=self.in_force)

    def world(self, manifest: Any, previous: Any) -> Any:
        return SimpleNamespace(
            manifest=manifest,
            gateway=self.gateway,
            hosts=self.hosts,
            gates=self.rounds,
            samplers=self.samplers,
            ledger=Ledger(()),
            migrator=SimpleNamespace(read=MigrationReading, wait=lambda: None),
            saver=SimpleNamespace(read=SnapshotReading, only_for=lambda _: None, close=lambda: None),
            warm=lambda slot: self.warm(slot),
            close=lambda: None,
        )

    def close(self) -> None:
        self.pool.shutdown()
        self.journal.close()
