"""`reconcile gates`: ask an environment's gates now, and change nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from reconciler.cli.layout import on_terminal, paint, say, table
from reconciler.cli.look import see
from reconciler.clock import Clock
from reconciler.core.conditions import BLOCKED, ERROR, IN_SYNC
from reconciler.core.diff import standing
from reconciler.core.model import GateSpec, Mode, Outcome, Release, Spec
from reconciler.core.reading import BY_HAND, GateReading, MemberStatus, Observed, Window
from reconciler.core.state import State
from reconciler.drivers.protocols import Patient
from reconciler.drivers.registry import driver
from reconciler.durations import seconds
from reconciler.errors import ReconcilerError, UsageError
from reconciler.loop.keeper import Keeper
from reconciler.observe import read_gateway
from reconciler.session import Session
from reconciler.world import World

LEAST, MOST = 5.0, 30.0  # seconds, when nobody says how long
LOOK = 0.25
Readings = tuple[GateReading, ...]
OPEN = (Outcome.PENDING, Outcome.RUNNING, Outcome.INCONCLUSIVE)


@click.command("gates")
@click.argument("environment")
@click.option(
    "--for", "for_", metavar="TIME", help="Measure so long, e.g. 10s (default: until all is known, 5s to 30s)."
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(config: str | None, environment: str, for_: str | None, output: str) -> int:
    """Run an environment's gates now: against the newcomer, else against the idle slot's pin if it is up, else stable.

    Moves no traffic and records nothing; synthetic gates do send their requests, by the users' road as well.
    Exit codes: 0 every enforced gate is Successful, 1 one is Failed or Error, 3 one has no answer yet.
    """
    wanted = _wanted(for_)
    with Session.open(config, read_only=True) as session:
        (name,) = session.chosen((environment,))
        asked = Round.of(session.keeper(name), session.clock)
        found = {reading.name: reading for reading in asked.run(wanted, progress if output == "text" else _silent)}
    code = exit_code(asked.gates, found)
    if output == "json":
        click.echo(json.dumps({"environment": name, **as_json(asked, found), "exitCode": code}))
    else:
        say(*lines(name, asked, found))
    return code


def _wanted(text: str | None) -> float | None:
    try:
        return seconds(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"--for: {error}") from error


@dataclass(frozen=True, slots=True)
class Round:
    """Which gates are asked about what, and through which world."""

    keeper: Keeper
    clock: Clock
    spec: Spec
    window: Window

    @property
    def gates(self) -> tuple[GateSpec, ...]:
        return self.spec.gates

    @classmethod
    def of(cls, keeper: Keeper, clock: Clock) -> Round:
        """Raises ReconcilerError when there is nothing in force to ask about."""
        state, desired, observed = see(keeper)
        spec = standing(desired, state).spec
        if spec is None:
            raise ReconcilerError(f"{keeper.name}: {desired.problem or 'nothing is in force'}")
        return cls(keeper, clock, spec, window(spec, state, observed))

    def run(self, wanted: float | None, tell: Callable[[float, Readings], None]) -> Readings:
        """Ask until `wanted` seconds are over; None: until everything is known, within bounds."""
        world, began, before = self.keeper.world(self.spec), self.clock.monotonic(), None
        sampled = any(hasattr(driver("gates", gate.kind), "plan") for gate in self.gates)
        least, most = (wanted, wanted) if wanted is not None else (LEAST if sampled else 0.0, MOST)
        while True:
            seen, _ = read_gateway(world)
            world.ledger.note(before, seen)  # what users get meanwhile, for gates that weigh it
            before = seen
            readings = world.gates.readings(self.gates, self.window)
            passed = self.clock.monotonic() - began
            known = all(reading.outcome not in OPEN or self._silent(world, reading) for reading in readings)
            if passed >= most or (known and passed >= least):
                return readings
            tell(passed, readings)
            threading.Event().wait(LOOK)

    def _silent(self, world: World, reading: GateReading) -> bool:
        """It has said why it has no answer, and will have none however long it is asked."""
        gate = world.gates.gates.get(reading.name)
        return isinstance(gate, Patient) and reading.outcome is Outcome.INCONCLUSIVE and gate.silent(self.window)


def window(spec: Spec, state: State, observed: Observed) -> Window:
    """Whom to ask about. The window opens now, and its id says that it belongs to no transition."""
    stable = state.in_charge or spec.target
    if state.transition:
        newcomer, rung = state.transition.newcomer, state.transition.rung
    else:
        newcomer, rung = _idle(spec, stable, observed) or stable, 0
    return Window(BY_HAND, newcomer, stable, rung, state.watched)


def _idle(spec: Spec, stable: Release, observed: Observed) -> Release | None:
    """The other slot's pin, if something is up there that could answer."""
    slot = stable.slot.other
    version = spec.pinned(slot)
    up = any(reading.status is MemberStatus.READY for reading in observed.members[slot])
    return Release(slot, version) if version and up else None


# ---- what is said ----------------------------------------------------------------------------------------------------

WIDEST = 100  # characters of a value in the table; `--output json` has it whole
TOLD = ("outcome", "value", "limit", "samples", "reason")
COLOURS = {Outcome.SUCCESSFUL: "green", Outcome.FAILED: "red", Outcome.ERROR: "red"}


def exit_code(gates: tuple[GateSpec, ...], found: Mapping[str, GateReading]) -> int:
    """What is not known is never success: 3, not 0."""
    enforced = [found.get(gate.name) for gate in gates if gate.mode is Mode.ENFORCE]
    outcomes = {reading.outcome if reading else Outcome.PENDING for reading in enforced}
    if outcomes & {Outcome.FAILED, Outcome.ERROR}:
        return ERROR
    return IN_SYNC if outcomes <= {Outcome.SUCCESSFUL} else BLOCKED


def _silent(_passed: float, _readings: Readings) -> None:
    """For machines."""


def progress(passed: float, readings: Readings) -> None:
    """One line on a terminal that is written over; nothing in a pipe."""
    if on_terminal():
        seen = ", ".join(f"{reading.name} {reading.outcome} ({reading.samples})" for reading in readings)
        click.echo(f"\r{passed:4.1f} s  {seen}\x1b[K\r", nl=False)


def lines(name: str, asked: Round, found: Mapping[str, GateReading]) -> list[str]:
    window = asked.window
    about = f"{paint(name, bold=True)}  {window.newcomer} asked, {window.stable} is stable"
    if not asked.gates:
        return [about, "  no gates: add some under `gates` in its manifest"]
    heads = ("gate", "stage", "mode", "outcome", "samples", "value", "limit", "reason")
    rows = [_row(gate, found.get(gate.name)) for gate in asked.gates]
    return [about, *(f"  {line}" for line in table(heads, rows))]


def _row(gate: GateSpec, reading: GateReading | None) -> tuple[str, ...]:
    place = (gate.name, str(gate.stage), str(gate.mode))
    if reading is None:
        return (*place, str(Outcome.PENDING), "", "", "", "not read")
    outcome = paint(str(reading.outcome), COLOURS.get(reading.outcome, "yellow"))
    value = _clipped(reading.value) if reading.samples else ""
    return (*place, outcome, str(reading.samples), value, reading.limit, reading.reason)


def _clipped(value: str) -> str:
    """With its end, where a command says how it went."""
    return value if len(value) <= WIDEST else "…" + value[1 - WIDEST :]


def as_json(asked: Round, found: Mapping[str, GateReading]) -> dict[str, Any]:
    gates = []
    for gate in asked.gates:
        reading = found.get(gate.name)
        told = (
            {key: getattr(reading, key) for key in ("outcome", "value", "limit", "samples", "reason")}
            if reading
            else {}
        )
        gates.append({"name": gate.name, "kind": gate.kind, "stage": gate.stage, "mode": gate.mode, **told})
    window = asked.window
    return {"newcomer": str(window.newcomer), "stable": str(window.stable), "weight": window.rung, "gates": gates}
