"""`reconcile abort`: stop and go back, from every state."""

from reconciler.cli.ask import verb
from reconciler.core.events import Verb
from reconciler.core.state import State


def possible(state: State) -> str:
    if state.transition is None and state.drill and not state.drill.turned:
        return ""
    if state.transition is None:
        return "there is no transition under way"
    if state.transition.going_back and not state.suspended:
        return f"it is going back already ({state.transition.condition}); see: reconcile status"
    return ""


command = verb(Verb.ABORT, "Stop the transition and go back to stable; the version is held.", possible)
