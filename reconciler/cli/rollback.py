"""`reconcile rollback`: one fast step back, also after a transition has succeeded."""

import click

from reconciler.cli.ask import ask
from reconciler.core.events import Requested, Verb
from reconciler.core.rest import rollback_refusal
from reconciler.core.state import State
from reconciler.session import Session


@click.command("rollback")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str) -> None:
    """Go back to the release before this one, in one step, while it can still be had."""
    with Session.open(config, read_only=True) as session:
        spec = session.desired(environment, session.state(environment)).in_force

    def possible(state: State) -> str:
        return "" if state.transition or spec is None else rollback_refusal(spec, state, state.watched)

    ask(config, environment, Requested(Verb.ROLLBACK, reason=reason), possible)
