"""`reconcile gateway`: what an operator's own gateway must have in its configuration."""

from __future__ import annotations

import click

from reconciler.desired.manifest import Manifest
from reconciler.drivers.protocols import Gateway, Includable
from reconciler.errors import UsageError
from reconciler.session import Session
from reconciler.world import gateway_for


@click.command("gateway")
@click.argument("environment")
@click.option("--check", is_flag=True, help="Let HAProxy on this machine read it, or ask IIS whether it has it.")
@click.pass_obj
def command(config: str | None, environment: str, check: bool) -> int:
    """Print what a gateway of your own needs for an environment, from the manifest at the branch's head.

    For HAProxy it is a part of a configuration: save it beside your own, start HAProxy with both (-f yours.cfg -f
    this.cfg), and reload. For IIS it is a PowerShell script: run it there once, as an administrator. It holds no weight
    and no secret; only a change of members, addresses or sessions needs another one.
    """
    with Session.open(config, read_only=True) as session:
        (name,) = session.chosen((environment,))
        gateway = _gateway(session, name)
        if not isinstance(gateway, Includable):
            raise UsageError(f"the gateway of '{name}' is one of ours: nothing has to be included anywhere")
        try:
            text = f"{name}: {gateway.check()}" if check else gateway.configuration()
        finally:
            gateway.close()
    click.echo(text)
    return 0


def _gateway(session: Session, name: str) -> Gateway:
    head = session.desires.look()
    if head.unverified:
        raise UsageError(head.unverified)
    found = head.environments.get(name)
    if not isinstance(found, Manifest):
        raise UsageError(f"git has no valid manifest of '{name}' at the head; reconcile validate says why")
    return gateway_for(found, session.configuration, session.journal.id)
