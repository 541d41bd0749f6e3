"""`reconcile retry`: try a held version again, or accept a branch that was rewritten on purpose."""

import click

from reconciler.cli.ask import ask
from reconciler.core.events import Requested, Verb
from reconciler.core.state import State
from reconciler.errors import UsageError
from reconciler.session import Session


def _rewritten(config: str | None, environment: str) -> None:
    """Leave is given for the head that was seen, not for whatever may come. Raises UsageError."""
    with Session.open(config, read_only=True) as session:
        if session.desired(environment, session.state(environment)).forward:
            raise UsageError(f"retry {environment}: the branch was not rewritten, its head follows what is in force")


@click.command("retry")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why: what has changed since; goes into the journal. Required.")
@click.option("--accept-rewritten", is_flag=True, help="The branch was force-pushed on purpose: take its head.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str, accept_rewritten: bool) -> None:
    """Release what is held and try again what git asks for. It needs a reason: -m WHY."""
    if not reason.strip():
        raise UsageError(f"retry {environment}: what has changed since? a retry needs its reason: -m WHY")
    if accept_rewritten:
        _rewritten(config, environment)

    def held(state: State) -> str:
        anything = state.held or state.refusal or state.untold or accept_rewritten
        away = state.drill is not None and state.drill.stuck
        return "" if away or anything else "nothing is held or refused here"

    ask(config, environment, Requested(Verb.RETRY, reason=reason, accept_rewritten=accept_rewritten), held)
    _asked_for(config, environment)


def _asked_for(config: str | None, environment: str) -> None:
    """The file of what failed was put back: then git has to ask for it again, and that is a commit."""
    with Session.open(config, read_only=True) as session:
        state = session.state(environment)
        head = session.desired(environment, state).head
    if head and head.target == state.stable and not state.transition:
        click.echo(
            f"git asks for {head.target} now, which serves: to try another again, commit it (activeSlot, or pin)"
        )
