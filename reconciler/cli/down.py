"""`reconcile down`: the only command that stops the data plane."""

import sys

import click

from reconciler.cli.ask import ask
from reconciler.core.state import State
from reconciler.core.steps import Requested, Verb
from reconciler.errors import UsageError


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
    return 0


def _up(state: State) -> str:
    return f"it is down already ({state.down})" if state.down else ""
