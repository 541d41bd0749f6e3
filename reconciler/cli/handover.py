"""`reconcile handover`: swear that an exclusive member's old owner has stopped, where nobody can read it."""

import click

from reconciler.cli.ask import ask
from reconciler.core.events import Requested, Verb
from reconciler.core.model import Slot
from reconciler.core.state import State
from reconciler.errors import UsageError

WARNING = "two owners at once is what this can lead to: use it only when you have seen the old one stopped"


@click.command("handover")
@click.argument("environment")
@click.option("--from", "slot", required=True, type=click.Choice([str(slot) for slot in Slot]), help="The old owner's.")
@click.option("--force", is_flag=True, help="Needed: nothing but your word proves that the old owner has stopped.")
@click.option("--reason", "-m", default="", help="How you know; goes into the journal. Needed.")
@click.pass_obj
def command(config: str | None, environment: str, slot: str, force: bool, reason: str) -> None:
    """Let exclusive members go to the other slot although whether they stopped in this one cannot be read.

    Counts for this transition only, and only for members that cannot be read; one that is seen to run is stopped first.
    """
    if not force or not reason.strip():
        raise UsageError(f"{WARNING}; then say so with --force and how you know with --reason")

    def begun(state: State) -> str:
        return "" if state.stable else "nothing was ever started here, so nothing can change hands"

    ask(config, environment, Requested(Verb.HANDOVER, slot=Slot(slot), reason=reason), begun)
