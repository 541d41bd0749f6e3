"""`reconcile down`: the only command that stops the data plane."""

import sys
from threading import Event

import click

from reconciler.cli.ask import ask
from reconciler.cli.look import look
from reconciler.core.events import Requested, Verb
from reconciler.core.state import State
from reconciler.errors import UsageError
from reconciler.session import Session

PATIENCE = 60.0  # seconds to wait for everything to have stopped


@click.command("down")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str, yes: bool) -> int:
    """Stop an environment: its gateway, then both slots. Users are refused until `resume`."""
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"down {environment} refuses its users from then on: add --yes where nobody can be asked")
    if not yes and not click.confirm(f"Stop {environment}? Its users will be refused"):
        click.echo("nothing was done")
        return 1
    ask(config, environment, Requested(Verb.DOWN, reason=reason), _up)
    return _until_down(config, environment)


def _until_down(config: str | None, environment: str) -> int:
    """Whoever stops the loop too early leaves slots running: so this ends when it is done, if somebody does it."""
    with Session.open(config, read_only=True) as session:
        deadline = session.clock.monotonic() + PATIENCE
        while session.journal.attended():
            if look(session, environment).reason == "Down":
                click.echo(f"{environment}: gateway and slots have stopped")
                return 0
            if session.clock.monotonic() > deadline:
                click.echo(f"{environment}: not down yet; leave the loop running until: reconcile status", err=True)
                return 1
            Event().wait(0.2)
    return 0  # on record, and the person has been told that nobody does it


def _up(state: State) -> str:
    return f"it is down already ({state.down})" if state.down else ""
