"""The real reconciler's world in the mirror: a gateway that counts its lives and sequences, hosts, git and gates.

The drivers' contracts, with what a step's name says going wrong: `look` is the step that is being observed, `effect`
the one that is being done.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import model_drivers as drivers
import model_git as git
from model_loop import Loop
from model_world import FAILED, SCRIPT, SUCCESSFUL, UNKNOWN, Here, of_slot, reading, routed

from reconciler.core.model import GateSpec, Outcome, Pin, Routing, Slot
from reconciler.core.reading import (
    GateReading,
    GatewayReading,
    GitReading,
    MemberReading,
    MigrationReading,
    SnapshotReading,
    Stamp,
    Vote,
    Window,
)
from reconciler.core.state import State
from reconciler.core.steps import Note, PutBack, Start, Stop
from reconciler.errors import Conflict, Fenced, Refused, Unreachable
from reconciler.journal.store import Journal
from reconciler.loop.keeper import Keeper
from reconciler.measure.ledger import Ledger


class Crash(BaseException):
    """The process is gone, here and now."""


class Real:
    """`world` is the real one's, `here` the model's; the model is asked for nothing but what it looked at last."""

    def __init__(self, loop: Loop, here: Here, journal: Journal) -> None:
        self.loop, self.here, self.world, self.journal = loop, here, here, journal
        self.life, self.sequence = 1, 0
        self.look, self.effect, self.observing = "", "", False
        self.posted: list[tuple[Routing, GatewayReading | None, int]] = []
        self.keeper: Keeper

    def about_to_act(self) -> None:
        """Called by whichever driver is asked first."""

    # ---- git, gates, and the opened world

    def desired(self, state: State) -> Any:
        memory = self.loop.memories.number(replace(state, journal="ours"))
        look = self.here.parties[0].look
        return self.loop.memories.desired(memory, look.head if look else self.world.head)

    def open(self, manifest: Any, previous: Any) -> Any:
        hosts = {member.name: Host(self, member.name) for member in manifest.spec.members}
        return SimpleNamespace(
            manifest=manifest,
            gateway=self,
            hosts=hosts,
            gates=self,
            samplers=SimpleNamespace(keep=lambda under_way: None),
            migrator=SimpleNamespace(read=MigrationReading, wait=lambda: None),  # neither of these in the model
            saver=SimpleNamespace(read=SnapshotReading, only_for=lambda _: None, close=lambda: None),
            ledger=Ledger(()),
            warm=self.warm,
            close=lambda: None,
        )

    def readings(self, due: tuple[GateSpec, ...], window: Window) -> tuple[GateReading, ...]:
        outcome = FAILED if window.newcomer.version in self.world.bad else SUCCESSFUL
        if "gates cannot tell" in self.look:
            outcome = Outcome.INCONCLUSIVE
        if "late verdict" in self.look:
            outcome, window = SUCCESSFUL, replace(window, rung=-1)
        return tuple(GateReading(gate.name, outcome, window) for gate in due)

    def warm(self, slot: Slot) -> None:
        self.about_to_act()
        if "lost" in self.effect or drivers.warm(self.world, slot, self.loop.scenario.known):
            raise Unreachable("no answer")

    # ---- the gateway

    def read(self) -> GatewayReading:
        if self.observing and "gateway is silent" in self.look:
            raise Unreachable("silent")
        gateway = self.world.gateway
        stamp, by_hand = None, gateway.stamp == SCRIPT
        if gateway.stamp is not None:
            stamp = Stamp(self.journal.id, max(gateway.stamp, 0), self.sequence, by_hand)
        return replace(reading(gateway, self.world.busy), incarnation=str(self.life), stamp=stamp)

    def write(self, routing: Routing, expected: GatewayReading, generation: int) -> None:
        self.about_to_act()
        command = (routing, expected, generation)
        if "lives on" in self.effect or "once more later" in self.effect:
            self.posted.append(command)
        if "A dies" in self.effect:
            raise Crash
        if "request is lost" in self.effect or "lives on" in self.effect:
            raise Unreachable("no answer")
        self.write_now(*command)
        if "the reply" in self.effect:
            raise Unreachable("no answer")

    def write_now(self, routing: Routing, expected: GatewayReading | None, generation: int) -> None:
        if generation < self.world.sealed:
            raise Fenced("an older generation")
        now = self.read()
        same = expected and (expected.incarnation, expected.stamp, expected.weights) == (
            now.incarnation, now.stamp, now.weights
        )  # fmt: skip
        if not same:
            raise Conflict("it changed")
        written = routed(routing, generation)
        if written != self.world.gateway:
            self.life += not self.world.gateway.up
            self.sequence += 1
            self.world = self.world._replace(gateway=written, busy=drivers.busier(self.world.busy, written))

    def seal(self, generation: int) -> None:
        if generation < self.world.sealed:
            raise Fenced("an older generation")
        self.world = self.world._replace(sealed=generation)
        self.posted = [(r, None, g) if g <= generation else (r, e, g) for r, e, g in self.posted]


class Beside:
    """Git beside the desired state of the real world: nobody is asked there, but it is told."""

    def __init__(self, real: Real) -> None:
        self.real = real

    def votes(self, state: State) -> tuple[Vote, ...]:
        return ()

    def reading(self, state: State) -> GitReading | None:
        real = self.real
        seen = real.here.parties[0].look
        assert seen
        unread = "git beside is silent" in real.look
        look = seen._replace(beside="unread" if unread else "obstacle" if real.world.obstacle else "")
        return git.reading(real.loop.scenario, state, look)

    def put_back(self, act: PutBack, seal: str) -> str:
        self._tell(act)
        return git.revision(self.real.world.made[1])

    def note(self, act: Note, seal: str) -> None:
        self._tell(act)

    def _tell(self, act: PutBack | Note) -> None:
        self.real.about_to_act()
        effect = self.real.effect
        if "request is lost" in effect:
            raise Unreachable("no answer")
        if "branch has moved" in effect:
            raise Conflict("it moved")
        result, self.real.world = git.perform(self.real.loop.scenario, self.real.world, act)
        if result == drivers.REFUSED:
            raise Refused("x")
        if "the reply" in effect:
            raise Unreachable("no answer")


class Host:
    """One member of the real world, in both slots."""

    def __init__(self, real: Real, name: str) -> None:
        self.real, self.name = real, name

    def read(self, slot: Slot) -> MemberReading:
        known, look = self.real.loop.scenario.known, self.real.here.parties[0].look
        names = [member.name for member in known.members]
        if self.real.observing and look and of_slot(look.members, slot)[names.index(self.name)].status is UNKNOWN:
            raise Unreachable("no answer")
        life = drivers.life_of(self.real.world, slot, self.name, known)
        return MemberReading(life.status, life.version)

    def stage(self, slot: Slot, pin: Pin) -> None:
        self.real.about_to_act()
        if "lost" in self.real.effect:
            raise Unreachable("no answer")

    def start(self, slot: Slot, pin: Pin) -> None:
        self._do(drivers.start, Start(slot, pin.label, (self.name,)))

    def stop(self, slot: Slot) -> None:
        self._do(lambda here, act, spec: ("", drivers.stop(here, act, spec)), Stop(slot, (self.name,)))

    def grant(self, slot: Slot, number: int) -> None:
        """The number stands for the generation in the model; one party's numbers only rise."""
        self._handed(drivers.grant, Start(slot, "", (self.name,), owner=True))

    def release(self, slot: Slot, number: int) -> None:
        self._handed(drivers.release, Stop(slot, (self.name,), owner=True))

    def _handed(self, doing: Any, act: Start | Stop) -> None:
        generation = self.real.keeper.generation
        self._do(lambda here, act, spec: doing(here, act, generation, spec), act)

    def _do(self, doing: Any, act: Start | Stop) -> None:
        self.real.about_to_act()
        effect, intent = self.real.effect, self.real.keeper.state.intent
        if "request is lost" in effect:
            raise Unreachable("no answer")
        result, self.real.world = doing(self.real.world, act, self.real.loop.scenario.known)
        if result == drivers.REFUSED:
            raise Refused("x")
        last = intent is not None and intent.act.members[-1] == self.name  # type: ignore[union-attr]
        granting = isinstance(act, Start) and not act.owner and self.name in self.real.loop.scenario.known.standbys
        if granting and intent and intent.act.owner:  # type: ignore[union-attr]
            return  # started; what becomes of the reply shows when it is made owner
        if "command reaches" in effect or ("the reply" in effect and last):
            raise Unreachable("no answer")
