"""`reconcile pin`: ask for another version in a slot, in one commit of your own."""

from __future__ import annotations

from functools import partial

import click
from pydantic import TypeAdapter, ValidationError

from reconciler.cli.order import Change, options, order
from reconciler.desired.document import Version
from reconciler.desired.edit import pinned
from reconciler.errors import UsageError
from reconciler.spelling import clip, shown


@click.command("pin")
@click.argument("environment")
@click.argument("slot", type=click.Choice(["blue", "green"]))
@click.argument("version")
@options
@click.pass_obj
def command(
    config: str | None,
    environment: str,
    slot: str,
    version: str,
    message: str | None,
    yes: bool,
    no_commit: bool,
    force: bool,
) -> int:
    """Set the version of a slot in the manifest, show what would be done, and commit that file, as you would yourself.

    The version that serves cannot be changed in place: pin the new one in the other slot, and then switch to it.
    """
    try:
        TypeAdapter(Version).validate_python(version)
    except ValidationError:
        rule = "starts with a letter or digit, and holds letters, digits and . _ + -, at most 64"
        raise UsageError(f"'{shown(clip(version))}' is no version: it {rule}") from None
    edit = partial(pinned, slot=slot, version=version)
    change = Change(environment, f"{slot} is pinned to {version}", f"{environment}: pin {version} in {slot}", edit)
    return order(config, change, message=message, yes=yes, no_commit=no_commit, force=force)
