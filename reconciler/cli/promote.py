"""`reconcile promote`: pass the strategy's present pause."""

from reconciler.cli.ask import verb
from reconciler.core.events import Verb
from reconciler.core.model import Pause
from reconciler.core.state import State


def possible(state: State) -> str:
    t = state.transition
    if t is None or t.going_back:
        return "there is no transition that goes forward"
    if not isinstance(t.step, Pause):
        return "no pause of the strategy is waited for now; what holds it up: reconcile status"
    return ""


command = verb(Verb.PROMOTE, "Pass the present pause of the strategy. Gates still have to agree.", possible)
