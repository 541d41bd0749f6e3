"""`reconcile gates`: ask an environment's gates now, and change nothing."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace

import click

from reconciler.cli.session import Session
from reconciler.core.diff import standing
from reconciler.core.model import GateReading, GateSpec, MemberStatus, Observed, Outcome, Release, Spec, Window
from reconciler.core.state import State
from reconciler.drivers.registry import driver
from reconciler.durations import seconds
from reconciler.errors import ReconcilerError, UsageError
from reconciler.loop.keeper import Keeper

BY_HAND = "asked-by-hand"  # in place of a transition's id: no transition rests on what is measured here
LEAST, MOST = 5.0, 30.0  # seconds, when nobody says how long
LOOK = 0.25
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
        round_ = Round.of(session.keeper(name))
        readings = round_.run(wanted, show=output == "text")
    found = {reading.name: reading for reading in readings}
    if output == "json":
        click.echo(json.dumps({"environment": name, **as_json(round_, found)}))
    else:
        _show(name, round_, found)
    return exit_code(round_.gates, found)


def _wanted(text: str | None) -> float | None:
    try:
        return seconds(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"--for '{text}': {error}") from error


@dataclass(frozen=True, slots=True)
class Round:
    """Which gates are asked about what, and through which world."""

    keeper: Keeper
    spec: Spec
    window: Window

    @property
    def gates(self) -> tuple[GateSpec, ...]:
        return self.spec.gates

    @classmethod
    def of(cls, keeper: Keeper) -> Round:
        """Raises ReconcilerError when there is nothing in force to ask about."""
        state = keeper.catch_up()
        desired = keeper.desired(state)
        spec = standing(desired, state).spec
        if spec is None:
            raise ReconcilerError(f"{keeper.name}: {desired.problem or 'nothing is in force'}")
        observed = keeper.observe(desired, replace(state, transition=None))  # its own gates are not asked as well
        return cls(keeper, spec, window(spec, state, observed))

    def run(self, wanted: float | None, *, show: bool) -> tuple[GateReading, ...]:
        """Ask until `wanted` seconds are over; None: until everything is known, within bounds."""
        gates, clock = self.keeper.world(self.spec).gates, self.keeper.stopwatch.clock
        began = clock.monotonic()
        sampled = any(hasattr(driver("gates", gate.kind), "plan") for gate in self.gates)
        least, most = (wanted, wanted) if wanted is not None else (LEAST if sampled else 0.0, MOST)
        while True:
            readings = gates.readings(self.gates, self.window)
            passed = clock.monotonic() - began
            known = all(reading.outcome not in OPEN for reading in readings)
            if passed >= most or (known and passed >= least):
                return readings
            threading.Event().wait(LOOK)


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
