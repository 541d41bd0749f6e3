"""`reconcile adopt`: say which slot is good, where nobody else can know."""

import click

from reconciler.cli.ask import ask
from reconciler.cli.look import Look, look
from reconciler.core.events import Requested, Verb
from reconciler.core.model import Slot
from reconciler.errors import UsageError
from reconciler.session import Session

IN_NEED = ("AdoptionNeeded", "StableDegraded", "StableUnknown", "GatewayUnreachable")


@click.command("adopt")
@click.argument("environment")
@click.option("--stable", required=True, type=click.Choice([str(slot) for slot in Slot]), help="The slot that is good.")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.pass_obj
def command(config: str | None, environment: str, stable: str, reason: str) -> None:
    """Take over a gateway that is split, or that another journal wrote. All traffic goes to the slot named."""
    slot = Slot(stable)
    with Session.open(config, read_only=True) as session:
        if environment in session.journal.environments():
            _in_need(look(session, environment), slot)
    ask(config, environment, Requested(Verb.ADOPT, slot=slot, reason=reason))


def _in_need(found: Look, slot: Slot) -> None:
    """All users at once, without a gate: not while a release serves them well. Raises UsageError."""
    stable = found.state.stable
    if stable is None or stable.slot is slot or found.status is None or found.reason in IN_NEED:
        return
    raise UsageError(
        f"adopt {found.name}: {stable} serves ({found.reason}), and adopting {slot} would move every user at once and "
        f"without a gate; to switch, commit activeSlot: {slot}"
    )
