"""`reconcile down`: the only command that stops the data plane."""

import click

from reconciler.cli.ask import ask
from reconciler.core.steps import Requested, Verb


@click.command("down")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(config: str | None, environment: str, reason: str, yes: bool) -> None:
    """Stop an environment: its gateway, then both slots. Users are refused until `resume`."""
    if not yes:
        click.confirm(f"Stop {environment}? Its users will be refused", abort=True)
    ask(config, environment, Requested(Verb.DOWN, reason=reason))
