"""`reconcile diff`: what the world is, against what it should be."""

from __future__ import annotations

import dataclasses
import json

import click

from reconciler.core.diff import differences, standing
from reconciler.session import Session


@click.command("diff")
@click.argument("environment", nargs=-1)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are differences.")
@click.pass_obj
def command(config: str | None, environment: tuple[str, ...], output: str, detailed_exitcode: bool) -> int:
    """Observed against effective desired, one line per difference. Reads only."""
    found = {}
    with Session.open(config, read_only=True) as session:
        for name in session.chosen(environment):
            keeper = session.keeper(name)
            state = keeper.catch_up()
            desired = keeper.desired(state)
            observed = keeper.observe(desired, state)
            spec = standing(desired, state).spec
            found[name] = differences(spec, observed, state) if spec else ()
    if output == "json":
        click.echo(json.dumps({name: [dataclasses.asdict(d) for d in ds] for name, ds in found.items()}))
    else:
        for name, lines in found.items():
            for line in lines:
                click.echo(f"{name}  {line.what}: {line.found} -> {line.wanted}")
            if not lines:
                click.echo(f"{name}  no difference")
    return 2 if detailed_exitcode and any(found.values()) else 0
