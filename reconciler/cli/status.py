"""`reconcile status`: where every environment stands, why, and what to type next. One screen."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import Any

import click

from reconciler.cli.screen import console, weights
from reconciler.cli.session import Session
from reconciler.core.conditions import BLOCKED, ERROR, IN_SYNC, ROLLED_BACK, Status, status
from reconciler.core.plan import decide
from reconciler.core.state import State
from reconciler.errors import ReconcilerError

NEXT = {
    "InSync": "nothing to do; commit a change of activeSlot to switch",
    "RevisionHeld": "pin another version and commit, or: reconcile retry {env}",
    "Paused": "reconcile resume {env}",
    "Suspended": "reconcile resume {env}",
    "Down": "reconcile resume {env}",
    "PromotionAwaited": "reconcile promote {env}",
    "Holding": "reconcile abort {env}, or: reconcile resume {env}",
    "AdoptionNeeded": "reconcile adopt {env} --stable blue|green",
    "DesiredInvalid": "reconcile validate",
    "StablePinned": "git revert the change of the serving slot's version",
    "BranchRewritten": "reconcile retry {env} --accept-rewritten",
    "GatewayChanged": "reconcile down {env}, then: reconcile resume {env}",
}


@click.command("status")
@click.argument("environment", nargs=-1)
@click.option("--watch", is_flag=True, help="Again and again, until interrupted.")
@click.option("--wait", "wait_", is_flag=True, help="Until the revision's outcome is known; the exit code tells it.")
@click.option("--revision", metavar="SHA", help="With --wait: this revision (default: the branch's head).")
@click.option("--timeout", default=600.0, show_default=True, help="With --wait: seconds.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(
    config: str | None,
    environment: tuple[str, ...],
    watch: bool,
    wait_: bool,
    revision: str | None,
    timeout: float,
    output: str,
) -> int:
    """Where every environment stands, why, and what to type next. Reads only.

    Exit codes: 0 in sync, 1 error, 2 in motion or about to move, 3 waits for a person, 4 rolled back or aborted.
    """
    with Session.open(config, read_only=True) as session:
        if wait_:
            return _wait(session, environment, revision, timeout, output)
        if not watch:
            return _show(session, environment, output)
        return _watch(session, environment, output)


def _watch(session: Session, environment: tuple[str, ...], output: str) -> int:
    while True:
        if console().is_terminal and output == "text":
            console().clear()
        _show(session, environment, output)
        threading.Event().wait(1.0)


def _show(session: Session, environment: tuple[str, ...], output: str) -> int:
    looks = [look(session, name) for name in session.chosen(environment)]
    if output == "json":
        click.echo(json.dumps({"environments": [as_json(found) for found in looks]}, default=str))
    else:
        for found in looks:
            show(found)
        if not looks:
            click.echo("no environments yet: reconcile init writes a first one")
    codes = [found.status.exit_code if found.status else ERROR for found in looks]
    return max(codes, default=IN_SYNC, key=lambda code: (0, 2, 3, 4, 1).index(code))


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One environment at one moment; `error` when it could not even be looked at."""

    name: str
    status: Status | None
    state: State
    accepted: str = ""
    error: str = ""


def look(session: Session, name: str) -> Look:
    """Read everything, decide, and do nothing about it."""
    try:
        keeper = session.keeper(name)
        state = keeper.catch_up()
        desired = keeper.desired(state)
        observed = keeper.observe(desired, state)
        decision = decide(desired, observed, state, state.watched)
        accepted = state.accepted.revision if state.accepted else ""
        return Look(name, status(desired, observed, state, decision), state, accepted)
    except ReconcilerError as error:
        return Look(name, None, State(), error=str(error))


def as_json(found: Look) -> dict[str, Any]:
    shown = dataclasses.asdict(found.status) if found.status else {}
    held = [dataclasses.asdict(held) for held in found.state.held]
    last = dataclasses.asdict(found.state.last) if found.state.last else None
    return {
        **shown,
        "environment": found.name,
        "held": held,
        "last": last,
        "error": found.error,
        "next": next_step(found),
    }


def next_step(found: Look) -> str:
    if found.status is None:
        return "see the error above"
    default = "reconcile status {env} --watch" if found.state.transition else "reconcile --once shows the steps"
    return NEXT.get(found.status.reason, default).format(env=found.name)


def show(found: Look) -> None:
    """A few lines per environment."""
    out = console()
    if found.status is None:
        out.print(f"[bold]{found.name}[/]  [red]error[/]: {found.error}", highlight=False)
        return
    s = found.status
    colour = {"Healthy": "green", "Degraded": "red", "Progressing": "yellow"}.get(s.health, "magenta")
    out.print(f"[bold]{found.name}[/]  {s.sync}  [{colour}]{s.health}[/]  {s.phase}", highlight=False)
    out.print(f"  traffic   {weights(s.weights)}", highlight=False)
    out.print(f"  stable    {s.stable or 'none yet'}    git asks for {s.target or 'nothing usable'}", highlight=False)
    if s.newcomer:
        out.print(f"  newcomer  {s.newcomer} at {s.rung} %", highlight=False)
    if found.state.last and not s.newcomer:
        last = found.state.last
        out.print(f"  last      {last.newcomer} {last.phase} ({last.revision[:12]}) {last.reason}", highlight=False)
    out.print(f"  why       {s.reason}{': ' + s.message if s.message else ''}", highlight=False)
    for condition in s.conditions:
        if condition.type == "Stalled" and condition.status and condition.reason != s.reason:
            out.print(f"  stalled   {condition.reason}: {condition.message}", highlight=False)
    out.print(f"  next      {next_step(found)}", highlight=False)


def _wait(session: Session, environment: tuple[str, ...], revision: str | None, timeout: float, output: str) -> int:
    """Until every chosen environment has an outcome for the revision, or the time is over (exit 1)."""
    deadline = session.clock.monotonic() + timeout
    while True:
        session.look()
        names = session.chosen(environment)
        codes = [outcome(look(session, name), session.revision(revision)) for name in names]
        known = [code for code in codes if code is not None]
        if len(known) == len(codes) or session.clock.monotonic() > deadline:
            _show(session, environment, output)
            return max([*known, *([ERROR] if len(known) < len(codes) else [])], default=IN_SYNC)
        threading.Event().wait(0.25)


def outcome(found: Look, revision: str) -> int | None:
    """What became of `revision` here; None while it is still open."""
    if found.status is None:
        return ERROR
    last = found.state.last
    if found.state.transition is None and last and last.revision == revision and str(last.phase) != "Succeeded":
        return ROLLED_BACK
    if found.state.transition or found.status.revision != revision:
        return None
    if found.status.reason == "InSync":
        return IN_SYNC
    return BLOCKED if found.status.exit_code == BLOCKED else None
