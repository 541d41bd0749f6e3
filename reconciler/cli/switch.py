"""`reconcile switch`: ask for the other slot, in one commit of your own."""

from __future__ import annotations

from functools import partial

import click

from reconciler.cli.order import Change, options, order
from reconciler.desired.edit import switched


@click.command("switch")
@click.argument("environment")
@click.argument("slot", type=click.Choice(["blue", "green"]))
@options
@click.pass_obj
def command(
    config: str | None, environment: str, slot: str, message: str | None, yes: bool, no_commit: bool, force: bool
) -> int:
    """Set activeSlot in the manifest, show what would be done, and commit that file, as you would yourself.

    Comments, order and everything else of the file stay as they are; so does whatever else you have changed or staged.
    """
    edit = partial(switched, slot=slot)
    change = Change(environment, f"the active slot is {slot}", f"{environment}: switch to {slot}", edit)
    return order(config, change, message=message, yes=yes, no_commit=no_commit, force=force)
