"""The decision: an ordered table of named rules. The first that answers decides; its name is the reason on record.

`decide` is pure and total: the same situation gives the same answer, and no situation raises. Read the table from top
to bottom: what must be settled, what must not be touched, the way back, the way forward, rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core import (
    approving,
    arriving,
    back,
    by_hand,
    drill,
    forward,
    freezing,
    migrating,
    rest,
    restoring,
    saving,
    telling,
)
from reconciler.core.diff import standing
from reconciler.core.events import Accepted, Applied, Intended, RequestRefused
from reconciler.core.model import Desired, Pair, Slot
from reconciler.core.reading import Observed
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import State, Word
from reconciler.core.steps import Result, Route


@dataclass(frozen=True, slots=True)
class Decision:
    rule: str
    answer: Answer


Rule = Callable[[Situation], Answer | None]


def close_intent(s: Situation) -> Answer | None:
    """An intent without outcome: we died in between, or no reply came. The world says which; a reply says nothing."""
    intent = s.state.intent
    if intent is None:
        return None
    if not isinstance(intent.act, Route):
        return Record(Applied(Result.UNKNOWN, "looked again"))  # safe to repeat: the next look decides
    if s.gateway is None:
        return Wait("GatewayUnreachable", "an earlier command's outcome is not known yet", alert=True)
    done = s.gateway.up and routed(s, intent.act)
    return Record(Applied(Result.DONE if done else Result.UNKNOWN, "read back"))


def routed(s: Situation, act: Route) -> bool:
    """The gateway stands exactly as this act would have it, and not by somebody's hand."""
    gateway, after = s.gateway, act.after
    if gateway is None or (gateway.stamp and gateway.stamp.by_hand):
        return False
    return (gateway.weights, gateway.admission, gateway.fallback) == (
        after.weights,
        after.admission,
        after.fallback,
    )


def suspended(s: Situation) -> Answer | None:
    """Suspended means untouched. Only a way back that was ordered by `abort` goes on, unless somebody moved all traffic
    by hand since."""
    t, overtaken = s.transition, s.state.by_hand is Word.AWAITED
    ordered = t and t.going_back and (t.condition == "Aborted" or s.state.abort)
    if not s.state.suspended or (ordered and not overtaken):
        return None
    down = "; the gateway is down" if s.gateway and not s.gateway.up else ""
    message = f"{s.state.suspended}{down}; go on with: reconcile resume {s.spec.environment}"
    return Wait("Suspended", message, blocked=True)


def begin_drill(s: Situation) -> Answer | None:
    """A drill that is asked for, or due, begins where everything else would be at rest; what is to be done comes first,
    and what stands in the way refuses it."""
    if not drill.wanted(s):
        return None
    otherwise = _first(s, tuple(rule for rule in RULES if rule is not begin_drill)).answer
    return drill.settled(s, otherwise) if isinstance(otherwise, Wait) else None


def drill_refusal(desired: Desired, observed: Observed, state: State, now: float) -> str:
    """Why the drill that `state` asks for would be refused at once; empty when it would begin, or when something else
    is done first. For whoever asks for one: by the same rule, before it is on record."""
    standpoint = standing(desired, state)
    if standpoint.spec is None:
        return standpoint.refused.message if standpoint.refused else "nothing is in force"
    answer = begin_drill(Situation(desired, standpoint.spec, observed, state, now, standpoint.refused))
    match answer:
        case Record(RequestRefused(_, reason)):
            return reason
        case _:
            return ""


RULES: tuple[Rule, ...] = (
    close_intent,
    drill.note_schedule,
    begin_drill,
    forward.honour_abort,
    by_hand.moved_by_hand,
    suspended,
    arriving.bring_down,
    arriving.gateway_unreachable,
    arriving.adopt_on_request,
    arriving.arrive,
    arriving.claim_gateway,
    by_hand.stand_back,
    by_hand.take_back,
    drill.end_drill,
    forward.supersede,
    forward.rebind,
    migrating.note_migration,
    forward.turn_back,
    drill.turn_round,
    rest.late_rollback,
    arriving.start_stable,
    arriving.reopen_gateway,
    back.go_back,
    rest.keep_owners,
    forward.note_health,
    forward.note_verdict,
    forward.drift_under_way,
    forward.ask,
    approving.hear,
    restoring.await_restore,
    forward.stand_still,
    approving.approve_start,
    freezing.freeze,
    saving.take_snapshot,
    saving.try_restore,
    migrating.migrate,
    forward.bring_up,
    forward.pass_stage,
    approving.approve_stage,
    forward.climb,
    forward.soak,
    rest.drift_at_rest,
    rest.withdraw_fallback,
    telling.tell_git,
    rest.begin,
    rest.retire,
    rest.stage_idle,
    drill.away,
    rest.held_target,
    rest.rest,
)


def rule_name(rule: Rule) -> str:
    return rule.__name__.replace("_", "-")


def decide(desired: Desired, observed: Observed, state: State, now: float, rules: tuple[Rule, ...] = RULES) -> Decision:
    """The one next step for one environment. `now`: watched seconds, at least `state.watched`."""
    standpoint = standing(desired, state)
    spec = standpoint.spec
    if spec is None:
        return Decision(
            "no-desired-state", standpoint.refused or Wait("DesiredInvalid", "nothing in force", blocked=True)
        )
    if standpoint.new and state.intent is None:
        pins = Pair(spec.pinned(Slot.BLUE), spec.pinned(Slot.GREEN))
        event = Accepted(spec.digest, desired.revision, pins, spec.gateway, spec.active, desired.branch)
        return Decision("accept-desired", Record(event))
    return _first(Situation(desired, spec, observed, state, now, standpoint.refused), rules)


def _first(situation: Situation, rules: tuple[Rule, ...]) -> Decision:
    for rule in rules:
        answer = rule(situation)
        if answer is not None and not restoring.forbids(situation, answer):
            return Decision(rule_name(rule), restoring.told(situation, spaced(answer, situation)))
    return Decision("no-rule", Wait("InSync"))


def spaced(answer: Answer, s: Situation) -> Answer:
    """An act that was tried a moment ago waits; why it is wanted stays to be read."""
    wait = s.too_soon(answer.act) if isinstance(answer, Do) else None
    if not isinstance(answer, Do) or wait is None:
        return answer
    return wait if wait.alert else replace(wait, message=answer.because)


def intended(decision: Decision, desired: Desired, state: State | None = None) -> Intended:
    """What goes into the journal before the act that was decided. While the branch cannot be read, what is in force
    is what `state` remembers as accepted."""
    assert isinstance(decision.answer, Do)
    accepted = state.accepted.revision if state and state.accepted else ""
    return Intended(decision.answer.act, decision.rule, decision.answer.because, desired.revision or accepted)
