"""The defects themselves: small wrong versions of what ships, and ways to put them in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import model_drivers
import pytest
from model_loop import Loop
from model_world import Gateway, Life

from reconciler.core import back, forward, gates, handing, history, members, migrating, plan, rest
from reconciler.core.events import Applied
from reconciler.core.gates import Verdict
from reconciler.core.model import Outcome, Pair, Release, Routing, Traffic, share
from reconciler.core.plan import RULES, Rule
from reconciler.core.reading import GatewayReading, MemberReading, MemberStatus, MigrationStatus
from reconciler.core.situation import Answer, Do, Record, Situation, Wait
from reconciler.core.state import State
from reconciler.core.steps import Result, Route, Start, Stop

Patch = pytest.MonkeyPatch


# ---- how to spoil ------------------------------------------------------------------------------------------------


def spoil(where: object, name: str, new: object) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(where, name, new, raising=False)  # `min` is no name of a module's own


def all_of(*spoilers: Callable[[Patch], None]) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        for one in spoilers:
            one(patch)

    return apply


def without(*dropped: Rule) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule not in dropped)


def instead(old: Rule, new: Rule) -> tuple[Rule, ...]:
    return tuple(new if rule is old else rule for rule in RULES)


def before(old: Rule, new: Rule) -> tuple[Rule, ...]:
    return tuple(one for rule in RULES for one in ((new, rule) if rule is old else (rule,)))


# ---- the defects -------------------------------------------------------------------------------------------------


def lower_first(s: Situation, t: Any, weight: int, *, advance: bool = False) -> Route:
    """Two writes where one is needed: stable first loses its share."""
    return Route(s.gateway.weights if s.gateway else None, Routing(Pair(100 - weight, t.rung)), advance)


def one_leap(s: Situation, t: Any, weight: int, *, advance: bool = False) -> Route:
    found = s.gateway.weights if s.gateway else None
    return Route(found, Routing(share(t.newcomer.slot, 100 if advance else weight), fallback=t.stable.slot), advance)


def remembered(s: Situation, t: Any, weight: int, *, advance: bool = False) -> Route:
    """`before` as we remember it instead of as it was read."""
    return Route(
        share(t.newcomer.slot, t.rung), Routing(share(t.newcomer.slot, weight), fallback=t.stable.slot), advance
    )


def kept_waiting(s: Situation) -> Answer | None:
    """The way back waits for a person whom nobody knows."""
    return Wait("Somebody", "somebody decides", blocked=True) if back.go_back(s) else None


def told_of(s: Situation) -> Answer | None:
    """A person is told that the newcomer is bad, by a reason that names one; its users stay with it meanwhile."""
    return Wait("Paused", "the newcomer is bad", blocked=True) if forward.turn_back(s) else None


def started_again(s: Situation) -> Answer | None:
    """What runs is started again at every look, for ever."""
    found, stable = rest.rest(s), s.state.stable
    if stable is None or not isinstance(found, Wait) or found.reason != "InSync":
        return found
    step = Do(Start(stable.slot, stable.version, s.spec.names(Traffic.WEIGHTED)))
    return found if s.too_soon(step.act) else step


def unlatched(s: Situation) -> Answer | None:
    return rest.begin(replace(s, state=replace(s.state, held=())))


def forgetful_end(state: Any, transition: Any, event: Any) -> Any:
    return ENDED(state, replace(transition, hold=False), event)


def forgetful_accept(state: Any, event: Any) -> Any:
    state = FOLD(state, event)
    return replace(state, held=()) if type(event).__name__ == "Accepted" else state


def done_unread(s: Situation) -> Answer | None:
    return Record(Applied(Result.DONE, "surely")) if s.state.intent else None


def early_end(s: Situation) -> Answer | None:
    """Full weight is reached, so the old slot is not needed any more."""
    t = forward.forward(s)
    names = s.having(t.stable.slot, MemberStatus.READY) if t and t.rung == 100 else []
    return Do(Stop(t.stable.slot, tuple(names))) if t and names else None


def unrecorded_heal(s: Situation) -> Answer | None:
    stable = s.state.stable
    if stable is None or s.transition or s.gateway is None or s.all_traffic_on(stable.slot):
        return None
    return Do(Route(s.gateway.weights, members.at_rest(s, stable)), "heal drift")


def hasty(s: Situation, name: str, owner: Release) -> Do | Wait | None:
    """Start the new owner first, and then stop the old one."""
    if s.status(owner.slot, name) is MemberStatus.STOPPED:
        return Do(Start(owner.slot, owner.version, (name,), owner=True))
    if s.status(owner.slot.other, name) is not MemberStatus.STOPPED:
        return Do(Stop(owner.slot.other, (name,), owner=True))
    return None


def absent_if_unread(s: Situation, slot: Any, name: str) -> MemberReading:
    found = READING(s, slot, name)
    return MemberReading(MemberStatus.STOPPED) if found.status is MemberStatus.UNKNOWN else found


def zero_if_silent(desired: Any, observed: Any, state: Any, now: float, rules: Any = RULES) -> Any:
    """A gateway that does not answer is taken for one without weights."""
    known = observed if observed.gateway else replace(observed, gateway=GatewayReading(False, None))
    return DECIDE(desired, known, state, now, rules)


def any_window(spec: Any, transition: Any, readings: Any, told: str = "") -> Verdict:
    return VERDICT(spec, transition, tuple(replace(one, window=transition.window) for one in readings), told)


def careless_good(verdict: Verdict) -> bool:
    return verdict.outcome in (Outcome.SUCCESSFUL, Outcome.INCONCLUSIVE)


def any_version(s: Situation, release: Release) -> bool:
    return all(one.status is MemberStatus.READY for one in s.readings(release.slot).values())


def by_how_much(routing: Routing, generation: int, before: Gateway) -> Gateway:
    """A gateway that is told by how much to move, and not where to."""
    written = STANDING_AT(routing, generation, before)
    more = (written.green or 0) - (before.green or 0)
    return written._replace(green=min(100, (before.green or 0) + (more or 10)))


def restarting(here: Any, act: Start, spec: Any) -> Any:
    """A host that starts again what runs already."""
    for name in act.members:
        found = model_drivers.life_of(here, act.slot, name, spec)
        started = Life(MemberStatus.UNREADY, act.version) if found.status is not MemberStatus.STOPPED else found
        here = model_drivers.put(here, act.slot, name, replace_life(started, act), spec)
    return "", here


def replace_life(life: Life, act: Start) -> Life:
    return Life(MemberStatus.READY, act.version) if life.status is MemberStatus.STOPPED else life


def eager_settle(loop: Loop, here: Any, who: int) -> Any:
    """What is to be done is known, and done; the journal has none of it yet."""
    after, breaches = SETTLE(loop, here, who)
    return (after._replace(memory=here.memory) if after.parties[who].place == "intended" else after), breaches


def sure(loop: Loop, here: Any, who: int, result: str) -> Any:
    """No answer is taken for success."""
    return TOLD(loop, here, who, model_drivers.DONE if result == model_drivers.UNSURE else result)


def not_shut_out(loop: Loop, here: Any, who: int, result: str) -> Any:
    """A write that may still arrive is not sealed away."""
    sealed = here.parties[who].sealed
    told = TOLD(loop, here, who, result)
    return loop.with_party(told, who, told.parties[who]._replace(sealed=sealed))


def sure_of_it(s: Situation) -> Answer | None:
    """A migration whose outcome nobody knows counts as applied."""
    found = s.observed.migration
    told = replace(found, status=MigrationStatus.APPLIED) if found.status is MigrationStatus.UNKNOWN else found
    return MIGRATE(replace(s, observed=replace(s.observed, migration=told)))


def clean_slate(state: State, transition: Any, event: Any) -> State:
    """Every transition begins as if its stable were as good as ever."""
    return replace(ENDED(state, transition, event), behind=())


def stood_in_for(t: Any, weight: int) -> Routing:
    return Routing(share(t.newcomer.slot, weight), fallback=t.stable.slot)


def kept_by_stable(s: Situation, t: Any, name: str) -> Any:
    """Whatever nobody owns goes to stable."""
    return t.stable if members.nobodys(s, name) and name not in t.handed else None


def handed_again(s: Situation, t: Any, names: tuple[str, ...]) -> Answer:
    return HAND_OVER(s, replace(t, handed=frozenset()), names)


def unsigned(decision: Any, desired: Any, state: Any = None) -> Any:
    return replace(INTENDED(decision, desired, state), revision="")


ENDED, FOLD, READING, DECIDE = history.ended, history._fold, Situation.reading, plan.decide
VERDICT, STANDING_AT, SETTLE, TOLD = gates.verdict, model_drivers.standing_at, Loop.settle, Loop.told
HAND_OVER = handing.hand_over
INTENDED, MIGRATE = plan.intended, migrating.migrate
