"""A restore that was begun and has not ended, as when it was killed: the data may be half of before, and half of the
recovery point. Until a person has ended it nothing starts on them, and nobody is led further onto them; what stops
something, or takes users off the newcomer, goes on.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.events import Began
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import State
from reconciler.core.steps import Migrate, StageFiles, Start, TakeSnapshot


def await_restore(s: Situation) -> Answer | None:
    """While a restore has not ended nothing goes forward, and at rest nothing is touched."""
    return unfinished(s.state, s.spec.environment)


def forbids(s: Situation, answer: Answer) -> bool:
    """Whatever else asks for it: this would start something on such data, save them, or begin to move users."""
    match answer:
        case Do(StageFiles() | Start() | Migrate() | TakeSnapshot()) | Record(Began()):
            return s.state.restoring is not None
        case _:
            return False


def told(s: Situation, answer: Answer) -> Answer:
    """Whatever else is waited for, this is what a person has to end first."""
    found = unfinished(s.state, s.spec.environment)
    if found is None or not isinstance(answer, Wait) or answer.reason == found.reason:
        return answer
    besides = f"{answer.reason}: {answer.message}" if answer.message else answer.reason
    message, alert = f"{found.message}; besides, {besides}", found.alert or answer.alert
    return replace(found, message=message, until=answer.until, alert=alert)


def unfinished(state: State, environment: str) -> Wait | None:
    """Nobody is woken while it is down or suspended: a restore that is under way just now looks the same."""
    restoring, restore = state.restoring, f"reconcile restore {environment}"
    if restoring is None:
        return None
    why = f"the restore of {restoring.name} into its place was begun and has not ended, so nothing starts on these data"
    again = f"once more, which keeps all that is there: {restore} --in-place"
    by_hand = f"or take it out with --into FOLDER, put the data right by hand, and: {restore} --settled -m WHY"
    awake = not (state.down or state.suspended)
    return Wait("RestoreUnfinished", f"{why}; {again}; {by_hand}", blocked=True, alert=awake)
