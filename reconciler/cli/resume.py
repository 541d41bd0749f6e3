"""`reconcile resume`: take back a pause, a suspension, a hold in place, or `down`."""

from reconciler.cli.ask import verb
from reconciler.core.events import Verb
from reconciler.core.state import State


def _stopped(state: State) -> str:
    holding = state.transition is not None and state.transition.holding_since is not None
    return (
        ""
        if state.paused or state.suspended or state.down or holding
        else "it is neither paused nor suspended nor down"
    )


command = verb(Verb.RESUME, "Go on after pause, suspend, down, or a hold in place.", _stopped)
