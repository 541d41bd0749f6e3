"""`reconcile drill`: rehearse the switch, the way back, or a restore, with the version that serves."""

from __future__ import annotations

import threading
from datetime import timedelta

import click

from reconciler.cli.ask import ask
from reconciler.cli.layout import say
from reconciler.cli.look import see
from reconciler.cli.rehearsals import compared
from reconciler.core.conditions import BLOCKED, ERROR, IN_SYNC, ROLLED_BACK
from reconciler.core.diff import standing
from reconciler.core.drill import PUNCTUAL, baseless, policy
from reconciler.core.events import DrillBegan, DrillEnded, Phase, Requested, RequestRefused, Verb
from reconciler.core.model import DrillKind
from reconciler.core.plan import drill_refusal
from reconciler.core.state import State
from reconciler.desired.timetable import text
from reconciler.errors import ReconcilerError
from reconciler.session import Session

LOOK = 0.25  # seconds between two looks at the journal


@click.command("drill")
@click.argument("environment")
@click.option(
    "--kind", type=click.Choice(list(map(str, DrillKind))), help="What is rehearsed (default: what the manifest says)."
)
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option("--wait", "wait_", is_flag=True, help="Until it is over; the exit code tells how it went.")
@click.option("--timeout", default=14400.0, show_default=True, help="With --wait: seconds; then exit 1.")
@click.pass_obj
def command(
    config: str | None, environment: str, kind: str | None, reason: str, wait_: bool, timeout: float
) -> int | None:
    """Rehearse with stable's own version in both slots: the same road, the same gates, and nothing of it in git.

    It is refused where anything is not well, or in the way: at once, with exit code 3, where that can be seen now; else
    the loop says it, to --wait and in: reconcile status.

    Exit codes with --wait: 0 it succeeded, 1 error, 3 refused, or it waits for a person, 4 it did not succeed.
    """
    with Session.open(config, read_only=True) as session:
        until = text(session.clock.now() + timedelta(seconds=PUNCTUAL))
        wanted = DrillKind(kind) if kind else None
        request = Requested(Verb.DRILL, reason=reason, drill=wanted, until=until)
        nothing = _baseless(session, environment, wanted)
        if not nothing and (why := _refused(session, environment, request)):
            click.echo(f"{environment}: drill refused, and nothing is on record: {why}", err=True)
            return BLOCKED
    before = ask(config, environment, request, lambda state: _possible(state) or nothing)
    return _outcome(config, environment, before.seq, timeout) if wait_ else None


def _refused(session: Session, name: str, request: Requested) -> str:
    """What the loop would say at once, by the same rule. Empty where it would begin, or where that is not known here:
    no loop has kept the environment well, or it cannot be looked at."""
    if name not in session.journal.environments() or not session.journal.attended():
        return ""
    try:
        state, desired, observed = see(session.keeper(name), asking=request)
    except ReconcilerError:
        return ""
    return "" if _possible(session.state(name)) else drill_refusal(desired, observed, state, state.watched)


def _possible(state: State) -> str:
    """What can be known at once; the loop knows more."""
    if state.drill or state.drill_asked:
        return "a drill is under way, or asked for; see: reconcile status"
    return f"{state.transition.newcomer} is under way; ask again when that has ended" if state.transition else ""


def _baseless(session: Session, name: str, kind: DrillKind | None) -> str:
    """What the manifest lacks for this kind of drill."""
    if name not in session.journal.environments():
        return ""
    state = session.state(name)
    desired = session.desired(name, state)
    spec = standing(desired, state).spec or desired.head
    return baseless(spec, kind or policy(spec).kind) if spec else ""


def _outcome(config: str | None, name: str, since: int, timeout: float) -> int:
    """From the journal: what became of the drill that was asked for after entry `since`."""
    with Session.open(config, read_only=True) as session:
        deadline, state, begun = session.clock.monotonic() + timeout, session.state(name), False
        while session.clock.monotonic() < deadline:
            for entry in session.journal.since(name, since):
                since = entry.seq
                match entry.event:
                    case RequestRefused(Verb.DRILL, why):
                        click.echo(f"{name}: drill refused: {why}", err=True)
                        return BLOCKED
                    case DrillBegan():
                        begun = True
                    case DrillEnded(phase) if begun:
                        say(f"{name}: {compared(session.state(name).drilled)}")
                        return IN_SYNC if phase is Phase.SUCCEEDED else ROLLED_BACK
            state = session.state(name)
            if state.drill and state.drill.stuck:
                click.echo(f"{name}: away from home: {state.drill.stuck}; reconcile retry {name} -m WHY", err=True)
                return BLOCKED
            threading.Event().wait(LOOK)
    click.echo(f"error: the drill of {name} has no outcome after {timeout:g} s", err=True)
    return ERROR
