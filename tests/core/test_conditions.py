"""The words of one screen, and the exit codes: 0 in sync, 1 error, 2 changes, 3 blocked, 4 rolled back or aborted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from core_world import READY, UNREADY, B, G, World, at, serving, spec, switching

from reconciler.core.conditions import Condition, Status, status
from reconciler.core.events import Judged, Phase, Verb
from reconciler.core.gates import EARLY
from reconciler.core.model import GateSpec, Mode, Outcome, Pause, SetWeight, Stage, share
from reconciler.core.plan import decide
from reconciler.core.reading import NO_ANSWER

WEB, SEARCH = (GateSpec(name, "http", Stage.SHIFT, Mode.ENFORCE) for name in ("web", "search"))


def screen(world: World) -> Status:
    if decide(world.desired, world.look(), world.state, world.now).rule == "note-verdict":
        world.tick()  # a note that leads to nothing by itself
    seen = world.look()
    return status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))


def condition(found: Status, kind: str) -> Condition:
    return next(one for one in found.conditions if one.type == kind)


def rolled_back() -> World:
    world = switching()
    world.verdicts["v2"] = Outcome.FAILED
    world.ended()
    world.waits("RevisionHeld")
    return world


def going_back() -> World:
    world = switching().until(at(50))
    world.verdicts["v2"] = Outcome.FAILED
    return world.until(lambda w: bool(w.state.transition and w.state.transition.going_back))


def said(verb: Verb, **details: object) -> World:
    world = switching().until(at(10))
    world.say(verb, **details)
    return world


def deaf() -> World:
    world = serving()
    world.deaf = True
    return world


def refused() -> World:
    world = serving()
    world.commit(None)
    return world


def degraded() -> World:
    world = serving()
    world.put(B, UNREADY, "v1", "api")
    return world


def superseding() -> World:
    world = switching().until(at(10))
    world.commit(spec(B, green="v2"))
    return world.until(lambda w: bool(w.state.transition and w.state.transition.going_back))


def foreign() -> World:
    world = World()
    world.put(B, READY, "v1")
    world.set_gateway(up=True, weights=share(G, 30))
    world.waits("AdoptionNeeded")
    return world


TABLE: tuple[tuple[Callable[[], World], str, str, str, str, int], ...] = (
    (serving, "Synced", "Healthy", "None", "InSync", 0),
    (switching, "OutOfSync", "Healthy", "None", "accept-desired", 2),
    (lambda: switching().until(at(10)), "OutOfSync", "Progressing", "Progressing", "Pausing", 2),
    (lambda: switching().until(at(100, Phase.SOAKING)), "OutOfSync", "Progressing", "Soaking", "Soaking", 2),
    (going_back, "OutOfSync", "Progressing", "RollingBack", "go-back", 4),
    (superseding, "OutOfSync", "Progressing", "RollingBack", "go-back", 2),
    (rolled_back, "OutOfSync", "Healthy", "Stalled", "RevisionHeld", 3),
    (lambda: said(Verb.PAUSE), "OutOfSync", "Progressing", "Paused", "Paused", 3),
    (lambda: said(Verb.SUSPEND, leave_split=True), "OutOfSync", "Suspended", "Progressing", "Suspended", 3),
    (deaf, "Unknown", "Unknown", "None", "GatewayUnreachable", 1),
    (refused, "OutOfSync", "Healthy", "Stalled", "DesiredInvalid", 3),
    (degraded, "OutOfSync", "Degraded", "None", "StableDegraded", 1),
    (foreign, "OutOfSync", "Unknown", "Stalled", "AdoptionNeeded", 3),
)


@pytest.mark.parametrize(("world", "sync", "health", "phase", "reason", "code"), TABLE)
def test_where_it_stands(
    world: Callable[[], World], sync: str, health: str, phase: str, reason: str, code: int
) -> None:
    found = screen(world())
    shown = (found.sync, found.health, found.phase, found.reason, found.exit_code)
    assert shown == (sync, health, phase, reason, code)


def test_a_success_is_synced_and_exits_zero() -> None:
    world = switching()
    world.ended()
    found = screen(world.settled())
    assert (found.sync, found.health, found.phase, found.exit_code) == ("Synced", "Healthy", "Succeeded", 0)
    assert condition(found, "Ready").status


def test_in_sync_although_the_idle_pin_is_held() -> None:
    world = rolled_back()
    world.commit(spec(B, green="v2"))
    found = screen(world.settled())
    assert world.state.is_held("v2")
    assert (found.sync, found.exit_code) == ("Synced", 0)


def test_a_held_revision_is_stalled_and_says_what_to_type() -> None:
    found = screen(rolled_back())
    stalled = condition(found, "Stalled")
    assert (stalled.status, stalled.reason) == (True, "RevisionHeld")
    assert "reconcile retry demo" in stalled.message
    assert not condition(found, "Ready").status
    assert found.stable
    assert found.weights


def test_a_refused_head_is_stalled_while_a_transition_goes_on() -> None:
    world = switching().until(at(10))
    world.commit(spec(G, blue="v9", green="v2"))
    found = screen(world)
    assert condition(found, "Stalled").reason == "StablePinned"
    assert found.phase == "Progressing"


def test_drift_is_a_condition_until_it_is_healed() -> None:
    world = serving()
    world.set_gateway(weights=share(G, 30))
    world.tick()
    assert condition(screen(world), "Drifted").status
    world.settled()
    assert not condition(screen(world), "Drifted").status


def test_a_promotion_that_is_awaited_reads_as_paused() -> None:
    world = switching(steps=(SetWeight(10), Pause(None), SetWeight(100)))
    world.waits("PromotionAwaited")
    found = screen(world)
    assert (found.phase, found.exit_code) == ("Paused", 3)
    assert "reconcile promote demo" in found.message


def test_who_cannot_ask_the_gates_tells_what_they_said_last() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = Outcome.INCONCLUSIVE
    world.until(lambda w: w.state.transition.judged is Outcome.INCONCLUSIVE)
    seen = replace(world.look(), gates=())  # as `reconcile status` looks
    decision, state = decide(world.desired, seen, world.state, world.now), world.state
    early = status(world.desired, seen, state, decision)
    assert (early.reason, early.message) == ("GatePending", "web: Inconclusive"), "every window begins so"
    lasted = replace(state, watched=state.transition.judged_at + EARLY)
    found = status(world.desired, seen, lasted, decision)
    assert (found.reason, found.message) == ("GateInconclusive", "web: Inconclusive")


def test_a_bad_verdict_is_told_however_early_it_comes() -> None:
    world = switching().until(at(50))
    world.verdicts["v2"] = Outcome.ERROR
    world.until(lambda w: w.state.transition.judged is Outcome.ERROR)
    seen = replace(world.look(), gates=())
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    assert found.reason == "GateError"


def running(world: World, *gates: str) -> tuple[str, str]:
    """What status says while these are. It looks without asking any."""
    world.by_gate = dict.fromkeys(gates, Outcome.RUNNING)
    for _ in range(3):
        world.tick()
    seen = replace(world.look(), gates=())
    found = status(world.desired, seen, world.state, decide(world.desired, seen, world.state, world.now))
    return found.reason, found.message


def test_who_cannot_ask_the_gates_is_told_when_another_one_is_waited_for() -> None:
    world = switching(gates=(WEB, SEARCH)).until(at(50))
    assert running(world, "web", "search") == ("GateRunning", "web: Running")
    assert running(world, "search") == ("GateRunning", "search: Running")
    assert running(world, "web", "search") == ("GateRunning", "search: Running"), "that is so still: nothing to tell"


def test_that_a_gate_has_not_answered_yet_is_told_until_it_has() -> None:
    world = switching(gates=(WEB,)).until(at(50))
    world.reasons["web"] = NO_ANSWER
    assert running(world, "web") == ("GateRunning", f"web: {NO_ANSWER}")
    for left in (12, 11, 10):
        world.reasons["web"] = f"{left} left"
        assert running(world, "web") == ("GateRunning", "web: 12 left"), "figures change with every look"


def test_a_gate_that_comes_and_goes_makes_no_lasting_doubt_of_another_one_new() -> None:
    world = switching(gates=(WEB, SEARCH)).until(at(50))
    world.by_gate["search"] = Outcome.INCONCLUSIVE
    world.until(lambda w: w.state.transition.judged is Outcome.INCONCLUSIVE)
    since = world.state.transition.judged_at
    for outcome in (Outcome.INCONCLUSIVE, Outcome.SUCCESSFUL) * 5:
        world.by_gate["web"] = outcome
        world.tick()
    assert (world.state.transition.sayer, world.state.transition.judged_at) == ("search", since)


def test_a_gate_that_flaps_fills_no_journal() -> None:
    world = switching().until(at(10))
    for number in range(200):
        world.verdicts["v2"] = (Outcome.INCONCLUSIVE, Outcome.RUNNING)[number % 2]
        world.pace = 0.1
        world.tick()
    assert sum(isinstance(event, Judged) for event in world.events) < 30
