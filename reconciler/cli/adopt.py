"""`reconcile adopt`: say which slot is good, where nobody else can know."""

import click

from reconciler.cli.ask import ask
from reconciler.core.model import Slot
from reconciler.core.steps import Requested, Verb


@click.command("adopt")
@click.argument("environment")
@click.option("--stable", required=True, type=click.Choice([str(slot) for slot in Slot]), help="The slot that is good.")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.pass_obj
def command(config: str | None, environment: str, stable: str, reason: str) -> None:
    """Take over a gateway that is split, or that another journal wrote. All traffic goes to the slot named."""
    ask(config, environment, Requested(Verb.ADOPT, slot=Slot(stable), reason=reason))
