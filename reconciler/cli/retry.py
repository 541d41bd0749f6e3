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
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option("--accept-rewritten", is_flag=True, help="The branch was force-pushed on purpose: take its head.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str, accept_rewritten: bool) -> None:
    """Release what is held and try again what git asks for."""
    if accept_rewritten:
        _rewritten(config, environment)

    def held(state: State) -> str:
        return "" if state.held or state.refusal or accept_rewritten else "nothing is held or refused here"

    ask(config, environment, Requested(Verb.RETRY, reason=reason, accept_rewritten=accept_rewritten), held)
