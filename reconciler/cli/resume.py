"""`reconcile resume`: take back a pause, a suspension, a hold in place, or `down`; or go on in a closed window."""

import click

from reconciler.cli.ask import ask
from reconciler.core.events import Requested, Verb
from reconciler.core.state import State
from reconciler.errors import UsageError


@click.command("resume")
@click.argument("environment")
@click.option("--reason", "-m", default="", help="Why; goes into the journal.")
@click.option(
    "--override-freeze",
    is_flag=True,
    help="Go forward in closed windows: with what is in force now, and nothing else. Needs -m; ends no pause.",
)
@click.pass_obj
def command(config: str | None, environment: str, reason: str, override_freeze: bool) -> None:
    """Go on after pause, suspend, down, or a hold in place."""
    if override_freeze and not reason.strip():
        raise UsageError("an override needs its reason: -m WHY")
    check = _in_force if override_freeze else _stopped
    ask(config, environment, Requested(Verb.RESUME, reason=reason, override=override_freeze), check)


def _stopped(state: State) -> str:
    holding = state.transition is not None and state.transition.holding_since is not None
    stands = state.paused or state.suspended or state.down or holding
    return "" if stands else "it is neither paused nor suspended nor down"


def _in_force(state: State) -> str:
    """An override is about one desired state; before the loop has taken it up there is none to name."""
    return "" if state.accepted else "nothing is in force yet"
