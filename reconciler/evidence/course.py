"""Which way a whole run went: directions change a bounded number of times, revisions go forward. Laws 13 and 14."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.events import Accepted, Began, DrillBegan, Rebound, Requested, RollbackBegan
from reconciler.core.state import State
from reconciler.evidence.step import Step

TURNS = (
    2  # back, for one desired state and without a person's word: once as the machine itself may have died, then held
)


def turns(steps: Sequence[Step]) -> Iterator[tuple[int, Step, str]]:
    """Every way back that is one too many for one desired state."""
    back = 0
    for step in steps:
        match step.entry.event:
            case Accepted() | Requested() | DrillBegan():
                back = 0
            case RollbackBegan():
                back += 1
                if back > TURNS:
                    yield 13, step, f"back for the {back}th time for one desired state, and nobody asked for it"


def backwards(steps: Sequence[Step]) -> Iterator[tuple[int, Step, str]]:
    """What was in force and was left comes back only by a newer commit, or by leave; and only what is in force is acted
    on. Whether one commit descends from another is for git to tell: the journal knows what has been."""
    left: set[str] = set()
    for step in steps:
        accepted, event = step.before.accepted, step.entry.event
        if isinstance(event, Began | Rebound) and not _in_force(event, step.before):
            yield 14, step, f"a transition follows {event.digest[:12]}, which is not in force"
        if not isinstance(event, Accepted) or accepted is None:
            continue
        if event.revision in left and not step.before.accept_rewritten:
            yield 14, step, f"{event.revision[:12]} comes into force again, and {accepted.revision[:12]} came after it"
        left |= {accepted.revision} - {event.revision}
        if step.before.accept_rewritten:
            left.clear()  # another history: what was left may come anew in it


def _in_force(event: Began | Rebound, before: State) -> bool:
    """In a drill that is stable's own version in another slot, and home again: what nobody has committed."""
    t, drill = before.transition, before.drill
    if drill is None or not (event.drill if isinstance(event, Began) else t and t.drill):
        return before.accepted is not None and event.digest == before.accepted.digest
    if isinstance(event, Rebound):
        return True
    here, there = event.stable, event.newcomer
    return drill.home in (here, there) and here.version == there.version
