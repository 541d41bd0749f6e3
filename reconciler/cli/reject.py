"""`reconcile reject`: review what would be done, and say no: the transition goes back, and its version is held."""

from __future__ import annotations

import click

from reconciler.cli.approve import STAGES, cast_vote
from reconciler.errors import UsageError


@click.command("reject")
@click.argument("environment")
@click.option("--stage", type=STAGES, help="Refuse when another stage waits by now.")
@click.option("--reason", "-m", default="", help="Why; stands beside your name, and in the journal.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask again after the review.")
@click.option("--tag", is_flag=True, help="Vote nothing here: print the tag to sign and push from your own clone.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(
    config: str | None, environment: str, stage: str | None, reason: str, yes: bool, tag: bool, output: str
) -> int:
    """Review the stage that waits, and reject it: back to stable, and not tried again until `retry` or another pin."""
    if not reason.strip():
        raise UsageError("a rejection needs its reason: -m WHY")
    return cast_vote(config, environment, stage, reason, "reject", yes=yes, tag=tag, output=output)
