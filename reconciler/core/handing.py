"""The step in which exclusive members change hands: what is asked before anybody lets go, and before the next owns."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.events import LetGo, StepPassed
from reconciler.core.gates import verdict
from reconciler.core.members import grant, let_go, owns, take_over
from reconciler.core.model import Release, Stage
from reconciler.core.reading import MemberStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import Transition

Step = Callable[[Situation, str, Release], Do | Wait | None]


def hand_over(s: Situation, t: Transition, members: tuple[str, ...]) -> Answer:
    """Those that the newcomer owns already, by an earlier pass over these steps, are no business of this one."""
    members = tuple(name for name in members if name not in t.handed)
    if not members:
        return Record(StepPassed(t.cursor))
    if not any(gate.stage is Stage.HAND_OVER for gate in s.spec.gates):
        return _each(s, t, members, take_over) or Record(StepPassed(t.cursor, handed=members))
    step = _each(s, t, members, let_go)
    nobodys = tuple(name for name in members if not owns(s, name, t.newcomer.slot))
    if step is None and nobodys and not t.let_go:
        return Record(LetGo(nobodys))  # from here on the gates of the hand-over are asked; see `pass_stage`
    return step or _each(s, t, members, grant) or Record(StepPassed(t.cursor, handed=members))


def _each(s: Situation, t: Transition, members: tuple[str, ...], ask: Step) -> Do | Wait | None:
    """The next step with any of them; nobody is asked to let go without a reason to go on."""
    found = verdict(s.spec, t, s.observed.gates)
    for name in members:
        step = ask(s, name, t.newcomer)
        serving = s.status(t.stable.slot, name) in (MemberStatus.READY, MemberStatus.UNREADY)
        if step and serving and not found.good:
            return Wait(f"Gate{found.outcome}", found.reason)
        if step:
            return step
    return None
