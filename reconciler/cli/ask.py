"""What every verb does: put a request into the journal and wake the loop. It works whether or not a loop is running."""

from __future__ import annotations

from collections.abc import Callable

import click

from reconciler.core.events import Requested, Verb
from reconciler.core.state import State
from reconciler.errors import JournalMoved, UsageError
from reconciler.session import Session, actor
from reconciler.spelling import unknown

NOBODY = "no loop works on this journal: nothing will happen until you start one with: reconcile run"
Check = Callable[[State], str]  # why a request makes no sense now; empty when it does


def ask(config: str | None, environment: str, request: Requested, check: Check = lambda _state: "") -> State:
    """Append the request and say what happens with it. Raises UsageError when it makes no sense in this state."""
    with Session.open(config, read_only=True) as session:  # a refused request leaves no trace
        state = _state(session, environment)
    _agree(check, state, request, environment)
    with Session.open(config) as session:
        state = _append(session, environment, request, check)
        session.journal.wake(environment)
        attended = session.journal.attended()
    click.echo(f"{environment}: {request.verb} is on record; follow with: reconcile status {environment} --watch")
    if not attended:
        click.echo(f"but {NOBODY}", err=True)
    return state


def _append(session: Session, environment: str, request: Requested, check: Check) -> State:
    """On the state that was checked, and no other: what the loop did in the meantime is checked again."""
    while True:
        state = session.state(environment)
        _agree(check, state, request, environment)
        try:
            session.journal.append(environment, request, actor=actor(), expected=state.seq)
        except JournalMoved:
            continue
        return state


def _agree(check: Check, state: State, request: Requested, environment: str) -> None:
    """Raises UsageError when it makes no sense in this state."""
    problem = check(state)
    if problem:
        raise UsageError(f"{request.verb} {environment}: {problem}")


def _state(session: Session, environment: str) -> State:
    """Raises UsageError for an environment that the journal does not know."""
    known = session.journal.environments()
    if environment in known:
        return session.state(environment)
    if environment in session.desires.look().environments:
        session.refuse_elsewhere("type it there, or name its file: reconcile --config FILE ...")
        raise UsageError(f"environment '{environment}' was never run, so there is nothing to ask: reconcile run")
    raise UsageError(unknown("environment", environment, known))


def verb(name: Verb, help_text: str, check: Check = lambda _state: "") -> click.Command:
    """A command that is nothing but a request with a reason."""

    @click.command(str(name), help=help_text)
    @click.argument("environment")
    @click.option("--reason", "-m", default="", help="Why; goes into the journal.")
    @click.pass_obj
    def command(config: str | None, /, environment: str, reason: str) -> None:
        ask(config, environment, Requested(name, reason=reason), check)

    return command
