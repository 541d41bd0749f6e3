"""`reconcile suspend`: touch nothing at all until `resume`."""

import click

from reconciler.cli.ask import ask
from reconciler.core.events import Requested, Verb
from reconciler.core.state import State


@click.command("suspend")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option("--leave-split", is_flag=True, help="Also in mid-transition: users stay on both versions meanwhile.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str, leave_split: bool) -> None:
    """Stop every action on an environment, healing and rollback too."""

    def whole(state: State) -> str:
        if state.transition and not leave_split:
            return f"a transition is under way at {state.transition.rung} %; abort it first, or add --leave-split"
        return ""

    ask(config, environment, Requested(Verb.SUSPEND, reason=reason, leave_split=leave_split), whole)
